"""`xinji simulate`: the simulated district as an ordinary client of a running house.

Everything is a function of the seed and of the run's clock: things, weather, values, faults. What
the house does with them is its own affair; the ground truth is written aside.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path

import httpx

from xinji.district.backfill import backfill
from xinji.district.carriers import HttpCarrier, MqttCarrier, Tally
from xinji.district.devices import Devices
from xinji.district.faults import plan_faults
from xinji.district.geography import District, load_district
from xinji.district.house_time import HouseTime
from xinji.district.people import Crews
from xinji.district.radio.bring import bring_network
from xinji.district.things import all_things, fleets, things_geojson
from xinji.district.truth import TruthFile
from xinji.district.weather import Storm
from xinji.model.things import Thing
from xinji.system.declaration import System
from xinji.system.discovery import discover
from xinji.system.simulation import MICROSECONDS, Fleet
from xinji.wire.kept_running import keep_running, watched

log = logging.getLogger(__name__)

PLANNED_SECONDS = 7 * 86_400.0
"""How far ahead faults are planned for a run without an end."""

STEPS_A_SECOND = 2.0
LONGEST_STEP = 10.0
"""A step must not be longer than the shortest period of a stream."""


class Phase(StrEnum):
    """How far a run has come: what `simulate` tells whoever waits for it."""

    REGISTERED = "registered"
    HISTORY = "history"
    LIVE = "live"


class SimulationError(RuntimeError):
    """The house does not let the simulation begin; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """What a run did."""

    things: int
    backfilled: int
    sent: int
    garbage: int
    mqtt_messages: int
    mqtt_acknowledged: int
    http_stored: int
    http_refused: int
    faults: int
    cases_worked: int
    simulated_seconds: float


class RunClock:
    """The run's clock: `speed` seconds a second from `start_us` on, never ahead of real time."""

    def __init__(self, start_us: int, speed: float) -> None:
        self.start_us, self.speed = start_us, speed
        self._begin = time.monotonic()

    def now(self) -> int:
        """Unix microseconds of the run."""
        elapsed = (time.monotonic() - self._begin) * self.speed
        return min(self.start_us + int(elapsed * MICROSECONDS), real_now())

    async def until(self, moment_us: int) -> None:
        """Wait until the clock has reached a moment."""
        # the clock slows to real time when it has caught up with it, so one sleep may not do
        while (left := moment_us - self.now()) > 0:  # noqa: ASYNC110 - time, not a condition
            await asyncio.sleep(min(max(left / MICROSECONDS / self.speed, 0.005), 1.0))


def real_now() -> int:
    """Unix microseconds of the system's clock."""
    return time.time_ns() // 1000


async def simulate(
    server_url: str,
    mqtt_host: str,
    mqtt_port: int,
    credential: str,
    operator_token: str,
    *,
    seed: int = 1,
    speed: float = 1.0,
    start: int | None = None,
    duration: float | None = None,
    fault_rate: float = 120.0,
    truth_path: Path | None = None,
    http_share: float | None = None,
    backfill_days: float = 0.0,
    administrator_token: str = "",
    storms: Sequence[Storm] = (),
    house_clock: bool = False,
    coverage: bool = False,
    systems: Sequence[System] | None = None,
    district: District | None = None,
    reached: Callable[[Phase], None] = lambda _phase: None,
) -> Summary:
    """Run the simulated district against a house until `duration` is over or it is cancelled.

    Args:
        server_url: of the house, such as `http://127.0.0.1:8000`.
        mqtt_host, mqtt_port: its MQTT listener.
        credential: `name:secret` of a device credential whose source is `simulated`.
        operator_token: API token of an operator, for the crews; empty for no crews.
        seed: of everything.
        speed: seconds of the run a second; above 1 the run must start in the past, and silence,
            which the house measures by its own clock, is seldom found.
        start: Unix microseconds; default now, or with `speed` above 1 `duration` (or a day) ago.
        duration: seconds of the run's clock; None for no end.
        fault_rate: faults an hour of the run's clock; 0 for none.
        truth_path: file for the ground truth.
        http_share: share of the systems that report over HTTP; None for each system's own way.
        backfill_days: days of history sent before the run.
        administrator_token: to register the things when they are absent; default the operator's.
        storms: storms placed by hand.
        house_clock: run by the house's own clock, whatever its speed; `speed` and `start` are
            not used.
        coverage: bring the radio network as well, and ask the house for its coverage.
        systems: whose devices; default all that `discover` finds.
        district: where; default Changning.
        reached: called when the things are registered, when the history is stored, and when the
            devices begin to report.

    Raises:
        SimulationError: the things are absent and may not be registered.
        OSError, httpx.HTTPError, RefusedError: the house cannot be reached or refuses.
        ValueError: the credential has no `:`, or `start` lies ahead.
    """
    name, colon, secret = credential.partition(":")
    if not colon:
        raise ValueError("credential: name:secret is asked")
    where = district or load_district()
    known = tuple(systems) if systems is not None else discover()
    found = _transported(fleets(where, known, seed), http_share)
    rules = [rule for system in known for rule in system.rules]
    begin = _begin(start, speed, duration)
    truth = TruthFile(truth_path)
    tally = Tally()
    async with httpx.AsyncClient(base_url=server_url, timeout=120.0) as http:
        await register(http, administrator_token or operator_token, all_things(found))
        reached(Phase.REGISTERED)
        bringing = None
        if coverage:
            token = administrator_token or operator_token
            stations = [thing for thing in all_things(found) if thing.kind == "base-station"]
            bringing = asyncio.create_task(bring_network(http, token, where, stations, seed, truth))
            bringing.add_done_callback(watched("network"))
        sent_before = 0
        house = await HouseTime.of(http) if house_clock else None
        if house is not None:
            speed, begin = house.speed, house.now() // MICROSECONDS * MICROSECONDS
        if backfill_days > 0:
            sent_before = await backfill(
                http, (name, secret.encode()), found, seed=seed, end_us=begin, days=backfill_days
            )
            log.info("%d rows of history", sent_before)
            reached(Phase.HISTORY)
            if house is not None:
                begin = house.now() // MICROSECONDS * MICROSECONDS
            elif start is None and speed <= 1:
                begin = _begin(None, speed, duration)
        faults = plan_faults(
            found,
            rules,
            seed=seed,
            start_us=begin,
            seconds=duration or PLANNED_SECONDS,
            per_hour=fault_rate,
        )
        truth.write("run", seed=seed, start=begin, speed=speed, fault_rate=fault_rate)
        devices = Devices(found, faults, rules, seed=seed, truth=truth, storms=storms)
        clock = house or RunClock(begin, speed)
        mqtt = MqttCarrier(
            mqtt_host,
            mqtt_port,
            (name, secret.encode()),
            sorted({f.system for f in found if f.transport == "mqtt"}),
        )
        over_http = HttpCarrier(http, (name, secret.encode()), tally)
        crews = Crews(
            http, operator_token, lambda thing: devices.repair(thing, clock.now()), speed=speed
        )
        await mqtt.open()
        crew_task = keep_running("crews", crews.run) if operator_token else None
        following = None
        if house is not None:
            following = keep_running("clock", partial(house.follow, http))
        reached(Phase.LIVE)
        at = begin
        try:
            while duration is None or at < begin + duration * MICROSECONDS:
                # the house's clock changes its speed on the way
                step = step_of(clock.speed)
                await clock.until(at + step)
                for report in devices.reports(at, at + step):
                    if report.fleet.transport == "http":
                        await over_http.send(report)
                    else:
                        await mqtt.send(report, tally)
                at += step
        finally:
            for task in (crew_task, following, bringing):
                if task is not None:
                    task.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await task
            devices.finish(at)
            truth.close()
            await over_http.close()
            await mqtt.close()
        return Summary(
            things=sum(len(f.things) for f in found),
            backfilled=sent_before,
            sent=tally.sent,
            garbage=tally.garbage,
            mqtt_messages=tally.mqtt_messages,
            mqtt_acknowledged=mqtt.acknowledged,
            http_stored=tally.http_stored,
            http_refused=tally.http_refused,
            faults=sum(fault.start_us <= at for fault in faults),
            cases_worked=crews.finished,
            simulated_seconds=(at - begin) / MICROSECONDS,
        )


def step_of(speed: float) -> int:
    """Microseconds of the run between two rounds of reports; about `STEPS_A_SECOND` a second.

    Every report is a message, and every message may be a commit of the house: steps that stay
    short on a fast clock cost a core and say nothing more.
    """
    return int(min(max(speed / STEPS_A_SECOND, 1.0), LONGEST_STEP) * MICROSECONDS)


async def register(http: httpx.AsyncClient, token: str, things: Sequence[Thing]) -> int:
    """Register the things that the house does not know yet, all in one import; how many.

    Raises:
        SimulationError: some are absent and the token may not import, or the house refuses some.
        httpx.HTTPError: the house cannot be reached.
    """
    headers = {"Authorization": f"Bearer {token}"}
    response = await http.get("/api/things", params={"format": "geojson"}, headers=headers)
    response.raise_for_status()
    known = {feature["properties"].get("id") for feature in response.json()["features"]}
    absent = [thing for thing in things if thing.id not in known]
    if not absent:
        return 0
    response = await http.post(
        "/api/things/import",
        params={"dry_run": "false", "datum": "wgs84"},
        content=things_geojson(absent),
        headers={**headers, "Content-Type": "application/geo+json"},
    )
    if response.status_code == httpx.codes.FORBIDDEN:
        raise SimulationError(
            f"{len(absent)} things are not registered, and the token may not register them: "
            "give an administrator's"
        )
    response.raise_for_status()
    report = response.json()
    if report["errors"]:
        raise SimulationError(f"the house refuses {len(report['errors'])}: {report['errors'][0]}")
    return len(absent)


def _begin(start: int | None, speed: float, duration: float | None) -> int:
    now = real_now()
    if start is not None and start > now:
        raise ValueError("start lies ahead of the clock")
    if start is None:
        start = now if speed <= 1 else now - int((duration or 86_400.0) * MICROSECONDS)
    return start - start % MICROSECONDS


def _transported(found: Sequence[Fleet], http_share: float | None) -> tuple[Fleet, ...]:
    """The fleets, a share of the systems by HTTP and the others by MQTT."""
    if http_share is None:
        return tuple(found)
    names = sorted({f.system for f in found}, key=lambda n: (zlib.crc32(n.encode()), n))
    chosen = set(names[: round(http_share * len(names))])
    return tuple(
        replace(fleet, transport="http" if fleet.system in chosen else "mqtt") for fleet in found
    )
