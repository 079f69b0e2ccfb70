"""Mutated files: whatever comes, the answer is a report or `UnreadableError`."""

from __future__ import annotations

import json
import random
import time

import msgspec
import pytest

from xinji.loop.house import House
from xinji.store.imports import import_things, read_things
from xinji.store.tables.table import UnreadableError

CSV = (
    "\ufeffid,kind,name,longitude,latitude,owner,source,in_service_since,height,model\n"
    'g-1,gauge,"雨量计, ""one""",121.35,31.2,区水务局,measured,2021-11-05,2.5,A\n'
    "g-2,gauge,Two,121.45,31.21,,simulated,2021-11-05T10:00:00+08:00,,B\n"
    "g-3,gauge,Three,121.36,31.22,,,,10,\n"
).encode()
GEOJSON = json.dumps(
    {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "id": f"g-{n}",
                "geometry": {"type": "Point", "coordinates": [121.35 + n / 100, 31.2]},
                "properties": {
                    "kind": "gauge", "name": "雨量计", "height": 2.5, "model": "A",
                    "in_service_since": 1_600_000_000_000_000, "attributes": {"height": n},
                },
            }
            for n in range(3)
        ],
    },
    ensure_ascii=False,
).encode()  # fmt: skip

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

PIECES = [
    b"", b"\0", b"\xff", b'"', b"'", b",", b"\n", b"\r", b"\\", b"{", b"}", b"[", b"]", b":",
    b"null", b"true", b"NaN", b"Infinity", b"-", b"1e999", b"1" * 40, b"1" * 500, b"9" * 5_000,
    b"-1e-400",
    b"\xe2\x80\xae", b"\\ud800", b"\\u0000", "²".encode(), "١٢".encode(), b"0x1f", b"1_0",
    b"9999-12-31", b"0001-01-01", b"2021-W01-1", b"[[[[]]]]", b'{"a":{}}', b" ", b"\t",
    b"=cmd()", b"g-1", b"gauge", b"x" * 300,
]  # fmt: skip


def mutated(body: bytes, chance: random.Random) -> bytes:
    """The body with one to six cuts, copies, swaps and insertions."""
    for _ in range(chance.randint(1, 6)):
        at, to = sorted((chance.randint(0, len(body)), chance.randint(0, len(body))))
        to = min(to, at + chance.choice((1, 3, 20, 400)))
        match chance.randint(0, 5):
            case 0:
                body = body[:at] + body[to:]
            case 1:
                body = body[:to] + body[at:to] + body[to:]
            case 2:
                body = body[:at] + chance.choice(PIECES) + body[to:]
            case 3:
                body = body[:at] + chance.choice(PIECES) + body[at:]
            case 4:
                body = body[:at] + bytes([chance.randrange(256)]) + body[at + 1 :]
            case 5:
                # A whole value, between separators.
                parts = body.split(b",")
                parts[chance.randrange(len(parts))] = chance.choice(PIECES)
                body = b",".join(parts)
    return body


def run(house: House, cases: int, seed: int) -> dict[str, int]:
    """Import `cases` mutated files; returns what became of them."""
    chance = random.Random(seed)
    seen = {"report": 0, "unreadable": 0, "things": 0}
    for number in range(cases):
        form, body = chance.choice((("csv", CSV), ("geojson", GEOJSON)))
        body = mutated(body, chance)
        datum = chance.choice(("wgs84", "gcj02", "bd09"))
        try:
            report = import_things(
                house.registry, read_things(body, form), datum=datum, dry_run=number % 50 != 0
            )
        except UnreadableError:
            seen["unreadable"] += 1
        except Exception as error:
            raise AssertionError(f"{form} case {number} of seed {seed}: {body!r}") from error
        else:
            assert msgspec.json.encode(report)
            # One fault a row; what is valid and what is not adds up.
            assert report.read == report.valid + len(report.errors)
            seen["report"] += 1
            seen["things"] += report.valid
    # What was let in can be read by everything that reads things.
    house.mirror.refresh()
    count = house.store.sql("select count(*) as n from things", {}).column("n")[0].as_py()
    assert count == len(house.registry.things)
    return seen


def test_ten_thousand_mutated_files(house: House) -> None:
    seen = run(house, 10_000, seed=2026)
    assert min(seen.values()) > 500, "both outcomes, and many rows that are still good"


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_million_mutated_files(house: House) -> None:
    began, cases = time.monotonic(), 0
    while cases < 1_000_000:
        run(house, 10_000, seed=cases)
        cases += 10_000
        assert time.monotonic() - began < 800
