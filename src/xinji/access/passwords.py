"""Hashes of passwords: argon2id, one at a time for strangers, on a thread that steps back.

A hash costs 64 MiB and tens of milliseconds of every core by design. However many are asked for at
once, one is computed, few wait, and further ones are told to come back, so that strangers who sign
in take neither memory nor time from what the house is for. Whoever is known has a thread and places
of their own.
"""

from __future__ import annotations

import base64
import contextlib
import os
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from argon2.low_level import ARGON2_VERSION

T = TypeVar("T")

MOST_STRANGERS = 6
"""Hashes of strangers that wait or are computed."""
MOST_KNOWN = 6
"""Hashes for those who are signed in, or whose browser is known."""
TURN_SECONDS = 0.8
"""A hash whose turn has not come within this is given up: its asker is told to come back."""
RETRY_SECONDS = 2
STEP_BACK = 5
"""Added to the niceness (sched(7)) of strangers' thread, which argon2's own threads inherit."""

hashing: Counter[str] = Counter(computed=0, refused=0, given_up=0)
"""Hashes since the process began."""


class HashingBusyError(RuntimeError):
    """Too many hashes are asked for at once; come back in `RETRY_SECONDS`."""


class Passwords:
    """Makes and checks hashes. Safe from any thread; every call may raise `HashingBusyError`."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._strangers = ThreadPoolExecutor(1, "passwords of strangers", _step_back)
        self._known = ThreadPoolExecutor(1, "passwords")
        self._lock = threading.Lock()
        self._waiting = {True: 0, False: 0}
        self.decoy = decoy(self._hasher)
        """What is checked for unknown names: their answer takes as long as a wrong password's."""

    def hash(self, password: str) -> str:
        """The hash of a password, for somebody who is signed in."""
        return self._computed(lambda: self._hasher.hash(password), stranger=False)

    def matches(self, stored: str, password: str, *, stranger: bool = True) -> bool:
        """Whether `stored` is the hash of a password."""

        def verify() -> bool:
            try:
                return self._hasher.verify(stored, password)
            except (VerifyMismatchError, InvalidHashError):
                return False

        return self._computed(verify, stranger=stranger)

    def look_for_room(self) -> None:
        """Whether a stranger's hash would be taken now: known before anything else is done."""
        with self._lock:
            self._refuse_full(stranger=True)

    def _refuse_full(self, *, stranger: bool) -> None:
        if self._waiting[stranger] >= (MOST_STRANGERS if stranger else MOST_KNOWN):
            hashing["refused"] += 1
            raise HashingBusyError("too many passwords are being checked")

    def _computed(self, work: Callable[[], T], *, stranger: bool) -> T:
        with self._lock:
            self._refuse_full(stranger=stranger)
            self._waiting[stranger] += 1
        asked = time.monotonic()

        def turn() -> T:
            if time.monotonic() - asked > TURN_SECONDS:
                hashing["given_up"] += 1
                raise HashingBusyError("the password's turn has not come in time")
            hashing["computed"] += 1
            return work()

        try:
            thread = self._strangers if stranger else self._known
            return thread.submit(turn).result()
        finally:
            with self._lock:
                self._waiting[stranger] -= 1


def decoy(hasher: PasswordHasher) -> str:
    """What looks like a password's hash by `hasher`, costs as much to verify, and is none's.

    Salt and hash are drawn, not computed: making one costs nothing.
    """
    salt, drawn = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (hasher.salt_len, hasher.hash_len)
    )
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${cost}${salt}${drawn}"


def _step_back() -> None:
    with contextlib.suppress(OSError):
        thread = threading.get_native_id()
        now = os.getpriority(os.PRIO_PROCESS, thread)
        os.setpriority(os.PRIO_PROCESS, thread, now + STEP_BACK)
