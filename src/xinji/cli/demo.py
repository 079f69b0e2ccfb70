"""`xinji demo`: a serving house, and the simulated district as its client beside it."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import uvloop

from xinji.access.identity import PolicyError, Role
from xinji.cli.serve import add_options, options_of
from xinji.cli.server import Running, announce, running
from xinji.loop.house import House
from xinji.plan.board import board, today
from xinji.store.schema import cases, events

CREWS = "crews"
ADMINISTRATOR = "simulation"
HISTORY_DAYS = 3.0
STOP_SECONDS = 10.0


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("demo", help="a district with simulated devices")
    add_options(parser)
    parser.add_argument("--headless", action="store_true", help="end with one line of JSON")
    parser.add_argument("--duration", type=float, help="seconds to run; default until Ctrl-C")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults-per-hour", type=float, default=240.0)
    parser.add_argument("--history-days", type=float, default=HISTORY_DAYS)


def run(arguments: argparse.Namespace) -> int:
    """Serve and simulate until the duration is over or a signal comes."""
    return uvloop.run(_run(arguments))


async def _run(arguments: argparse.Namespace) -> int:
    known = (arguments.data / "registry.sqlite3").exists()
    async with running(options_of(arguments)) as here:
        announce(here)
        history = 0.0 if known and here.house.store.row_count else arguments.history_days
        simulator = await _simulator(arguments, here, history)
        waiting = [asyncio.create_task(here.stopping.wait())]
        ended = asyncio.create_task(simulator.wait())
        try:
            await asyncio.wait(
                [*waiting, ended],
                timeout=arguments.duration,
                return_when=asyncio.FIRST_COMPLETED,
            )
            failed = ended.done() and not here.stopping.is_set()
        finally:
            await _end(simulator)
            for task in waiting:
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


async def _simulator(
    arguments: argparse.Namespace, here: Running, history: float
) -> asyncio.subprocess.Process:
    """Start `xinji simulate` as a process with a credential and tokens of its own."""
    house = here.house
    secret = house.credentials.issue("simulation", source="simulated", actor="demo")
    environment = os.environ | {
        "XINJI_SECRET": secret,
        "XINJI_TOKEN": _token(house, CREWS, Role.OPERATOR),
        "XINJI_ADMINISTRATOR_TOKEN": _token(house, ADMINISTRATOR, Role.ADMINISTRATOR),
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
        *("--truth", str(Path(arguments.data) / "truth.jsonl")),
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
        # Ctrl-C reaches the whole group; the house ends its client itself, in order.
        start_new_session=True,
    )


def _token(house: House, name: str, role: Role) -> str:
    """A day's token of an account that only the demo uses (nobody knows its password)."""
    with suppress(PolicyError):
        house.identity.add(name, os.urandom(24).hex(), role, actor="demo")
    return house.identity.issue(name, "demo", 1, actor="demo")


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
    shown = board(here.site.plan, house.systems, house.figures, today())
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
