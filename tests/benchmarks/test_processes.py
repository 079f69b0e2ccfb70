"""Servers that are measured are waited for by what they answer."""

import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from benchmarks.mqtt import free_port
from benchmarks.processes import end, wait_for_http

SERVER = """
import http.server, sys, time

class Slow(http.server.BaseHTTPRequestHandler):
    asked = 0

    def do_GET(self):
        Slow.asked += 1
        if Slow.asked > 1:
            time.sleep(1.5)
        self.send_response(503 if Slow.asked == 1 else 200)
        self.end_headers()

http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Slow).serve_forever()
"""


@contextmanager
def started(code, port, log):
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-c", code, str(port)], stderr=out)
    try:
        yield process
    finally:
        end(process)


def test_a_server_that_is_not_ready_and_then_slow_to_answer_is_waited_for(tmp_path):
    port, log = free_port(), tmp_path / "log"
    with started(SERVER, port, log) as process:
        wait_for_http(f"http://127.0.0.1:{port}/", process, log)
        assert process.poll() is None


def test_a_server_that_ends_is_told_at_once_with_its_words(tmp_path):
    port, log = free_port(), tmp_path / "log"
    began = time.monotonic()
    with (
        started("raise SystemExit('the disk is full')", port, log) as process,
        pytest.raises(RuntimeError, match="the disk is full"),
    ):
        wait_for_http(f"http://127.0.0.1:{port}/", process, log)
    assert time.monotonic() - began < 60


def test_a_server_that_never_answers_is_given_up(tmp_path):
    port, log = free_port(), tmp_path / "log"
    with (
        started("import time; time.sleep(600)", port, log) as process,
        pytest.raises(RuntimeError, match="not up in 1 s"),
    ):
        wait_for_http(f"http://127.0.0.1:{port}/", process, log, patience=1)
