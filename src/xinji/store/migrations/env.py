"""Alembic environment: runs on the connection that `xinji.store.database` hands over."""

from alembic import context

from xinji.store import work_schema

metadata = work_schema.reports.metadata

connection = context.config.attributes["connection"]
context.configure(
    connection=connection, target_metadata=metadata, render_as_batch=True, transactional_ddl=True
)
with context.begin_transaction():
    context.run_migrations()
