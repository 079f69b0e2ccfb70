"""Cases by state and by parent: what is asked of a few does not read the many that are closed."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_index("ix_cases_state_opened_at", "cases", ["state", "opened_at"])
    merged = sa.text("parent IS NOT NULL")
    op.create_index(
        "ix_cases_parent", "cases", ["parent"], sqlite_where=merged, postgresql_where=merged
    )
