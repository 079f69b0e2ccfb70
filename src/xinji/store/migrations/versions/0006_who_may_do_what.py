"""Kinds and uses of tokens, areas of credentials, since when an account has its area."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column(
        "users", sa.Column("audit_from", sa.BigInteger(), nullable=False, server_default="0")
    )
    op.add_column(
        "tokens", sa.Column("kind", sa.String(length=16), nullable=False, server_default="token")
    )
    op.add_column("tokens", sa.Column("last_used_at", sa.BigInteger(), nullable=True))
    op.create_index("ix_tokens_user", "tokens", ["user"])
    op.execute("UPDATE tokens SET kind = 'session' WHERE label = 'session'")
    op.execute("UPDATE tokens SET kind = 'local' WHERE label = 'this machine'")
    op.add_column(
        "credentials", sa.Column("area", sa.String(length=32), nullable=False, server_default="")
    )
