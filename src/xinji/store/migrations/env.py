"""Alembic environment: runs on the connection that `xinji.store.database` hands over."""

from alembic import context

# importing a schema puts its tables into the one metadata
from xinji.store import network_schema, pole_schema, work_schema  # noqa: F401
from xinji.store.schema import metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
