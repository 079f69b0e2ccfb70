"""Steps of cases with a million cases stored, one commit each, beside DBOS on SQLite.

Input: 1,000,000 cases of the type "device fault" (class device-silent), put into the house's own
SQLite file by bulk SQL with all that the engine would have written: 900,000 closed (steps `open`
and `void`), 100,000 open (step `open`, a `limit` timer each), the SM3 chain over all 1,900,000
steps computed with the engine's own `link`. The first 2,000 links of the file are walked again as
`xinji audit verify` would. Then the house is opened, and `CaseEngine.act` is timed: `assign`,
`accept`, `return` on open cases chosen at random (seed of the run); each act is one transaction
with the case's row, one link of the chain, and its timers set again (two of them: `limit` and
`recover`), committed with `synchronous = full` before the next begins. One thread, no batching.

The bound of the disk is measured beside it in the same folder: appends of 4 kB, and of as many
bytes as one act writes to the log, each with fdatasync.

Peer: DBOS 3.4 on SQLite (its default settings): a workflow of one step that stores a row.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import statistics
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from benchmarks.figures import Goal, Measured, Row, Setting, median_of
from benchmarks.machine import sync_rate
from benchmarks.processes import child, peak_memory_mib
from benchmarks.step_rows import StepRows

OPENED = 1_767_225_600_000_000
LIMIT_US = 4 * 3_600 * 1_000_000
ACTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("assign", {"assignee": "worker-7"}),
    ("accept", {}),
    ("return", {"note": "wrong address"}),
)


def fill(file: Path, total: int) -> int:
    """Store `total` cases, the last tenth of them open; returns the number of steps.

    Times lie in the future of `OPENED`; the limit of the open ones is reached in ten years, so that
    no timer fires by itself.
    """
    from xinji.access.bound import row_digest
    from xinji.loop.case_row import CaseRow

    columns = ",".join("?" * len(CaseRow.__struct_fields__))
    connection = sqlite3.connect(file)
    connection.execute("pragma synchronous = off")
    made = StepRows()
    open_from = total - total // 10
    due = OPENED + 10 * 365 * 86_400 * 1_000_000

    def case(n: int) -> CaseRow:
        at, is_open = OPENED + n * 1_000_000, n >= open_from
        return CaseRow(
            id=f"CN20260101-{n + 1:07d}",
            type="device-fault",
            case_class="device-silent",
            state="filed" if is_open else "closed",
            stage="立案" if is_open else "结案",
            title=f"雨量计 {n} · 失联",
            title_en=f"Rain gauge {n} · silent",
            thing=f"gauge-{n}",
            area="310105001",
            severity="minor",
            opened_at=at,
            due_at=due if is_open else None,
            closed_at=None if is_open else at + 60_000_000,
            outcome=None if is_open else "void",
            assignee=None,
            department="",
            limit_us=due - at if is_open else LIMIT_US,
            clock_us=0 if is_open else 60_000_000,
            clock_at=at if is_open else None,
            overdue=False,
            indicator=None,
            source="simulated",
            steps=1 if is_open else 2,
            revision=n + 1,
        )

    def steps(row: CaseRow) -> Iterator[tuple[Any, ...]]:
        at, is_open = row.opened_at, row.closed_at is None
        digest = row_digest("cases", msgspec.structs.asdict(row))
        yield made.row(row.id, 1, at, "open", "", "filed", "rule", "rule", "", "{}", digest=digest)
        if not is_open:
            yield made.row(
                row.id, 2, at + 60_000_000, "void", "filed", "closed", "admin", "administrator",
                "benchmark", "{}", digest=digest,
            )  # fmt: skip
        made.forget(row.id)

    for begin in range(0, total, 50_000):
        numbers = range(begin, min(begin + 50_000, total))
        rows = [case(n) for n in numbers]
        connection.executemany(
            f"insert into cases values ({columns})", map(msgspec.structs.astuple, rows)
        )
        made.store(connection, (each for row in rows for each in steps(row)))
        connection.executemany(
            "insert into timers (case_id, name, due_at, action) values (?, 'limit', ?, 'escalate')",
            ((f"CN20260101-{n + 1:07d}", due) for n in numbers if n >= open_from),
        )
        connection.commit()
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()
    return made.count


def ours(folder: Path, total: int, acts: int, seed: int, repeats: int) -> dict[str, Any]:
    """Run in a process of its own."""
    from xinji.system.assembly import assemble

    empty = assemble(folder / "data", [])
    file = empty.folder.registry
    empty.close()
    start = time.perf_counter()
    steps = fill(file, total)
    filled = time.perf_counter() - start
    start = time.perf_counter()
    house = assemble(folder / "data", [])
    opened = time.perf_counter() - start
    generator = np.random.default_rng(seed)
    open_from = total - total // 10
    log = Path(f"{file}-wal")

    def some(count: int) -> list[float]:
        """`count` acts; the microseconds of each."""
        # Sixteen cases at a time, so that the acts of one case are not neighbours.
        plan = []
        while len(plan) < count:
            chosen = generator.choice(np.arange(open_from, total), 16, replace=False).tolist()
            plan += [(f"CN20260101-{n + 1:07d}", *act) for act in ACTS for n in chosen]
        taken = []
        for case, action, given in plan[:count]:
            begin = time.perf_counter()
            house.cases.act(case, action, actor="bench", role="operator", **given)
            taken.append((time.perf_counter() - begin) * 1e6)
        return taken

    group = acts // 48 * 48
    some(group // 8 // 48 * 48 or 48)
    runs = []
    for _ in range(repeats):
        own, start = time.process_time(), time.perf_counter()
        taken = sorted(some(group))
        wall, own = time.perf_counter() - start, time.process_time() - own
        runs.append(
            {
                "rate": group / wall,
                "cpu_us": own / group * 1e6,
                "p50_us": statistics.median(taken),
                "p99_us": taken[len(taken) * 99 // 100],
                "sync": sync_rate(folder, 4_096, 0.5),
            }
        )
    # What an act writes to the log, in bytes: the log's growth before its first checkpoint.
    other = sqlite3.connect(file)
    other.execute("pragma wal_checkpoint(truncate)")
    other.close()
    some(48)
    written = log.stat().st_size // 48
    house.close()
    return {
        "runs": runs,
        "steps": steps,
        "fill_s": filled,
        "open_s": opened,
        "log_bytes": written,
        "sync_log": sync_rate(folder, written, 0.5),
        "file_mb": file.stat().st_size / 1e6,
        "memory_mib": peak_memory_mib(),
    }


def dbos(folder: Path, workflows: int) -> dict[str, Any]:
    """The peer, in a process of its own."""
    from dbos import DBOS

    DBOS(
        config={
            "name": "bench",
            "system_database_url": f"sqlite:///{folder}/dbos.sqlite",
            "run_admin_server": False,
            "log_level": "ERROR",
        }
    )
    rows = sqlite3.connect(folder / "rows.sqlite", check_same_thread=False, isolation_level=None)
    rows.execute("pragma journal_mode = wal")
    rows.execute("pragma synchronous = full")
    rows.execute("create table steps (id integer primary key, text text)")

    @DBOS.step()
    def store(text: str) -> None:
        rows.execute("insert into steps (text) values (?)", [text])

    @DBOS.workflow()
    def act(text: str) -> None:
        store(text)

    DBOS.launch()
    for n in range(5):
        act(f"warm {n}")
    taken = []
    own, start = time.process_time(), time.perf_counter()
    for n in range(workflows):
        begin = time.perf_counter()
        act(f"step {n}")
        taken.append((time.perf_counter() - begin) * 1e6)
    wall, own = time.perf_counter() - start, time.process_time() - own
    taken.sort()
    stored = rows.execute("select count(*) from steps").fetchone()[0]
    assert stored == workflows + 5
    DBOS.destroy()
    return {
        "rate": workflows / wall,
        "cpu_us": own / workflows * 1e6,
        "p50_us": statistics.median(taken),
        "p99_us": taken[len(taken) * 99 // 100],
    }


def measure(setting: Setting) -> list[Row]:
    """Rows of the table."""
    total, acts = (2_000, 480) if setting.quick else (1_000_000, 20_000)
    folder = setting.folder / "cases"
    folder.mkdir()
    setting.quiet()
    found = child("cases", "ours", str(folder), str(total), str(acts), str(setting.seed),
                  str(setting.repeats))  # fmt: skip
    shutil.rmtree(folder)
    peers: dict[str, list[Measured]] = {"rate": [], "p50_us": [], "p99_us": []}
    missing = ""
    if setting.peers:
        folder.mkdir()
        setting.quiet()
        try:
            theirs = child("cases", "dbos", str(folder), "20" if setting.quick else "300")
            for key, peer in peers.items():
                rate = key == "rate"
                peer.append(
                    Measured(
                        system="DBOS (SQLite)",
                        value=theirs[key],
                        server_us=theirs["cpu_us"] if rate else None,
                        note="a workflow of one step that stores a row" if rate else "",
                    )
                )
        except RuntimeError as error:
            missing = f"no peer: {str(error)[-200:]}"
    runs = found["runs"]
    sync = statistics.median(run["sync"][0] for run in runs)
    ours = median_of(
        "xinji",
        [Measured(system="xinji", value=run["rate"], server_us=run["cpu_us"]) for run in runs],
    )
    ours.note = (
        f"{found['steps']:,} steps stored before in {found['fill_s']:.0f} s, file "
        f"{found['file_mb']:,.0f} MB, house opened in {found['open_s']:.1f} s, "
        f"{found['memory_mib']:,.0f} MiB; an act writes {found['log_bytes']:,} bytes to the log; "
        f"this disk does {sync:,.0f} fdatasyncs/s of 4 kB, {found['sync_log'][0]:,.0f}/s of an "
        "act's bytes"
    )

    def latency(key: str, what: str) -> Row:
        each = [run[key] for run in runs]
        return Row(
            work="cases", what=what, unit="µs", lower_is_better=True, peers=peers[key],
            ours=Measured(system="xinji", value=statistics.median(each), runs=each),
        )  # fmt: skip

    bare = Row(
        work="cases", what="share of this disk's fdatasync rate (4 kB)", unit="of 1",
        ours=Measured(system="xinji", value=ours.value / sync),
    )  # fmt: skip
    return [
        Row(
            work="cases", what=f"steps, one commit each, {total:,} cases stored", unit="steps/s",
            ours=ours, peers=peers["rate"], goal=Goal(least=4_000), input=missing,
        ),
        latency("p50_us", "a step, p50"),
        latency("p99_us", "a step, p99"),
        bare,
    ]  # fmt: skip


if __name__ == "__main__":
    place = Path(sys.argv[2])
    if sys.argv[1] == "ours":
        print(json.dumps(ours(place, *(int(each) for each in sys.argv[3:7]))))
    else:
        print(json.dumps(dbos(place, int(sys.argv[3]))))
