"""The house's clock: UTC, and never backwards."""

from __future__ import annotations

import datetime as dt
import threading
import time

from xinji.loop.calendars import DISTRICT_TIME

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
        wanted: the speed that was asked for; `speed` is less while the house cannot keep up.
        free: the clock follows nothing, it was started by hand.
        doubt: seconds that the system clock is behind.
    """

    def __init__(self, start: float | None = None, speed: float = 1.0) -> None:
        self.wanted = speed
        self.free = start is not None or speed != 1.0
        # begin, steady clock at the begin, speed: one tuple, so that a reader sees them of one kind
        self._run = (time.time() if start is None else start, time.monotonic(), speed)
        self._lock = threading.Lock()
        self.doubt = 0.0

    @property
    def speed(self) -> float:
        """Seconds of this clock in a second, now."""
        return self._run[2]

    def set_speed(self, speed: float) -> None:
        """Run on from now at another speed; the clock is free from then on."""
        self._run_at(speed)
        self.wanted = speed

    def keep_up(self, share: float) -> None:
        """Run at a share of the wanted speed, 0 to 1, but not slower than real time.

        Has no effect on a clock that is not fast: real time waits for nobody.
        """
        if self.wanted > 1:
            self._run_at(max(1.0, self.wanted * min(max(share, 0.0), 1.0)))

    def _run_at(self, speed: float) -> None:
        with self._lock:
            steady = time.monotonic()
            self._run, self.free = (self._at(steady), steady, speed), True

    def not_before(self, seconds: float) -> None:
        """Go forward to Unix `seconds` when the clock is behind them.

        What a house has stored is in its past: a clock that began before it would number, sort
        and judge new work as older than the old.
        """
        missing = seconds - self.seconds()
        if missing > 0:
            self._forward(missing)

    def _forward(self, seconds: float) -> None:
        with self._lock:
            begin, zero, speed = self._run
            self._run = (begin + seconds, zero, speed)

    def _at(self, steady: float) -> float:
        begin, zero, speed = self._run
        return begin + (steady - zero) * speed

    def seconds(self) -> float:
        """Unix seconds."""
        steady = self._at(time.monotonic())
        if self.free:
            return steady
        ahead = time.time() - steady
        if ahead > STEP:
            self._forward(ahead)
            self.doubt = 0.0
            return steady + ahead
        self.doubt = -ahead if ahead < -STEP else 0.0
        return steady

    def now(self) -> int:
        """Unix microseconds."""
        return int(self.seconds() * 1e6)

    def day(self) -> dt.date:
        """The district's date."""
        return self.moment().date()

    def moment(self) -> dt.datetime:
        """The district's date and time of day."""
        return dt.datetime.fromtimestamp(self.seconds(), DISTRICT_TIME)
