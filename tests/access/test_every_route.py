"""Every route of the application, asked by people of the west about the east.

About an item of the east they get 403 or 404; no other answer mentions the east, and nothing of
it is changed. A route that the tables in `sides.py` do not know fails here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from tests.access.sides import BODIES, IDS, OF_NOBODY, OPEN, PLAIN_QUERIES, QUERIES, Sides
from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.api.call import Endpoint
from xinji.system.discovery import discover
from xinji.web.app import SUBJECTS

NEEDED = [s for s in discover(entry_points=False) if s.routes]
ENDPOINTS: list[Endpoint] = [
    *(e for subject in SUBJECTS for e in subject.routes.endpoints),
    *(e for system in NEEDED for e in system.routes),
]
PEOPLE = [f"west-{role.value}" for role in Role]
NOTHING = -32_768


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sides]:
    made = Sides(tmp_path_factory.mktemp("sides") / "data")
    yield made
    made.close()


def asked(endpoint: Endpoint) -> bool:
    return endpoint.path not in OPEN


def name_of(endpoint: Endpoint) -> str:
    return f"{endpoint.method} {endpoint.path}"


ASKED = [endpoint for endpoint in ENDPOINTS if asked(endpoint)]


def path_about_the_east(endpoint: Endpoint, sides: Sides) -> str:
    path = endpoint.path
    filled, done = "", 0
    for match in re.finditer(r"\{\w+\}", path):
        factory = IDS.get(path[: match.end()])
        assert factory is not None, (
            f"{name_of(endpoint)}: what is {match[0]} of the east? Add {path[: match.end()]!r} to "
            "IDS in tests/access/sides.py, and something of the east behind it to Sides."
        )
        filled += path[done : match.start()] + factory(sides)
        done = match.end()
    return filled + path[done:]


def names_the_east(endpoint: Endpoint) -> bool:
    """Whether the path itself is about something of the east."""
    keys = {endpoint.path[: match.end()] for match in re.finditer(r"\{\w+\}", endpoint.path)}
    return bool(keys - OF_NOBODY)


def queries_about_the_east(endpoint: Endpoint) -> list[dict[str, str]]:
    """One with the first values of all that can be asked for, and one for each further value."""
    known = {}
    for name in endpoint.query:
        assert name in QUERIES or name in PLAIN_QUERIES, (
            f"{name_of(endpoint)}: can the parameter {name!r} name something of the east? Add it "
            "to QUERIES or to PLAIN_QUERIES in tests/access/sides.py."
        )
        if QUERIES.get(name):
            known[name] = QUERIES[name]
    needed = {"kind", "property", "step", "operator", "url", "west", "south", "north", "east",
              "longitude", "latitude", "dry_run", "channel"}  # fmt: skip
    first = {name: values[0] for name, values in known.items() if name in needed}
    asked = [first]
    for name, values in known.items():
        asked += [first | {name: value} for value in values if first.get(name) != value]
    if {"area", "by"} <= known.keys():
        asked += [first | {"area": known["area"][0], "by": by} for by in known["by"]]
    return asked


def bodies_about_the_east(endpoint: Endpoint, sides: Sides) -> list[Any]:
    if endpoint.method == "GET":
        return [None]
    if endpoint.reach is Reach.DISTRICT and endpoint.role is not None:
        return [{}]
    bodies = BODIES.get(name_of(endpoint))
    assert bodies, (
        f"{name_of(endpoint)} changes something inside an area: what would it be in the east? Add "
        "it to BODIES in tests/access/sides.py, or declare reach=Reach.DISTRICT."
    )
    return [body(sides) for body in bodies]


def send(
    sides: Sides, endpoint: Endpoint, who: str, path: str, query: dict[str, str], body: Any
) -> httpx.Response:
    sides.token(who)
    content: dict[str, Any] = {"json": body}
    if isinstance(body, bytes):
        kind = "application/x-www-form-urlencoded" if b"=" in body[:20] else "text/csv"
        content = {"content": body, "headers": {"Content-Type": kind}}
    if body is None:
        content = {}
    return sides.request(endpoint.method, path, who, params=query, **content)


def seen(sides: Sides, answer: httpx.Response) -> set[str]:
    """What an answer tells of the east that the request did not name."""
    request = answer.request
    said = f"{request.url} {request.content.decode(errors='replace')}"
    if answer.headers.get("content-type", "").startswith("application/octet-stream"):
        numbers = np.frombuffer(answer.content, "<i2")
        grid = sides.get("/api/coverage")["grid"]
        eastern = numbers.reshape(grid["rows"], grid["columns"])[:, grid["columns"] // 2 + 1 :]
        return {"cells of the east"} if (eastern != NOTHING).any() else set()
    return sides.mentions(answer.text, said)


@pytest.mark.parametrize("endpoint", ASKED, ids=name_of)
def test_the_east_is_neither_read_nor_changed_from_the_west(
    sides: Sides, endpoint: Endpoint
) -> None:
    queries = queries_about_the_east(endpoint)
    before = sides.rows_of_the_east()
    for who in PEOPLE:
        for body in bodies_about_the_east(endpoint, sides):
            for query in queries:
                path = path_about_the_east(endpoint, sides)
                answer = send(sides, endpoint, who, path, query, body)
                where = f"{who}: {answer.status_code} {answer.text[:300]}"
                assert answer.status_code < 500, where
                if names_the_east(endpoint):
                    assert answer.is_client_error, where
                told = seen(sides, answer)
                assert not told, f"{told} {where}"
                if endpoint.reach is Reach.DISTRICT and endpoint.role is not None:
                    assert answer.status_code == 403, where
        if endpoint.method != "GET":
            after = sides.rows_of_the_east()
            for table, rows in before.items():
                assert after[table] == rows, f"{who} changed {table}: {where}"


@pytest.mark.parametrize(
    "endpoint",
    [e for e in ASKED if e.method == "GET" and "{" in e.path and "drive-tests" not in e.path],
    ids=name_of,
)
def test_what_is_asked_for_is_there(sides: Sides, endpoint: Endpoint) -> None:
    """The tests above would hold for ids that nobody has: somebody of the district finds them."""
    path = path_about_the_east(endpoint, sides)
    query = queries_about_the_east(endpoint)[0]
    if "observations" in path:
        query = {"property": "rain_mm_h"}
    answer = send(sides, endpoint, "administrator", path, query, None)
    assert answer.status_code == 200, answer.text


def test_the_west_is_still_served(sides: Sides) -> None:
    """Refusing everything would hold too: what is their own is theirs."""
    west = sides.ids["west"]
    for who, path in (
        ("west-viewer", f"/api/things/{west['thing']}"),
        ("west-viewer", f"/api/cases/{west['case']}"),
        ("west-viewer", f"/api/photos/{west['photo']}"),
        ("west-viewer", f"/api/reports/{west['case-report']}"),
        ("west-operator", f"/api/coverage/scenarios/{west['scenario']}"),
        ("west-operator", f"/api/jobs/{west['job']}"),
        ("west-viewer", "/api/poles/west-pole"),
        ("west-administrator", "/api/users/west-viewer"),
    ):
        sides.token(who)
        assert sides.request("GET", path, who).status_code == 200, path
    sides.token("west-operator")
    for path in ("/api/questions", "/api/looks", "/api/work/workers", "/api/work/shifts",
                 "/api/work/checks", "/api/coverage/scenarios"):  # fmt: skip
        assert sides.get(path, "west-operator")["items"], path
    body = {"same": False}
    path = f"/api/questions/{west['question']}"
    assert sides.request("POST", path, "west-operator", json=body).status_code == 200
    path = f"/api/work/spot-checks/{west['case']}"
    body = {"still_there": False}
    assert sides.request("POST", path, "west-operator", json=body).status_code == 200


def test_every_path_that_is_the_same_for_everybody_is_a_route(sides: Sides) -> None:
    document = sides.get("/api/openapi.json", "")["paths"]
    assert set(OPEN) <= document.keys()
    routes = {f"{m.upper()} {path}" for path, each in document.items() for m in each}
    walked = {name_of(endpoint) for endpoint in ENDPOINTS}
    open_ones = {name for name in routes if name.split(" ")[1] in OPEN}
    assert routes - walked - open_ones == {"POST /api/observations"}


def test_a_route_that_nobody_has_thought_of_fails_and_says_what_to_add(sides: Sides) -> None:
    new = Endpoint(
        "PUT", "/api/new/{id}", lambda _: None, Role.OPERATOR, ("whose",), "", Reach.AREA
    )
    for walk in (
        lambda: path_about_the_east(new, sides),
        lambda: queries_about_the_east(new),
        lambda: bodies_about_the_east(new, sides),
    ):
        with pytest.raises(AssertionError, match=r"PUT /api/new/\{id\}.*tests/access/sides.py"):
            walk()
