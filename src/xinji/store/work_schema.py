"""Tables of urban work: reports, photos, looks, classes, people on duty, the work calendar.

Same conventions and the same metadata as `xinji.store.schema`.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from xinji.store.schema import Serial, metadata

photos = Table(
    "photos",
    metadata,
    # SHA-256 of the stored bytes, which lie in the folder's `photos`
    Column("id", String(64), primary_key=True),
    Column("media_type", String(32), nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("width", Integer, nullable=False),
    Column("height", Integer, nullable=False),
    # scene | before | after | near | far | look
    Column("kind", String(16), nullable=False),
    Column("taken_at", BigInteger, nullable=False),
    Column("longitude", Float),
    Column("latitude", Float),
    Column("thing", String(128), nullable=False, default=""),
    # faces and plates were looked for and blurred
    Column("screened", Boolean, nullable=False),
    Column("added_by", String(128), nullable=False),
    Column("added_at", BigInteger, nullable=False),
)

reports = Table(
    "reports",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("sender", String(128), nullable=False),
    Column("client_id", String(64), nullable=False),
    # camera | sensor | patrol | 12345 | 110 | open311 | resident
    Column("channel", String(16), nullable=False),
    Column("case_class", String(64), nullable=False),
    Column("condition", String(32), nullable=False, default=""),
    Column("class_confidence", Float, nullable=False, default=1.0),
    Column("text", Text, nullable=False, default=""),
    Column("address", Text, nullable=False, default=""),
    Column("longitude", Float, nullable=False),
    Column("latitude", Float, nullable=False),
    Column("place_error_m", Float, nullable=False),
    Column("area", String(32), nullable=False, default=""),
    Column("happened_at", BigInteger, nullable=False),
    Column("received_at", BigInteger, nullable=False),
    Column("photos", JSON, nullable=False),
    Column("thing", String(128), nullable=False, default=""),
    Column("event", String(64), nullable=False, default=""),
    Column("confidence", Float),
    Column("evidence", JSON, nullable=False),
    Column("urgency", String(16), nullable=False, default="normal"),
    Column("case_id", String(32)),
    # filed (made the case) | merged (by the machine) | asked (filed, a person decides) | attached
    # (by a person) | split (taken out of a case by a person)
    Column("disposition", String(16), nullable=False),
    Column("score", Float),
    # what its sender follows it by without an account
    Column("follow_code", String(16), nullable=False, unique=True),
    Column("contact", JSON),
    Column("rating", Integer),
    Column("rating_note", Text),
    Column("external_id", String(128), nullable=False, default=""),
    Column("source", String(16), nullable=False),
    Column("revision", BigInteger, nullable=False, index=True),
    UniqueConstraint("sender", "client_id"),
    Index("ix_reports_case_id", "case_id"),
    Index("ix_reports_received_at", "received_at"),
)

questions = Table(
    "questions",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("report", String(32), ForeignKey("reports.id"), nullable=False),
    Column("case_id", String(32), nullable=False),
    Column("score", Float, nullable=False),
    Column("reasons", JSON, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    Column("answer", Boolean),
    Column("answered_by", String(128)),
    Column("answered_at", BigInteger),
    Index("ix_questions_case_id", "case_id"),
)
Index(
    "ix_questions_open",
    questions.c.asked_at,
    sqlite_where=questions.c.answered_at.is_(None),
    postgresql_where=questions.c.answered_at.is_(None),
)

looks = Table(
    "looks",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("case_id", String(32), ForeignKey("cases.id"), nullable=False),
    # which "done" of the case it checks: 1 for the first, 2 after a rework ...
    Column("round", Integer, nullable=False),
    Column("thing", String(128), nullable=False),
    Column("problem", String(16), nullable=False),
    Column("box", JSON),
    Column("asked_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("answered_at", BigInteger),
    # present | absent | blind | expired
    Column("verdict", String(16)),
    Column("score", Float),
    Column("posterior", Float),
    Column("photo", String(64)),
    Column("model", String(64), nullable=False, default=""),
    Index("ix_looks_case_id", "case_id"),
)
Index(
    "ix_looks_open",
    looks.c.due_at,
    sqlite_where=looks.c.answered_at.is_(None),
    postgresql_where=looks.c.answered_at.is_(None),
)

spot_checks = Table(
    "spot_checks",
    metadata,
    # a person looks again at a case that the machine closed
    Column("case_id", String(32), ForeignKey("cases.id"), primary_key=True),
    Column("asked_at", BigInteger, nullable=False),
    Column("still_there", Boolean),
    Column("answered_by", String(128)),
    Column("answered_at", BigInteger),
    Column("note", Text, nullable=False, default=""),
)

departments = Table(
    "departments",
    metadata,
    Column("code", String(64), primary_key=True),
    Column("title_zh", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("level", String(16), nullable=False, default="district"),
    Column("skills", JSON, nullable=False),
    Column("enabled", Boolean, nullable=False, default=True),
)

urban_classes = Table(
    "urban_classes",
    metadata,
    # event.0110, component.0101: family, big class and small class of GB/T 30428.2
    Column("code", String(32), primary_key=True),
    Column("family", String(16), nullable=False),
    Column("big_zh", Text, nullable=False),
    Column("big_en", Text, nullable=False),
    Column("title_zh", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("department", String(64), nullable=False),
    Column("skill", String(32), nullable=False, default=""),
    # what a detector calls it: litter, bike_parking, shop_front, crowd, ponding, vehicle
    Column("problem", String(16), nullable=False, default=""),
    Column("severity", String(16), nullable=False, default="minor"),
    # areas and local hours in which it may not be reported: {"areas": [...], "hours": [[22, 6]]}
    Column("excluded", JSON, nullable=False),
    Column("evidence", JSON, nullable=False),
    Column("enabled", Boolean, nullable=False, default=True),
    Column("standard", Text, nullable=False, default=""),
    Column("verified", Boolean, nullable=False, default=False),
    Column("revision", BigInteger, nullable=False),
)

conditions = Table(
    "conditions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("class_code", String(32), ForeignKey("urban_classes.code"), nullable=False),
    Column("title_zh", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("amount", Float, nullable=False),
    # emergency-hours | work-hours | work-days | natural-days
    Column("calendar", String(16), nullable=False),
    Column("closing_zh", Text, nullable=False),
    Column("closing_en", Text, nullable=False),
    Column("verified", Boolean, nullable=False, default=False),
    Index("ix_conditions_class_code", "class_code"),
)

vendor_codes = Table(
    "vendor_codes",
    metadata,
    Column("vendor", String(32), primary_key=True),
    Column("code", String(32), primary_key=True),
    Column("class_code", String(32), nullable=False),
    Column("title", Text, nullable=False, default=""),
)

shifts = Table(
    "shifts",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("person", String(64), ForeignKey("users.name"), nullable=False),
    Column("post", String(32), nullable=False),
    Column("starts_at", BigInteger, nullable=False),
    Column("ends_at", BigInteger, nullable=False),
    Index("ix_shifts_post_ends_at", "post", "ends_at"),
)

workers = Table(
    "workers",
    metadata,
    Column("person", String(64), ForeignKey("users.name"), primary_key=True),
    Column("department", String(64), nullable=False, default=""),
    Column("skills", JSON, nullable=False),
    Column("longitude", Float),
    Column("latitude", Float),
    Column("seen_at", BigInteger),
    Column("on_duty", Boolean, nullable=False, default=True),
)

overrides = Table(
    "overrides",
    metadata,
    # a person dispatched otherwise than the machine proposed, and why
    Column("id", Serial, primary_key=True),
    Column("case_id", String(32), nullable=False),
    Column("proposed", String(64), nullable=False),
    Column("chosen", String(64), nullable=False),
    Column("reason", Text, nullable=False),
    Column("person", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
)

calendar_days = Table(
    "calendar_days",
    metadata,
    # days that are not what their weekday says; a year without any is not known
    Column("day", String(10), primary_key=True),
    Column("working", Boolean, nullable=False),
    Column("note", Text, nullable=False, default=""),
)

settings = Table(
    "settings",
    metadata,
    # what a part of the house has learnt or was told, as JSON
    Column("name", String(64), primary_key=True),
    Column("value", JSON, nullable=False),
    Column("at", BigInteger, nullable=False),
)
