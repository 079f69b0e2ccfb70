"""What an observation store does, whatever engine is below.

Observations belong to series: (thing, property, source) has one number, `series`, for ever. Rows
are (series, time, value, quality); the hot path moves numbers only. A row is identified by
(series, time): a second one is "repeated" and not stored, the first value stays.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

Int64 = NDArray[np.int64]
Int32 = NDArray[np.int32]
UInt8 = NDArray[np.uint8]
Float64 = NDArray[np.float64]


class StoreError(RuntimeError):
    """The store cannot be opened or read; the message names the file and what is wrong with it."""


class StoreFull(StoreError):
    """Nothing of this append was stored (no space, I/O error). The caller keeps its data."""


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to append, as parallel columns of equal length n, in order of arrival.

    Attributes:
        series: (n,) series numbers known to the store.
        times: (n,) Unix microseconds.
        values: (n,) finite floats.
        qualities: (n,) `Quality` numbers.
    """

    series: Int32
    times: Int64
    values: Float64
    qualities: UInt8

    def __len__(self) -> int:
        return len(self.series)


@dataclass(frozen=True, slots=True)
class Appended:
    """What one append did.

    Attributes:
        commit: number of the commit, increasing by one; rules remember how far they read by it.
        stored: rows that are new. `repeated`: rows that were there already.
        fresh: (n,) mask of the rows newer than everything their series held: what rules see.
    """

    commit: int
    stored: int
    repeated: int
    fresh: NDArray[np.bool_]


class ObservationStore(Protocol):
    """Append, latest, window, aggregate, read-only SQL."""

    def series_number(self, thing: str, name: str, source: int) -> int:
        """The number of a series; made on first use, durable with its first row."""
        ...

    def append(self, rows: Rows, batch_id: str = "") -> Appended:
        """Store rows; they are on disk when this returns. Raises StoreFull, and then none is."""
        ...

    def latest(self, series: Int32) -> tuple[Int64, Float64, UInt8]:
        """Newest (times, values, qualities) of each series; time 0 where there is none. O(n)."""
        ...

    def window(
        self, series: Int32, start: int, end: int, step_seconds: int, limit: int
    ) -> pa.Table:
        """Rows of some series in [start, end) Unix microseconds.

        `step_seconds` 0 gives `series, time, value, quality`; else `series, time, mean, min, max,
        count` by step, aligned to the Unix epoch shifted by the district's offset from UTC.
        """
        ...

    def aggregate(
        self, groups: dict[int, str], start: int, end: int, step_seconds: int
    ) -> pa.Table:
        """`group, time, mean, min, max, count` over series mapped to a group name."""
        ...

    def sql(self, query: str, parameters: dict[str, Any], limit: int | None = None) -> pa.Table:
        """Run one read-only SELECT over the named tables of the house."""
        ...

    def since(self, commit: int) -> Iterator[pa.RecordBatch]:
        """Rows of commits after `commit`: `commit_id, series, time, value`, in arrival order."""
        ...


def microseconds(moment: dt.datetime) -> int:
    """Unix microseconds of an aware datetime."""
    delta = moment - dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def moment(microseconds_: int) -> dt.datetime:
    """Aware UTC datetime of Unix microseconds."""
    return dt.datetime(1970, 1, 1, tzinfo=dt.UTC) + dt.timedelta(microseconds=microseconds_)


def columns_of(table: pa.Table) -> dict[str, Sequence[Any]]:
    """Arrow table as plain lists by column, for JSON."""
    return {name: table.column(name).to_pylist() for name in table.column_names}
