"""How often a password may be guessed, without locking anybody out.

Whoever has signed in with a browser before is known by a mark that it keeps, and has an allowance
of their own, which nobody else can use up. Everybody else is limited by name and address, by name,
and by address. Names that nobody has are limited alike, so that no answer tells them apart.

Source: OWASP, "Slow Down Online Guessing Attacks with Device Cookies".
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from xinji.access.allowance import Allowance, Exceeded, network_of
from xinji.access.passwords import HashingBusyError

GUESSES = (5, 300.0)
"""Of a known browser; of a name from an address: so many in any so many seconds."""
GUESSES_OF_A_NAME = (30, 1800.0)
"""Of a name by all who are not known."""
GUESSES_FROM_AN_ADDRESS = (50, 300.0)
"""Of any names by all who are not known."""
AT_ONCE = 3
"""Checked at the same time of a known browser, or of a name from an address."""
MARK_SECONDS = 180 * 86_400

attempts: Counter[str] = Counter(limited=0)
"""Sign-ins refused by these limits, since the process began."""


class Caller(NamedTuple):
    """Who tries: the address, and the mark that their browser keeps for the name."""

    address: str = ""
    mark: str = ""


class Attempts:
    """Failed sign-ins by browser, name and address. Safe from any thread; `now` in seconds."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._known, self._pairs = Allowance(*GUESSES, now), Allowance(*GUESSES, now)
        self._names = Allowance(*GUESSES_OF_A_NAME, now)
        self._addresses = Allowance(*GUESSES_FROM_AN_ADDRESS, now)
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()

    @contextmanager
    def attempt(self, name: str, address: str, browser: str) -> Iterator[Callable[[], None]]:
        """One try, which counts as failed unless the given function is called.

        A known `browser` is named by what is in its mark. Raises Exceeded, HashingBusyError.
        """
        named = hashlib.sha256(name.encode(errors="surrogatepass")).hexdigest()[:32]
        network = network_of(address)
        own = f"{named} {browser}" if browser else f"{named} {network}"
        taken = [(self._known if browser else self._pairs, own)]
        if not browser:
            taken += [(self._names, named), (self._addresses, network)]
        with self._lock:
            if self._running[own] >= AT_ONCE:
                raise HashingBusyError("the account is being signed in to")
            waits = [allowance.wait(key) for allowance, key in taken]
            if wait := max(waits):
                attempts["limited"] += 1
                raise Exceeded("too many attempts", math.ceil(wait))
            for allowance, key in taken:
                allowance.take(key)
            self._running[own] += 1
        right = False

        def succeeded() -> None:
            nonlocal right
            right = True

        def give_back() -> None:
            for allowance, key in taken:
                allowance.give_back(key)

        try:
            yield succeeded
        except HashingBusyError:
            give_back()
            raise
        finally:
            with self._lock:
                self._running[own] -= 1
                if not self._running[own]:
                    del self._running[own]
            if right:
                give_back()
                taken[0][0].forget(own)


def mark_of(stored: str, now: float) -> str:
    """A mark for the browser of somebody who knows the password of this hash.

    It ends with the password: the hash is what signs it, and no mark tells the hash.
    """
    said = f"{int(now):x}.{secrets.token_hex(16)}"
    return f"{said}.{_signature(stored, said)}"


def browser_of(mark: str, stored: str, now: float) -> str:
    """What names the browser of a mark; empty when it is none of this password, or too old."""
    said, _, signature = mark[:200].rpartition(".")
    if not hmac.compare_digest(_signature(stored, said).encode(), signature.encode()):
        return ""
    issued, _, browser = said.partition(".")
    return browser if 0 <= now - int(issued, 16) + 60 <= MARK_SECONDS else ""


def _signature(stored: str, said: str) -> str:
    key = hashlib.sha256(b"mark of a browser " + stored.encode()).digest()
    return hmac.digest(key, said.encode(), "sha256").hex()
