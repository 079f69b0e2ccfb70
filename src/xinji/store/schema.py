"""Tables of registry, events, cases, identity and audit (SQLAlchemy Core).

Times are Unix microseconds. `revision` is one counter over all tables, taken under the writer's
lock: "what changed since" is `revision > n`, which feeds the mirror, the ETags and the change feed.
The first migration (`migrations/versions`) was made from this file; change both together.
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
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

# SQLite makes a rowid alias, and so an increasing number, only of INTEGER.
Serial = BigInteger().with_variant(Integer, "sqlite")

areas = Table(
    "areas",
    metadata,
    Column("code", String(32), primary_key=True),
    Column("level", String(16), nullable=False),
    Column("title_zh", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("parent", String(32)),
    Column("area_km2", Float),
    Column("geometry", JSON),
    Column("revision", BigInteger, nullable=False, index=True),
)

things = Table(
    "things",
    metadata,
    Column("number", Serial, primary_key=True),
    Column("id", String(128), nullable=False, unique=True),
    Column("kind", String(64), nullable=False),
    Column("name", Text, nullable=False),
    Column("longitude", Float, nullable=False),
    Column("latitude", Float, nullable=False),
    Column("area", String(32), nullable=False, default=""),
    Column("owner", Text, nullable=False, default=""),
    Column("attributes", JSON, nullable=False),
    Column("source", String(16), nullable=False),
    Column("h3", String(16), nullable=False),
    # good | alarm | silent | no data: kept by the loop in the transaction of the event
    Column("state", String(16), nullable=False, default="no data"),
    Column("in_service_since", BigInteger),
    Column("retired_at", BigInteger),
    Column("revision", BigInteger, nullable=False, index=True),
    Index("ix_things_kind_id", "kind", "id"),
    Index("ix_things_area_id", "area", "id"),
)

rules = Table(
    "rules",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("definition", JSON, nullable=False),
    Column("revision", BigInteger, nullable=False),
)

events = Table(
    "events",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("rule", String(128), nullable=False),
    Column("thing", String(128), nullable=False, default=""),
    Column("area", String(32), nullable=False, default=""),
    Column("started_at", BigInteger, nullable=False),
    Column("detected_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("severity", String(16), nullable=False),
    Column("value", Float),
    Column("extreme", Float),
    Column("limit", Float),
    Column("source", String(16), nullable=False),
    Column("case_id", String(32)),
    Column("revision", BigInteger, nullable=False, index=True),
    Index("ix_events_thing_started_at", "thing", "started_at"),
    Index("ix_events_case_id", "case_id"),
    Index("ix_events_started_at", "started_at"),
)
Index(
    "ix_events_open",
    events.c.thing,
    sqlite_where=events.c.ended_at.is_(None),
    postgresql_where=events.c.ended_at.is_(None),
)

cases = Table(
    "cases",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("type", String(64), nullable=False),
    Column("case_class", String(64), nullable=False),
    Column("state", String(32), nullable=False),
    Column("stage", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("thing", String(128), nullable=False, default=""),
    Column("area", String(32), nullable=False, default=""),
    Column("severity", String(16), nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("due_at", BigInteger),
    Column("closed_at", BigInteger),
    Column("outcome", String(32)),
    Column("assignee", String(128)),
    Column("department", String(128), nullable=False, default=""),
    Column("limit_us", BigInteger),
    Column("clock_us", BigInteger, nullable=False, default=0),
    Column("clock_at", BigInteger),
    Column("overdue", Boolean, nullable=False, default=False),
    Column("indicator", String(128)),
    Column("source", String(16), nullable=False),
    Column("steps", Integer, nullable=False, default=0),
    Column("revision", BigInteger, nullable=False, index=True),
    # which filing condition of the class; "" where the class has none
    Column("condition", String(32), nullable=False, server_default=""),
    # the work calendar that the clock runs on; "" is every second of every day
    Column("calendar", String(16), nullable=False, server_default=""),
    Column("extensions", Integer, nullable=False, server_default="0"),
    Column("level", String(16), nullable=False, server_default="district"),
    Column("parent", String(32)),
    Column("exempt", Boolean, nullable=False, server_default="0"),
    Column("supervised", Boolean, nullable=False, server_default="0"),
    Column("reopened", Integer, nullable=False, server_default="0"),
    Column("longitude", Float),
    Column("latitude", Float),
    Column("channel", String(16), nullable=False, server_default=""),
    Column("reports", Integer, nullable=False, server_default="0"),
    Column("done_at", BigInteger),
    Index("ix_cases_opened_at", "opened_at"),
    Index("ix_cases_state_opened_at", "state", "opened_at"),
    Index("ix_cases_area_opened_at", "area", "opened_at"),
    Index("ix_cases_assignee_closed_at", "assignee", "closed_at"),
)
Index(
    "ix_cases_open",
    cases.c.thing,
    cases.c.case_class,
    sqlite_where=cases.c.closed_at.is_(None),
    postgresql_where=cases.c.closed_at.is_(None),
)

Index(
    "ix_cases_parent",
    cases.c.parent,
    sqlite_where=cases.c.parent.is_not(None),
    postgresql_where=cases.c.parent.is_not(None),
)

case_steps = Table(
    "case_steps",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("case_id", String(32), ForeignKey("cases.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("action", String(32), nullable=False),
    Column("from_state", String(32), nullable=False),
    Column("to_state", String(32), nullable=False),
    Column("actor", String(128), nullable=False),
    Column("role", String(32), nullable=False),
    Column("note", Text, nullable=False, default=""),
    Column("evidence", Text, nullable=False, default="{}"),
    Column("hash", String(64), nullable=False),
    # hash of the case's step before; NULL in steps made before there was one
    Column("before", String(64)),
    # digest of the case's row after the step (`access/bound.py`), and what marks the steps of one
    # case in the chain without naming it; both NULL in steps made before there were any
    Column("row_digest", String(80)),
    Column("tag", String(32)),
    UniqueConstraint("case_id", "number"),
)

incidents = Table(
    "incidents",
    metadata,
    Column("case_id", String(32), ForeignKey("cases.id"), primary_key=True),
    # "silence", or the rule whose alarms it explains
    Column("signal", String(128), nullable=False),
    # which node fell: a relation of things, and the value that they share
    Column("relation", String(128), nullable=False),
    Column("node", Text, nullable=False),
    Column("onset", BigInteger, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Index("ix_incidents_ended_at", "ended_at"),
)

timers = Table(
    "timers",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("case_id", String(32), ForeignKey("cases.id"), nullable=False),
    Column("name", String(32), nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("action", String(32), nullable=False),
    Index("ix_timers_due_at", "due_at"),
    Index("ix_timers_case_id", "case_id"),
)

users = Table(
    "users",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("role", String(16), nullable=False),
    Column("area", String(32), nullable=False, default=""),
    Column("must_change_password", Boolean, nullable=False, default=False),
    Column("disabled", Boolean, nullable=False, default=False),
    Column("created_at", BigInteger, nullable=False),
    Column("posts", JSON, nullable=False, server_default="[]"),
    Column("department", String(64), nullable=False, server_default=""),
    # the audit's records by this account from here on were made in its present area
    Column("audit_from", BigInteger, nullable=False, server_default="0"),
)

tokens = Table(
    "tokens",
    metadata,
    Column("hash", String(64), primary_key=True),
    Column("user", String(64), ForeignKey("users.name"), nullable=False),
    Column("label", String(64), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    # session (of a sign-in) | token (of the API) | local (of the serving process)
    Column("kind", String(16), nullable=False, server_default="token"),
    Column("last_used_at", BigInteger),
    Index("ix_tokens_user", "user"),
)

credentials = Table(
    "credentials",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("things", JSON, nullable=False),
    Column("source", String(16), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False, default=False),
    # it writes to things in this area only; "" is the whole district
    Column("area", String(32), nullable=False, server_default=""),
)

refusals = Table(
    "refusals",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("sender", String(64), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("detail", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Serial, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("object", String(160), nullable=False),
    Column("detail", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)

checkpoints = Table(
    "checkpoints",
    metadata,
    Column("chain", String(16), primary_key=True),
    Column("last_id", BigInteger, primary_key=True),
    Column("hash", String(64), nullable=False),
    Column("at", BigInteger, nullable=False),
)

progress = Table(
    "progress",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
