"""How long the house has really listened: a pause of its own makes nobody silent.

A machine that is suspended, a loop that hangs, a clock that is set forward: in that time nobody
could be heard. Silence is counted in time listened, not in time passed.
"""

from __future__ import annotations

import numpy as np

from xinji.store.observations import Int64

TOLERANCE_SECONDS = 1.0
"""Real seconds by which a beat may be late without being counted as a pause."""
KEPT = 256
"""Pauses remembered; older ones count as one."""


class Listening:
    """Fed with a beat by the thread that reads the sockets; asked by the one that judges."""

    def __init__(self) -> None:
        self._last = 0
        self._ends = np.zeros(0, np.int64)
        self._lost = np.zeros(1, np.int64)

    def beat(self, now: int, since_last_seconds: float, speed: float) -> None:
        """The house reads its sockets at `now` (microseconds of its clock).

        `since_last_seconds` is when the next beat was due after the last one, in real seconds.
        """
        last, self._last = self._last, now
        if not last:
            return
        lost = now - last - int(since_last_seconds * speed * 1e6)
        if lost > TOLERANCE_SECONDS * max(speed, 1.0) * 1e6:
            # arrays are replaced, never changed: the judging thread may be reading them
            lost_so_far = np.append(self._lost, self._lost[-1] + lost)[-KEPT:]
            self._ends = np.append(self._ends, now)[-(KEPT - 1) :]
            self._lost = lost_so_far

    def lost(self, since: Int64, until: int) -> Int64:
        """Microseconds of [since, until] in which nobody could be heard; since: shape (n,)."""
        ends, lost = self._ends, self._lost
        total: Int64 = (
            lost[np.searchsorted(ends, until, side="right")]
            - (lost[np.searchsorted(ends, since, side="right")])
        )
        return total
