"""`xinji vision`: the vision hub, a client of a serving house over HTTP."""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "vision",
        help="the vision hub: looks at the cameras, files what it finds, answers re-checks",
        description="A client of a house. Cameras are things of kind `camera` with the attributes "
        "`stream_url` and `zones`. The weights come by `xinji models pull`.",
    )
    parser.add_argument("--url", default="http://127.0.0.1:8080")
    parser.add_argument("--token-env", default="XINJI_TOKEN", metavar="NAME",
                        help="environment variable that holds the API token")  # fmt: skip
    parser.add_argument("--credential", default="vision",
                        help="device credential for camera health; its secret is XINJI_SECRET; "
                        "without the secret none is sent")  # fmt: skip
    parser.add_argument("--cameras", type=int, default=0, metavar="N", help="the first N only")
    parser.add_argument("--cores", type=int, default=1, help="detectors at work at once")
    parser.add_argument("--speed", type=float, default=0.0,
                        help="of the house's clock; default: what the house says")  # fmt: skip
    parser.add_argument("--every", type=float, default=60.0, help="seconds between looks")
    parser.add_argument("--soon", type=float, default=10.0, help="the same, when in doubt")
    parser.add_argument("--house-seconds", action="store_true",
                        help="--every and --soon are of the house's clock")  # fmt: skip
    parser.add_argument("--timeout", type=float, default=10.0, help="seconds for one picture")
    parser.add_argument("--duration", type=float, default=0.0, help="end after seconds")


def run(arguments: argparse.Namespace) -> int:
    """Watch until a signal comes or the duration is over; print a summary."""
    token = os.environ.get(arguments.token_env, "")
    if not token:
        print(f"xinji vision: set {arguments.token_env}", file=sys.stderr)
        return 2
    try:
        # Video and inference are an extra: the other commands work without them.
        from xinji.cli.vision_watch import watch
    except ImportError as error:
        print(f"xinji vision: {error}; install the extra `vision`", file=sys.stderr)
        return 2
    return watch(arguments, token, os.environ.get("XINJI_SECRET", ""))
