"""The house's clock: UTC, and never backwards."""

from __future__ import annotations

import threading
import time

STEP = 1.0
"""Seconds of disagreement with the system clock that count as a jump."""


class HouseClock:
    """Unix microseconds from the steady clock, set forward but never back.

    A system clock that jumps back would make the next hour of server-stamped observations "late",
    and timers fire twice. It is not followed: `doubt` says by how many seconds it is behind.
    """

    def __init__(self) -> None:
        self._anchor = time.time() - time.monotonic()
        self._lock = threading.Lock()
        self.doubt = 0.0

    def seconds(self) -> float:
        """Unix seconds."""
        steady = time.monotonic() + self._anchor
        ahead = time.time() - steady
        if ahead > STEP:
            with self._lock:
                self._anchor += ahead
            self.doubt = 0.0
            return steady + ahead
        self.doubt = -ahead if ahead < -STEP else 0.0
        return steady

    def now(self) -> int:
        """Unix microseconds."""
        return int(self.seconds() * 1e6)
