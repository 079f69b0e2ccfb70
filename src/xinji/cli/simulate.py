"""`xinji simulate`: the simulated district, an ordinary client of a serving house."""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
import uvloop

from xinji.cli.heap import keep_small
from xinji.district.simulate import Phase, SimulationError, simulate
from xinji.store.observations import microseconds


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "simulate",
        help="the simulated district, as a client",
        description="Secrets come from the environment: XINJI_SECRET (of the device credential, "
        "issued with --source simulated), XINJI_TOKEN (an API token of an operator, for the "
        "crews), XINJI_ADMINISTRATOR_TOKEN (to register the things the first time).",
    )
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--mqtt-host", default="127.0.0.1")
    parser.add_argument("--mqtt-port", type=int, default=1883)
    parser.add_argument("--credential", default="simulation", help="its secret is XINJI_SECRET")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speed", type=float, default=1.0, help="above 1 it starts in the past")
    parser.add_argument("--start", type=dt.datetime.fromisoformat, help="time with an offset")
    parser.add_argument("--duration", type=float, help="seconds of the simulated clock")
    parser.add_argument("--faults-per-hour", type=float, default=120.0)
    parser.add_argument("--truth", type=Path, help="write the ground truth here (JSON lines)")
    parser.add_argument(
        "--house-clock", action="store_true", help="run by the house's clock, at its speed"
    )
    parser.add_argument(
        "--coverage", action="store_true", help="bring the radio network too, ask for its maps"
    )
    parser.add_argument(
        "--progress",
        action="store_true",
        help="print each phase as a line of JSON when it is reached",
    )
    parser.add_argument("--history-days", type=float, default=0.0, help="send history first")


def run(arguments: argparse.Namespace) -> int:
    """Simulate until the duration is over or a signal comes; print a summary."""
    missing = [name for name in ("XINJI_SECRET",) if not os.environ.get(name)]
    if missing:
        print(f"xinji simulate: set {', '.join(missing)}", file=sys.stderr)
        return 2
    try:
        summary = uvloop.run(_simulate(arguments))
    except (SimulationError, ValueError, httpx.HTTPError, ConnectionError) as error:
        print(f"xinji simulate: {error}", file=sys.stderr)
        return 1
    if summary is not None:
        print(json.dumps(summary))
    return 0


def _tell(phase: Phase) -> None:
    print(json.dumps({"phase": phase}), flush=True)


def _keep_quiet(_phase: Phase) -> None:
    pass


async def _simulate(arguments: argparse.Namespace) -> dict[str, Any] | None:
    work = asyncio.ensure_future(
        simulate(
            arguments.url,
            arguments.mqtt_host,
            arguments.mqtt_port,
            f"{arguments.credential}:{os.environ['XINJI_SECRET']}",
            os.environ.get("XINJI_TOKEN", ""),
            seed=arguments.seed,
            speed=arguments.speed,
            start=microseconds(arguments.start) if arguments.start else None,
            duration=arguments.duration,
            fault_rate=arguments.faults_per_hour,
            truth_path=arguments.truth,
            backfill_days=arguments.history_days,
            administrator_token=os.environ.get("XINJI_ADMINISTRATOR_TOKEN", ""),
            house_clock=arguments.house_clock,
            coverage=arguments.coverage,
            reached=_tell if arguments.progress else _keep_quiet,
        )
    )
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, work.cancel)
    # what drew the radio network is large and done after a minute
    small = asyncio.create_task(keep_small())
    try:
        return asdict(await work)
    except asyncio.CancelledError:
        return None
    finally:
        small.cancel()
