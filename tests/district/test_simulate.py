"""The whole way: the simulated district against a running house, over its real listeners."""

import asyncio
import json

import httpx
import pyarrow as pa
import pytest

from xinji.access.identity import Role
from xinji.cli.server import Options, running
from xinji.district.backfill import bodies, history_times
from xinji.district.conditions import BASELINE_US
from xinji.district.geography import load_district
from xinji.district.simulate import (
    RunClock,
    SimulationError,
    real_now,
    register,
    simulate,
    step_of,
)
from xinji.district.things import all_things, fleets, things_geojson
from xinji.system.discovery import discover

DAY_US = 86_400 * 1_000_000
SYSTEMS = discover(entry_points=False)
FEW = tuple(
    s
    for s in SYSTEMS
    if s.name in ("terminals.guidance", "terminals.warehouses", "network.quality")
)
FLEETS = fleets(load_district(), FEW, 7)


def test_a_run_opens_and_closes_cases(tmp_path):
    async def run():
        async with running(Options(data=tmp_path / "data", port=0, mqtt_port=0)) as here:
            house = here.house
            secret = house.credentials.issue("devices", source="simulated", actor="test")
            for name, role in (("crew", Role.OPERATOR), ("chief", Role.ADMINISTRATOR)):
                house.identity.add(name, "long-enough-words-1", role, actor="test")
            operator = house.identity.issue("crew", "crew", 1, actor="test")
            chief = house.identity.issue("chief", "chief", 1, actor="test")
            arguments = (
                here.url,
                "127.0.0.1",
                here.mqtt_port,
                f"devices:{secret}",
                operator,
            )
            with pytest.raises(SimulationError, match="administrator"):
                await simulate(*arguments, duration=1, systems=FEW)
            summary = await simulate(
                *arguments,
                seed=7,
                speed=12,
                duration=150,
                fault_rate=60,
                truth_path=tmp_path / "truth.jsonl",
                backfill_days=0.2,
                administrator_token=chief,
                systems=FEW,
            )
            headers = {"Authorization": f"Bearer {operator}"}
            async with httpx.AsyncClient(base_url=here.url, headers=headers) as http:
                cases = (await http.get("/api/cases", params={"type": "device-fault"})).json()
                things = (await http.get("/api/things", params={"limit": "1"})).json()
                known = await register(http, operator, all_things(FLEETS))
            return summary, cases["items"], things["total"], known

    summary, cases, total, newly = asyncio.run(run())
    assert total == summary.things == sum(len(f.things) for f in FLEETS) and newly == 0
    assert summary.backfilled > 1000 and summary.mqtt_acknowledged == summary.mqtt_messages > 0
    assert summary.http_stored > 0 and summary.sent > 1000
    assert summary.faults >= 3 and summary.cases_worked >= 1
    closed = [c for c in cases if c["state"] == "closed" and c["outcome"] == "verified"]
    assert closed and all(c["source"] == "simulated" for c in closed)
    truth = [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]
    assert truth[0]["record"] == "run"
    assert {c["thing"] for c in closed} <= {r["thing"] for r in truth if r["record"] == "fault"}


def test_the_clock_never_overtakes_real_time():
    clock = RunClock(real_now() - 50_000, 1_000_000.0)
    assert clock.now() <= real_now()
    slow = RunClock(real_now() - 10 * 1_000_000, 1.0)
    assert slow.now() < real_now() - 9 * 1_000_000


def test_a_start_ahead_and_a_credential_without_secret_are_refused():
    with pytest.raises(ValueError, match="ahead"):
        asyncio.run(simulate("http://x", "x", 1, "a:b", "", start=real_now() + DAY_US))
    with pytest.raises(ValueError, match="name:secret"):
        asyncio.run(simulate("http://x", "x", 1, "ab", ""))


def test_things_as_geojson():
    features = json.loads(things_geojson(all_things(FLEETS)))["features"]
    assert len(features) == sum(len(f.things) for f in FLEETS)
    assert features[0]["properties"]["id"].startswith("changning:")


def test_history_ascends_and_begins_with_the_campaigns():
    end = BASELINE_US + 400 * DAY_US
    probe = next(f for f in FLEETS if f.campaign_days)
    times = history_times(probe, end, 2, 900)
    assert times[0] - BASELINE_US == 4 * 3_600 * 1_000_000 and times[-1] < end
    assert (times[1:] > times[:-1]).all()
    screen = next(f for f in FLEETS if f.kind == "guidance-screen")
    assert len(history_times(screen, end, 2, 900)) == pytest.approx(192, abs=1)


def test_history_as_arrow_has_nothing_before_service():
    probe = next(f for f in FLEETS if f.campaign_days)
    since = {t.id: t.in_service_since for t in probe.things}
    end = BASELINE_US + 40 * DAY_US
    total = 0
    for body, rows in bodies([probe], seed=7, end_us=end, days=0.5):
        table = pa.ipc.open_stream(body).read_all()
        assert table.num_rows == rows <= 100_000
        times = table["time"].cast(pa.int64()).to_pylist()
        for thing, at in zip(table["thing"].to_pylist(), times, strict=True):
            assert since[thing] <= at < end
        total += rows
    assert total > 0


def test_a_fast_clock_makes_the_steps_longer_and_the_messages_fewer():
    """At thirty times real time, steps of a second were 600 messages a second."""
    shortest = min(stream.period for fleet in FLEETS for stream in fleet.streams)
    steps = [step_of(speed) / 1e6 for speed in (1.0, 4.5, 30.0, 90.0)]
    assert steps == [1.0, 2.25, 10.0, 10.0]
    assert max(steps) <= shortest
