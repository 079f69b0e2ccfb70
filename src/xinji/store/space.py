"""Room on the disk: a little is kept back, so that a full disk can be read from and signed in to.

A database needs room even to be opened (its shared memory, its write-ahead log). A file of
`RESERVE` bytes keeps that room from everybody. On a full disk ordinary writes are refused; the file
is given up at a start, and for the first sign-in: not before, or whoever fills the disk takes it.
"""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path

log = logging.getLogger(__name__)

RESERVE = 4 * 1024 * 1024
LEAST_FREE = 4 * 1024 * 1024
"""Below this, with or without the reserve, ordinary writes are refused."""

ENOUGH = 16 * 1024 * 1024
"""From this on they are taken again."""

FULL = "the disk is full: less than 4 MB of space left; reading goes on"


class Space:
    """The room of a data folder. Safe from any thread.

    Making it on a full disk gives up the reserve of the last run, before anything is opened.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._file = folder, folder / "reserve"
        self._lock = threading.Lock()
        self._full = False
        if self.low():
            self.give_up()

    def _free(self) -> int:
        found = os.statvfs(self._folder)
        return found.f_bavail * found.f_frsize

    def low(self) -> bool:
        """Whether ordinary writes are refused now. One system call."""
        free = self._free()
        if not self._full and free >= LEAST_FREE:
            return False
        with self._lock:
            if not self._full:
                self._full = True
                log.error("%s: %s", self._folder, FULL)
            elif free >= ENOUGH:
                self._full = False
                self._make()
                log.error("%s: there is space again", self._folder)
        return self._full

    def give_up(self) -> None:
        """Make room for what must be written on a full disk."""
        self._file.unlink(missing_ok=True)

    def keep_back(self) -> None:
        """Make the reserve where there is none and room for it."""
        with self._lock:
            if not self._full and not self._file.exists() and self._free() >= ENOUGH:
                self._make()

    def _make(self) -> None:
        try:
            with self._file.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, RESERVE)
        except OSError:
            self._file.unlink(missing_ok=True)
