"""The registry database: SQLite in WAL mode with full sync, or PostgreSQL, behind one lock.

One process owns the folder, so one writer at a time is a lock, not a protocol. Readers use their
own connections and never wait. What a transaction changed is announced after its commit.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy.engine import Connection, Engine

from xinji.store.observations import StoreError, StoreFull
from xinji.store.schema import areas, cases, events, rules, things
from xinji.store.work_schema import reports, urban_classes

MIGRATIONS = Path(__file__).parent / "migrations"
_COUNTED = (areas, things, rules, events, cases, reports, urban_classes)

Change = tuple[str, str]
"""(table, id) of a changed row."""


class Prepared:
    """A statement compiled once, for the hot paths that run it thousands of times a second."""

    def __init__(self, statement: sa.Executable, engine: Engine) -> None:
        compiled = statement.compile(dialect=engine.dialect)  # type: ignore[attr-defined]
        self.text = str(compiled)
        self.names: Sequence[str] = compiled.positiontup or ()

    def __call__(self, cursor: Any, **values: Any) -> Any:
        """Run on a DBAPI cursor; returns the cursor."""
        return cursor.execute(self.text, tuple(values[name] for name in self.names))


class Database:
    """Registry, cases, identity and audit.

    Args:
        url: SQLAlchemy URL, `sqlite:///...` by default.

    Raises:
        StoreError: the file is not a database, or was made by a newer version.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.lock = threading.RLock()
        self.listeners: list[Callable[[list[Change]], None]] = []
        self.rollbacks: list[Callable[[], None]] = []
        self._changes: list[Change] = []
        self._depth = 0
        try:
            self.writer = self._engine(writer=True)
            self.reader = self._engine(writer=False)
            self._migrate()
            self._connection: Connection = self.writer.connect()
            self.revision = self._newest_revision()
        except sa.exc.DatabaseError as error:
            raise StoreError(f"{url}: cannot be opened: {error.orig}") from error

    def _engine(self, *, writer: bool) -> Engine:
        sqlite = self.url.startswith("sqlite")
        options: dict[str, Any] = {}
        if sqlite:
            options["connect_args"] = {"check_same_thread": False, "timeout": 10}
            options["pool_size"] = 1 if writer else 8
            options["max_overflow"] = 2 if writer else 32
        engine = sa.create_engine(self.url, poolclass=sa.pool.QueuePool, **options)
        if sqlite:

            @sa.event.listens_for(engine, "connect")
            def configure(connection: Any, _record: Any) -> None:
                connection.isolation_level = None
                cursor = connection.cursor()
                cursor.execute("pragma journal_mode = wal")
                cursor.execute("pragma synchronous = full")
                cursor.execute("pragma foreign_keys = on")
                cursor.execute("pragma cache_size = -65536")
                cursor.execute("pragma temp_store = memory")
                if not writer:
                    cursor.execute("pragma query_only = on")
                cursor.close()

            @sa.event.listens_for(engine, "begin")
            def begin(connection: Connection) -> None:
                connection.exec_driver_sql("begin immediate" if writer else "begin")

        return engine

    def _migrate(self) -> None:
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        heads = ScriptDirectory.from_config(config)
        with self.writer.connect() as connection:
            tables = set(sa.inspect(connection).get_table_names())
            if tables and "alembic_version" not in tables:
                raise StoreError(f"{self.url}: a database of something else; not touched")
            current = None
            if tables:
                current = connection.execute(
                    sa.text("select version_num from alembic_version")
                ).scalar()
            connection.rollback()
            if current == heads.get_current_head():
                return
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
                connection.commit()
            except CommandError as error:
                raise StoreError(f"{self.url}: made by a newer Xinji: {error}") from error

    def _newest_revision(self) -> int:
        newest = 0
        with self.reader.connect() as connection:
            for table in _COUNTED:
                newest = max(
                    newest,
                    connection.execute(sa.select(sa.func.max(table.c.revision))).scalar() or 0,
                )
        return newest

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """The writer's connection in a transaction; committed at the end, or rolled back.

        Nested use joins the outer transaction.

        Raises:
            StoreFull: the disk is full or failing; nothing of the transaction was kept.
        """
        with self.lock:
            if self._depth:
                self._depth += 1
                try:
                    yield self._connection
                finally:
                    self._depth -= 1
                return
            before, written = self.revision, self._written()
            try:
                with self._connection.begin():
                    self._depth = 1
                    yield self._connection
            except BaseException as error:
                self._depth = 0
                self.revision = before
                self._changes.clear()
                # A refused action wrote nothing: what memory holds is what is on disk.
                if written is None or self._written() != written:
                    for undo in self.rollbacks:
                        undo()
                if isinstance(error, (sa.exc.OperationalError, sqlite3.OperationalError)):
                    raise StoreFull(f"registry: not stored: {error}") from error
                raise
            self._depth = 0
            changes, self._changes = self._changes, []
            if changes:
                for listener in self.listeners:
                    listener(changes)

    def _written(self) -> int | None:
        """Rows that the writer's connection ever changed; None where that is not known."""
        connection = self._connection.connection.dbapi_connection
        return getattr(connection, "total_changes", None)

    def cursor(self) -> Any:
        """A DBAPI cursor in the writer's transaction, for `Prepared` statements."""
        return self._connection.connection.cursor()

    def changed(self, table: str, key: str) -> int:
        """Announce a change of this transaction; returns the row's new revision."""
        self.revision += 1
        self._changes.append((table, key))
        return self.revision

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A reader's connection: a consistent snapshot, never blocked by the writer."""
        with self.reader.connect() as connection:
            yield connection

    def close(self) -> None:
        """Close every connection."""
        self._connection.close()
        self.writer.dispose()
        self.reader.dispose()
