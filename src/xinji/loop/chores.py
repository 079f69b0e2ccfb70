"""What a running house does by itself: chores again and again, and work that never ends.

Nothing of it ends in silence (`wire/kept_running.py`): a fault is logged and counted, and the chore
or the work goes on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from xinji.loop.clock import HouseClock
from xinji.store.observations import StoreError
from xinji.wire.kept_running import keep_running, note_fault

log = logging.getLogger(__name__)


class Chores:
    """The chores and the endless work of a house, from `start` to `stop`."""

    def __init__(self, clock: HouseClock) -> None:
        self._clock = clock
        self._works: list[Callable[[], Coroutine[Any, Any, None]]] = []
        self._tasks: list[asyncio.Task[None]] = []

    def every(
        self,
        seconds: float,
        chore: Callable[[], Awaitable[None]],
        first: float,
        *,
        shortest: float | None = None,
    ) -> None:
        """Run `chore` after `first` seconds and then every `seconds`.

        With `shortest`, `seconds` are those of the house's clock, but never less than `shortest`
        real ones.
        """

        async def repeat() -> None:
            await asyncio.sleep(first)
            while True:
                try:
                    await chore()
                except StoreError as error:
                    log.error("put off: %s", error)
                except Exception as error:
                    note_fault(_name(chore), error)
                fast = seconds / self._clock.speed
                await asyncio.sleep(seconds if shortest is None else max(shortest, fast))

        self.work(repeat)

    def work(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Work that does not end by itself; when it fails it begins again."""
        self._works.append(work)

    def start(self) -> None:
        """Begin everything that was declared; on the event loop."""
        self._tasks = [keep_running(_name(work), work) for work in self._works]

    async def stop(self) -> None:
        """End everything."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()


def _name(work: Callable[..., Any]) -> str:
    return f"{work.__module__.removeprefix('xinji.')}.{work.__qualname__}"
