"""`xinji street`: the simulated street, an ordinary client of a serving house."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import Any

import httpx
import uvloop


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "street",
        help="the simulated street: incidents, cameras, workers, residents",
        description="XINJI_STREET_TOKENS holds a JSON object of API tokens by account "
        "(worker-…, inspector-…, office), XINJI_ADMINISTRATOR_TOKEN one that may write things.",
    )
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--cameras", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rtsp-port", type=int, default=0)
    parser.add_argument("--truth", type=Path, help="write the ground truth here (JSON lines)")


def run(arguments: argparse.Namespace) -> int:
    """Live in the street until a signal comes."""
    try:
        from xinji.district.street.run import street
    except ImportError as error:
        print(f"xinji street: install the extra `vision`: {error}", file=sys.stderr)
        return 2
    names = ("XINJI_STREET_TOKENS", "XINJI_ADMINISTRATOR_TOKEN")
    missing = [name for name in names if not os.environ.get(name)]
    if missing:
        print(f"xinji street: set {', '.join(missing)}", file=sys.stderr)
        return 2
    logging.basicConfig(level=logging.WARNING)

    async def live() -> None:
        work = asyncio.ensure_future(
            street(
                arguments.url,
                json.loads(os.environ["XINJI_STREET_TOKENS"]),
                administrator_token=os.environ["XINJI_ADMINISTRATOR_TOKEN"],
                cameras=arguments.cameras,
                seed=arguments.seed,
                truth_path=arguments.truth,
                rtsp_port=arguments.rtsp_port,
            )
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, work.cancel)
        with contextlib.suppress(asyncio.CancelledError):
            await work

    try:
        uvloop.run(live())
    except (httpx.HTTPError, ValueError, TimeoutError, OSError) as error:
        print(f"xinji street: {error}", file=sys.stderr)
        return 1
    return 0
