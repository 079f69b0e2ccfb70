"""What the connections of a listener share: the house behind, limits, counters, sessions."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import msgspec

from xinji.model.observations import Refusal
from xinji.wire.inlet import Gate, Inlet
from xinji.wire.mqtt.encode import encode_publish
from xinji.wire.mqtt.limits import Counters, Limits
from xinji.wire.mqtt.topics import REFUSED_TOPIC, Delivery

if TYPE_CHECKING:
    from xinji.wire.mqtt.connection import Connection

_NOTICED = 100  # refusals per notice: enough to find a fault, small enough to send


class Endpoint:
    """Shared state of all connections of one listener. Used from its event loop only.

    Attributes:
        open: every connection whose socket is open.
        sessions: by (credential, client identifier): a second one takes the first one's place.
        subscribers: by credential, the connections that asked for `xinji/refused`.
        waiting: connections that stopped reading because the inlet is full.
        connecting: connections whose CONNECT is not there, the oldest first; `connecting_from`: how
            many of them by address.
        buffered: bytes of incomplete packets of all connections.
    """

    def __init__(
        self, inlet: Inlet, gate: Gate, limits: Limits, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.inlet = inlet
        self.gate = gate
        self.limits = limits
        self.loop = loop
        self.counters = Counters()
        self.open: set[Connection] = set()
        self.sessions: dict[tuple[str, str], Connection] = {}
        self.subscribers: dict[str, set[Connection]] = {}
        self.waiting: set[Connection] = set()
        self.connecting: dict[Connection, None] = {}
        self.connecting_from: Counter[str] = Counter()
        self.buffered = 0
        self.stopping = False
        self._unflushed: list[Connection] = []

    def begin(self, connection: Connection) -> bool:
        """Wait for a connection's CONNECT; False when its address has its share of such waits."""
        address = connection.address
        if self.connecting_from[address] >= self.limits.connecting_per_address:
            return False
        if len(self.connecting) >= self.limits.connecting:
            oldest = next(iter(self.connecting))
            oldest.close("crowded-out", "too many connections wait with their CONNECT")
            self.begun(oldest)
        self.connecting[connection] = None
        self.connecting_from[address] += 1
        return True

    def begun(self, connection: Connection) -> None:
        """The CONNECT is there, or the connection is gone; without effect the second time."""
        if connection in self.connecting:
            del self.connecting[connection]
            self.connecting_from[connection.address] -= 1
            if not self.connecting_from[connection.address]:
                del self.connecting_from[connection.address]

    def flush_soon(self, connection: Connection) -> None:
        """Send the connection's PUBACKs once the receipts at hand have all been taken in."""
        if not self._unflushed:
            self.loop.call_soon(self._flush)
        self._unflushed.append(connection)

    def _flush(self) -> None:
        connections, self._unflushed = self._unflushed, []
        for connection in connections:
            connection.flush()
        self.wake()

    def wake(self) -> None:
        """Let connections read on when the inlet has room again."""
        if self.waiting and not self.inlet.full():
            waiting, self.waiting = self.waiting, set()
            for connection in waiting:
                connection.room()

    def subscribe(self, connection: Connection, device: str) -> None:
        """Send notices for `device` to this connection."""
        self.subscribers.setdefault(device, set()).add(connection)

    def unsubscribe(self, connection: Connection, device: str) -> None:
        """Stop sending notices; without effect when there was no subscription."""
        connections = self.subscribers.get(device)
        if connections is not None:
            connections.discard(connection)
            if not connections:
                del self.subscribers[device]

    def notify(self, device: str, delivery: Delivery, refused: list[Refusal]) -> None:
        """Publish refusals (QoS 0) to the subscribed connections of the credential."""
        connections = self.subscribers.get(device)
        if not connections:
            return
        notice = [
            {
                "topic": delivery.topic_of(refusal.index),
                "index": refusal.index,
                "reason": refusal.reason,
                "detail": refusal.detail,
            }
            for refusal in refused[:_NOTICED]
        ]
        packet = encode_publish(REFUSED_TOPIC.encode(), msgspec.json.encode(notice))
        for connection in connections:
            if connection.notice(packet):
                self.counters.notices += 1
            else:
                self.counters.notices_dropped += 1
