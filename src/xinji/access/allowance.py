"""How often something may be done: at most so many calls of a key in any so many seconds."""

from __future__ import annotations

import ipaddress
import math
import threading
import time
from array import array
from collections import OrderedDict
from collections.abc import Callable

MOST_KEYS = 10_000


class Exceeded(Exception):
    """More than is allowed; `rule` says what is, `retry_after` when one is again, in seconds."""

    def __init__(self, rule: str, retry_after: int) -> None:
        super().__init__(rule)
        self.rule, self.retry_after = rule, retry_after


class Allowance:
    """At most `calls` of a key in any `seconds`.

    Holds `MOST_KEYS`, 8 bytes a call; the least recently used are forgotten. Safe from any thread.
    """

    def __init__(
        self, calls: int, seconds: float = 3600.0, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._calls, self._seconds, self._now = calls, seconds, now
        self._seen: OrderedDict[str, array[float]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, key: str) -> float:
        """Seconds until a call is allowed; 0 when it is now."""
        with self._lock:
            return self._wait(key)

    def _wait(self, key: str) -> float:
        seen, now = self._seen.get(key), self._now()
        if seen is None:
            return 0.0
        while seen and seen[0] <= now - self._seconds:
            seen.pop(0)
        return seen[0] + self._seconds - now if len(seen) >= self._calls else 0.0

    def take(self, key: str) -> None:
        """Count a call. Raises Exceeded."""
        with self._lock:
            if wait := self._wait(key):
                window = "an hour" if self._seconds == 3600 else f"in {self._seconds:g} s"
                raise Exceeded(f"at most {self._calls} {window}", math.ceil(wait))
            self._seen.setdefault(key, array("d")).append(self._now())
            self._seen.move_to_end(key)
            while len(self._seen) > MOST_KEYS:
                self._seen.popitem(last=False)

    def give_back(self, key: str) -> None:
        """Take the newest counted call back."""
        with self._lock:
            if seen := self._seen.get(key):
                seen.pop()

    def forget(self, key: str) -> None:
        """Allow everything again."""
        with self._lock:
            self._seen.pop(key, None)


def network_of(address: str) -> str:
    """What an address counts as: itself, of IPv6 its /64, which is one customer's."""
    try:
        known = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(known, ipaddress.IPv4Address):
        return str(known)
    if known.ipv4_mapped is not None:
        return str(known.ipv4_mapped)
    return str(ipaddress.ip_network((known, 64), strict=False))
