"""Accounts are not locked any more: attempts are limited in memory, by browser and address."""

from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.drop_column("users", "failures")
    op.drop_column("users", "locked_until")
