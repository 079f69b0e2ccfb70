"""The registry database: SQLite in WAL mode with full sync, or PostgreSQL, behind one lock.

One process owns the folder, so one writer at a time is a lock, not a protocol. Readers use their
own connections and never wait. What a transaction changed is announced after its commit. Work that
waits for the writer shares one commit (`together`), each piece behind a savepoint of its own.
"""

from __future__ import annotations

import sqlite3
import threading
from collections import deque, namedtuple
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy.engine import Connection, Engine

from xinji.store.observations import StoreError, StoreFull
from xinji.store.schema import areas, cases, events, rules, things
from xinji.store.space import FULL, Space
from xinji.store.work_schema import reports, urban_classes

MIGRATIONS = Path(__file__).parent / "migrations"
_COUNTED = (areas, things, rules, events, cases, reports, urban_classes)

Change = tuple[str, str]
"""(table, id) of a changed row."""

TOGETHER = 64
"""Pieces of work that share one commit at most."""

Answer = TypeVar("Answer")


class Waiting:
    """A piece of work that waits for the writer, and what became of it."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.done = False
        self.answer: Any = None
        self.error: Exception | None = None


class Prepared:
    """A statement compiled once, for the hot paths that run it thousands of times a second."""

    def __init__(self, statement: sa.Executable, engine: Engine) -> None:
        compiled = statement.compile(dialect=engine.dialect)  # type: ignore[attr-defined]
        self.text = str(compiled)
        self.names: Sequence[str] = compiled.positiontup or ()
        self.literals = {k: v for k, v in compiled.params.items() if v is not None}

    def __call__(self, cursor: Any, **values: Any) -> Any:
        """Run on a DBAPI cursor; returns the cursor."""
        return cursor.execute(self.text, tuple(values[name] for name in self.names))


class PreparedRows:
    """A constant SELECT compiled once, whose rows are named tuples as SQLAlchemy would give them.

    What SQLAlchemy does for each execution takes ten times as long as a small read of SQLite.
    """

    def __init__(self, statement: sa.Select[Any], engine: Engine) -> None:
        self._prepared = Prepared(statement, engine)
        columns = statement.selected_columns
        names = [column.key or "" for column in columns]
        self._row: Any = namedtuple("Row", names, rename=True)  # type: ignore[misc]
        self._processors = [
            (at, process)
            for at, column in enumerate(columns)
            if (
                process := column.type.dialect_impl(engine.dialect).result_processor(
                    engine.dialect, None
                )
            )
        ]

    def __call__(self, cursor: Any, **values: Any) -> list[Any]:
        """The rows, on a DBAPI cursor."""
        found = self._prepared(cursor, **(self._prepared.literals | values)).fetchall()
        if not self._processors:
            return [self._row._make(row) for row in found]
        rows = []
        for row in found:
            whole = list(row)
            for at, process in self._processors:
                whole[at] = process(whole[at])
            rows.append(self._row._make(whole))
        return rows


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
        self._owner = 0
        self._waiting: deque[Waiting] = deque()
        self._prepared: dict[sa.Select[Any], PreparedRows] = {}
        self.space: Space | None = None
        self._essential = threading.local()
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
        # Parameters are rows: an error must not carry them into a log or an answer.
        engine = sa.create_engine(
            self.url, poolclass=sa.pool.QueuePool, hide_parameters=True, **options
        )
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

    def must_have_room(self) -> None:
        """Raises StoreFull when the disk keeps room for signing in only."""
        if self.space is not None and self.space.low():
            raise StoreFull(f"registry: not stored: {FULL}")

    @contextmanager
    def essential(self) -> Iterator[None]:
        """What this thread writes meanwhile may use the room kept back on a full disk."""
        before = getattr(self._essential, "here", False)
        self._essential.here = True
        try:
            yield
        finally:
            self._essential.here = before

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
            if not getattr(self._essential, "here", False):
                self.must_have_room()
            elif self.space is not None and self.space.low():
                self.space.give_up()
            before, written = self.revision, self._written()
            try:
                with self._connection.begin():
                    self._depth, self._owner = 1, threading.get_ident()
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
                    cause = getattr(error, "orig", None) or error
                    raise StoreFull(f"registry: not stored: {cause}") from error
                raise
            self._depth = 0
            changes, self._changes = self._changes, []
            if changes:
                for listener in self.listeners:
                    listener(changes)

    def together(self, work: Callable[[], Answer]) -> Answer:
        """Do `work` in a transaction that it may share with other threads' work.

        What arrives while a commit is on its way to the disk is done in the next one, in order of
        arrival. The answer comes after the commit. A piece that fails is undone alone.

        Raises:
            StoreFull: the commit failed; nothing of any piece was kept.
        """
        if self._depth and self._owner == threading.get_ident():
            return work()
        mine = Waiting(work)
        self._waiting.append(mine)
        with self.lock:
            while not mine.done:
                self._serve()
        if mine.error is not None:
            raise mine.error
        return mine.answer  # type: ignore[no-any-return]

    def _serve(self) -> None:
        """One commit for what waits now."""
        group = [self._waiting.popleft() for _ in range(min(TOGETHER, len(self._waiting)))]
        failure: Exception | None = None
        try:
            with self.writing():
                for each in group:
                    self._piece(each)
        except Exception as error:
            failure = error
        finally:
            for each in group:
                each.done = True
                if each.error is None and (failure or each.answer is Waiting):
                    each.error = failure or StoreError("registry: the writer was stopped")

    def _piece(self, each: Waiting) -> None:
        cursor = self.cursor()
        revision, changes, written = self.revision, len(self._changes), self._written()
        each.answer = Waiting
        cursor.execute("savepoint piece")
        try:
            each.answer = each.work()
        except (sa.exc.OperationalError, sqlite3.OperationalError):
            # The disk: nobody's work can be kept.
            raise
        except Exception as error:
            each.error = error
            cursor.execute("rollback to savepoint piece")
            self.revision = revision
            del self._changes[changes:]
            if written is None or self._written() != written:
                for undo in self.rollbacks:
                    undo()
        cursor.execute("release savepoint piece")

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
        """A reader's connection: a consistent snapshot, never blocked by the writer.

        Inside a transaction of this thread it is the writer's: work that shares a commit sees what
        was done before it.
        """
        if self._depth and self._owner == threading.get_ident():
            yield self._connection
            return
        with self.reader.connect() as connection:
            yield connection

    def rows(self, statement: sa.Select[*tuple[Any, ...]], **values: Any) -> list[Any]:
        """Rows of a constant statement with `bindparam`s, for pages that are read all the time.

        `statement` is kept: a constant of a module, never one made for the call.
        """
        prepared = self._prepared.get(statement)
        if prepared is None:
            prepared = self._prepared[statement] = PreparedRows(statement, self.reader)
        with self.reading() as connection:
            cursor = connection.connection.cursor()
            try:
                return prepared(cursor, **values)
            finally:
                cursor.close()

    def close(self) -> None:
        """Close every connection."""
        self._connection.close()
        self.writer.dispose()
        self.reader.dispose()
