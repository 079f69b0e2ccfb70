"""Who was refused: sign-ins that failed and requests that are not allowed, counted by the minute.

One record of the audit chain holds a minute, however many came: a flood fills neither the chain nor
the memory.
"""

from __future__ import annotations

import threading
import time
from typing import Any

KINDS_PER_RECORD = 50
"""Different (what, name, address) that a record names; the rest is a number."""

LONGEST = 64


class Denials:
    """Counts until `take`. Safe from any thread; nothing waits for a disk."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], int] = {}
        self._more = 0
        self._since = 0.0

    def note(self, what: str, name: str, address: str) -> None:
        """Count a refusal: `sign-in`, or method and path; the name as given; who called."""
        key = (what[:LONGEST], _shown(name), address[:LONGEST])
        with self._lock:
            if not self._counts and not self._more:
                self._since = time.time()
            if key in self._counts or len(self._counts) < KINDS_PER_RECORD:
                self._counts[key] = self._counts.get(key, 0) + 1
            else:
                self._more += 1

    def take(self) -> dict[str, Any] | None:
        """What was counted since the last call, or None; counting starts anew."""
        with self._lock:
            counts, more = self._counts, self._more
            self._counts, self._more = {}, 0
        if not counts and not more:
            return None
        refused = [
            {"what": what, "name": name, "address": address, "count": count}
            for (what, name, address), count in counts.items()
        ]
        return {"since": int(self._since * 1e6), "refused": refused, "more": more}


def _shown(name: str) -> str:
    """A name of an account, or how long the thing was that is none."""
    short = name[:LONGEST]
    if all(c.isalnum() or c in "._-" for c in short) and len(name) <= LONGEST:
        return short
    return f"(not a name, {len(name)} characters)"
