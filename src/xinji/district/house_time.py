"""The house's clock as a client follows it: a simulated house may run faster than real time."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import time

import httpx

from xinji.system.simulation import MICROSECONDS

log = logging.getLogger(__name__)

FOLLOW_SECONDS = 1.0


class HouseTime:
    """Unix microseconds of a house, from its `GET /api/clock`; never backwards."""

    def __init__(self, now_us: int, speed: float) -> None:
        self.speed = speed
        self._anchor = now_us / MICROSECONDS - time.monotonic() * speed
        self._last = 0

    @classmethod
    async def of(cls, http: httpx.AsyncClient) -> HouseTime:
        """Ask the house. Raises httpx.HTTPError."""
        return cls(*await _ask(http))

    def now(self) -> int:
        """Unix microseconds of the house."""
        at = int((self._anchor + time.monotonic() * self.speed) * MICROSECONDS)
        self._last = max(self._last, at)
        return self._last

    async def follow(self, http: httpx.AsyncClient) -> None:
        """Ask again every few seconds until cancelled."""
        while True:
            await asyncio.sleep(FOLLOW_SECONDS)
            try:
                now_us, self.speed = await _ask(http)
            except httpx.HTTPError as error:
                log.info("clock: %r", error)
                continue
            self._anchor = now_us / MICROSECONDS - time.monotonic() * self.speed

    async def until(self, moment_us: int) -> None:
        """Wait until the clock has reached a moment."""
        while (left := moment_us - self.now()) > 0:  # noqa: ASYNC110 - time, not a condition
            await asyncio.sleep(min(max(left / MICROSECONDS / self.speed, 0.005), 1.0))


async def _ask(http: httpx.AsyncClient) -> tuple[int, float]:
    answer = await http.get("/api/clock")
    answer.raise_for_status()
    found = answer.json()
    at = dt.datetime.fromisoformat(found["now"])
    return round(at.timestamp() * MICROSECONDS), float(found["speed"])
