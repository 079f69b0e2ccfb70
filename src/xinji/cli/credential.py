"""`xinji credential`: device credentials."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from xinji.access.policy import PolicyError
from xinji.cli.remote import remote
from xinji.cli.server import Options, open_house


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("credential", help="issue a device credential")
    parser.add_argument("name")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument(
        "--things", action="append", help="id prefix it may write to (repeat); default all"
    )
    parser.add_argument(
        "--source", default="measured", choices=["measured", "replayed", "simulated"]
    )


def run(arguments: argparse.Namespace) -> int:
    """Issue the credential and print its secret, once."""
    things = arguments.things or [""]
    running = remote(arguments.data)
    if running is not None:
        body = {"name": arguments.name, "things": things, "source": arguments.source}
        print(running.post("/api/credentials", body)["secret"])
        return 0
    house = open_house(Options(data=arguments.data)).house
    try:
        print(
            house.credentials.issue(
                arguments.name, things=tuple(things), source=arguments.source, actor="terminal"
            )
        )
    except PolicyError as error:
        print(f"xinji credential: {error}", file=sys.stderr)
        return 2
    finally:
        house.close()
    return 0
