"""Tables of the radio network: building outlines, drive tests, what planners try out.

Same conventions and the same metadata as `xinji.store.schema`.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
)

from xinji.store.schema import metadata

buildings = Table(
    "buildings",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False, default=""),
    Column("use", String(32), nullable=False, default=""),
    # metres above ground; estimated by the district's law when `height_known` is false
    Column("height_m", Float, nullable=False),
    Column("height_known", Boolean, nullable=False),
    # 0 when it is not known
    Column("floors", Integer, nullable=False, default=0),
    # WKB polygon or multipolygon, WGS-84
    Column("outline", LargeBinary, nullable=False),
    Column("longitude", Float, nullable=False),
    Column("latitude", Float, nullable=False),
    Column("area", String(32), nullable=False, default=""),
    # measured | simulated
    Column("source", String(16), nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Index("ix_buildings_place", "longitude", "latitude"),
)

drive_tests = Table(
    "drive_tests",
    metadata,
    # SHA-256 of the file: the same file is stored once
    Column("id", String(64), primary_key=True),
    Column("name", Text, nullable=False),
    Column("operator", String(32), nullable=False),
    Column("started_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("samples", Integer, nullable=False),
    Column("refused", Integer, nullable=False),
    # Arrow IPC: time, longitude, latitude, rsrp, rsrq, sinr, sector, run, downlink
    Column("columns", LargeBinary, nullable=False),
    # what the reader found odd: sentinels, datum, refused rows (the first 100)
    Column("report", JSON, nullable=False),
    Column("source", String(16), nullable=False),
    Column("added_by", String(128), nullable=False),
    Column("added_at", BigInteger, nullable=False),
)

coverage_scenarios = Table(
    "coverage_scenarios",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("name", Text, nullable=False),
    # edits in order: sectors added, changed or taken out
    Column("edits", JSON, nullable=False),
    # how it came about when a machine proposed it: method, objective, bound, gap
    Column("origin", JSON),
    Column("created_by", String(128), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False, default=1),
)
