"""A served house as a process of its own: started, killed, started again."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx


def free_port() -> int:
    """A port for a server that is started again on it.

    It lies below those that the system gives out by itself, so that no other connection is given it
    while the server is down.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, 30_000)
        with contextlib.suppress(OSError), socket.socket() as s:
            s.bind(("127.0.0.1", port))
            return port


def wait_until(true: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait for what must come, however busy the machine is."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.02)


class Served:
    """`xinji serve` on a folder. The ports stay the same over restarts."""

    def __init__(self, data: Path, **environment: str) -> None:
        self.data = data
        self.port, self.mqtt_port = free_port(), free_port()
        self.environment = os.environ | environment
        self.log = data.with_suffix(".log")
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "xinji.cli", "serve", "--data", str(self.data),
                 "--port", str(self.port), "--mqtt-port", str(self.mqtt_port)],
                stdout=log, stderr=log, env=self.environment,
            )  # fmt: skip
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if self.process.poll() is not None:
                raise RuntimeError(self.log.read_text())
            try:
                if httpx.get(self.url + "/api/status", timeout=1).is_success:
                    self.token = json.loads((self.data / "local.json").read_text())["token"]
                    return
            except (httpx.HTTPError, OSError, ValueError):
                time.sleep(0.05)
        raise RuntimeError("not up in 60 s: " + self.log.read_text())

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        """kill -9, by pid."""
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.kill()
                raise

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | options.pop("headers", {})
        return httpx.request(method, self.url + path, headers=headers, timeout=60, **options)

    def get(self, path: str) -> Any:
        response = self.request("GET", path)
        response.raise_for_status()
        return response.json()

    def post(self, path: str, body: Any) -> Any:
        response = self.request("POST", path, json=body)
        response.raise_for_status()
        return response.json() if response.content else None

    def stored(self) -> int:
        return int(self.get("/api/overview")["observations"]["stored"])

    def credential(
        self, name: str, source: str = "measured", things: list[str] | None = None
    ) -> str:
        body = {"name": name, "source": source, "things": things or [""]}
        return str(self.post("/api/credentials", body)["secret"])
