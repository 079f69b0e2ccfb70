"""Observations over HTTP, stored before the 200: `xinji serve` beside InfluxDB 1.6.

Input: 8 keep-alive connections, each with its own 1,000 environment stations; a POST holds one
`pm2_5` of each of the 1,000, its time one second after the POST before, so nothing is a repeat and
every row is newer than the one before. Values are drawn once for each body (seed of the run) and
lie below every limit: the rules judge all rows (two thresholds with hold, one silence) and find
nothing. Bodies: JSON rows, JSON columns, Arrow IPC. The next POST of a connection leaves when the
last was answered. The client is raw asyncio sockets; it makes a body by replacing the time in a
prebuilt one. Authentication is on (Basic, one credential for each connection).

Timed: rows answered with success in 5 s after 2 s of warming up, CPU of the server by /proc. After
the run the house must have stored exactly what was acknowledged.

Peer: InfluxDB 1.6 (Debian), line protocol, 1,000 lines a POST, the same stations, values and times,
default settings (a write is fsynced in its log before the 204), no authentication, no rules.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime as dt
import gc
import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.figures import Goal, Measured, Row, Setting, median_of
from benchmarks.machine import program
from benchmarks.mqtt import cpu_seconds, free_port
from benchmarks.processes import ServedHouse, end, served_house, wait_for_http

CONNECTIONS = 8
ROWS = 1_000
FIRST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MARK_TEXT = b"2000-01-01T00:00:00Z"
MARK_US = np.int64(946_684_800_000_000)

Maker = Callable[[int], bytes]
"""The body of the n-th POST of a connection."""


def text_maker(template: bytes) -> Maker:
    def body(n: int) -> bytes:
        text = (FIRST + dt.timedelta(seconds=n)).strftime("%Y-%m-%dT%H:%M:%SZ")
        return template.replace(MARK_TEXT, text.encode())

    return body


def rows_of(connection: int, seed: int) -> tuple[list[str], list[float]]:
    """Stations of a connection and their values."""
    generator = np.random.default_rng([seed, connection])
    names = [f"bench:{connection}:{n}" for n in range(ROWS)]
    return names, np.round(generator.uniform(5, 60, ROWS), 1).tolist()


def json_rows(connection: int, seed: int) -> Maker:
    names, values = rows_of(connection, seed)
    mark = MARK_TEXT.decode()
    body = [
        {"thing": name, "property": "pm2_5", "value": value, "time": mark}
        for name, value in zip(names, values, strict=True)
    ]
    return text_maker(json.dumps(body, separators=(",", ":")).encode())


def json_columns(connection: int, seed: int) -> Maker:
    names, values = rows_of(connection, seed)
    body = {
        "thing": names,
        "property": ["pm2_5"] * ROWS,
        "value": values,
        "time": [MARK_TEXT.decode()] * ROWS,
    }
    return text_maker(json.dumps(body, separators=(",", ":")).encode())


def arrow(connection: int, seed: int) -> Maker:
    names, values = rows_of(connection, seed)
    times = np.full(ROWS, MARK_US)
    table = pa.table(
        {
            "thing": names,
            "property": ["pm2_5"] * ROWS,
            "value": values,
            "time": pa.array(times, pa.timestamp("us", "UTC")),
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    template, mark = sink.getvalue().to_pybytes(), times.tobytes()
    at = template.index(mark)
    head, tail = template[:at], template[at + len(mark) :]
    first = int(FIRST.timestamp()) * 1_000_000

    def body(n: int) -> bytes:
        return head + np.full(ROWS, first + n * 1_000_000, np.int64).tobytes() + tail

    return body


def lines(connection: int, seed: int) -> Maker:
    names, values = rows_of(connection, seed)
    mark = b"#" * 19
    template = b"\n".join(
        f"pm2_5,thing={name} value={value} ".encode() + mark
        for name, value in zip(names, values, strict=True)
    )
    first = int(FIRST.timestamp())

    def body(n: int) -> bytes:
        return template.replace(mark, b"%d000000000" % (first + n))

    return body


FORMS: dict[str, tuple[str, str, Callable[[int, int], Maker]]] = {
    "JSON rows": ("/api/observations", "application/json", json_rows),
    "JSON columns": ("/api/observations", "application/json", json_columns),
    "Arrow": ("/api/observations", "application/vnd.apache.arrow.stream", arrow),
    "line protocol": ("/write?db=bench", "text/plain", lines),
}


class Poster(asyncio.Protocol):
    """One keep-alive connection with one POST on its way."""

    def __init__(self, head: bytes, maker: Maker, load: Load) -> None:
        self.head, self.maker, self.load = head, maker, load
        self.n = 0
        self.buffer = b""
        self.running = False

    def connection_made(self, transport: Any) -> None:
        """Remember where to write."""
        self.transport = transport

    def post(self) -> None:
        """Send the next body."""
        body = self.maker(self.n + self.load.offset)
        self.n += 1
        self.sent_at = time.perf_counter()
        self.transport.writelines([self.head % len(body), body])

    def data_received(self, data: bytes) -> None:
        """An answer, whole or in part."""
        self.buffer += data
        at = self.buffer.find(b"\r\n\r\n")
        if at < 0:
            return
        status = self.buffer[9:12]
        if status == b"204":
            length = 0
        else:
            found = self.buffer.lower().find(b"content-length:")
            length = int(self.buffer[found + 15 : self.buffer.index(b"\r", found)])
        if len(self.buffer) < at + 4 + length:
            return
        if status not in (b"200", b"204") or (length and b'"stored":1000,' not in self.buffer):
            self.load.failed.append(self.buffer[:500])
            return
        self.buffer = self.buffer[at + 4 + length :]
        self.load.rows += ROWS
        self.load.latencies.append(time.perf_counter() - self.sent_at)
        if self.running:
            self.post()


class Load:
    """Counters of a run."""

    def __init__(self, offset: int) -> None:
        self.offset = offset
        self.rows = 0
        self.failed: list[bytes] = []
        self.latencies: list[float] = []


async def drive(
    port: int, pid: int, form: str, users: list[str], seconds: float, seed: int, offset: int
) -> tuple[Measured, int]:
    """(what was measured, rows acknowledged in all)."""
    path, media, make = FORMS[form]
    load, loop = Load(offset), asyncio.get_running_loop()
    posters = []
    for number in range(CONNECTIONS):
        basic = base64.b64encode(users[number].encode()).decode() if users else ""
        authorization = f"Authorization: Basic {basic}\r\n" if users else ""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {media}\r\n"
            f"{authorization}Content-Length: %d\r\n\r\n"
        ).encode()
        poster = Poster(head, make(number, seed), load)
        await loop.create_connection(lambda p=poster: p, "127.0.0.1", port)
        posters.append(poster)
    gc.disable()
    for poster in posters:
        poster.running = True
        poster.post()
    await asyncio.sleep(min(2.0, seconds))
    load.latencies.clear()
    first, wall, own = load.rows, time.perf_counter(), time.process_time()
    theirs = cpu_seconds(pid)
    await asyncio.sleep(seconds)
    count = load.rows - first
    wall, own = time.perf_counter() - wall, time.process_time() - own
    theirs = cpu_seconds(pid) - theirs
    latencies = sorted(load.latencies)
    for poster in posters:
        poster.running = False
    until = time.perf_counter() + 30
    sent = sum(poster.n for poster in posters) * ROWS
    while load.rows < sent and not load.failed and time.perf_counter() < until:  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    for poster in posters:
        poster.transport.abort()
    if load.failed or load.rows < sent:
        raise RuntimeError(f"{form}: {load.failed[:1] or 'not all was answered'}")
    measured = Measured(
        system="",
        value=count / wall / 1e6,
        server_us=round(theirs / count * 1e6, 3),
        client_us=round(own / count * 1e6, 3),
        note=f"POST p50 {latencies[len(latencies) // 2] * 1e3:.1f} ms, "
        f"p99 {latencies[len(latencies) * 99 // 100] * 1e3:.1f} ms",
    )
    return measured, load.rows


def furnish(house: ServedHouse) -> list[str]:
    """Register the stations; returns `name:secret` of each connection."""
    sheet = "id,kind,name,longitude,latitude\n" + "".join(
        f"bench:{connection}:{n},environment-station,Station {n},121.4,31.21\n"
        for connection in range(CONNECTIONS)
        for n in range(ROWS)
    )
    path = "/api/things/import?dry_run=false"
    report = house.request("POST", path, sheet.encode(), "text/csv")
    if report["created"] != CONNECTIONS * ROWS:
        raise RuntimeError(f"stations: {report}")
    users = []
    for connection in range(CONNECTIONS):
        wanted = {"name": f"gateway-{connection}", "things": [f"bench:{connection}:"]}
        body = json.dumps(wanted | {"source": "measured"}).encode()
        made = house.request("POST", "/api/credentials", body, "application/json")
        users.append(f"gateway-{connection}:{made['secret']}")
    return users


@contextlib.contextmanager
def influx(folder: Path) -> Iterator[tuple[int, int]]:
    """InfluxDB on a free loopback port; yields (port, pid)."""
    path = program("influxd")
    if path is None:
        raise FileNotFoundError("influxdb is not installed")
    folder.mkdir()
    port, rpc = free_port(), free_port()
    config = folder / "influxdb.conf"
    config.write_text(
        f'reporting-disabled = true\nbind-address = "127.0.0.1:{rpc}"\n'
        f'[meta]\ndir = "{folder}/meta"\n'
        f'[data]\ndir = "{folder}/data"\nwal-dir = "{folder}/wal"\nquery-log-enabled = false\n'
        f"[monitor]\nstore-enabled = false\n"
        f'[http]\nbind-address = "127.0.0.1:{port}"\nlog-enabled = false\n'
    )
    log = folder / "influxd.log"
    with log.open("wb") as out:
        process = subprocess.Popen([path, "-config", str(config)], stdout=out, stderr=out)
    try:
        wait_for_http(f"http://127.0.0.1:{port}/ping", process, log)
        query = f"http://127.0.0.1:{port}/query?q=CREATE%20DATABASE%20bench"
        urllib.request.urlopen(urllib.request.Request(query, method="POST"), timeout=30).close()
        yield port, process.pid
    finally:
        end(process)


def measure(setting: Setting) -> list[Row]:
    """Rows of the table."""
    import uvloop

    seconds = 1.0 if setting.quick else 5.0
    forms = ("JSON rows",) if setting.quick else ("JSON rows", "JSON columns", "Arrow")
    ours: dict[str, list[Measured]] = {form: [] for form in forms}
    peer: list[Measured] = []
    missing = ""
    for number in range(setting.repeats):
        folder = setting.folder / f"http-{number}"
        folder.mkdir()
        for turn, form in enumerate(ours):
            place = folder / str(turn)
            place.mkdir()
            with served_house(place) as house:
                users = furnish(house)
                setting.quiet()
                one, rows = uvloop.run(
                    drive(house.port, house.pid, form, users, seconds, setting.seed, 0)
                )
                stored = house.request("GET", "/api/overview", None, "")["observations"]["stored"]
                if stored != rows:
                    raise RuntimeError(f"{form}: {rows} acknowledged, {stored} stored")
            ours[form].append(one)
        if setting.peers and not missing:
            try:
                with influx(folder / "influx") as (port, pid):
                    setting.quiet()
                    peer.append(
                        uvloop.run(drive(port, pid, "line protocol", [], seconds, setting.seed, 0))[
                            0
                        ]
                    )
            except FileNotFoundError as reason:
                missing = f"no peer: {reason}"
    peers = []
    if peer:
        theirs = median_of("InfluxDB 1.6", peer)
        theirs.note = f"line protocol, 204 after the fsync of its log, no auth; {peer[0].note}"
        peers = [theirs]
    table = []
    for form, runs in ours.items():
        each = median_of("xinji", runs)
        each.note = f"200 after the commit, auth and 3 rules; {runs[0].note}"
        table.append(
            Row(
                work="http", what=f"{form}, {ROWS:,} a POST, {CONNECTIONS} connections",
                unit="M rows/s", ours=each, peers=peers, input=missing,
                goal=Goal(least=0.4) if form == "JSON rows" else None,
            )
        )  # fmt: skip
    return table


if __name__ == "__main__":
    sys.exit("run as: python -m benchmarks --only http")
