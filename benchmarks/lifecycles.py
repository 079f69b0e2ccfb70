"""Whole lifecycles of urban cases over HTTP with a million cases stored.

Input: a house of one square district with 1,000,000 urban cases and a report each, put into its own
SQLite file by bulk SQL (not through the door): 990,000 closed (steps `open`, `file`, `void`) and
10,000 dispatched (`open`, `file`, `dispatch`), the SM3 chain over all 3,000,000 steps computed with
the engine's own `link`. `xinji`'s application is then served by uvicorn in a process of its own,
sign-in by token, with the one system of urban work and all its chores turning.

A lifecycle is five requests one after the other on a keep-alive connection, each answered when what
it changed is on disk (`synchronous = full`): create (POST /api/reports by a patrol, compared with
the open cases around; one that joins a case is no lifecycle), assign (POST action `dispatch`),
resolve (POST action `done`, with a photo that was stored before), search (GET
/api/cases?state=verifying&area=...&limit=10) and look (GET /api/cases/{id}). 32 connections work at
once (raw asyncio sockets in another process); places and classes are drawn by the run's seed.

Timed: lifecycles answered in 10 s after 3 s of warming up, p50 and p95 of a request and of a whole
lifecycle, CPU of the server by /proc. Afterwards the house must hold as many new cases as were
answered, each of them with its step `done`.

Peer: DIGIT CCRS (egovernments/Citizen-Complaint-Resolution-System): CREATE, ASSIGN, RESOLVE,
SEARCH, 6.3 lifecycles/s with 1,000,000 records on 16 vCPU, as its own report says
(performance/docs/executive-summary.md). It was not run here, and its machine is another.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.figures import Goal, Measured, Row, Setting, median_of
from benchmarks.machine import sync_rate
from benchmarks.mqtt import cpu_seconds, free_port
from benchmarks.processes import ROOT, child, end, peak_memory_mib, wait_for_http
from benchmarks.step_rows import StepRows

CONNECTIONS = 32
CLASSES = ("event.0110", "event.0410", "event.0405", "event.0201", "event.0111", "event.0112")
WEST, SOUTH, SIDE = 121.3, 31.1, 0.2
"""The square district, two sub-districts side by side."""
AREAS = ("310105001", "310105002")
DAY_US = 86_400 * 1_000_000
US = 1_000_000
PHOTO = "a" * 64


def systems_of() -> list[Any]:
    """The system that is measured."""
    from xinji.system.discovery import discover

    return [each for each in discover(entry_points=False) if each.name == "platforms.operations"]


def house_of(folder: Path) -> Any:
    """A house of the square district."""
    from xinji.model.things import Area, AreaLevel
    from xinji.model.title import Title
    from xinji.system.assembly import assemble

    house = assemble(folder, systems_of())
    if house.registry.areas:
        return house

    def area(code: str, level: Any, west: float, width: float, parent: str | None) -> Area:
        east, north = west + width, SOUTH + SIDE
        ring = [[west, SOUTH], [east, SOUTH], [east, north], [west, north], [west, SOUTH]]
        return Area(
            code=code, level=level, title=Title(code, code), parent=parent,
            geometry={"type": "Polygon", "coordinates": [ring]},
        )  # fmt: skip

    house.registry.put_areas(
        [
            area("310105", AreaLevel.DISTRICT, WEST, SIDE, None),
            area(AREAS[0], AreaLevel.SUBDISTRICT, WEST, SIDE / 2, "310105"),
            area(AREAS[1], AreaLevel.SUBDISTRICT, WEST + SIDE / 2, SIDE / 2, "310105"),
        ]
    )
    return house


def fill(file: Path, total: int, seed: int) -> int:
    """Store `total` cases, the last hundredth of them dispatched; returns the number of steps."""
    from xinji.access.bound import row_digest
    from xinji.loop.case_row import CaseRow

    generator = np.random.default_rng(seed)
    now = time.time_ns() // 1_000
    first = now - 365 * DAY_US
    gap = 364 * DAY_US // total
    longitudes = generator.uniform(WEST, WEST + SIDE, total)
    latitudes = generator.uniform(SOUTH, SOUTH + SIDE, total)
    open_from = total - total // 100
    made = StepRows()
    connection = sqlite3.connect(file)
    connection.execute("pragma synchronous = off")
    connection.execute("pragma cache_size = -262144")

    def key(n: int) -> str:
        return f"CN20260101-{n + 1:07d}"

    def case(n: int) -> CaseRow:
        at, is_open = first + n * gap, n >= open_from
        code = CLASSES[n % len(CLASSES)]
        return CaseRow(
            id=key(n), type="urban", case_class=code,
            state="dispatched" if is_open else "closed",
            stage="派遣" if is_open else "结案",
            title=f"城市问题 · 某路 {n} 号", title_en=f"Problem · {n} Some Road", thing="",
            area=AREAS[int(longitudes[n] >= WEST + SIDE / 2)], severity="minor", opened_at=at,
            due_at=now + 30 * DAY_US if is_open else None,
            closed_at=None if is_open else at + 3_600 * US,
            outcome=None if is_open else "void", assignee="bench", department="",
            limit_us=60 * DAY_US, clock_us=0, clock_at=at if is_open else None, overdue=False,
            indicator=None, source="simulated", steps=3, revision=2 * n + 2,
            condition=f"{code}.1", channel="patrol", reports=1,
            longitude=float(longitudes[n]), latitude=float(latitudes[n]),
        )  # fmt: skip

    def report(n: int) -> tuple[Any, ...]:
        at, code = first + n * gap, CLASSES[n % len(CLASSES)]
        area = AREAS[int(longitudes[n] >= WEST + SIDE / 2)]
        return (
            f"R20260101-{n + 1:07d}", "seed", f"seed-{n}", "patrol", code, f"{code}.1", 1.0, "", "",
            float(longitudes[n]), float(latitudes[n]), 12.0, area, at, at, "[]", "", "", None,
            "{}", "normal", key(n), "filed", None, f"S{n}", None, None, None, "", "simulated",
            2 * n + 1,
        )  # fmt: skip

    def steps(row: CaseRow) -> Iterator[tuple[Any, ...]]:
        name, at, digest = row.id, row.opened_at, row_digest("cases", msgspec.structs.asdict(row))
        last = ("void", "closed", "intake") if row.closed_at else ("dispatch", "dispatched", "rule")
        action, state, role = last
        acts = (
            (at, "open", "", "reported", "seed", "patrol", "", "{}"),
            (at, "file", "reported", "filed", "intake", "rule", "", "{}"),
            (at + 60 * US, action, "filed", state, "seed", role, "seed", "{}"),
        )
        for number, act in enumerate(acts, 1):
            yield made.row(name, number, *act, digest=digest)
        made.forget(name)

    def insert(table: str, rows: list[tuple[Any, ...]]) -> None:
        marks = ",".join("?" * len(rows[0]))
        connection.executemany(f"insert into {table} values ({marks})", rows)

    for begin in range(0, total, 50_000):
        numbers = range(begin, min(begin + 50_000, total))
        rows = [case(n) for n in numbers]
        insert("cases", [msgspec.structs.astuple(row) for row in rows])
        insert("reports", [report(n) for n in numbers])
        made.store(connection, (each for row in rows for each in steps(row)))
        connection.commit()
    connection.commit()
    connection.execute(
        "insert into photos values (?, 'image/jpeg', 1, 1, 1, 'after', ?, null, null, '', 1, "
        "'seed', ?)",
        (PHOTO, now, now),
    )
    kept = file.parent / "photos" / PHOTO[:2] / f"{PHOTO}.jpg"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_bytes(b"")
    connection.commit()
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    return made.count


def serve(folder: Path, port: int) -> None:
    """In a process of its own: the house behind uvicorn, until SIGTERM."""
    import uvicorn
    import uvloop

    from xinji.access.identity import Role
    from xinji.api.call import Site
    from xinji.model.indicators import Plan
    from xinji.model.locality import Locality
    from xinji.model.title import Title
    from xinji.system.assembly import routes_of
    from xinji.web.app import application

    house = house_of(folder)
    with contextlib.suppress(ValueError):
        house.identity.add("bench", "correct horse battery", Role.OPERATOR, actor="bench")
    (folder / "bench-token").write_text(house.identity.issue("bench", "bench", 1, actor="bench"))

    async def run() -> None:
        house.locality = Locality(name="x", title=Title("x", "x"), code="310105", illustrative=True,
                                  center=(121.4, 31.2),
                                  bounds=(WEST, SOUTH, WEST + SIDE, SOUTH + SIDE))  # fmt: skip
        plan = Plan(id="x", district="x", title=Title("x", "x"), source="", families=(), tasks=(),
                    existing=(), targets=(), published=dt.date(2026, 1, 1))  # fmt: skip
        app, changes = application(Site(house, plan, routes_of(systems_of())))
        config = uvicorn.Config(app, port=port, lifespan="off", log_level="warning",
                                access_log=False)  # fmt: skip
        server = uvicorn.Server(config)
        await house.start()
        await server.serve()
        changes.close()
        await house.stop()

    uvloop.run(run())


class Connection:
    """A keep-alive connection that sends JSON and reads JSON."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self.taken: list[float] = []

    async def open(self) -> None:
        """Connect."""
        self._in, self._out = await asyncio.open_connection("127.0.0.1", self._port)

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request; the answer's JSON. RuntimeError for anything but success."""
        data = b"" if body is None else msgspec.json.encode(body)
        start = time.perf_counter()
        self._out.write(
            f"{method} {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._token}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode()
            + data
        )
        head = await self._in.readuntil(b"\r\n\r\n")
        low = head.lower()
        at = low.index(b"content-length:") + 15
        answer = await self._in.readexactly(int(low[at : low.index(b"\r\n", at)]))
        self.taken.append(time.perf_counter() - start)
        if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 201")):
            raise RuntimeError(f"{method} {path}: {head[:40]!r} {answer[:400]!r}")
        return msgspec.json.decode(answer)

    def close(self) -> None:
        """Hang up."""
        self._out.close()


async def lifecycles(connection: Connection, number: int, seed: int) -> AsyncIterator[str]:
    """Lifecycles one after the other, for ever; yields the case of each."""
    generator = np.random.default_rng([seed, number])
    count = 0
    while True:
        count += 1
        east, north = generator.uniform(0.001, SIDE - 0.001, 2)
        filed = await connection.ask(
            "POST",
            "/api/reports",
            {
                "client_id": f"{seed}-{number}-{count}",
                "channel": "patrol",
                "case_class": CLASSES[int(generator.integers(len(CLASSES)))],
                "longitude": WEST + float(east),
                "latitude": SOUTH + float(north),
                "address": f"{number}-{count}",
            },
        )
        case, new = filed["case"], filed["disposition"] != "merged"
        actions = f"/api/cases/{case}/actions?brief=true"
        if new:
            await connection.ask("POST", actions, {"action": "dispatch", "assignee": "bench"})
            await connection.ask(
                "POST", actions, {"action": "done", "evidence": {"after": [PHOTO]}}
            )
        area = AREAS[int(generator.integers(2))]
        await connection.ask("GET", f"/api/cases?state=verifying&area={area}&limit=10")
        await connection.ask("GET", f"/api/cases/{case}")
        if new:
            yield case


async def drive(port: int, token: str, seed: int, warm: float, seconds: float) -> dict[str, Any]:
    """32 connections for a while; what was answered in the time and how fast."""
    connections = [Connection(port, token) for _ in range(CONNECTIONS)]
    begin = time.perf_counter() + warm
    whole: list[float] = []
    cases: list[str] = []

    async def work(number: int) -> None:
        connection = connections[number]
        await connection.open()
        last = time.perf_counter()
        if last < begin:
            connection.taken.clear()
        async for case in lifecycles(connection, number, seed):
            now = time.perf_counter()
            cases.append(case)
            if now < begin:
                connection.taken.clear()
            elif now <= begin + seconds:
                whole.append(now - last)
            else:
                break
            last = now
        connection.close()

    await asyncio.gather(*(work(number) for number in range(CONNECTIONS)))
    requests = sorted(each for one in connections for each in one.taken)
    whole.sort()
    return {
        "rate": len(whole) / seconds,
        "p50_ms": statistics.median(requests) * 1e3,
        "p95_ms": requests[len(requests) * 95 // 100] * 1e3,
        "whole_p95_ms": whole[len(whole) * 95 // 100] * 1e3,
        "cases": len(cases),
        "client_cpu": resource.getrusage(resource.RUSAGE_SELF).ru_utime,
    }


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[int, str, int]]:
    """The served house: port, token, process id."""
    port = free_port()
    log = folder / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.lifecycles", "serve", str(folder), str(port)],
            cwd=ROOT, stdout=out, stderr=out,
        )  # fmt: skip
    try:
        wait_for_http(f"http://127.0.0.1:{port}/api/status", process, log)
        yield port, (folder / "bench-token").read_text(), process.pid
    finally:
        end(process)


def ours(folder: Path, total: int, seed: int, seconds: float, repeats: int) -> dict[str, Any]:
    """Fill, serve, drive, and count what was stored."""
    house = house_of(folder)
    file = house.folder.registry
    house.close()
    start = time.perf_counter()
    steps = fill(file, total, seed)
    filled = time.perf_counter() - start
    runs, answered = [], 0
    start = time.perf_counter()
    with served(folder) as (port, token, pid):
        opened = time.perf_counter() - start
        for repeat in range(repeats):
            cpu, begin = cpu_seconds(pid), time.perf_counter()
            found = json.loads(
                subprocess.run(
                    [sys.executable, "-m", "benchmarks.lifecycles", "drive", str(port), token,
                     str(seed + repeat), str(seconds)],
                    cwd=ROOT, capture_output=True, text=True, check=True,
                ).stdout.splitlines()[-1]
            )  # fmt: skip
            found["server_us"] = (cpu_seconds(pid) - cpu) / found["cases"] * 1e6
            found["wall"] = time.perf_counter() - begin
            answered += found["cases"]
            runs.append(found)
        memory = peak_memory_mib(pid)
    connection = sqlite3.connect(file)
    stored = connection.execute(
        "select count(*) from case_steps where action = 'done' and actor = 'bench'"
    ).fetchone()[0]
    connection.close()
    if not answered <= stored <= answered + CONNECTIONS * repeats:
        raise RuntimeError(f"{answered} lifecycles were answered and {stored} are stored")
    return {
        "runs": runs, "steps": steps, "fill_s": filled, "open_s": opened, "memory_mib": memory,
        "file_mb": file.stat().st_size / 1e6, "sync": sync_rate(folder, 4_096, 0.5)[0],
    }  # fmt: skip


def measure(setting: Setting) -> list[Row]:
    """Rows of the table."""
    total, seconds = (2_000, 2.0) if setting.quick else (1_000_000, 10.0)
    folder = setting.folder / "lifecycles"
    folder.mkdir()
    setting.quiet()
    found = child("lifecycles", "ours", str(folder), str(total), str(setting.seed), str(seconds),
                  str(setting.repeats))  # fmt: skip
    runs = found["runs"]
    mine = median_of(
        "xinji",
        [Measured(system="xinji", value=run["rate"], server_us=run["server_us"]) for run in runs],
    )
    mine.note = (
        f"{found['steps']:,} steps stored before in {found['fill_s']:.0f} s by bulk SQL, file "
        f"{found['file_mb']:,.0f} MB, house opened in {found['open_s']:.1f} s, "
        f"{found['memory_mib']:,.0f} MiB; this disk does {found['sync']:,.0f} fdatasyncs/s of 4 kB"
    )
    peer = Measured(
        system="DIGIT CCRS", value=6.3,
        note="its own report: 1 M records, 16 vCPU, four requests a lifecycle; not run here",
    )  # fmt: skip

    def latency(key: str, what: str, goal: Goal | None = None) -> Row:
        each = [run[key] for run in runs]
        value = Measured(system="xinji", value=statistics.median(each), runs=each)
        return Row(work="lifecycles", what=what, unit="ms", ours=value, goal=goal,
                   lower_is_better=True)  # fmt: skip

    return [
        Row(
            work="lifecycles", what=f"create, assign, resolve, search; {total:,} cases stored",
            unit="lifecycles/s", ours=mine, peers=[peer], goal=Goal(least=300),
        ),
        latency("p50_ms", "a request, p50"),
        latency("p95_ms", "a request, p95", Goal(most=100)),
        latency("whole_p95_ms", "a lifecycle, p95"),
    ]  # fmt: skip


def main(arguments: list[str]) -> None:
    """`serve FOLDER PORT`, `drive PORT TOKEN SEED SECONDS`, `ours FOLDER TOTAL SEED SECONDS N`."""
    match arguments:
        case ["serve", folder, port]:
            signal.signal(signal.SIGTERM, signal.default_int_handler)
            serve(Path(folder), int(port))
        case ["drive", port, token, seed, seconds]:
            import uvloop

            given = float(seconds)
            print(json.dumps(uvloop.run(drive(int(port), token, int(seed), 0.3 * given, given))))
        case ["ours", folder, total, seed, seconds, repeats]:
            print(
                json.dumps(ours(Path(folder), int(total), int(seed), float(seconds), int(repeats)))
            )


if __name__ == "__main__":
    main(sys.argv[1:])
