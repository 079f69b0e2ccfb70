"""Connections on real sockets: places and clocks."""

from __future__ import annotations

import socket
from contextlib import ExitStack

import httpx
import pytest

from tests.process import wait_until
from tests.web.live import Live
from xinji.web import connection as connection_module
from xinji.web.connection import connections


def opened(live: Live, source: str = "127.0.0.1") -> socket.socket:
    made = socket.create_connection(
        ("127.0.0.1", live.port), timeout=20, source_address=(source, 0)
    )
    made.settimeout(20)
    return made


def ended(connection: socket.socket) -> bytes:
    """What comes until the other side ends."""
    got = b""
    try:
        while part := connection.recv(65_536):
            got += part
    except ConnectionError:
        pass
    return got


def status(connection: socket.socket) -> str:
    return connection.recv(100).decode().split(" ")[1]


def test_who_may_not_is_told_before_the_body_is_sent(live: Live) -> None:
    """Strangers, and people whose role is too low, send no byte of a body that is read."""
    viewer = f"Authorization: Bearer {live.tokens['viewer']}\r\n"
    for path, head, wanted in (
        ("/api/things/import", "", "401"),
        ("/api/things/import", viewer, "403"),
        ("/api/observations", "", "401"),
        ("/api/sign-in", "Origin: http://evil.test\r\nCookie: xinji_session=x\r\n", "403"),
    ):
        with opened(live) as connection:
            connection.sendall(
                f"POST {path} HTTP/1.1\r\nHost: x\r\n{head}Content-Length: 1000000\r\n\r\n".encode()
            )
            assert status(connection) == wanted, path


def test_a_stranger_sends_small_bodies_only(live: Live) -> None:
    answer = live.request("POST", "/api/sign-in", "", content=b"x" * 300_000)
    assert answer.status_code == 413
    assert live.site.bodies.held == 0


def test_a_body_that_no_route_reads_is_cut_off(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "UNREAD_SECONDS", 0.3)
    late = connections["late"]
    with opened(live) as connection:
        connection.sendall(b"GET /api/clock HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n1")
        assert b" 200 " in ended(connection)
    assert connections["late"] == late + 1


def test_a_body_without_an_end_is_cut_off(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "UNREAD_BYTES", 100_000)
    with opened(live) as connection:
        head = b"POST /api/none HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
        connection.sendall(head)
        with pytest.raises(ConnectionError):
            connection.sendall(b"x" * 100_000_000)


def test_an_answer_that_nobody_takes_is_cut_off(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "UNTAKEN_SECONDS", 0.3)
    late = connections["late"]
    with opened(live) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        ask = b"GET /api/openapi.json HTTP/1.1\r\nHost: x\r\n\r\n"
        for _ in range(400):
            try:
                connection.sendall(ask)
            except OSError:
                break
            if connections["late"] > late:
                break
        wait_until(lambda: connections["late"] > late, "the connection is cut off")


def test_an_address_has_its_share_and_others_have_theirs(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection_module, "MOST_OF_AN_ADDRESS", 5)
    with ExitStack() as held:
        for _ in range(5):
            held.enter_context(opened(live, "127.0.0.9"))
        with opened(live, "127.0.0.9") as further:
            answer = ended(further).decode()
            assert answer.startswith("HTTP/1.1 429 ")
            assert "Retry-After:" in answer
        with opened(live, "127.0.0.10") as other:
            other.sendall(b"GET /api/clock HTTP/1.1\r\nHost: x\r\n\r\n")
            assert status(other) == "200"


def test_when_all_places_are_taken_the_oldest_that_asks_nothing_makes_room(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half-open connections keep nobody out."""
    live.http.close()
    live.http = httpx.Client(base_url=live.url, timeout=30)
    wait_until(lambda: connections["open"] == 0, "earlier connections are gone")
    monkeypatch.setattr(connection_module, "MOST_CONNECTIONS", 10)
    with ExitStack() as held:
        half_open = [held.enter_context(opened(live)) for _ in range(10)]
        for each in half_open:
            each.sendall(b"GET /api/clock HTTP/1.1\r\n")
        wait_until(lambda: connections["open"] == 10, "all places are taken")
        assert live.get("/api/clock", "")["speed"] == 1
        assert ended(half_open[0]) == b""
