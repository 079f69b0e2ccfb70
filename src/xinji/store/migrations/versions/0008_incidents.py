"""Incidents: one cause with all the alarms that it explains."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "incidents",
        sa.Column("case_id", sa.String(length=32), nullable=False),
        sa.Column("signal", sa.String(length=128), nullable=False),
        sa.Column("relation", sa.String(length=128), nullable=False),
        sa.Column("node", sa.Text(), nullable=False),
        sa.Column("onset", sa.BigInteger(), nullable=False),
        sa.Column("opened_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["case_id"], ["cases.id"]),
        sa.PrimaryKeyConstraint("case_id"),
    )
    op.create_index("ix_incidents_ended_at", "incidents", ["ended_at"])
