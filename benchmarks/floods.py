"""What a house answers while it is flooded: ingest, a rule change, a sign-in; p50 and p95.

`xinji serve` as a user starts it, over sockets. At the same time, all through: a POST of 50 rows
and an MQTT message of 50 rows (QoS 1), each sent when the one before was answered and 20 ms have
passed, a change of a rule and a sign-in by a browser that has signed in before, twice a second.
Every value is below every limit. First idle, then under each flood, which comes from a process of
its own (`flood_sources.py`):

- sign-ins: 40 strangers, each from 50 addresses, guess names that are there and that are not;
- slow bodies: 400 strangers send heads and bodies a byte a second;
- bombs: four uploads at a time of files of some 100 kB that unpack to 200 MB (gzip, XLSX);
- slow readers: 200 streams of changes of ten accounts, read 1 kB a second;
- silences: 100,000 things that were heard once fall silent at the same time.

"refused" is a sign-in or a rule change that was answered 503 or 429 with `Retry-After`. An answer
that never came counts as the time that was waited for it. Goals: ingest's p95 at most three times
that of idle; the others within a second, or refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
from argon2 import PasswordHasher

from benchmarks.figures import Goal, Measured, Row, Setting
from benchmarks.processes import ROOT, ServedHouse, peak_memory_mib, served_house
from xinji.wire.mqtt.client import Client

STATIONS = 50
PASSWORD = "correct horse battery"
RULE = "terminals.environment.temperature_unlikely"
PROBES = ("50 rows by HTTP", "50 rows by MQTT", "a rule change", "a sign-in")
INGEST = PROBES[:2]
SILENT_SECONDS = 20.0
AT_A_TIME = 10_000


@dataclass(frozen=True)
class Size:
    """How much of each; seconds of each flood."""

    seconds: float = 15.0
    strangers: int = 40
    dripping: int = 400
    senders: int = 4
    bomb_bytes: int = 200_000_000
    readers: int = 200
    things: int = 100_000


QUICK = Size(
    seconds=0.5, strangers=3, dripping=4, senders=1, bomb_bytes=100_000, readers=3, things=300
)


@dataclass
class Seen:
    """Answers to one probe: milliseconds of those that were done, and how many were refused."""

    times: list[float] = field(default_factory=list)
    refused: int = 0

    def quantile(self, share: float) -> float:
        """Nearest rank; NaN without an answer."""
        ordered = sorted(self.times)
        return ordered[max(math.ceil(share * len(ordered)) - 1, 0)] if ordered else math.nan


class Asker:
    """One keep-alive connection; opens again after an end."""

    def __init__(self, port: int, head: str = "") -> None:
        self._port, self._head = port, head
        self._reader: asyncio.StreamReader | None = None

    async def ask(self, method: str, path: str, body: Any, more: str = "") -> tuple[int, bytes]:
        """Status and head of an answer."""
        if self._reader is None or self._reader.at_eof():
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        data = msgspec.json.encode(body)
        self._writer.write(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"{self._head}{more}Content-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            low = head.lower()
            if (at := low.find(b"content-length:")) >= 0:
                await self._reader.readexactly(int(low[at + 15 : low.index(b"\r", at)]))
        except (OSError, EOFError):
            self._reader = None
            raise
        return int(head[9:12]), head


class Probes:
    """What is asked of a house all through."""

    def __init__(self, house: ServedHouse, device: str, rule: dict[str, Any]) -> None:
        self._house, self._rule, self._device = house, rule, device
        self._mark, self._count = "", 0

    def _connect(self) -> None:
        """Connections of the running loop."""
        port = self._house.port
        basic = b64encode(self._device.encode()).decode()
        self._http = Asker(port, f"Authorization: Basic {basic}\r\n")
        self._desk = Asker(port, f"Authorization: Bearer {self._house.token}\r\n")
        self._person = Asker(port)
        name, secret = self._device.split(":")
        self._mqtt = Client("127.0.0.1", self._house.mqtt_port, name, secret.encode())

    def _rows(self) -> dict[str, Any]:
        self._count += 1
        value = 20 + self._count % 10
        return {
            "thing": [f"flood:{n}" for n in range(STATIONS)],
            "property": ["temperature"] * STATIONS,
            "value": [value] * STATIONS,
        }

    async def by_http(self) -> int:
        """50 rows."""
        return (await self._http.ask("POST", "/api/observations", self._rows()))[0]

    async def by_mqtt(self) -> int:
        """50 rows in a message, until its PUBACK."""
        await self._mqtt.publish("xinji/batch", msgspec.json.encode(self._rows()))
        await self._mqtt.drain()
        return 200

    async def change(self) -> int:
        """Another severity of a rule."""
        severity = ("minor", "major")[self._count % 2]
        self._count += 1
        path = f"/api/rules/{self._rule['id']}"
        return (await self._desk.ask("PUT", path, self._rule | {"severity": severity}))[0]

    async def sign_in(self) -> int:
        """By a browser that is known from the second time on."""
        body = {"name": "owner", "password": PASSWORD}
        status, head = await self._person.ask("POST", "/api/sign-in", body, self._mark)
        for line in head.decode().splitlines():
            if "xinji_known_" in line:
                self._mark = f"Cookie: {line.partition(': ')[2].partition(';')[0]}\r\n"
        return status

    async def run(self, seconds: float) -> dict[str, Seen]:
        """All of them at the same time for so long."""
        works = (self.by_http, self.by_mqtt, self.change, self.sign_in)
        pauses = (0.02, 0.02, 0.5, 0.5)
        found = {name: Seen() for name in PROBES}
        until = time.monotonic() + seconds

        async def repeat(name: str, work: Any, pause: float) -> None:
            while time.monotonic() < until:
                began = time.perf_counter()
                try:
                    status = await work()
                except (OSError, EOFError):
                    status = 0
                if status in (429, 503):
                    found[name].refused += 1
                elif status == 200:
                    found[name].times.append((time.perf_counter() - began) * 1e3)
                else:
                    raise RuntimeError(f"{name}: answered {status}")
                await asyncio.sleep(pause)

        self._connect()
        await self._mqtt.open()
        try:
            await asyncio.gather(
                *(repeat(*each) for each in zip(PROBES, works, pauses, strict=True))
            )
        finally:
            await self._mqtt.close()
        return found


def furnish(house: ServedHouse, size: Size) -> tuple[str, dict[str, Any], list[str]]:
    """Stations, things that will be silent, accounts; device, rule, tokens of the readers."""

    def post(path: str, body: Any) -> Any:
        return house.request("POST", path, json.dumps(body).encode(), "application/json")

    sheet = [f"flood:{n},environment-station,Station {n},121.4,31.21" for n in range(STATIONS)]
    sheet += [
        f"quiet:{n},parking-bay,Bay {n},{121.35 + n % 300 * 3e-4:.4f},{31.18 + n // 300 * 1e-4:.4f}"
        for n in range(size.things)
    ]
    path = "/api/things/import?dry_run=false"
    for first in range(0, len(sheet), AT_A_TIME):
        part = sheet[first : first + AT_A_TIME]
        file = "\n".join(["id,kind,name,longitude,latitude", *part]).encode()
        report = house.request("POST", path, file, "text/csv")
        if report["created"] != len(part):
            raise RuntimeError(f"things: {str(report)[:500]}")
    made = post("/api/credentials", {"name": "flood", "things": ["flood:", "quiet:"]})
    post("/api/users", {"name": "owner", "password": PASSWORD, "role": "operator"})
    tokens = []
    for number in range(10):
        password = f"{PASSWORD} {number}"
        name = f"reader-{number}"
        post("/api/users", {"name": name, "password": password, "role": "viewer"})
        tokens.append(signed_in(house, name, password))
    rules = house.request("GET", "/api/rules", None, "application/json")["items"]
    rule = next(each for each in rules if each["id"] == RULE)
    return f"flood:{made['secret']}", as_body(rule), tokens


def as_body(rule: dict[str, Any]) -> dict[str, Any]:
    """A listed rule as it is put."""
    known = ("id", "title", "kind", "property", "condition", "severity", "case_class", "area",
             "things", "enabled")  # fmt: skip
    return {name: rule[name] for name in known if name in rule}


def signed_in(house: ServedHouse, name: str, password: str) -> str:
    """The token of a session."""

    async def ask() -> str:
        body = {"name": name, "password": password}
        status, head = await Asker(house.port).ask("POST", "/api/sign-in", body)
        if status != 200:
            raise RuntimeError(f"{name}: {status}")
        return head.decode().partition("xinji_session=")[2].partition(";")[0]

    return asyncio.run(ask())


@contextlib.contextmanager
def flooding(kind: str, given: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """A flood from a process of its own; what it did is in the dictionary afterwards."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.flood_sources", kind, json.dumps(given)],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    did: dict[str, Any] = {}
    try:
        if not process.stdout.readline():
            raise RuntimeError(f"{kind}: the flood did not begin")
        yield did
        process.stdin.close()
        did |= json.loads(process.stdout.readline())
    finally:
        process.terminate()
        process.wait()


def fall_silent(house: ServedHouse, size: Size, device: str) -> None:
    """Let the quiet things be heard once, and miss them soon."""
    rules = house.request("GET", "/api/rules", None, "application/json")["items"]
    rule = next(
        each for each in rules
        if each["kind"] == "parking-bay" and each["condition"]["type"] == "silence"
    )  # fmt: skip
    silence = {"type": "silence", "seconds": SILENT_SECONDS if size.seconds > 1 else 1.0}
    body = json.dumps(as_body(rule) | {"condition": silence}).encode()
    house.request("PUT", f"/api/rules/{rule['id']}", body, "application/json")

    async def send() -> None:
        basic = b64encode(device.encode()).decode()
        asker = Asker(house.port, f"Authorization: Basic {basic}\r\n")
        for first in range(0, size.things, 50_000):
            names = [f"quiet:{n}" for n in range(first, min(first + 50_000, size.things))]
            rows = {"thing": names, "property": [rule["property"]] * len(names),
                    "value": [0] * len(names)}  # fmt: skip
            status, _ = await asker.ask("POST", "/api/observations", rows)
            if status != 200:
                raise RuntimeError(f"quiet things: {status}")

    asyncio.run(send())
    time.sleep(silence["seconds"])


def measure(setting: Setting) -> list[Row]:
    """Idle, then each flood."""
    size = QUICK if setting.quick else Size()
    results: Results = {}
    hash_ms = hash_alone()
    with served_house(setting.folder) as house:
        device, rule, tokens = furnish(house, size)
        probes = Probes(house, device, rule)
        asyncio.run(probes.run(min(size.seconds, 3.0)))  # warm
        setting.quiet()

        def probe(name: str, did: dict[str, Any]) -> None:
            results[name] = (asyncio.run(probes.run(size.seconds)), "")

        probe("idle", {})
        common = {"port": house.port, "token": house.token, "tokens": tokens}
        for name, given in (
            ("sign-ins", {"strangers": size.strangers, "names": ["owner", "reader-1"]}),
            ("slow bodies", {"strangers": size.dripping}),
            ("bombs", {"senders": size.senders, "bomb_bytes": size.bomb_bytes}),
            ("slow readers", {"readers": size.readers}),
        ):
            setting.quiet()
            with flooding(name, common | given) as did:
                probe(name, did)
            results[name] = (results[name][0], ", ".join(f"{k} {n:,}" for k, n in did.items()))
        fall_silent(house, size, device)
        probe("silences", {})
        memory = peak_memory_mib(house.pid)
    return rows_of(results, size, memory, hash_ms)


def hash_alone() -> float:
    """What a sign-in cannot be faster than: milliseconds of one hash, median of three."""
    hasher, times = PasswordHasher(), []
    for _ in range(3):
        began = time.perf_counter()
        hasher.hash(PASSWORD)
        times.append((time.perf_counter() - began) * 1e3)
    return sorted(times)[1]


TITLES = {
    "idle": "idle",
    "sign-ins": "{0.strangers} strangers sign in",
    "slow bodies": "{0.dripping} slow bodies",
    "bombs": "{0.senders} bombs at a time",
    "slow readers": "{0.readers} slow readers",
    "silences": "{0.things:,} silences",
}


Results = dict[str, tuple[dict[str, Seen], str]]
"""By flood: answers by probe, and what the flood did."""


def rows_of(results: Results, size: Size, memory: float, hash_ms: float) -> list[Row]:
    """A row for each probe under each flood: p95, with p50 beside."""
    idle = results["idle"][0]
    rows = []
    for name, (found, did) in results.items():
        for probe in PROBES:
            seen = found[probe]
            if probe in INGEST:
                goal = None if name == "idle" else Goal(most=3 * idle[probe].quantile(0.95))
            else:
                goal = Goal(most=1_000)
            note = f"p50 {seen.quantile(0.5):.1f} ms, {len(seen.times)} answered"
            note += f", {seen.refused} refused" if probe not in INGEST else ""
            if name == "idle" and probe == PROBES[3]:
                note += f"; a hash alone, before the run: {hash_ms:.0f} ms"
            note += f"; the flood: {did}" if did and probe == PROBES[0] else ""
            if name == "silences" and probe == PROBES[0]:
                note += f"; peak memory of the house {memory:.0f} MiB"
            value = seen.quantile(0.95)
            ours = Measured(
                system="xinji", value=-1 if math.isnan(value) else round(value, 2), note=note
            )
            what = f"{TITLES[name].format(size)}: {probe}, p95"
            rows.append(
                Row(work="floods", what=what, unit="ms", ours=ours, goal=goal, lower_is_better=True)
            )
    return rows


if __name__ == "__main__":
    sys.exit("run as: python -m benchmarks --only floods")
