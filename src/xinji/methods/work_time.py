"""Time that counts: how much of an interval is working time, and when an amount is used up.

Working time is a sorted set of intervals, as two arrays of Unix microseconds. Elapsed working time
up to a moment is then one binary search, and its inverse another.
"""

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

US = 1_000_000
DAY_US = 86_400 * US


@dataclass(slots=True)
class WorkTime:
    """Intervals in which a clock runs.

    Attributes:
        starts, ends: Unix microseconds, sorted, not overlapping, equally many.
        known_until: the intervals are complete up to here; nothing is said of what follows.
    """

    starts: list[int]
    ends: list[int]
    known_until: int
    _sums: list[int] = field(init=False)

    def __post_init__(self) -> None:
        """Prefix sums: working time before each interval."""
        total, self._sums = 0, []
        for start, end in zip(self.starts, self.ends, strict=True):
            self._sums.append(total)
            total += end - start
        self._sums.append(total)

    def elapsed(self, at: int) -> int:
        """Microseconds of working time before `at`."""
        i = bisect.bisect_right(self.starts, at) - 1
        if i < 0:
            return 0
        return self._sums[i] + min(at, self.ends[i]) - self.starts[i]

    def between(self, start: int, end: int) -> int:
        """Microseconds of working time in [start, end); 0 when end is not after start."""
        return max(0, self.elapsed(end) - self.elapsed(start))

    def after(self, start: int, amount: int) -> int | None:
        """When `amount` microseconds of working time have passed since `start`.

        None when that lies beyond `known_until`. A non-positive amount is up at or before `start`:
        it is counted backwards.
        """
        wanted = self.elapsed(start) + amount
        if wanted > self._sums[-1]:
            return None
        i = bisect.bisect_left(self._sums, wanted, 1) - 1
        if i >= len(self.starts):
            return None
        return self.starts[i] + wanted - self._sums[i]


def working_intervals(
    first: dt.date,
    last: dt.date,
    exceptions: Mapping[dt.date, bool],
    hours: Sequence[tuple[float, float]],
    zone: dt.tzinfo,
) -> WorkTime:
    """Working time of the days `first` to `last`, both included.

    Args:
        exceptions: days that work although a weekend, or rest although a weekday.
        hours: (from, to) in hours of the local day, sorted; (0, 24) is the whole day.
        zone: of the local day.
    """
    starts, ends = [], []
    day = first
    while day <= last:
        if exceptions.get(day, day.weekday() < 5):
            midnight = dt.datetime.combine(day, dt.time(), zone)
            for begin, end in hours:
                starts.append(int((midnight + dt.timedelta(hours=begin)).timestamp()) * US)
                ends.append(int((midnight + dt.timedelta(hours=end)).timestamp()) * US)
        day += dt.timedelta(days=1)
    after_last = dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), zone)
    return WorkTime(starts, ends, int(after_last.timestamp()) * US)
