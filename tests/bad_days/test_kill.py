"""kill -9 at random moments under load: what was acknowledged is there, and the chain is whole."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from pathlib import Path

import httpx
import pytest

from tests.process import Served, wait_until
from xinji.access.audit import verify
from xinji.store.database import Database
from xinji.wire.mqtt.client import Client

STATION = "test:station"


def prepare(served: Served) -> str:
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [121.4, 31.21]},
        "properties": {"id": STATION, "kind": "environment-station", "name": "Test"},
    }
    report = served.post(
        "/api/things/import?dry_run=false",
        {"type": "FeatureCollection", "features": [feature]},
    )
    assert report["created"] == 1
    served.post(
        "/api/rules",
        {
            "id": "test.rain",
            "title": {"zh": "雨", "en": "Rain"},
            "kind": "environment-station",
            "property": "rain_mm_h",
            "things": [STATION],
            "condition": {"type": "threshold", "op": ">=", "limit": 50.0},
            "case_class": "device-data",
        },
    )
    return served.credential("gateway")


class Sender(threading.Thread):
    """Publishes numbered values without end; value n is 100 for one in 50, else 1."""

    def __init__(self, port: int, secret: str, start_us: int) -> None:
        super().__init__(daemon=True)
        self.port, self.secret, self.start_us = port, secret, start_us
        self.acknowledged, self.running, self.count = 0, True, 0

    def run(self) -> None:
        asyncio.run(self._run())

    async def _run(self) -> None:
        async with Client(
            "127.0.0.1", self.port, "gateway", self.secret.encode(), window=50
        ) as client:
            while self.running:
                n = self.count
                value = 100 if n % 50 == 0 else 1
                at = (self.start_us + n * 1_000) / 1e6
                body = f'{{"value": {value}, "time": {at:.6f}}}'
                await client.publish(f"xinji/{STATION}/rain_mm_h", body.encode())
                self.count += 1
                self.acknowledged = self.count - client.unacknowledged
                if n % 20 == 0:
                    await asyncio.sleep(0.001)
            await client.drain()
            self.acknowledged = self.count


class Operator(threading.Thread):
    """Works cases over HTTP; remembers every step that was answered."""

    def __init__(self, served: Served) -> None:
        super().__init__(daemon=True)
        self.served, self.running = served, True
        self.answered: list[tuple[str, int]] = []

    def run(self) -> None:
        while self.running:
            try:
                for case in self.served.get("/api/cases?open=true&limit=20")["items"]:
                    answer = self.served.request(
                        "POST",
                        f"/api/cases/{case['id']}/actions",
                        json={"action": "assign", "assignee": "crew"},
                    )
                    if answer.is_success:
                        self.answered.append((case["id"], len(answer.json()["steps"])))
            except (httpx.HTTPError, OSError, ValueError):
                time.sleep(0.05)


@pytest.mark.timeout(900)
@pytest.mark.parametrize("kills", [3, pytest.param(12, marks=pytest.mark.slow)])
def test_kill_under_load(tmp_path: Path, kills: int) -> None:
    served = Served(tmp_path / "data")
    chance = random.Random(20261122)
    secret = prepare(served)
    # younger than an hour to the end, however slow the machine: older values open no case
    start_us = int(time.time() * 1e6) - 1_800_000_000
    sender, operator = Sender(served.mqtt_port, secret, start_us), Operator(served)
    sender.start()
    operator.start()
    try:
        for _ in range(kills):
            time.sleep(chance.uniform(0.5, 2.5))
            acknowledged, answered = sender.acknowledged, list(operator.answered)
            served.kill()
            served.start()
            assert served.stored() >= acknowledged
            for case, steps in answered[-20:]:
                assert len(served.get(f"/api/cases/{case}")["steps"]) >= steps
        wait_until(lambda: sender.count > 1_000, "a thousand values are sent")
        wait_until(lambda: bool(operator.answered), "a case is worked")
        sender.running = operator.running = False
        sender.join(60)
        operator.join(60)
        assert not sender.is_alive()
        assert sender.acknowledged == sender.count > 1_000
        assert served.stored() == sender.count, "each value once"
        # Every value >= 50 is followed by a good one: the episodes are known without the house.
        page = served.get("/api/events?rule=test.rain&limit=1000")
        assert page["total"] == (sender.count + 49) // 50
        assert operator.answered
    finally:
        sender.running = operator.running = False
        served.stop()
    database = Database(f"sqlite:///{served.data / 'registry.sqlite3'}")
    assert verify(database, served.data / "checkpoints.jsonl") == []
    database.close()
