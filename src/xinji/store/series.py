"""Series in memory: names to numbers, and the newest row of each.

The arrays are the fast answer to "what is the value now" and to "is this row new"; they are a
cache of the store, rebuilt from it when it opens.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from xinji.store.observations import Float64, Int32, Int64, UInt8

SOUND, NOT_FINITE, BAD_RANGE, FUTURE, BAD_TIME = range(5)


class SeriesTable:
    """Numbers of series, and growing arrays indexed by them.

    Attributes:
        names: series -> (thing, property, source).
        last_time, last_value, last_quality: newest row, time 0 when there is none.
        arrived: server clock (Unix microseconds) of the newest arrival in this run.
        low, high: physical range of the property; NaN-free, +-inf when there is none.
    """

    def __init__(self) -> None:
        self.names: list[tuple[str, str, int]] = []
        self.numbers: dict[tuple[str, str, int], int] = {}
        self._grow(1024)

    def _grow(self, size: int) -> None:
        def grown(name: str, dtype: type, fill: float) -> None:
            array = np.full(size, fill, dtype=dtype)
            old = getattr(self, name, None)
            if old is not None:
                array[: len(old)] = old
            setattr(self, name, array)

        self.last_time: Int64
        self.last_value: Float64
        self.last_quality: UInt8
        self.arrived: Int64
        self.low: Float64
        self.high: Float64
        grown("last_time", np.int64, 0)
        grown("last_value", np.float64, 0.0)
        grown("last_quality", np.uint8, 0)
        grown("arrived", np.int64, 0)
        grown("low", np.float64, -np.inf)
        grown("high", np.float64, np.inf)

    def __len__(self) -> int:
        return len(self.names)

    def number(self, thing: str, name: str, source: int) -> int:
        """The number of a series, new when it was not known."""
        key = (thing, name, source)
        found = self.numbers.get(key)
        if found is not None:
            return found
        number = len(self.names)
        if number >= len(self.last_time):
            self._grow(2 * number)
        self.names.append(key)
        self.numbers[key] = number
        return number


@njit(cache=True, nogil=True)
def fresh_rows(series, times, last_time, fresh, previous):  # type: ignore[no-untyped-def]
    """Mark rows newer than their series, in order, advancing `last_time`; `withdraw` undoes it."""
    for i in range(len(series)):
        s = series[i]
        if times[i] > last_time[s]:
            fresh[i] = True
            previous[i] = last_time[s]
            last_time[s] = times[i]


@njit(cache=True, nogil=True)
def withdraw(series, fresh, previous, last_time):  # type: ignore[no-untyped-def]
    """Undo `fresh_rows` after a failed commit."""
    for i in range(len(series) - 1, -1, -1):
        if fresh[i]:
            last_time[series[i]] = previous[i]


@njit(cache=True, nogil=True)
def settle(series, values, qualities, fresh, last_value, last_quality):  # type: ignore[no-untyped-def]
    """After the commit: the newest value of every series that got a fresh row."""
    for i in range(len(series)):
        if fresh[i]:
            last_value[series[i]] = values[i]
            last_quality[series[i]] = qualities[i]


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


def arrive(table: SeriesTable, series: Int32, now: int) -> None:
    """Note the server's time of arrival of some series."""
    table.arrived[series] = now
