"""kill -9 while photos, reports and steps come in: nothing acknowledged lost or doubled."""

from __future__ import annotations

import hashlib
import random
import sqlite3
import threading
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from tests.bad_days.test_urban_work import Phone
from tests.process import Served, wait_until
from xinji.access.audit import verify
from xinji.store.database import Database


class Dispatcher(threading.Thread):
    """Dispatches the phones' cases again and again, each step with its own number."""

    def __init__(self, served: Served, phones: list[Phone]) -> None:
        super().__init__(daemon=True)
        self.served, self.phones, self.running = served, phones, True
        self.acknowledged: list[tuple[str, str]] = []
        self.sent = 0

    def run(self) -> None:
        chance = random.Random(1)
        while self.running:
            cases = [each["case"] for phone in self.phones for each in [*phone.answered.values()]]
            if not cases:
                time.sleep(0.05)
                continue
            self.sent += 1
            number, case = f"step-{self.sent}", chance.choice(cases)
            body = {"action": "dispatch", "assignee": f"crew-{self.sent}", "client_id": number}
            while self.running:
                try:
                    path = f"/api/cases/{case}/actions"
                    answer = self.served.request("POST", path, json=body)
                except httpx.HTTPError:
                    time.sleep(0.1)
                    continue
                if answer.is_success:
                    self.acknowledged.append((case, number))
                    break
                if answer.status_code in (409, 422):
                    break  # the machine was quicker; another case
                time.sleep(0.1)


def steps_of(data: Path) -> dict[str, list[str]]:
    """Case by case, the numbers of the steps that are stored."""
    found: dict[str, list[str]] = {}
    with sqlite3.connect(f"file:{data / 'registry.sqlite3'}?mode=ro", uri=True) as registry:
        for case, evidence in registry.execute("select case_id, evidence from case_steps"):
            number = msgspec.json.decode(evidence).get("client_id")
            if number:
                found.setdefault(case, []).append(number)
    registry.close()
    return found


def reports_of(data: Path) -> list[tuple[str, str]]:
    with sqlite3.connect(f"file:{data / 'registry.sqlite3'}?mode=ro", uri=True) as registry:
        rows = registry.execute("select client_id, id from reports").fetchall()
    registry.close()
    return [(str(number), str(report)) for number, report in rows]


@pytest.mark.parametrize(
    "kills",
    [2, pytest.param(30, marks=[pytest.mark.slow, pytest.mark.timeout(1_500)])],
)
def test_kills_lose_and_double_no_photo_no_report_and_no_step(tmp_path: Path, kills: int) -> None:
    served = Served(tmp_path / "data")
    chance = random.Random(20261129)
    phones = [Phone(served, number) for number in (1, 2)]
    dispatcher = Dispatcher(served, phones)
    everyone: list[Any] = [*phones, dispatcher]
    try:
        for each in everyone:
            each.start()
        for _ in range(kills):
            photos = sum(len(phone.photos) for phone in phones)
            steps = len(dispatcher.acknowledged)
            wait_until(
                lambda photos=photos, steps=steps: (  # type: ignore[misc]
                    sum(len(phone.photos) for phone in phones) > photos + 1
                    and len(dispatcher.acknowledged) > steps + 1
                ),
                "photos and steps are acknowledged",
            )
            # any moment of what is then under way
            time.sleep(chance.uniform(0.0, 0.3))
            served.kill()
            served.start()
        steps = len(dispatcher.acknowledged)
        wait_until(lambda: len(dispatcher.acknowledged) > steps + 2, "work goes on")
        for each in everyone:
            each.running = False
        for each in everyone:
            each.join(60)
            assert not each.is_alive()
        for phone in phones:
            for photo in phone.photos:
                answer = served.request("GET", f"/api/photos/{photo}")
                assert answer.is_success
                assert hashlib.sha256(answer.content).hexdigest() == photo
    finally:
        for each in everyone:
            each.running = False
        served.stop()
    stored = steps_of(tmp_path / "data")
    for case, number in dispatcher.acknowledged:
        assert stored[case].count(number) == 1, "acknowledged, and there once"
    numbers = [number for case in stored.values() for number in case]
    assert len(numbers) == len(set(numbers)), "sent again, and done once"
    reports = reports_of(tmp_path / "data")
    assert len(reports) == len({number for number, _ in reports}), "no report twice"
    for phone in phones:
        for number, answer in phone.answered.items():
            assert (number, answer["report"]) in reports
    files = {each.stem for each in (tmp_path / "data" / "photos").rglob("*.jpg")}
    assert {photo for phone in phones for photo in phone.photos} <= files
    database = Database(f"sqlite:///{tmp_path / 'data' / 'registry.sqlite3'}")
    assert verify(database, tmp_path / "data" / "checkpoints.jsonl") == []
    database.close()
