"""Bad days of urban work: kill -9 between a report and its answer, and a disk that is full."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import httpx

from tests.bad_days.test_disk_full import fill, small_disk
from tests.process import Served, wait_until
from tests.systems.operations.street import Street, picture
from xinji.access.audit import verify
from xinji.store.database import Database

__all__ = ["small_disk"]


class Phone(threading.Thread):
    """Sends photos, reports and actions; what is not answered is sent again with its number."""

    def __init__(self, served: Served, number: int) -> None:
        super().__init__(daemon=True)
        self.served, self.number, self.running = served, number, True
        self.answered: dict[str, dict[str, Any]] = {}
        self.photos: list[str] = []

    def run(self) -> None:
        count = 0
        while self.running:
            count += 1
            client_id = f"phone-{self.number}-{count}"
            body = {
                "client_id": client_id, "channel": "patrol", "case_class": "event.0112",
                "longitude": 121.36 + self.number * 0.01 + count * 0.0004, "latitude": 31.215,
            }  # fmt: skip
            photo = self.until_answered("/api/photos", content=picture(client_id))
            if photo is not None:
                self.photos.append(photo["id"])
                body["photos"] = [photo["id"]]
            answer = self.until_answered("/api/reports", json=body)
            if answer is not None:
                self.answered[client_id] = answer

    def until_answered(self, path: str, **options: Any) -> dict[str, Any] | None:
        while self.running:
            try:
                response = self.served.request("POST", path, **options)
            except httpx.HTTPError:
                time.sleep(0.1)
                continue
            if response.status_code >= 500 or response.status_code == 401:
                time.sleep(0.1)
                continue
            assert response.is_success, response.text
            found: dict[str, Any] = response.json()
            return found
        return None


def answered_again(phones: list[Phone]) -> None:
    """Until each phone has four more answers; it is then in the middle of the next report."""
    wanted = [len(phone.answered) + 4 for phone in phones]
    wait_until(
        lambda: all(len(p.answered) >= n for p, n in zip(phones, wanted, strict=True)),
        "each phone has four more answers",
    )


def test_kill_9_loses_no_acknowledged_report_and_files_none_twice(tmp_path: Path) -> None:
    served = Served(tmp_path / "data")
    phones = [Phone(served, number) for number in (1, 2)]
    try:
        for phone in phones:
            phone.start()
        for _ in range(2):
            answered_again(phones)
            served.kill()
            served.start()
        answered_again(phones)
        for phone in phones:
            phone.running = False
        for phone in phones:
            phone.join(60)
            assert len(phone.answered) > 3
        reports, cursor = [], ""
        while True:
            page = served.get(f"/api/reports?limit=500&cursor={cursor}")
            reports += page["items"]
            cursor = page["next"]
            if cursor is None:
                break
        known = {report["id"]: report for report in reports}
        answered = [answer for phone in phones for answer in phone.answered.values()]
        assert len({answer["report"] for answer in answered}) == len(answered)
        for answer in answered:
            assert known[answer["report"]]["case"] == answer["case"]
        for phone in phones:
            for photo in phone.photos:
                assert served.request("GET", f"/api/photos/{photo}").is_success
        assert len(reports) <= len(answered) + len(phones), "at most what was under way"
    finally:
        for phone in phones:
            phone.running = False
        served.stop()
    database = Database(f"sqlite:///{tmp_path / 'data' / 'registry.sqlite3'}")
    assert verify(database, tmp_path / "data" / "checkpoints.jsonl") == []
    database.close()


def test_a_full_disk_refuses_remembers_nothing_and_goes_on(small_disk: Path) -> None:
    street = Street(small_disk / "data")
    try:
        case = street.file()
        index = len(street.operations.intake.index)
        fill(small_disk / "filler")
        refused = street.report(longitude=121.46)
        assert (refused.status_code, bool(refused.headers["retry-after"])) == (503, True)
        photo = street.request("POST", "/api/photos", "wang", content=picture("full", (2000, 1500)))
        assert photo.status_code == 503
        assert street.do("dispatcher", case, "dispatch", assignee="wang").status_code == 503
        assert len(street.operations.intake.index) == index
        assert street.case(case)["state"] == "filed"
        (small_disk / "filler").unlink()
        again = street.report(client_id=f"c{street.count}", longitude=121.46)
        assert again.status_code == 201, "the same number is taken once there is room"
        assert street.do("dispatcher", case, "dispatch", assignee="wang").status_code == 200
        assert verify(street.house.database, street.house.folder.checkpoints) == []
    finally:
        street.close()
