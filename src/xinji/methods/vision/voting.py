"""Votes: an event exists when k of the last n looks saw it, long enough; it ends likewise.

One look in a hundred that is wrong would be a thousand false events a day in a district of 500
cameras; three of five looks apart in time are nearly never wrong together.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Votes:
    """The looks at one problem in one zone.

    Raised when at least `raise_at` of the last `of` looks score `high` or more, and that has held,
    from the first of them on, for `dwell` seconds; over when `clear_at` of the last `of` are below
    `low`.
    """

    raise_at: int = 3
    of: int = 5
    clear_at: int = 4
    high: float = 0.5
    low: float = 0.35
    dwell: float = 0.0
    longest: float = 7200.0
    raised: bool = False
    since: float | None = None
    looks: deque[tuple[float, float]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        if not 1 <= self.raise_at <= self.of or not 1 <= self.clear_at <= self.of:
            raise ValueError("raise_at and clear_at are in 1..of")
        if not self.low <= self.high:
            raise ValueError("low is at most high")

    @property
    def suspicious(self) -> bool:
        """Something was seen lately and it is not decided."""
        return not self.raised and any(score >= self.high for _, score in self.looks)

    @property
    def confidence(self) -> float:
        """Mean score of the looks that say yes, times their share; 0 without any."""
        yes = [score for _, score in self.looks if score >= self.high]
        return sum(yes) / len(self.looks) if yes else 0.0

    def look(self, seconds: float, score: float) -> str | None:
        """One look (s, 0..1). Returns `raised` or `cleared` when that changes, else None."""
        self.looks.append((seconds, score))
        while len(self.looks) > self.of or seconds - self.looks[0][0] > self.longest:
            self.looks.popleft()
        yes = [time for time, each in self.looks if each >= self.high]
        if not self.raised:
            if len(yes) < self.raise_at:
                self.since = None
                return None
            self.since = yes[0] if self.since is None else self.since
            if yes[-1] - self.since >= self.dwell:
                self.raised, self.since = True, None
                return "raised"
        elif sum(each < self.low for _, each in self.looks) >= self.clear_at:
            self.raised = False
            self.looks.clear()
            return "cleared"
        return None
