"""`xinji demo`: a serving house, and the simulated district as its client beside it."""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import datetime as dt
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvloop

from xinji.access.identity import Role
from xinji.cli.demo_people import guests, street_tokens, token
from xinji.cli.heap import end_at_once
from xinji.cli.serve import add_options, options_of
from xinji.cli.server import Running, announce, running
from xinji.district.simulate import Phase
from xinji.loop.calendars import DISTRICT_TIME
from xinji.loop.clock import HouseClock
from xinji.plan.board import board
from xinji.store.schema import cases, events
from xinji.wire.kept_running import watched

TRUTH_FILE = "truth.jsonl"
STREET_FILE = "street.jsonl"
CREWS = "crews"
ADMINISTRATOR = "simulation"
HUB = "vision-hub"
HISTORY_DAYS = 3.0
STOP_SECONDS = 3.0
"""A client that has not ended by then is ended: the truth file is whole up to its last line."""
MEMORY = "512MB"
"""For the observations' engine: a few days of a district are small."""
SPEED = 30.0
CAMERAS = 60
"""Streams of the demo: 6 looks a second at full speed take a third of a core to draw, send and
judge, so that each camera is looked at when it is due, on a machine with other work too."""
LOOK_SECONDS, SOON_SECONDS = 300.0, 90.0
"""Of the house's clock between looks at a calm camera, and at one in doubt."""
FIRST_HOUR = 7
"""Local hour at which the demo's clock begins: a working day is about to start."""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("demo", help="a district with simulated devices")
    add_options(parser)
    parser.add_argument("--headless", action="store_true", help="end with one line of JSON")
    parser.add_argument("--duration", type=float, help="seconds to run; default until Ctrl-C")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults-per-hour", type=float, default=240.0)
    parser.add_argument("--history-days", type=float, default=HISTORY_DAYS)
    parser.add_argument("--speed", type=float, default=SPEED, help="of the house's clock")
    parser.add_argument("--cameras", type=int, default=CAMERAS, help="streams; 0 for no street")


def run(arguments: argparse.Namespace) -> int:
    """Serve and simulate until the duration is over or a signal comes."""
    end_at_once(uvloop.run(_run(arguments)))


async def _run(arguments: argparse.Namespace) -> int:
    known = (arguments.data / "registry.sqlite3").exists()
    clock = _clock(arguments, known=known)
    asked = options_of(arguments)
    policy = dataclasses.replace(asked.policy, memory=MEMORY)
    options = dataclasses.replace(asked, clock=clock, policy=policy)
    async with running(options) as here:
        announce(here)
        _introduce(here)
        history = 0.0 if known and here.house.store.row_count else arguments.history_days
        district = await _simulator(arguments, here, history)
        processes = [district]
        if arguments.cameras:
            processes += await _street(arguments, here)
        waiting = [asyncio.create_task(here.stopping.wait())]
        hurrying = asyncio.create_task(_hurry(arguments, here, district))
        hurrying.add_done_callback(watched("demo.hurry"))
        ended = [asyncio.create_task(process.wait()) for process in processes]
        try:
            await asyncio.wait(
                [*waiting, *ended],
                timeout=arguments.duration,
                return_when=asyncio.FIRST_COMPLETED,
            )
            failed = any(task.done() for task in ended) and not here.stopping.is_set()
        finally:
            await asyncio.gather(*(_end(process) for process in processes))
            for task in (*waiting, hurrying):
                task.cancel()
        if failed:
            print("xinji demo: the simulated district stopped by itself", file=sys.stderr)
            return 1
        if arguments.headless:
            loop = asyncio.get_running_loop()
            result = await loop.run_in_executor(here.house.ingest.keeper, summary, here)
    if arguments.headless:
        print(json.dumps(result), flush=True)
    return 0


def _introduce(here: Running) -> None:
    """Tell who may be tried, with passwords that are new at each start."""
    print("Accounts to try, each with a password of this start:", flush=True)
    for guest in guests(here.house):
        print(
            f"  {guest.name:7} {guest.password}  {here.url}{guest.page}  {guest.what}", flush=True
        )
    print(f"  a resident needs no account: {here.url}/phone#/resident", flush=True)


def _clock(arguments: argparse.Namespace, *, known: bool) -> HouseClock | None:
    """The demo's clock: from the morning of the last weekday on, or from where it ended.

    A house goes on after what it has stored, so the clock of a known folder is set by the house.
    """
    if known:
        return None
    today = dt.datetime.now(DISTRICT_TIME).replace(minute=0, second=0, microsecond=0)
    day = today.replace(hour=FIRST_HOUR) - dt.timedelta(days=1)
    while day.weekday() > 4:  # on a day of rest the clock of working hours stands still
        day -= dt.timedelta(days=1)
    return HouseClock(day.timestamp()) if arguments.speed != 1 else None


async def _hurry(
    arguments: argparse.Namespace, here: Running, district: asyncio.subprocess.Process
) -> None:
    """Let the clock run fast once the devices are live: history is sent at a standstill."""
    assert district.stdout is not None
    while line := await district.stdout.readline():
        if json.loads(line).get("phase") == Phase.LIVE and arguments.speed != 1:
            here.house.clock.set_speed(arguments.speed)


async def _simulator(
    arguments: argparse.Namespace, here: Running, history: float
) -> asyncio.subprocess.Process:
    """Start `xinji simulate` as a process with a credential and tokens of its own."""
    house = here.house
    secret = house.credentials.issue("simulation", source="simulated", actor="demo")
    environment = os.environ | {
        "XINJI_SECRET": secret,
        "XINJI_TOKEN": token(house, CREWS, Role.OPERATOR),
        "XINJI_ADMINISTRATOR_TOKEN": token(house, ADMINISTRATOR, Role.ADMINISTRATOR),
    }
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "xinji.cli",
        "simulate",
        *("--url", here.url),
        *("--mqtt-host", arguments.host),
        *("--mqtt-port", str(here.mqtt_port)),
        *("--seed", str(arguments.seed)),
        *("--faults-per-hour", str(arguments.faults_per_hour)),
        *("--history-days", str(history)),
        "--house-clock",
        "--coverage",
        "--progress",
        *("--truth", str(Path(arguments.data) / TRUTH_FILE)),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        # Ctrl-C reaches the whole group; the house ends its client itself, in order.
        start_new_session=True,
    )


async def _street(arguments: argparse.Namespace, here: Running) -> list[asyncio.subprocess.Process]:
    """Start the street, and the vision hub that watches it."""
    house = here.house
    environment = os.environ | {
        "XINJI_STREET_TOKENS": json.dumps(street_tokens(house)),
        "XINJI_ADMINISTRATOR_TOKEN": token(house, ADMINISTRATOR, Role.ADMINISTRATOR),
        "XINJI_TOKEN": token(house, HUB, Role.OPERATOR, ("camera", "simulated")),
    }
    commands = [
        ("street", "--url", here.url, "--cameras", str(arguments.cameras),
         "--seed", str(arguments.seed), "--truth", str(Path(arguments.data) / STREET_FILE)),
        ("vision", "--url", here.url,
         "--every", str(LOOK_SECONDS), "--soon", str(SOON_SECONDS), "--house-seconds"),
    ]  # fmt: skip
    return [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "xinji.cli",
            *command,
            env=environment,
            stdout=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        for command in commands
    ]


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), STOP_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()


def summary(here: Running) -> dict[str, Any]:
    """What the demo did, for the last line of `--headless`."""
    house = here.house
    shown = board(here.site.plan, house.declared.systems, house.figures, house.clock.day())
    lines = [line for task in shown.tasks for line in task.indicators]
    with house.database.reading() as connection:

        def count(table: sa.Table, *conditions: Any) -> int:
            query = sa.select(sa.func.count()).select_from(table).where(*conditions)
            return int(connection.execute(query).scalar() or 0)

        return {
            "things": len(house.registry.things),
            "observations_stored": house.store.row_count,
            "observations_refused": house.ingest.counters.refused_total,
            "events": count(events),
            "cases_opened": count(cases),
            "cases_closed": count(cases, cases.c.closed_at.is_not(None)),
            "indicators": len(lines),
            "indicators_with_data": sum(line.value is not None for line in lines),
        }
