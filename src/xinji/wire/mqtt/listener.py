"""The MQTT 3.1.1 listener: sockets, capacity, times, an orderly end.

Production runs it on uvloop (`xinji serve` does); it needs nothing that plain asyncio lacks.
"""

from __future__ import annotations

import asyncio
import logging
import ssl as tls

from xinji.wire.inlet import Gate, Inlet
from xinji.wire.kept_running import keep_running
from xinji.wire.mqtt.connection import Connection
from xinji.wire.mqtt.endpoint import Endpoint
from xinji.wire.mqtt.limits import Counters, Limits

log = logging.getLogger("xinji.wire.mqtt")

_REFUSED_POLITELY = 256  # connections above the cap that are still told so; beyond, just closed


class Listener:
    """An MQTT listener in front of an inlet.

    Start it inside the event loop that it will run on; it is not thread-safe.
    """

    def __init__(self, inlet: Inlet, gate: Gate, limits: Limits | None = None) -> None:
        self._inlet = inlet
        self._gate = gate
        self.limits = limits or Limits()
        self._servers: list[asyncio.Server] = []
        self._endpoint: Endpoint | None = None
        self._sweeper: asyncio.Task[None] | None = None

    @property
    def counters(self) -> Counters:
        """Totals since the start."""
        return Counters() if self._endpoint is None else self._endpoint.counters

    @property
    def ports(self) -> list[int]:
        """The ports that are listened on, in the order of the `start` calls."""
        return [server.sockets[0].getsockname()[1] for server in self._servers if server.sockets]

    async def start(self, host: str, port: int, ssl: tls.SSLContext | None = None) -> int:
        """Listen; call it again for a second port (TLS beside plain). Returns the port.

        Raises:
            OSError: the port is taken or not allowed.
        """
        loop = asyncio.get_running_loop()
        if self._endpoint is None:
            self._endpoint = Endpoint(self._inlet, self._gate, self.limits, loop)
            self._sweeper = keep_running("wire.mqtt.sweep", self._sweep)
        server = await loop.create_server(
            self._connection,
            host,
            port,
            ssl=ssl,
            backlog=4096,
            ssl_handshake_timeout=None if ssl is None else self.limits.connect_seconds,
            ssl_shutdown_timeout=None if ssl is None else 5.0,
        )
        self._servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    def _connection(self) -> asyncio.Protocol:
        assert self._endpoint is not None
        waiting = len(self._endpoint.connecting)
        excess = len(self._endpoint.open) - waiting - self.limits.connections
        if excess >= _REFUSED_POLITELY:
            self._endpoint.counters.disconnects["over-capacity"] += 1
            return _Closed()
        return Connection(self._endpoint)

    async def _sweep(self) -> None:
        """Look at every connection's times, and at the inlet: it may drain by other senders."""
        assert self._endpoint is not None
        endpoint = self._endpoint
        shortest = min(self.limits.connect_seconds, self.limits.packet_seconds, 4.0)
        checked = endpoint.loop.time()
        while True:
            await asyncio.sleep(min(0.02 if endpoint.waiting else 0.1, shortest / 8))
            endpoint.wake()
            now = endpoint.loop.time()
            if now - checked >= shortest / 8:
                checked = now
                for connection in list(endpoint.open):
                    connection.check(now)

    def disconnect(self, device: str) -> int:
        """Close every connection of a credential (it was withdrawn). Returns how many."""
        if self._endpoint is None:
            return 0
        found = [c for c in self._endpoint.open if c.device_name == device]
        for connection in found:
            connection.close("credential-withdrawn", device)
        return len(found)

    async def stop(self, grace_seconds: float = 5.0) -> None:
        """Take nothing more, acknowledge what is stored within the grace time, then close."""
        for server in self._servers:
            server.close()
        self._servers = []
        endpoint = self._endpoint
        if endpoint is None:
            return
        endpoint.stopping = True
        loop = endpoint.loop
        for connection in list(endpoint.open):
            connection.stop_reading()
        deadline = loop.time() + grace_seconds
        busy = endpoint.open
        while loop.time() < deadline and not all(c.settled for c in busy):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.sleep(0)  # the last PUBACKs are written in the next turn of the loop
        for connection in list(endpoint.open):
            connection.flush()
            connection.close("server-stopping", "")
        deadline = loop.time() + 1.0
        while endpoint.open and loop.time() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        if self._sweeper is not None:
            self._sweeper.cancel()


class _Closed(asyncio.Protocol):
    """A connection far above the cap: closed before it costs anything."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            transport.abort()
        else:
            transport.close()
