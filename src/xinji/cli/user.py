"""`xinji user`: add an account; the password comes from standard input."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path
from typing import Any

from xinji.access.identity import Role
from xinji.access.policy import PolicyError
from xinji.cli.remote import remote
from xinji.cli.server import Options, open_house


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("user", help="add an account")
    parser.add_argument("name")
    parser.add_argument("--role", default="viewer", choices=[role.value for role in Role])
    parser.add_argument("--area", default="", help="area code that limits what the account sees")
    parser.add_argument("--post", action="append", default=[], help="worker, inspector, intake ...")
    parser.add_argument("--department", default="", help="code of the handling department")
    parser.add_argument("--data", type=Path, default=Path("data"))


def run(arguments: argparse.Namespace) -> int:
    """Add the account."""
    asked = sys.stdin.isatty()
    password = getpass.getpass() if asked else sys.stdin.readline().rstrip("\n")
    running = remote(arguments.data)
    if running is not None:
        body = {
            "name": arguments.name,
            "password": password,
            "role": arguments.role,
            "area": arguments.area,
            "posts": arguments.post,
            "department": arguments.department,
        }
        running.post("/api/users", body)
        return 0
    house = open_house(Options(data=arguments.data)).house
    try:
        house.identity.add(
            arguments.name,
            password,
            Role(arguments.role),
            area=arguments.area,
            actor="terminal",
            posts=arguments.post,
            department=arguments.department,
        )
    except PolicyError as error:
        print(f"xinji user: {error}", file=sys.stderr)
        return 2
    finally:
        house.close()
    return 0
