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

    Args:
        start: Unix seconds to begin at; None for the system clock, which is then followed.
        speed: seconds of this clock in a second; other than 1 only for a simulated district.

    Attributes:
        free: the clock follows nothing, it was started by hand.
        doubt: seconds that the system clock is behind.
    """

    def __init__(self, start: float | None = None, speed: float = 1.0) -> None:
        self.speed = speed
        self.free = start is not None or speed != 1.0
        self._zero = time.monotonic()
        self._start = time.time() if start is None else start
        self._lock = threading.Lock()
        self.doubt = 0.0

    def set_speed(self, speed: float) -> None:
        """Run on from now at another speed; the clock is free from then on."""
        now = self.seconds()
        with self._lock:
            self._start, self._zero = now, time.monotonic()
            self.speed, self.free = speed, True

    def seconds(self) -> float:
        """Unix seconds."""
        steady = self._start + (time.monotonic() - self._zero) * self.speed
        if self.free:
            return steady
        ahead = time.time() - steady
        if ahead > STEP:
            with self._lock:
                self._start += ahead
            self.doubt = 0.0
            return steady + ahead
        self.doubt = -ahead if ahead < -STEP else 0.0
        return steady

    def now(self) -> int:
        """Unix microseconds."""
        return int(self.seconds() * 1e6)
