"""No space left: nothing is acknowledged, nothing is lost, and it goes on when space is back."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import sqlalchemy as sa

from tests.bad_days.test_kill import STATION, prepare
from tests.conftest import gauge, open_house, send
from tests.process import Served, wait_until
from tests.systems.operations.street import picture
from tests.web.live import PASSWORD
from xinji.access.audit import verify
from xinji.loop.house import House
from xinji.store.database import Database
from xinji.store.observations import StoreError
from xinji.store.schema import cases, events


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 MB of its own."""
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(tmp_path)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip(f"needs the right to mount a file system: {made.stderr.strip()}")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 4096)
        except OSError:
            return


def act_until_refused(house: House, case: str) -> None:
    for _ in range(500):
        house.cases.act(case, "assign", actor="li", role="operator", assignee="x" * 100)


def test_full_disk_refuses_and_recovers(small_disk: Path) -> None:
    house = open_house(small_disk / "data")
    house.registry.put([house.registry.check(gauge(n)) for n in (1, 2)])
    assert send(house, [("gauge-1", "rain_mm_h", 0, 50.0)]).stored == 1
    with house.database.reading() as connection:
        case = connection.execute(sa.select(cases.c.id)).scalar_one()
    filler = small_disk / "filler"
    fill(filler)
    refused = 0
    for _ in range(5):
        receipt = send(house, [("gauge-2", "rain_mm_h", 0, float(n % 7)) for n in range(4_000)])
        if receipt.failure:
            refused += 1
            assert receipt.stored == 0
    assert refused
    assert "space" in house.ingest.read_only
    before = house.store.row_count
    with pytest.raises(StoreError, match="full"):
        act_until_refused(house, case)
    filler.unlink()
    assert send(house, [("gauge-2", "rain_mm_h", 0, 40.0)]).stored == 1
    assert house.store.row_count == before + 1
    house.cases.act(case, "assign", actor="li", role="operator", assignee="crew")
    with house.database.reading() as connection:
        found = connection.execute(sa.select(events.c.thing)).scalars().all()
    assert sorted(found) == ["gauge-1", "gauge-2"], "rules caught up"
    assert verify(house.database, house.folder.checkpoints) == []
    house.close()
    house = open_house(small_disk / "data")
    assert house.store.row_count == before + 1
    house.close()


@pytest.mark.timeout(240)
def test_a_start_on_a_full_disk_reads_signs_in_says_so_and_recovers(small_disk: Path) -> None:
    served = Served(small_disk / "data")
    served.log = small_disk.with_suffix(".log")  # not on the full disk
    try:
        secret = prepare(served)
        served.post("/api/users", {"name": "li", "password": PASSWORD, "role": "viewer"})
        row = {"thing": STATION, "property": "rain_mm_h", "value": 1.0}

        def send_row() -> httpx.Response:
            auth = ("gateway", secret)
            return httpx.post(f"{served.url}/api/observations", json=[row], auth=auth, timeout=60)

        assert send_row().status_code == 200
        served.kill()
        fill(small_disk / "filler")
        served.start()
        assert served.get("/api/status")["status"] == "read-only", "before anybody tried to write"
        assert served.get("/api/clock")["read_only"] is True
        body = {"name": "li", "password": PASSWORD}
        signed = httpx.post(f"{served.url}/api/sign-in", json=body, timeout=60)
        assert signed.status_code == 200
        cookies = {"xinji_session": signed.cookies["xinji_session"]}
        read = httpx.get(f"{served.url}/api/things/{STATION}", cookies=cookies, timeout=60)
        assert read.status_code == 200
        assert served.stored() == 1, "the write-ahead log of the kill was read"
        photo = served.request("POST", "/api/photos", content=picture("full"))
        rule = served.request("POST", "/api/rules", json=served.get("/api/rules")["items"][0])
        for refused in (send_row(), photo, rule):
            assert refused.status_code == 503, refused.text
            assert refused.headers["retry-after"]
        assert "full" in rule.json()["detail"]
        (small_disk / "filler").unlink()
        wait_until(lambda: served.get("/api/status")["status"] == "ok", "it says that it is well")
        assert send_row().status_code == 200
        assert served.stored() == 2
        assert served.request("POST", "/api/photos", content=picture("full")).status_code == 200
        # the disk fills up while it runs, and nobody is locked out by that either
        fill(small_disk / "filler")
        wait_until(lambda: served.get("/api/status")["status"] == "read-only", "it says so")
        assert httpx.post(f"{served.url}/api/sign-in", json=body, timeout=60).status_code == 200
        assert send_row().status_code == 503
        (small_disk / "filler").unlink()
    finally:
        served.stop()
    database = Database(f"sqlite:///{small_disk / 'data' / 'registry.sqlite3'}")
    assert verify(database, small_disk / "data" / "checkpoints.jsonl") == []
    database.close()
