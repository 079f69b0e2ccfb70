"""Series in memory: names to numbers, and the newest row of each.

The arrays are the fast answer to "what is the value now" and to "is this row new"; they are a
cache of the store, rebuilt from it when it opens.
"""

from __future__ import annotations

import threading

import numpy as np
from numba import njit

from xinji.store.observations import StoreFull

CAPACITY = 1 << 22
MOST_CONNECTIONS = 1 << 16
"""Names of connections that are remembered; clients choose theirs."""

SOUND, NOT_FINITE, BAD_RANGE, FUTURE, BAD_TIME = range(5)


class SeriesTable:
    """Numbers of series, and arrays indexed by them.

    The arrays have their final size from the start (the pages of unused numbers are never touched),
    so that one thread may name a series while another works on the arrays.

    Attributes:
        names: series -> (thing, property, source).
        last_time, last_value, last_quality: newest stored row, time 0 when there is none.
        taken_time: newest time of the rows stored or being stored; what `fresh_rows` compares with.
        arrived: house clock (Unix microseconds) of the newest arrival; 0 before the first.
        connection: which of `connections` the newest arrival came over, from 1; 0 is unknown.
        connections: names of connections; the first is number 1.
        low, high: physical range of the property; both 0 until `number` is told one.
    """

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._new = threading.Lock()
        self.names: list[tuple[str, str, int]] = []
        self.numbers: dict[tuple[str, str, int], int] = {}
        self.last_time = np.zeros(capacity, np.int64)
        self.taken_time = np.zeros(capacity, np.int64)
        self.last_value = np.zeros(capacity, np.float64)
        self.last_quality = np.zeros(capacity, np.uint8)
        self.arrived = np.zeros(capacity, np.int64)
        self.connection = np.zeros(capacity, np.int32)
        self.connections: list[str] = []
        self._connections: dict[str, int] = {}
        self.low = np.zeros(capacity, np.float64)
        self.high = np.zeros(capacity, np.float64)

    def __len__(self) -> int:
        return len(self.names)

    def number(self, thing: str, name: str, source: int) -> int:
        """The number of a series, new (with no range) when it was not known.

        Raises:
            StoreFull: more series than the table was made for.
        """
        key = (thing, name, source)
        found = self.numbers.get(key)
        if found is not None:
            return found
        with self._new:
            if key in self.numbers:
                return self.numbers[key]
            number = len(self.names)
            if number >= len(self.last_time):
                raise StoreFull(f"more than {number} series")
            self.low[number], self.high[number] = -np.inf, np.inf
            self.names.append(key)
            self.numbers[key] = number
            return number

    def connection_number(self, name: str) -> int:
        """The number of a connection, new when it was not known; 0 when there are too many."""
        found = self._connections.get(name)
        if found is None:
            if len(self.connections) >= MOST_CONNECTIONS:
                return 0
            self.connections.append(name)
            found = self._connections[name] = len(self.connections)
        return found

    def take_over(self, other: SeriesTable) -> None:
        """Keep what only memory knows of the series of another table: ranges, arrivals."""
        known = len(other)
        for name in ("low", "high", "arrived", "connection"):
            getattr(self, name)[:known] = getattr(other, name)[:known]
        self.connections, self._connections = other.connections, other._connections

    def limit(self, number: int, low: float | None, high: float | None) -> None:
        """Set the physical range of a series."""
        self.low[number] = -np.inf if low is None else low
        self.high[number] = np.inf if high is None else high


@njit(cache=True, nogil=True)
def fresh_rows(series, times, taken_time, fresh, previous):  # type: ignore[no-untyped-def]
    """Mark rows newer than their series, in order, advancing `taken_time`; `withdraw` undoes it."""
    for i in range(len(series)):
        s = series[i]
        if times[i] > taken_time[s]:
            fresh[i] = True
            previous[i] = taken_time[s]
            taken_time[s] = times[i]


@njit(cache=True, nogil=True)
def withdraw(series, fresh, previous, taken_time):  # type: ignore[no-untyped-def]
    """Undo `fresh_rows` after a failed commit."""
    for i in range(len(series) - 1, -1, -1):
        if fresh[i]:
            taken_time[series[i]] = previous[i]


@njit(cache=True, nogil=True)
def settle(series, times, values, qualities, fresh, last_time, last_value, last_quality):  # type: ignore[no-untyped-def]
    """After the commit: the newest row of every series that got a fresh one."""
    for i in range(len(series)):
        if fresh[i]:
            last_value[series[i]] = values[i]
            last_quality[series[i]] = qualities[i]
            last_time[series[i]] = times[i]


@njit(cache=True, nogil=True)
def check(series, times, values, low, high, earliest, latest, codes):  # type: ignore[no-untyped-def]
    """Code of each row before it may be stored: 0 or the number of its fault."""
    faults = 0
    for i in range(len(series)):
        value = values[i]
        code = SOUND
        if not np.isfinite(value):
            code = NOT_FINITE
        elif value < low[series[i]] or value > high[series[i]]:
            code = BAD_RANGE
        elif times[i] > latest:
            code = FUTURE
        elif times[i] < earliest:
            code = BAD_TIME
        codes[i] = code
        if code:
            faults += 1
    return faults


def warm(table: SeriesTable) -> None:
    """Compile (or load) the kernels now rather than in the first commit."""
    none = np.zeros(0, np.int64)
    series, values = none.astype(np.int32), none.astype(np.float64)
    marks = none.astype(np.uint8)
    fresh = none.astype(np.bool_)
    check(series, none, values, table.low, table.high, 0, 0, marks)
    fresh_rows(series, none, table.taken_time, fresh, none)
    withdraw(series, fresh, none, table.taken_time)
    last = (table.last_time, table.last_value, table.last_quality)
    settle(series, none, values, marks, fresh, *last)
