"""`xinji user`: add, list, change, disable, reset; a new account's password comes from stdin.

With a serving process on the folder the command asks it, and open sessions end at once; without
one it opens the folder itself.
"""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import msgspec

from xinji.access import accounts
from xinji.access.accounts import Account, AccountChange, LastAdministrator
from xinji.access.identity import Identity, Person, Role
from xinji.access.jurisdiction import Beyond
from xinji.access.policy import PolicyError
from xinji.cli.remote import Remote, remote
from xinji.cli.server import Options, open_house

TERMINAL = Person(name="terminal", role=Role.ADMINISTRATOR)
"""Whoever owns the data folder may do everything."""


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("user", help="add, list, change, disable and reset accounts")
    parser.add_argument("name", nargs="?")
    parser.add_argument("--role", choices=[role.value for role in Role], help="default viewer")
    parser.add_argument("--area", help="area code that limits what the account sees; '' for all")
    parser.add_argument("--post", action="append", help="worker, inspector, intake ...")
    parser.add_argument("--department", help="code of the handling department")
    parser.add_argument("--data", type=Path, default=Path("data"))
    what = parser.add_mutually_exclusive_group()
    for name, does in (
        ("list", "print every account"),
        ("change", "change what is given with --role, --area, --post, --department"),
        ("disable", "nobody signs in with it any more; what is open ends"),
        ("enable", "take a --disable back"),
        ("reset", "print a one-time password; what is open ends"),
        ("end", "end its sessions and API tokens"),
    ):
        what.add_argument(f"--{name}", dest="what", action="store_const", const=name, help=does)


class Administration(Protocol):
    """What the command asks, of a serving process or of the folder."""

    def list(self) -> Any:
        """Every account."""

    def add(self, body: dict[str, Any]) -> Any:
        """Add an account."""

    def change(self, name: str, given: dict[str, Any]) -> Any:
        """Change what is given; what that ended, None without such an account."""

    def reset(self, name: str) -> Any:
        """A one-time password and what that ended; None likewise."""

    def end(self, name: str) -> Any:
        """End sessions and tokens; how many, None likewise."""


class Asked:
    """A serving process, over its API."""

    def __init__(self, running: Remote) -> None:
        self._running = running

    def list(self) -> Any:
        """See `Administration`."""
        return self._running.get("/api/users")["items"]

    def add(self, body: dict[str, Any]) -> Any:
        """See `Administration`."""
        return self._running.post("/api/users", body)

    def change(self, name: str, given: dict[str, Any]) -> Any:
        """See `Administration`."""
        answer = self._running.put(f"/api/users/{quote(name, safe='')}", given)
        return answer and answer["ended"]

    def reset(self, name: str) -> Any:
        """See `Administration`."""
        return self._running.post(f"/api/users/{quote(name, safe='')}/password", {})

    def end(self, name: str) -> Any:
        """See `Administration`."""
        return self._running.delete(f"/api/users/{quote(name, safe='')}/tokens")


class Opened:
    """A folder that nobody serves."""

    def __init__(self, identity: Identity) -> None:
        self._identity = identity

    def _known(self, name: str) -> Account | None:
        return accounts.account_of(self._identity, TERMINAL, name)

    def list(self) -> Any:
        """See `Administration`."""
        return msgspec.to_builtins(accounts.accounts_of(self._identity, TERMINAL))

    def add(self, body: dict[str, Any]) -> Any:
        """See `Administration`."""
        more = {name: body[name] for name in ("area", "posts", "department")}
        self._identity.add(
            body["name"], body["password"], Role(body["role"]), actor=TERMINAL.name, **more
        )

    def change(self, name: str, given: dict[str, Any]) -> Any:
        """See `Administration`."""
        known = self._known(name)
        wanted = msgspec.convert(given, AccountChange)
        if known is None:
            return None
        return msgspec.to_builtins(accounts.change(self._identity, TERMINAL, known, wanted))

    def reset(self, name: str) -> Any:
        """See `Administration`."""
        known = self._known(name)
        if known is None:
            return None
        password, ended = accounts.reset_password(self._identity, TERMINAL, known)
        return {"password": password, "ended": msgspec.to_builtins(ended)}

    def end(self, name: str) -> Any:
        """See `Administration`."""
        if self._known(name) is None:
            return None
        return msgspec.to_builtins(accounts.end_tokens(self._identity, TERMINAL, name))


def run(arguments: argparse.Namespace) -> int:
    """Do what is asked."""
    if arguments.name is None and arguments.what != "list":
        print("xinji user: name an account, or --list", file=sys.stderr)
        return 2
    running = remote(arguments.data)
    if running is not None:
        return _do(arguments, Asked(running))
    house = open_house(Options(data=arguments.data)).house
    try:
        return _do(arguments, Opened(house.identity))
    except (PolicyError, LastAdministrator, Beyond) as error:
        print(f"xinji user: {error}", file=sys.stderr)
        return 2
    finally:
        house.close()


def _do(arguments: argparse.Namespace, house: Administration) -> int:
    name = arguments.name
    given = {
        "role": arguments.role,
        "area": arguments.area,
        "posts": arguments.post,
        "department": arguments.department,
    }
    match arguments.what:
        case None:
            asked = sys.stdin.isatty()
            password = getpass.getpass() if asked else sys.stdin.readline().rstrip("\n")
            usual = {"role": Role.VIEWER.value, "area": "", "posts": [], "department": ""}
            known = {key: value for key, value in given.items() if value is not None}
            house.add(usual | known | {"name": name, "password": password})
            return 0
        case "list":
            for each in house.list():
                state = "disabled" if each["disabled"] else "enabled"
                open_ = f"{each['sessions']} sessions, {each['tokens']} tokens"
                print(each["name"], each["role"], each["area"] or "all", state, open_, sep="\t")
            return 0
        case "change":
            ended = house.change(name, {k: v for k, v in given.items() if v is not None})
        case "disable" | "enable":
            ended = house.change(name, {"disabled": arguments.what == "disable"})
        case "reset":
            answer = house.reset(name)
            if answer is not None:
                print(answer["password"])
            ended = answer and answer["ended"]
        case _:
            ended = house.end(name)
    if ended is None:
        print(f"xinji user: no account {name}", file=sys.stderr)
        return 2
    print(f"ended: {ended['sessions']} sessions, {ended['tokens']} tokens", file=sys.stderr)
    return 0
