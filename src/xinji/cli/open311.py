"""`xinji open311 pull | push`: requests of another Open311 server into the house, cases out to it.

The command speaks to the other server and to the running house of a data folder; the house itself
opens no connection outwards. Both directions may be repeated: what is there already is not made
again.
"""

from __future__ import annotations

import argparse
import os
import sys
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec

from xinji.cli.remote import Remote, remote
from xinji.systems.platforms.operations.open311_client import Open311Server

AT_ONCE = 500
SHOWN_ERRORS = 20


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser(
        "open311",
        help="Open311 GeoReport v2: pull from another server, push to it",
        description="The house must be running. The other server's API key, if it asks one, is in "
        "the environment variable XINJI_OPEN311_KEY.",
    )
    actions = parser.add_subparsers(dest="action", required=True)
    pull = actions.add_parser("pull", help="its service requests, as reports")
    pull.add_argument("--from", dest="start", default="", metavar="TIME", help="W3C date and time")
    pull.add_argument("--to", dest="end", default="", metavar="TIME")
    pull.add_argument("--status", default="open", choices=["open", "closed", "any"])
    push = actions.add_parser("push", help="send cases")
    push.add_argument("cases", nargs="+", metavar="CASE")
    push.add_argument("--service", default="", metavar="CODE",
                      help="its service code; default: by the house's table of codes")  # fmt: skip
    for action in (pull, push):
        action.add_argument("--url", required=True, help="the address before /services.json")
        action.add_argument("--jurisdiction", default="")
        action.add_argument("--form", default="json", choices=["json", "xml"])
        action.add_argument("--data", type=Path, default=Path("data"))


def run(arguments: argparse.Namespace) -> int:
    """Pull or push; 1 when something was refused."""
    house = remote(arguments.data)
    if house is None:
        print(f"xinji open311: no house runs on {arguments.data}", file=sys.stderr)
        return 2
    with Open311Server(
        arguments.url,
        jurisdiction=arguments.jurisdiction,
        api_key=os.environ.get("XINJI_OPEN311_KEY", ""),
        form=arguments.form,
    ) as server:
        if arguments.action == "pull":
            return _pull(house, server, arguments)
        return _push(house, server, arguments)


def _pull(house: Remote, server: Open311Server, arguments: argparse.Namespace) -> int:
    status = "" if arguments.status == "any" else arguments.status
    counts = {"accepted": 0, "merged": 0, "repeated": 0}
    errors: list[dict[str, str]] = []
    found = server.requests(start=arguments.start, end=arguments.end, status=status)
    while several := list(islice(found, AT_ONCE)):
        answer = house.post(
            "/api/open311/take", {"url": server.url, "requests": msgspec.to_builtins(several)}
        )
        for name in counts:
            counts[name] += answer[name]
        errors += answer["errors"]
    said = ", ".join(f"{name} {number}" for name, number in counts.items())
    print(f"{said}, refused {len(errors)}")
    for each in errors[:SHOWN_ERRORS]:
        print(f"  {each['service_request_id']}: {each['field']}: {each['rule']}", file=sys.stderr)
    if len(errors) > SHOWN_ERRORS:
        print(f"  and {len(errors) - SHOWN_ERRORS} more", file=sys.stderr)
    return 1 if errors else 0


def _push(house: Remote, server: Open311Server, arguments: argparse.Namespace) -> int:
    known = house.get("/api/open311/sent", {"url": server.url})
    theirs = {ours: foreign for foreign, ours in house.get("/api/open311/codes").items()}
    bad = 0
    for case in arguments.cases:
        if case in known:
            print(f"{case}: there already as {known[case]}")
            continue
        item = house.get(f"/api/cases/{case}")
        if item is None or item["type"] != "urban":
            print(f"{case}: no urban case of this house", file=sys.stderr)
            bad = 1
            continue
        item |= item["details"]["operations"]
        code = item["class"]["code"]
        first = (item.get("reports_list") or [{}])[0]
        found = server.post(
            {
                "service_code": arguments.service or theirs.get(code, code),
                "lat": str(item["latitude"]),
                "long": str(item["longitude"]),
                "address_string": item.get("address", ""),
                "description": first.get("text") or item["title"]["zh"],
                # a server of this kind stores it once
                "client_id": case,
                "external_id": case,
            }
        )
        house.post(
            "/api/open311/sent",
            {"url": server.url, "case": case, "service_request_id": found},
        )
        print(f"{case}: {found}")
    return bad
