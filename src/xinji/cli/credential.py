"""`xinji credential`: device credentials."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import msgspec

from xinji.access.policy import PolicyError
from xinji.cli.remote import Remote, remote
from xinji.cli.server import Options, open_house


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("credential", help="issue, list and revoke device credentials")
    parser.add_argument("name", nargs="?")
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument(
        "--things", action="append", help="id prefix it may write to (repeat); default all"
    )
    parser.add_argument(
        "--source", default="measured", choices=["measured", "replayed", "simulated"]
    )
    parser.add_argument("--area", default="", help="it writes to things in this area only")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--list", dest="what", action="store_const", const="list")
    what.add_argument("--revoke", dest="what", action="store_const", const="revoke")


def run(arguments: argparse.Namespace) -> int:
    """Issue the credential and print its secret, once; or list them, or revoke one."""
    if arguments.name is None and arguments.what != "list":
        print("xinji credential: name one, or --list", file=sys.stderr)
        return 2
    running = remote(arguments.data)
    if running is not None:
        return _ask(arguments, running)
    house = open_house(Options(data=arguments.data)).house
    known = house.credentials
    try:
        if arguments.what == "list":
            _print(msgspec.to_builtins(known.list()))
        elif arguments.what == "revoke":
            return _revoked(arguments.name, done=known.revoke(arguments.name, actor="terminal"))
        else:
            print(
                known.issue(
                    arguments.name,
                    things=tuple(arguments.things or [""]),
                    source=arguments.source,
                    area=arguments.area,
                    actor="terminal",
                )
            )
    except PolicyError as error:
        print(f"xinji credential: {error}", file=sys.stderr)
        return 2
    finally:
        house.close()
    return 0


def _ask(arguments: argparse.Namespace, running: Remote) -> int:
    if arguments.what == "list":
        _print(running.get("/api/credentials")["items"])
    elif arguments.what == "revoke":
        path = f"/api/credentials/{quote(arguments.name, safe='')}"
        return _revoked(arguments.name, done=running.delete(path) is not None)
    else:
        body = {
            "name": arguments.name,
            "things": arguments.things or [""],
            "source": arguments.source,
            "area": arguments.area,
        }
        print(running.post("/api/credentials", body)["secret"])
    return 0


def _print(items: list[dict[str, Any]]) -> None:
    for each in items:
        things = ",".join(each["things"]) or "all"
        print(each["name"], things, each["source"], each["area"] or "all", sep="\t")


def _revoked(name: str, *, done: bool) -> int:
    if not done:
        print(f"xinji credential: no credential {name}", file=sys.stderr)
    return 0 if done else 2
