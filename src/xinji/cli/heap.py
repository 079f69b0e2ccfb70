"""The C heap of a command: few arenas, and free pages given back to the system.

glibc gives each thread an arena of its own and keeps what is freed in it; a house has forty
threads, and after a computation of maps holds hundreds of megabytes that nobody uses. On another
C library nothing happens. Source: mallopt(3), malloc_trim(3).
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import sys
from typing import NoReturn

ARENA_MAX = -8
"""M_ARENA_MAX of malloc.h."""
ARENAS = 2
GIVE_BACK_SECONDS = 30.0


def few_arenas() -> None:
    """Let all threads share two arenas; call it before threads are started."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(ARENA_MAX, ARENAS)


def give_back() -> None:
    """Return the free pages of the heap to the system; some milliseconds."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def end_at_once(status: int) -> NoReturn:
    """End the process of a house that is closed, and its memory with it.

    Everything is written by then; to free some hundred megabytes object by object takes seconds.
    """
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


async def keep_small() -> None:
    """Give back now and then, on a thread of its own, until cancelled."""
    while True:
        await asyncio.sleep(GIVE_BACK_SECONDS)
        await asyncio.to_thread(give_back)
