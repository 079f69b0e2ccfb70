"""Steps bind the row of their case, and carry a tag by which an outsider counts them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("case_steps", sa.Column("row_digest", sa.String(length=80), nullable=True))
    op.add_column("case_steps", sa.Column("tag", sa.String(length=32), nullable=True))
