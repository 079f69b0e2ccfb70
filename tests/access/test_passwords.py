"""Hashes are bounded: one is computed, few wait, others are told to come back."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from argon2 import PasswordHasher

from tests.process import wait_until
from tests.web.live import PASSWORD, Live
from xinji.access import passwords as passwords_module
from xinji.access.identity import Role
from xinji.access.passwords import MOST_STRANGERS, HashingBusyError, Passwords


class Held:
    """Passwords whose computing waits until it is let go; counts how many run at once."""

    def __init__(self, passwords: Passwords, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = threading.Event()
        self.at_once = self.most_at_once = 0
        self._lock = threading.Lock()
        real = passwords._hasher
        held = self

        class Slow:
            def verify(self, stored: str, password: str) -> bool:
                return held.run(lambda: real.verify(stored, password))

            def hash(self, password: str) -> str:
                return held.run(lambda: real.hash(password))

        monkeypatch.setattr(passwords, "_hasher", Slow())
        monkeypatch.setattr(passwords_module, "TURN_SECONDS", 60.0)

    def run(self, work: Callable[[], Any]) -> Any:
        with self._lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        self.go.wait(60)
        with self._lock:
            self.at_once -= 1
        return work()


@pytest.fixture
def passwords(monkeypatch: pytest.MonkeyPatch) -> Passwords:
    cheap = partial(PasswordHasher, time_cost=1, memory_cost=64)
    monkeypatch.setattr("xinji.access.passwords.PasswordHasher", cheap)
    return Passwords()


@pytest.fixture
def askers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(60) as pool:
        yield pool


def test_a_flood_computes_one_hash_at_a_time_and_is_told_to_come_back(
    passwords: Passwords, askers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = passwords.hash("a long password")
    held = Held(passwords, monkeypatch)
    asked = [askers.submit(passwords.matches, stored, f"guess {n}") for n in range(40)]
    wait_until(lambda: sum(each.done() for each in asked) == 40 - MOST_STRANGERS, "refusals")
    held.go.set()
    faults = [each.exception() for each in asked]
    assert sum(isinstance(each, HashingBusyError) for each in faults) == 40 - MOST_STRANGERS
    assert held.most_at_once == 1


def test_who_is_known_waits_in_places_that_strangers_cannot_take(
    passwords: Passwords, askers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = passwords.hash("a long password")
    held = Held(passwords, monkeypatch)
    strangers = [askers.submit(passwords.matches, stored, "a guess") for _ in range(20)]
    wait_until(lambda: sum(each.done() for each in strangers) == 20 - MOST_STRANGERS, "refusals")
    known: list[Future[Any]] = [
        askers.submit(passwords.matches, stored, "a long password", stranger=False),
        askers.submit(passwords.hash, "another long password"),
    ]
    held.go.set()
    assert known[0].result(60) is True
    assert known[1].result(60).startswith("$argon2id$")


def test_a_hash_whose_turn_comes_too_late_is_given_up(
    passwords: Passwords, askers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = passwords.hash("a long password")
    held = Held(passwords, monkeypatch)
    monkeypatch.setattr(passwords_module, "TURN_SECONDS", 0.05)
    first = askers.submit(passwords.matches, stored, "a long password")
    wait_until(lambda: held.at_once == 1, "the first is computed")
    second = askers.submit(passwords.matches, stored, "a long password")
    threading.Timer(0.3, held.go.set).start()
    assert first.result(60) is True
    assert isinstance(second.exception(60), HashingBusyError)
    assert passwords.matches(stored, "a long password"), "places are free again"


def test_the_thread_of_strangers_steps_back_for_others(passwords: Passwords) -> None:
    strangers, known = (
        thread.submit(lambda: os.getpriority(os.PRIO_PROCESS, threading.get_native_id())).result()
        for thread in (passwords._strangers, passwords._known)
    )
    assert strangers > known == os.getpriority(os.PRIO_PROCESS, 0)


def test_every_place_that_hashes_is_told_to_come_back(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sign-in, change of one's own password, a new account, a reset; each over HTTP."""
    live.house.identity.add("busy", PASSWORD, Role.VIEWER, actor="test")
    live.tokens["busy"] = live.house.identity.issue("busy", "test", 1, actor="test")
    monkeypatch.setattr(passwords_module, "MOST_KNOWN", 0)
    monkeypatch.setattr(passwords_module, "MOST_STRANGERS", 0)
    for who, path, body in (
        ("", "/api/sign-in", {"name": "busy", "password": PASSWORD}),
        ("", "/api/sign-in", {"name": "nobody", "password": PASSWORD}),
        ("busy", "/api/session/password", {"old": PASSWORD, "new": "another long one"}),
        ("administrator", "/api/users", {"name": "busy-2", "password": PASSWORD}),
        ("administrator", "/api/users/busy/password", None),
    ):
        answer = live.request("POST", path, who, json=body)
        assert answer.status_code == 503, (path, answer.text)
        assert int(answer.headers["retry-after"]) > 0
    monkeypatch.setattr(passwords_module, "MOST_STRANGERS", MOST_STRANGERS)
    body = {"name": "busy", "password": PASSWORD}
    assert live.request("POST", "/api/sign-in", "", json=body).status_code == 200


def test_a_flood_of_strangers_keeps_nobody_from_changing_their_password(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.house.identity.add("changes", PASSWORD, Role.VIEWER, actor="test")
    live.tokens["changes"] = live.house.identity.issue("changes", "test", 1, actor="test")
    monkeypatch.setattr(passwords_module, "MOST_STRANGERS", 0)
    body = {"name": "changes", "password": PASSWORD}
    assert live.request("POST", "/api/sign-in", "", json=body).status_code == 503
    body = {"old": PASSWORD, "new": "another long one"}
    answer = live.request("POST", "/api/session/password", "changes", json=body)
    assert answer.status_code == 204


def test_nobody_waits_for_a_hash_with_the_writers_lock(
    live: Live, askers: ThreadPoolExecutor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While hashes are computed, rows, cases and rules are written."""
    live.house.identity.add("waits", PASSWORD, Role.VIEWER, actor="test")
    live.tokens["waits"] = live.house.identity.issue("waits", "test", 1, actor="test")
    held = Held(live.house.identity.passwords, monkeypatch)
    asked = [
        askers.submit(live.request, "POST", path, who, json=body)
        for who, path, body in (
            ("administrator", "/api/users", {"name": "waits-2", "password": PASSWORD}),
            ("administrator", "/api/users/waits/password", {}),
        )
    ]
    wait_until(lambda: held.at_once == 1, "a hash is computed")
    with live.house.database.writing():
        pass
    assert not any(each.done() for each in asked)
    held.go.set()
    assert [each.result().status_code for each in asked] == [200, 200]
