"""What the README promises of `make demo`, with its defaults: minutes, on any load of two cores."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.promises.counted import both

pytestmark = [pytest.mark.slow, pytest.mark.timeout(2_400)]

FIRST_CLOSED_SECONDS = 600.0
MEMORY_MB = 2_000.0
CORES = 1.0
STOP_SECONDS = 5.0
RUN_SECONDS = 780.0
"""How long the figures of the report are collected."""
RANGES = {
    "precision": (0.7, 1.0),
    "recall": (0.7, 1.0),
    "camera_precision": (0.5, 1.0),
    "camera_recall_of_looked_at": (0.6, 1.0),
    "auto_merge_precision": (0.75, 1.0),
    "false_close_rate": (0.0, 0.05),
}
"""As docs/operations.md tells them."""


def family(root: int) -> list[int]:
    """A process and everything that it started."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], [])
    return found


def megabytes(processes: list[int]) -> float:
    """Proportional share of memory (PSS): what they share is counted once."""
    total = 0
    for process in processes:
        with contextlib.suppress(OSError, TypeError):
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
            total += int(re.search(r"^Pss:\s+(\d+)", text, re.M)[1])  # type: ignore[index]
    return total / 1024


def cpu_seconds(processes: list[int]) -> float:
    ticks = 0
    for process in processes:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


class Run:
    """One demo with its defaults from start to Ctrl-C, and what was seen of it meanwhile."""

    def __init__(self, folder: Path) -> None:
        self.data, self.log = folder / "data", folder / "log.txt"
        self.began = time.monotonic()
        with self.log.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "xinji.cli", "demo", "--port", "0", "--mqtt-port", "0",
                 "--data", str(self.data)],
                stdout=output, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self.most_mb, self.closed_after = 0.0, float("inf")
        self.cores, self.counts, self.report = 0.0, ({}, {}), {}

    def go(self) -> None:
        url = self._url()
        token = json.loads((self.data / "local.json").read_text())["token"]
        headers = {"Authorization": f"Bearer {token}"}
        live: tuple[float, float] | None = None
        with httpx.Client(base_url=url, headers=headers, timeout=60) as http:
            while (now := time.monotonic()) - self.began < RUN_SECONDS:
                assert self.process.poll() is None, self.log.read_text()
                processes = family(self.process.pid)
                self.most_mb = max(self.most_mb, megabytes(processes))
                speed = http.get("/api/clock").json()["speed"]
                if live is None and speed > 1:
                    live = now, cpu_seconds(processes)
                if self.closed_after == float("inf") and self._verified(http):
                    self.closed_after = time.monotonic() - self.began
                time.sleep(5)
            if live is not None:
                spent = cpu_seconds(family(self.process.pid)) - live[1]
                self.cores = spent / (time.monotonic() - live[0])
            truth = (self.data / "street.jsonl").read_bytes()
            answer = http.post("/api/operations/report", content=truth).raise_for_status()
            self.report: dict[str, Any] = answer.json()["figures"]
            self.counts = both(http)
        asked = time.monotonic()
        self.process.send_signal(signal.SIGINT)
        self.status = self.process.wait(120)
        self.stopped_in = time.monotonic() - asked

    def _url(self) -> str:
        while not (found := re.search(r"serves (http://\S+)", self.log.read_text())):
            assert self.process.poll() is None, self.log.read_text()
            time.sleep(0.2)
        return found[1]

    @staticmethod
    def _verified(http: httpx.Client) -> bool:
        items = http.get("/api/cases?open=false&type=urban&limit=200").json()["items"]
        return any(item["outcome"] == "verified" for item in items)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    pytest.importorskip("cv2", reason="the street needs the extra `vision`")
    made = Run(tmp_path_factory.mktemp("demo"))
    try:
        made.go()
        print(
            f"first closed after {made.closed_after:.0f} s, at most {made.most_mb:.0f} MB, "
            f"{made.cores:.2f} cores, ended in {made.stopped_in:.1f} s, load "
            f"{os.getloadavg()[0]:.1f}\n{json.dumps(made.report, ensure_ascii=False)}"
        )
        yield made
    finally:
        if made.process.poll() is None:
            made.process.kill()
            made.process.wait()


def test_a_machine_closes_the_first_case_within_ten_minutes(run: Run) -> None:
    assert run.closed_after <= FIRST_CLOSED_SECONDS


def test_it_needs_less_than_two_gigabytes(run: Run) -> None:
    assert 0 < run.most_mb < MEMORY_MB


def test_it_needs_less_than_one_core(run: Run) -> None:
    assert 0 < run.cores < CORES


@pytest.mark.parametrize("name", RANGES)
def test_the_reports_figures_are_in_their_ranges(run: Run, name: str) -> None:
    low, high = RANGES[name]
    assert run.report[name] is not None, run.report
    assert low <= run.report[name] <= high, run.report


def test_overview_plan_and_report_agree_with_exports_counted_by_pandas(run: Run) -> None:
    counted, told = run.counts
    assert counted["urban cases closed"] > 0
    assert counted["connected things"] > 4_000
    assert counted == told


def test_ctrl_c_ends_it_within_five_seconds_and_quietly(run: Run) -> None:
    assert run.status == 0
    assert run.stopped_in <= STOP_SECONDS
    said = run.log.read_text()
    assert not re.search("leaked|Traceback|Exception|Task was destroyed", said), said
