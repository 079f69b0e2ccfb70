"""Tables of shared poles: what is mounted where, bays, circuits and what they feed.

Same conventions and the same metadata as `xinji.store.schema`. Poles and boxes are things.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
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

from xinji.store.schema import metadata

pole_mounts = Table(
    "pole_mounts",
    metadata,
    Column("id", String(32), primary_key=True),
    # who sent it under which id of their own: the same twice is one mount
    Column("sender", String(128), nullable=False),
    Column("client_id", String(128), nullable=False),
    Column("pole", String(128), nullable=False),
    Column("slot", String(32), nullable=False),
    # a kind of device of the table of types
    Column("device", String(32), nullable=False),
    Column("name", Text, nullable=False, default=""),
    Column("serial", String(64), nullable=False, default=""),
    # the registered thing that it is; empty when it is none
    Column("thing", String(128), nullable=False, default=""),
    Column("owner", Text, nullable=False, default=""),
    Column("interface", String(16), nullable=False, default=""),
    Column("weight_kg", Float, nullable=False),
    Column("wind_area_m2", Float, nullable=False),
    Column("rated_w", Float, nullable=False),
    # share of the rated power that counts; null for the one of its kind
    Column("diversity", Float),
    Column("height_m", Float),
    Column("azimuth_deg", Float),
    # equipment box that holds its electronics; empty for the pole's own
    Column("box", String(128), nullable=False, default=""),
    # circuit of its own; empty and 0 when it is fed through pole or box
    Column("power_box", String(128), nullable=False, default=""),
    Column("circuit", Integer, nullable=False, default=0),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger),
    Column("moved_from", String(32)),
    Column("added_by", String(128), nullable=False),
    Column("added_at", BigInteger, nullable=False),
    Column("source", String(16), nullable=False),
    UniqueConstraint("sender", "client_id"),
    Index("ix_pole_mounts_pole_since", "pole", "since"),
)
Index(
    "ix_pole_mounts_standing",
    pole_mounts.c.pole,
    sqlite_where=pole_mounts.c.until.is_(None),
    postgresql_where=pole_mounts.c.until.is_(None),
)

pole_bays = Table(
    "pole_bays",
    metadata,
    Column("mount", String(32), ForeignKey("pole_mounts.id"), primary_key=True),
    # not unique by box: what was imported may be wrong, and is then a conflict
    Column("bay", Integer, primary_key=True),
)

power_circuits = Table(
    "power_circuits",
    metadata,
    # circuits that differ from those of the power box's type
    Column("power_box", String(128), primary_key=True),
    Column("circuit", Integer, primary_key=True, autoincrement=False),
    Column("rating_a", Float, nullable=False),
    Column("voltage_v", Float, nullable=False),
    Column("phase", Integer, nullable=False),
)

power_feeds = Table(
    "power_feeds",
    metadata,
    # an equipment box or a pole, and the circuit that feeds it
    Column("fed", String(128), primary_key=True),
    Column("power_box", String(128), nullable=False),
    Column("circuit", Integer, nullable=False),
    Index("ix_power_feeds_power_box", "power_box"),
)

pole_inventories = Table(
    "pole_inventories",
    metadata,
    # inventories that came with a thing's registration and were taken over
    Column("thing", String(128), primary_key=True),
    # SHA-256 of the text; another text is taken over again
    Column("digest", String(64), nullable=False),
    Column("taken_at", BigInteger, nullable=False),
    # what could not be taken over, empty when all was
    Column("fault", Text, nullable=False, default=""),
)
