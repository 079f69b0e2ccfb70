"""HTTP connections: how many there may be, and how long each part of a request may take.

What uvicorn leaves open: a head that never ends, a body that nobody reads, an answer that nobody
takes, one address that holds every place.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from xinji.access.allowance import network_of
from xinji.wire.http_body import BODY_SECONDS

MOST_CONNECTIONS = 2_000
MOST_OF_AN_ADDRESS = 500
HEADER_SECONDS = 15.0
"""A head must be complete within this (slow-loris)."""
UNREAD_SECONDS = BODY_SECONDS + 30.0
"""A body must, also one that no route reads."""
UNREAD_BYTES = 16 << 20
"""What may come of a body after its answer: it is not read, only let go."""
UNTAKEN_SECONDS = 60.0
"""An answer that waits must be taken further within this."""
FULL = b"HTTP/1.1 %s\r\nRetry-After: 5\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"

connections: Counter[str] = Counter(open=0, crowded_out=0, of_an_address=0, full=0, late=0)
"""Connections that are open, and since the process began: closed for a newer one while they asked
nothing, refused to an address that has its share, refused when all were in use, too slow."""


class Places:
    """The connections of a server. `proxies` have no share of an address: they speak for many."""

    def __init__(self, proxies: Sequence[str] = ()) -> None:
        self._proxies = [ip_network(each, strict=False) for each in proxies]
        self._of: Counter[str] = Counter()
        self.waiting: dict[Connection, None] = {}
        """Those that ask nothing: their (next) head is not there; the oldest first."""
        self.open: set[Connection] = set()

    def take(self, connection: Connection, address: str) -> bytes:
        """Give a connection its place; what it is answered when there is none."""
        network = network_of(address)
        if self._of[network] >= MOST_OF_AN_ADDRESS and not self._is_proxy(address):
            connections["of_an_address"] += 1
            return FULL % b"429 Too Many Requests"
        if len(self.open) >= MOST_CONNECTIONS:
            if not self.waiting:
                connections["full"] += 1
                return FULL % b"503 Service Unavailable"
            connections["crowded_out"] += 1
            oldest = next(iter(self.waiting))
            self.leave(oldest)
            oldest.transport.abort()
        connection.network = network
        self._of[network] += 1
        self.open.add(connection)
        self.waiting[connection] = None
        connections["open"] += 1
        return b""

    def leave(self, connection: Connection) -> None:
        """Take a place back; without effect for one that has none."""
        self.waiting.pop(connection, None)
        if connection in self.open:
            self.open.remove(connection)
            connections["open"] -= 1
            self._of[connection.network] -= 1
            if not self._of[connection.network]:
                del self._of[connection.network]

    def _is_proxy(self, address: str) -> bool:
        try:
            known = ip_address(address)
        except ValueError:
            return False
        return any(known in network for network in self._proxies)


class Connection(HttpToolsProtocol):
    """A connection with a place and a clock for what it waits for."""

    network = ""
    _discarded = 0

    def __init__(self, places: Places, **given: Any) -> None:
        super().__init__(**given)
        self._places = places
        self._clocks: dict[str, asyncio.TimerHandle] = {}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a place; the first head is waited for."""
        super().connection_made(transport)
        full = self._places.take(self, self.client[0] if self.client else "")
        if full:
            transport.write(full)
            transport.close()
            return
        self._wait("head", HEADER_SECONDS, transport.close)

    def on_message_begin(self) -> None:
        """A further head."""
        super().on_message_begin()
        self._discarded = 0
        self._wait("head", HEADER_SECONDS, self.transport.close)

    def on_headers_complete(self) -> None:
        """The head is here, the body is waited for."""
        self._places.waiting.pop(self, None)
        self._got("head")
        self._wait("body", UNREAD_SECONDS, self.transport.abort)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body; after the answer it is let go."""
        if self.cycle.response_complete:
            self._discarded += len(body)
            if self._discarded > UNREAD_BYTES:
                self.transport.abort()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The whole request is here."""
        self._got("body")
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Nothing is asked until the next head."""
        if self in self._places.open:
            self._places.waiting[self] = None
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client does not take its answer."""
        super().pause_writing()
        self._wait("answer", UNTAKEN_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """It does again."""
        self._got("answer")
        super().resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing to wait for."""
        for what in tuple(self._clocks):
            self._got(what)
        self._places.leave(self)
        super().connection_lost(exc)

    def _wait(self, what: str, seconds: float, end: Callable[[], None]) -> None:
        self._got(what)

        def late() -> None:
            connections["late"] += 1
            end()

        self._clocks[what] = self.loop.call_later(seconds, late)

    def _got(self, what: str) -> None:
        if clock := self._clocks.pop(what, None):
            clock.cancel()


def server_config(
    app: Any,
    *,
    proxies: Sequence[str] = (),
    certificate: Path | None = None,
    key: Path | None = None,
) -> uvicorn.Config:
    """How the application is served.

    What a request says of its sender (`X-Forwarded-For`, `X-Forwarded-Proto`) is believed only from
    the `proxies`, addresses or networks; the sender is then the last address that is none of them.
    """
    protocol: Any = partial(Connection, Places(proxies))
    return uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=list(proxies),
        timeout_keep_alive=30,
        timeout_graceful_shutdown=3,
        ssl_certfile=str(certificate) if certificate else None,
        ssl_keyfile=str(key) if key else None,
    )
