"""What runs beside the requests of a process: none of it ends in silence.

Work that never ends is kept running: a fault is logged and counted, and it begins again. Work that
ends by itself is watched: a fault is logged and counted.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger(__name__)

AGAIN_SECONDS = 1.0
"""Before work that ended begins again; doubled for each quick end, up to `LONGEST_SECONDS`."""
LONGEST_SECONDS = 60.0

faults: Counter[str] = Counter()
"""How often work ended by a fault of the program, by its name, since the process began."""


def note_fault(name: str, error: BaseException) -> None:
    """Log and count a fault of some work."""
    faults[name] += 1
    log.error("%s failed", name, exc_info=error)


def keep_running(name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> asyncio.Task[None]:
    """Begin `work` on the running loop, and again whenever it ends, until the task is cancelled."""
    return asyncio.create_task(_again_and_again(name, work), name=name)


async def _again_and_again(name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    quick = 0
    while True:
        began = time.monotonic()
        try:
            await work()
        except Exception as error:
            note_fault(name, error)
        quick = quick + 1 if time.monotonic() - began < LONGEST_SECONDS else 0
        await asyncio.sleep(min(AGAIN_SECONDS * 2 ** min(max(quick - 1, 0), 6), LONGEST_SECONDS))


def watched(name: str) -> Callable[[asyncio.Future[Any]], None]:
    """A callback for the end of work that ends by itself (`Future.add_done_callback`)."""

    def ended(done: asyncio.Future[Any]) -> None:
        if not done.cancelled() and (error := done.exception()) is not None:
            note_fault(name, error)

    return ended
