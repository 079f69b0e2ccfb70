"""Hostile HTTP: slow heads, large bodies, wrong shapes; each gets its answer and costs no other."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.process import Served
from xinji.web.connection import HEADER_SECONDS


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    made = Served(Path(tmp_path_factory.mktemp("http")) / "data")
    yield made
    made.stop()


def test_slow_heads_are_cut_off_and_others_are_served(served: Served) -> None:
    slow = []
    for _ in range(200):
        connection = socket.create_connection(("127.0.0.1", served.port))
        connection.sendall(b"GET /api/status HTTP/1.1\r\nHost: x\r\n")
        slow.append(connection)
    began = time.monotonic()
    assert served.get("/api/status")["status"] == "ok"
    assert time.monotonic() - began < 5
    for connection in slow:
        connection.settimeout(HEADER_SECONDS + 10)
        assert connection.recv(100) == b""
        connection.close()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "field"),
    [
        ("POST", "/api/sign-in", b"{", 400, None),
        ("POST", "/api/sign-in", b'{"name": 1, "password": "x"}', 422, "name"),
        ("POST", "/api/sign-in", b"[" * 100_000, 422, None),
        ("POST", "/api/things/import", b"\xff\xfe", 422, None),
        ("POST", "/api/things/import", b"id,kind\n1,2\n", 422, None),
        ("POST", "/api/rules", b'{"id": "x"}', 422, "body"),
        ("GET", "/api/things?limit=0", b"", 400, "limit"),
        ("GET", "/api/things?limit=1001", b"", 400, "limit"),
        ("GET", "/api/things?cursor=AAAA", b"", 400, "cursor"),
        ("GET", "/api/things?bbox=1,2,3", b"", 400, "bbox"),
        ("GET", "/api/things?state=odd", b"", 400, "state"),
        ("GET", "/api/things?format=odd", b"", 400, "format"),
        ("GET", "/api/events?from=yesterday", b"", 400, "from"),
        ("GET", "/api/cases?open=maybe", b"", 400, "open"),
        ("GET", "/api/plan?as_of=2024-13-01", b"", 400, "as_of"),
        ("GET", "/api/plan/indicators/none", b"", 404, None),
        ("GET", "/api/things/none", b"", 404, None),
        ("GET", "/api/none", b"", 404, None),
        ("GET", "/../../etc/passwd", b"", 200, None),
        ("DELETE", "/api/things", b"", 405, None),
    ],
)
def test_bad_requests_name_field_and_rule(
    served: Served, method: str, path: str, body: bytes, status: int, field: str | None
) -> None:
    answer = served.request(method, path, content=body)
    assert answer.status_code == status, answer.text
    if status >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert problem["status"] == status
        if field:
            assert problem["field"] == field
    else:
        assert "root:" not in answer.text


def test_a_body_above_the_cap_is_refused_early(served: Served) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(64):
            yield b"x" * 1_048_576

    try:
        answer = served.request("POST", "/api/things/import", content=endless())
        assert answer.status_code == 413
    except OSError:
        pass  # the connection was closed while we were still sending: also an answer
    assert served.get("/api/status")["status"] == "ok"


def test_no_token_wrong_token_and_another_site(served: Served) -> None:
    for headers in ({"Authorization": "Bearer nothing"}, {"Authorization": ""}):
        assert served.request("GET", "/api/things", headers=headers).status_code == 401
    answer = served.request(
        "POST",
        "/api/sign-out",
        headers={"Authorization": "", "Cookie": "xinji_session=x", "Origin": "http://evil.test"},
    )
    assert answer.status_code == 403
