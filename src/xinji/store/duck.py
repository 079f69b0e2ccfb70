"""The observation store on DuckDB: one file, one owner process.

Everything that writes runs on one thread (the keeper of `xinji.loop.ingest`); readers take their
own cursor and never block it. The file is created with storage version v1.5.0, so that DuckDB
1.5.5 and 2.x both open it.
"""

from __future__ import annotations

import logging
import re
import time as clock
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from xinji.store import duck_sql
from xinji.store.observations import (
    Appended,
    Float64,
    Int32,
    Int64,
    Rows,
    StoreError,
    StoreFull,
    UInt8,
)
from xinji.store.series import SeriesTable, fresh_rows, settle, withdraw

log = logging.getLogger(__name__)

CLOSE_TRIES = 50
SCHEMA = "1"
STORAGE_VERSION = "v1.5.0"

# Functions that do something when a SELECT calls them, and `query`, which could spell their names.
_ACTS = re.compile(
    r"\b(query|(force_)?checkpoint|write_log|truncate_duckdb_logs|(enable|disable)_\w+)\b\W*\(",
    re.IGNORECASE,
)


_OF_THE_MACHINE = (
    duckdb.IOException,
    duckdb.OutOfMemoryException,
    duckdb.InterruptException,
    duckdb.SerializationException,
    duckdb.TransactionException,
    duckdb.FatalException,
)
_OF_THE_QUERY = (
    duckdb.ParserException,
    duckdb.BinderException,
    duckdb.CatalogException,
    duckdb.PermissionException,
    duckdb.SyntaxException,
)


def told(error: duckdb.Error) -> str:
    """What may be said of an error: of the disk or the query all, of the data only its kind.

    A failed conversion or constraint names the value that it failed on.
    """
    of_a_row = "duplicate key" in str(error).lower()
    if isinstance(error, (*_OF_THE_MACHINE, *_OF_THE_QUERY)) and not of_a_row:
        return str(error)
    return str(error).partition(":")[0][:60]


class Incoming:
    """The rows of the current append, as DuckDB reads them.

    Registered once: to register a table for every commit costs more than to insert 1,000 rows.
    """

    def __init__(self) -> None:
        none = np.zeros(0, np.int64)
        self.hold(
            Rows(none.astype(np.int32), none, none.astype(np.float64), none.astype(np.uint8)),
            none.astype(np.bool_),
        )

    def hold(self, rows: Rows, fresh: NDArray[np.bool_]) -> None:
        """Take the rows of the next append."""
        self._table = pa.table(
            {
                "series": rows.series,
                "time": rows.times,
                "value": rows.values,
                "quality": rows.qualities,
                "fresh": fresh,
            }
        )

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        """Arrow's PyCapsule interface."""
        return self._table.__arrow_c_stream__(requested_schema)


class DuckObservations:
    """See `ObservationStore`.

    Args:
        path: the DuckDB file; made when it is missing.
        utc_offset_seconds: where days begin for steps of a day (Shanghai: 28,800).
        memory: DuckDB's own limit.

    Raises:
        StoreError: the file is not a DuckDB file, is cut short, or is not one of ours.
    """

    def __init__(
        self, path: Path, *, utc_offset_seconds: int = 28_800, memory: str = "2GB"
    ) -> None:
        self.path = path
        self.shift = utc_offset_seconds
        self._memory = memory
        self.table = SeriesTable()
        self._durable_series = 0
        self._open()

    def _open(self) -> None:
        existed = self.path.exists()
        try:
            spill = str(self.path.with_suffix(".tmp"))
            self._connection = duckdb.connect(
                ":memory:", config={"memory_limit": self._memory, "temp_directory": spill}
            )
            name = str(self.path).replace("'", "''")
            version = "" if existed else f" (storage_version '{STORAGE_VERSION}')"
            self._connection.execute(f"attach '{name}' as store{version}")
            tables = {
                row[0]
                for row in self._connection.execute(
                    "select table_name from duckdb_tables() where database_name = 'store'"
                ).fetchall()
            }
            if existed and tables and "meta" not in tables:
                raise StoreError(f"{self.path}: a DuckDB file of something else; not touched")
            self._connection.execute(duck_sql.CREATE)
            self._connection.execute(
                "insert or ignore into store.meta values ('schema', ?)", [SCHEMA]
            )
            row = self._connection.execute(
                "select value from store.meta where key = 'schema'"
            ).fetchone()
            if row is None or row[0] != SCHEMA:
                raise StoreError(
                    f"{self.path}: made by another version of Xinji (schema {row and row[0]}, "
                    f"this one reads {SCHEMA}); not touched"
                )
            self._connection.execute("attach ':memory:' as house")
            self._connection.execute(duck_sql.HOUSE)
            self._connection.execute("use house")
            self._incoming = Incoming()
            self._connection.register("incoming", self._incoming)
            self._connection.execute(duck_sql.SHUT)
            self._load()
        except duckdb.Error as error:
            raise StoreError(f"{self.path}: cannot be opened: {told(error)}") from error

    def _load(self) -> None:
        """Rebuild names and newest rows from the file."""
        # A row whose commit failed may have been seen in memory: start from what is on disk.
        table = SeriesTable()
        for thing, name, source in self._connection.execute(
            "select thing, property, source from store.series order by series"
        ).fetchall():
            table.number(thing, name, source)
        newest = self._connection.execute(duck_sql.NEWEST).fetchnumpy()
        at = newest["series"]
        table.last_time[at] = table.taken_time[at] = newest["time"]
        table.last_value[at] = newest["value"]
        table.last_quality[at] = newest["quality"]
        self._durable_series = len(table)
        # Names that were known but not yet durable keep their numbers.
        for key in self.table.names[len(table) :]:
            table.number(*key)
        table.take_over(self.table)
        self.table = table
        row = self._connection.execute(duck_sql.COMMIT).fetchone()
        assert row is not None
        self.commit, self.row_count = int(row[0]), int(row[1])

    def house(self) -> str:
        """The name of the house that the file belongs to; "" when it has none."""
        row = self._connection.execute(
            "select value from store.meta where key = 'house'"
        ).fetchone()
        return str(row[0]) if row else ""

    def name(self, house: str) -> None:
        """Let the file belong to a house. Raises StoreError."""
        try:
            self._connection.execute(
                "insert or ignore into store.meta values ('house', ?)", [house]
            )
        except duckdb.Error as error:
            raise StoreError(f"{self.path}: cannot be written: {told(error)}") from error

    def close(self) -> None:
        """Checkpoint and close the file."""
        # A reader on another thread may be in the middle of a query; it is told to stop.
        for _ in range(CLOSE_TRIES):
            try:
                self._connection.close()
                return
            except duckdb.Error:
                self._connection.interrupt()
                clock.sleep(0.1)
        log.warning("the observations' file is left open: a query does not end")

    def series_number(self, thing: str, name: str, source: int) -> int:
        """See `ObservationStore`."""
        return self.table.number(thing, name, source)

    def append(self, rows: Rows, batch_id: str = "") -> Appended:
        """See `ObservationStore`. About 0.2 µs a row in batches of 50,000."""
        table, cursor = self.table, self._connection
        if batch_id:
            found = self._connection.execute(
                "select commit_id, stored, repeated from store.batches where batch_id = ?",
                [batch_id],
            ).fetchone()
            if found is not None:
                none = np.zeros(len(rows), dtype=np.bool_)
                return Appended(int(found[0]), 0, len(rows), none)
        fresh = np.zeros(len(rows), dtype=np.bool_)
        previous = np.zeros(len(rows), dtype=np.int64)
        fresh_rows(rows.series, rows.times, table.taken_time, fresh, previous)
        fresh_count = int(np.count_nonzero(fresh))
        commit = self.commit + 1
        known_series = len(table)
        self._incoming.hold(rows, fresh)
        late = 0
        try:
            cursor.begin()
            self._write_series(known_series)
            if fresh_count:
                cursor.execute(duck_sql.APPEND_FRESH, {"commit": commit})
            if fresh_count < len(rows):
                late_times = rows.times[~fresh]
                row = cursor.execute(
                    duck_sql.APPEND_LATE,
                    {
                        "commit": commit,
                        "first": int(late_times.min()),
                        "last": int(late_times.max()),
                    },
                ).fetchone()
                late = int(row[0]) if row else 0
            stored = fresh_count + late
            if batch_id:
                cursor.execute(
                    "insert into store.batches values (?, ?, ?, ?, make_timestamp(?))",
                    [batch_id, commit, stored, len(rows) - stored, int(clock.time() * 1e6)],
                )
            cursor.commit()
        except duckdb.Error as error:
            withdraw(rows.series, fresh, previous, table.taken_time)
            self._recover()
            raise StoreFull(f"{self.path}: not stored: {told(error)}") from error
        # A commit without a new row leaves no number in the file, so it must not count here either.
        self.commit = commit if stored else self.commit
        self.row_count += stored
        self._durable_series = max(self._durable_series, known_series)
        last = (table.last_time, table.last_value, table.last_quality)
        settle(rows.series, rows.times, rows.values, rows.qualities, fresh, *last)
        return Appended(self.commit, stored, len(rows) - stored, fresh)

    def _write_series(self, known: int) -> None:
        if known == self._durable_series:
            return
        names = self.table.names[self._durable_series : known]
        new_series = pa.table(
            {
                "series": pa.array(range(self._durable_series, known), pa.int32()),
                "thing": [name[0] for name in names],
                "property": [name[1] for name in names],
                "source": pa.array([name[2] for name in names], pa.uint8()),
            }
        )
        self._connection.register("new_series", new_series)
        self._connection.execute("insert into store.series select * from new_series")
        self._connection.unregister("new_series")

    def _recover(self) -> None:
        """Leave the failed transaction; reopen the file when DuckDB has given it up."""
        with suppress(duckdb.Error):
            self._connection.rollback()
        try:
            self._connection.execute("select count(*) from store.meta").fetchone()
        except duckdb.Error:
            self._connection.close()
            try:
                self._open()
            except StoreError:
                return

    def latest(self, series: Int32) -> tuple[Int64, Float64, UInt8]:
        """See `ObservationStore`. Array look-ups, no query."""
        table = self.table
        times = table.last_time[series]
        while True:
            values, qualities = table.last_value[series], table.last_quality[series]
            after = table.last_time[series]
            # A commit may have ended in between: then these are not of one row.
            if np.array_equal(times, after):
                return times, values, qualities
            times = after

    def window(
        self, series: Int32, start: int, end: int, step_seconds: int, limit: int = 10_000
    ) -> pa.Table:
        """See `ObservationStore`."""
        wanted = pa.table({"series": pa.array(series, pa.int32())})
        parameters: dict[str, Any] = {"start": start, "end": end, "limit": limit}
        if step_seconds == 0:
            return self._read(duck_sql.WINDOW_RAW, parameters, wanted)
        parameters |= {"step": step_seconds, "shift": self.shift}
        return self._read(duck_sql.WINDOW_STEP, parameters, wanted)

    def aggregate(
        self, groups: dict[int, str], start: int, end: int, step_seconds: int
    ) -> pa.Table:
        """See `ObservationStore`."""
        wanted = pa.table(
            {"series": pa.array(list(groups), pa.int32()), "group": list(groups.values())}
        )
        parameters = {"start": start, "end": end, "step": step_seconds, "shift": self.shift}
        return self._read(duck_sql.AGGREGATE, parameters, wanted)

    def since(self, commit: int) -> Iterator[pa.RecordBatch]:
        """See `ObservationStore`."""
        with self.reading() as cursor:
            yield from cursor.sql(duck_sql.SINCE, params={"commit": commit}).to_arrow_reader(
                1_000_000
            )

    def sql(self, query: str, parameters: dict[str, Any], limit: int | None = None) -> pa.Table:
        """See `ObservationStore`.

        Raises:
            StoreError: the query is not one SELECT, or DuckDB refuses it.
        """
        try:
            statements = duckdb.extract_statements(query)
        except duckdb.Error as error:
            raise StoreError(f"not SQL: {error}") from error
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise StoreError("only one SELECT is allowed")
        if acts := _ACTS.search(query):
            raise StoreError(f"the function {acts[1]} is not allowed")
        if limit is not None:
            # The line break ends a comment in the query's last line.
            query = f"select * from ({query.rstrip().rstrip(';')}\n) limit {int(limit)}"
        used = {name: value for name, value in parameters.items() if f"${name}" in query}
        return self._read(query, used)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the file, for whoever closes it."""
        return self._connection.cursor()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A cursor of its own for a reader."""
        cursor = self._connection.cursor()
        try:
            cursor.execute("use house")
            yield cursor
        finally:
            cursor.close()

    def _read(
        self, query: str, parameters: dict[str, Any], wanted: pa.Table | None = None
    ) -> pa.Table:
        try:
            with self.reading() as cursor:
                if wanted is not None:
                    cursor.register("wanted", wanted)
                cursor.execute("begin transaction read only")
                return cursor.sql(query, params=parameters).to_arrow_table()
        except duckdb.Error as error:
            raise StoreError(told(error)) from error

    def fold(self, before: int) -> int:
        """Turn raw rows older than `before` (Unix microseconds, a whole hour) into hourly rows.

        Returns the number of raw rows folded. One transaction: no hour is ever counted twice.
        """
        cursor = self._connection
        cursor.begin()
        try:
            cursor.execute(
                "insert or replace into store.meta values ('commit', ?)", [str(self.commit)]
            )
            cursor.execute(duck_sql.FOLD, {"before": before})
            row = cursor.execute(duck_sql.FORGET_RAW, {"before": before}).fetchone()
            cursor.commit()
        except duckdb.Error:
            cursor.rollback()
            raise
        self.row_count -= int(row[0]) if row else 0
        return int(row[0]) if row else 0

    def forget_hourly(self, before: int) -> int:
        """Delete hourly rows older than `before`; returns how many."""
        row = self._connection.execute(duck_sql.FORGET_HOURLY, {"before": before}).fetchone()
        return int(row[0]) if row else 0
