"""Processes that are measured: started on free loopback ports, accounted by pid, ended by pid."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.mqtt import cpu_seconds, free_port

ROOT = Path(__file__).parents[1]


def child(module: str, *arguments: str, timeout: float = 1_800) -> Any:
    """Run `python -m benchmarks.<module> ...` and read the JSON of its last line."""
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{module}", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"benchmarks.{module}: {done.stderr[-3_000:]}")
    return json.loads(done.stdout.strip().splitlines()[-1])


def end(process: subprocess.Popen[bytes], patience: float = 30) -> None:
    """SIGTERM, and SIGKILL when that is not heard."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def family_cpu(pid: int) -> float:
    """CPU seconds of a process and of its children, those that have ended too."""
    total = cpu_seconds(pid)
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    total += (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            for each in (task / "children").read_text().split():
                total += family_cpu(int(each))
    return total


def peak_memory_mib(pid: int | str = "self") -> float:
    """Largest resident size so far."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


class ServedHouse(NamedTuple):
    """A running `xinji serve`."""

    port: int
    mqtt_port: int
    pid: int
    token: str

    def request(self, method: str, path: str, body: bytes | None, media: str) -> Any:
        """One request as the local administrator."""
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}", body, method=method,
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": media},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.loads(answer.read() or b"null")


@contextlib.contextmanager
def served_house(folder: Path) -> Iterator[ServedHouse]:
    """`xinji serve` on an empty folder, as a user starts it."""
    port, mqtt_port = free_port(), free_port()
    data, log = folder / "house", folder / "house.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "xinji.cli", "serve", "--data", str(data),
             "--port", str(port), "--mqtt-port", str(mqtt_port)],
            stdout=out, stderr=out,
        )  # fmt: skip
    try:
        wait_for_http(f"http://127.0.0.1:{port}/api/status", process, log)
        token = json.loads((data / "local.json").read_text())["token"]
        yield ServedHouse(port, mqtt_port, process.pid, token)
    finally:
        end(process)


def wait_for_http(
    url: str, process: subprocess.Popen[bytes], log: Path, patience: float = 600
) -> None:
    """Wait for an answer below 400, however slow the machine is; a process that ends is told.

    Raises:
        RuntimeError: the process ended, or there was no answer in `patience` seconds.
    """
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(log.read_text()[-2_000:])
        with contextlib.suppress(OSError):
            urllib.request.urlopen(url, timeout=30).close()
            return
        time.sleep(0.05)
    raise RuntimeError(f"not up in {patience:.0f} s: " + log.read_text()[-2_000:])
