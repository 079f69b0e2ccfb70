"""The observation store beside PostgreSQL 15: ingest, size, and the four questions asked of it.

Input: 10,000 things x 5 properties x 400 ticks of 30 minutes = 20 million observations, a random
walk with 2 decimals (numpy's default generator, seed of the run); one tick = one batch of 50,000 =
one commit, in order of thing. Timed: `DuckObservations.append` alone (the batch is made before),
once one row was appended to another store (what the engine loads at its first use).
After the checkpoint that closing does: bytes of the file, rebuilding on opening, `latest` of
10,000 series from memory and by SQL, `window` of 100 things x 1 week by hour, `aggregate` of 10
areas x 1 day by hour; medians of 7, warm. A process of its own, so CPU and memory are its own.

Peer: PostgreSQL 15 (fsync on, defaults else) with an index on (prop, thing, t), COPY BINARY, one
tick = one commit. It gets the first property only (4 million of the 20 million rows, 10,000 a
commit): all that the questions touch, so every question is over the same rows.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Goal, Measured, Row, Setting
from benchmarks.machine import POSTGRES
from benchmarks.processes import child, family_cpu, free_port, peak_memory_mib

PROPERTIES = 5
AREAS = 10
TICK_US = 1_800 * 1_000_000
START = 1_767_225_600_000_000
"""2026-01-01 UTC."""
WEEK_US = 7 * 86_400 * 1_000_000
DAY_US = 86_400 * 1_000_000


def sizes(quick: bool) -> tuple[int, int]:
    """(things, ticks)."""
    return (200, 100) if quick else (10_000, 400)


def ticks(things: int, count: int, seed: int) -> Iterator[tuple[int, np.ndarray[Any, Any]]]:
    """(time, values of all things x properties) of each tick."""
    generator = np.random.default_rng(seed)
    values = generator.uniform(10, 90, things * PROPERTIES)
    for tick in range(count):
        values = values + generator.normal(0, 0.5, len(values))
        yield START + tick * TICK_US, np.round(values, 2)


def median_ms(work: Callable[[], object], rounds: int = 7) -> float:
    work()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1e3)
    return statistics.median(taken)


def ours(folder: Path, quick: bool, seed: int) -> dict[str, Any]:
    """Run in a process of its own."""
    from xinji.store.duck import DuckObservations
    from xinji.store.observations import Rows
    from xinji.store.series import warm

    things, count = sizes(quick)
    other = DuckObservations(folder / "warm.duckdb")
    warm(other.table)
    one = np.array([other.series_number("t", "p", 0)], np.int32)
    other.append(Rows(one, np.array([START]), np.zeros(1), np.zeros(1, np.uint8)))
    other.close()
    path = folder / "observations.duckdb"
    store = DuckObservations(path)
    series = np.array(
        [
            store.series_number(f"thing:{thing}", f"p{p}", 0)
            for thing in range(things)
            for p in range(PROPERTIES)
        ],
        np.int32,
    )
    good = np.zeros(len(series), np.uint8)
    wall = cpu = 0.0
    commits = []
    for time_us, values in ticks(things, count, seed):
        rows = Rows(series, np.full(len(series), time_us), values, good)
        start, own = time.perf_counter(), time.process_time()
        appended = store.append(rows)
        commits.append(time.perf_counter() - start)
        wall += commits[-1]
        cpu += time.process_time() - own
        assert appended.stored == len(series)
    start = time.perf_counter()
    store.close()
    checkpoint = time.perf_counter() - start
    size = path.stat().st_size
    ingest_memory = peak_memory_mib()

    start = time.perf_counter()
    store = DuckObservations(path)
    opened = time.perf_counter() - start
    total = things * PROPERTIES * count
    assert store.row_count == total
    first = series[::PROPERTIES]
    generator = np.random.default_rng(seed + 1)
    chosen = np.sort(generator.choice(things, min(100, things), replace=False))
    end = START + (count - 1) * TICK_US + 1
    groups = {int(s): f"area-{thing % AREAS}" for thing, s in enumerate(first)}
    newest = (
        "select thing, arg_max(value, time) as value, max(time) as time from observations "
        "where property = 'p0' group by thing"
    )
    week = store.window(first[chosen], end - WEEK_US, end, 3_600, 100_000)
    day = store.aggregate(groups, end - DAY_US, end, 3_600)
    assert store.sql(newest, {}).num_rows == things
    times, _, _ = store.latest(first)
    assert int(times.min()) == end - 1
    result = {
        "rows": total,
        "rate": total / wall,
        "cpu_us": cpu / total * 1e6,
        "commit_p99_ms": sorted(commits)[len(commits) * 99 // 100] * 1e3,
        "bytes_per_row": size / total,
        "file_mb": size / 1e6,
        "checkpoint_s": checkpoint,
        "open_s": opened,
        "latest_ms": median_ms(lambda: store.latest(first)),
        "latest_sql_ms": median_ms(lambda: store.sql(newest, {})),
        "window_ms": median_ms(
            lambda: store.window(first[chosen], end - WEEK_US, end, 3_600, 100_000)
        ),
        "window_rows": week.num_rows,
        "aggregate_ms": median_ms(lambda: store.aggregate(groups, end - DAY_US, end, 3_600)),
        "aggregate_rows": day.num_rows,
        "check": [
            round(float(np.sum(week["mean"].to_numpy())), 2),
            round(float(np.sum(day["mean"].to_numpy())), 2),
        ],
        "ingest_memory_mib": ingest_memory,
        "memory_mib": peak_memory_mib(),
    }
    store.close()
    return result


# -- PostgreSQL


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[tuple[str, int]]:
    """A cluster of its own on a free loopback port; yields (connection string, pid)."""
    if not (POSTGRES / "initdb").exists():
        raise FileNotFoundError("postgresql 15 is not installed")
    data, port = folder / "cluster", free_port()
    data.mkdir()
    # initdb refuses to run as root
    become = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    if become:
        for each in (folder, data):
            shutil.chown(each, "postgres", "postgres")
    subprocess.run(
        [*become, str(POSTGRES / "initdb"), "-D", str(data), "-U", "postgres", "-A", "trust",
         "--no-locale", "-E", "UTF8"],
        check=True, capture_output=True, cwd="/",
    )  # fmt: skip
    start = [str(POSTGRES / "pg_ctl"), "-D", str(data), "-w", "-t", "60", "-l",
             str(data / "log"), "-o", f"-p {port} -h 127.0.0.1 -k {data}", "start"]  # fmt: skip
    subprocess.run([*become, *start], check=True, stdout=subprocess.DEVNULL, cwd="/")
    pid = int((data / "postmaster.pid").read_text().split()[0])
    try:
        yield f"host=127.0.0.1 port={port} user=postgres dbname=postgres", pid
    finally:
        stop = [str(POSTGRES / "pg_ctl"), "-D", str(data), "-w", "-m", "fast", "stop"]
        subprocess.run([*become, *stop], check=True, stdout=subprocess.DEVNULL, cwd="/")


COPY_ROW = np.dtype(
    [("fields", ">i2"), ("l1", ">i4"), ("prop", ">i2"), ("l2", ">i4"), ("thing", ">i4"),
     ("l3", ">i4"), ("t", ">i8"), ("l4", ">i4"), ("v", ">f8")]
)  # fmt: skip
COPY_HEAD = b"PGCOPY\n\xff\r\n\0" + b"\0" * 8
PG_EPOCH_US = 946_684_800_000_000

LATEST = (
    "select t.thing, o.v, o.t from things t cross join lateral (select v, t from obs "
    "where prop = 0 and obs.thing = t.thing order by t desc limit 1) o"
)
WINDOW = (
    "select thing, date_trunc('hour', t) h, avg(v), min(v), max(v), count(*) from obs "
    "where prop = 0 and thing = any(%s) and t >= %s and t < %s group by 1, 2 order by 1, 2"
)
AGGREGATE = (
    "select area, date_trunc('hour', t) h, avg(v), min(v), max(v), count(*) "
    "from obs join things using (thing) where prop = 0 and t >= %s and t < %s "
    "group by 1, 2 order by 1, 2"
)


def peer(folder: Path, quick: bool, seed: int) -> dict[str, Any]:
    import psycopg

    from xinji.store.observations import moment

    things, count = sizes(quick)
    with postgres(folder) as (address, pid), psycopg.connect(address) as connection:
        cursor = connection.cursor()
        cursor.execute("set time zone 'UTC'")
        cursor.execute("create table things (thing int primary key, area text)")
        cursor.execute(
            "insert into things select n, 'area-' || n %% %s from generate_series(0, %s) n",
            [AREAS, things - 1],
        )
        cursor.execute("create table obs (prop int2, thing int4, t timestamp, v float8)")
        cursor.execute("create index on obs (prop, thing, t)")
        connection.commit()
        batch = np.zeros(things, COPY_ROW)
        batch["fields"], batch["l1"], batch["l2"], batch["l3"], batch["l4"] = 4, 2, 4, 8, 8
        batch["thing"] = np.arange(things)
        wall = own = 0.0
        before = family_cpu(pid)
        for time_us, values in ticks(things, count, seed):
            batch["t"], batch["v"] = time_us - PG_EPOCH_US, values[::PROPERTIES]
            data = COPY_HEAD + batch.tobytes() + b"\xff\xff"
            start, mine = time.perf_counter(), time.process_time()
            with cursor.copy("copy obs from stdin (format binary)") as copy:
                copy.write(data)
            connection.commit()
            wall += time.perf_counter() - start
            own += time.process_time() - mine
        total = things * count
        server = family_cpu(pid) - before
        connection.autocommit = True
        cursor.execute("vacuum analyze obs")
        cursor.execute("select pg_total_relation_size('obs')")
        size = cursor.fetchone()[0]
        generator = np.random.default_rng(seed + 1)
        chosen = np.sort(generator.choice(things, min(100, things), replace=False)).tolist()
        end = START + (count - 1) * TICK_US + 1
        week = [
            chosen,
            moment(end - WEEK_US).replace(tzinfo=None),
            moment(end).replace(tzinfo=None),
        ]
        day = [moment(end - DAY_US).replace(tzinfo=None), moment(end).replace(tzinfo=None)]

        def ask(query: str, parameters: list[Any]) -> list[Any]:
            return cursor.execute(query, parameters, binary=True).fetchall()

        windows, areas = ask(WINDOW, week), ask(AGGREGATE, day)
        assert len(ask(LATEST, [])) == things
        return {
            "rows": total,
            "rate": total / wall,
            "cpu_us": server / total * 1e6,
            "client_us": own / total * 1e6,
            "bytes_per_row": size / total,
            "latest_ms": median_ms(lambda: ask(LATEST, [])),
            "window_ms": median_ms(lambda: ask(WINDOW, week)),
            "window_rows": len(windows),
            "aggregate_ms": median_ms(lambda: ask(AGGREGATE, day)),
            "check": [
                round(float(sum(row[2] for row in windows)), 2),
                round(float(sum(row[2] for row in areas)), 2),
            ],
        }


def measure(setting: Setting) -> list[Row]:
    """Rows of the table."""
    runs = []
    for number in range(setting.repeats):
        folder = setting.folder / f"ours-{number}"
        folder.mkdir()
        setting.quiet()
        runs.append(child("store", "ours", str(folder), str(int(setting.quick)), str(setting.seed)))
        shutil.rmtree(folder)
    theirs = None
    missing = ""
    if setting.peers:
        folder = setting.folder / "peer"
        folder.mkdir()
        setting.folder.chmod(0o755)
        setting.quiet()
        try:
            theirs = peer(folder, setting.quick, setting.seed)
        except FileNotFoundError as reason:
            missing = f"no peer: {reason}"
        if theirs and not np.allclose(theirs["check"], runs[0]["check"], rtol=1e-6):
            raise AssertionError(f"answers differ: {runs[0]['check']} and {theirs['check']}")
    first = runs[0]

    def row(
        what: str, unit: str, key: str, goal: Goal | None, *, peer_key: str = "", note: str = "",
        better: str = "lower", scale: float = 1.0,
    ) -> Row:  # fmt: skip
        values = [run[key] / scale for run in runs]
        peers = []
        if theirs is not None and (peer_key or key) in theirs:
            ingest = key == "rate"
            peers = [
                Measured(
                    system="PostgreSQL 15",
                    value=theirs[peer_key or key] / scale,
                    server_us=theirs["cpu_us"] if ingest else None,
                    client_us=theirs["client_us"] if ingest else None,
                    note=f"{theirs['rows']:,} rows" if ingest else "",
                )
            ]
        cpu = statistics.median(run["cpu_us"] for run in runs) if key == "rate" else None
        return Row(
            work="store", what=what, unit=unit, goal=goal, peers=peers,
            lower_is_better=better == "lower",
            ours=Measured(system="xinji", value=statistics.median(values), server_us=cpu,
                          runs=values, note=note),
            input=missing if key == "rate" else "",
        )  # fmt: skip

    things, count = sizes(setting.quick)
    memory = f"largest resident size {first['ingest_memory_mib']:,.0f} MiB while storing"
    return [
        row(
            f"ingest {first['rows']:,} rows, {things * PROPERTIES:,} a commit", "M rows/s", "rate",
            Goal(least=4.0), better="higher", scale=1e6,
            note=f"{memory}, {first['memory_mib']:,.0f} MiB with the questions; "
            f"commit p99 {first['commit_p99_ms']:.0f} ms, closing {first['checkpoint_s']:.2f} s",
        ),
        row("size after checkpoint", "B/row", "bytes_per_row", Goal(most=3.0),
            note=f"{first['file_mb']:.1f} MB; opening again {first['open_s']:.2f} s"),
        row(f"latest of {things:,} series", "ms", "latest_ms", Goal(most=50.0),
            note="array look-ups in memory, as the API answers"),
        row(f"latest of {things:,} series by SQL", "ms", "latest_sql_ms", None,
            peer_key="latest_ms", note="the same question over the rows on disk, with names"),
        row(f"100 things x 1 week by hour, {first['window_rows']:,} rows out", "ms", "window_ms",
            None),
        row(f"{AREAS} areas x 1 day by hour, {things * min(48, count):,} rows in", "ms",
            "aggregate_ms", None),
    ]  # fmt: skip


if __name__ == "__main__":
    assert sys.argv[1] == "ours"
    print(json.dumps(ours(Path(sys.argv[2]), sys.argv[3] == "1", int(sys.argv[4]))))
