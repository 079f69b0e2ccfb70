"""What the connections of a listener share: the house behind, limits, counters, sessions."""

from __future__ import annotations

import asyncio
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
        self.buffered = 0
        self.stopping = False
        self._unflushed: list[Connection] = []

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
