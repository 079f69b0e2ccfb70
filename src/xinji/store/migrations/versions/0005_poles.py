"""Shared poles: mounts, bays, circuits, feeds, inventories taken over."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "pole_mounts",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("sender", sa.String(length=128), nullable=False),
        sa.Column("client_id", sa.String(length=128), nullable=False),
        sa.Column("pole", sa.String(length=128), nullable=False),
        sa.Column("slot", sa.String(length=32), nullable=False),
        sa.Column("device", sa.String(length=32), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("serial", sa.String(length=64), nullable=False),
        sa.Column("thing", sa.String(length=128), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("interface", sa.String(length=16), nullable=False),
        sa.Column("weight_kg", sa.Float(), nullable=False),
        sa.Column("wind_area_m2", sa.Float(), nullable=False),
        sa.Column("rated_w", sa.Float(), nullable=False),
        sa.Column("diversity", sa.Float(), nullable=True),
        sa.Column("height_m", sa.Float(), nullable=True),
        sa.Column("azimuth_deg", sa.Float(), nullable=True),
        sa.Column("box", sa.String(length=128), nullable=False),
        sa.Column("power_box", sa.String(length=128), nullable=False),
        sa.Column("circuit", sa.Integer(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.Column("until", sa.BigInteger(), nullable=True),
        sa.Column("moved_from", sa.String(length=32), nullable=True),
        sa.Column("added_by", sa.String(length=128), nullable=False),
        sa.Column("added_at", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_pole_mounts")),
        sa.UniqueConstraint("sender", "client_id", name=op.f("uq_pole_mounts_sender_client_id")),
    )
    op.create_index("ix_pole_mounts_pole_since", "pole_mounts", ["pole", "since"])
    op.create_index(
        "ix_pole_mounts_standing",
        "pole_mounts",
        ["pole"],
        sqlite_where=sa.text("until IS NULL"),
        postgresql_where=sa.text("until IS NULL"),
    )
    op.create_table(
        "pole_bays",
        sa.Column("mount", sa.String(length=32), nullable=False),
        sa.Column("bay", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["mount"], ["pole_mounts.id"], name=op.f("fk_pole_bays_mount")),
        sa.PrimaryKeyConstraint("mount", "bay", name=op.f("pk_pole_bays")),
    )
    op.create_table(
        "power_circuits",
        sa.Column("power_box", sa.String(length=128), nullable=False),
        sa.Column("circuit", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("rating_a", sa.Float(), nullable=False),
        sa.Column("voltage_v", sa.Float(), nullable=False),
        sa.Column("phase", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("power_box", "circuit", name=op.f("pk_power_circuits")),
    )
    op.create_table(
        "power_feeds",
        sa.Column("fed", sa.String(length=128), nullable=False),
        sa.Column("power_box", sa.String(length=128), nullable=False),
        sa.Column("circuit", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("fed", name=op.f("pk_power_feeds")),
    )
    op.create_index("ix_power_feeds_power_box", "power_feeds", ["power_box"])
    op.create_table(
        "pole_inventories",
        sa.Column("thing", sa.String(length=128), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("taken_at", sa.BigInteger(), nullable=False),
        sa.Column("fault", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("thing", name=op.f("pk_pole_inventories")),
    )
