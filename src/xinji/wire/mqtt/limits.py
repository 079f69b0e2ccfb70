"""What a listener allows, and what it has counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Caps and times of the MQTT listener. Seconds and bytes.

    Attributes:
        packet_bytes: largest packet; a larger one closes the connection when its header arrives.
        connect_bytes: largest CONNECT, before the sender is known.
        connections: connections at once that have been accepted; a further one gets CONNACK 0x03.
        connecting: connections whose CONNECT is not there; beyond, the oldest is closed.
        connecting_per_address: of them, from one address; a further one is closed.
        messages_per_second: per connection, with a burst of one second; above it the listener
            stops reading until the rate is met again. Nothing is dropped. 0 is no limit.
        unacknowledged: PUBLISH packets per connection that wait for their commit; above it the
            listener stops reading.
        buffered_bytes: incomplete packets of all connections together. At the cap a connection
            that holds more than `guaranteed_bytes` is closed.
        guaranteed_bytes: what each connection may always hold of an incomplete packet.
        connect_seconds: from the connection to the complete CONNECT.
        packet_seconds: from the first to the last byte of a packet.
        write_bytes: unsent answers per connection above which the listener stops reading from it.
    """

    packet_bytes: int = 1 << 20
    connect_bytes: int = 1 << 14
    connections: int = 20_000
    connecting: int = 8_000
    connecting_per_address: int = 5_000
    messages_per_second: float = 10_000.0
    unacknowledged: int = 10_000
    buffered_bytes: int = 256 << 20
    guaranteed_bytes: int = 4096
    connect_seconds: float = 10.0
    packet_seconds: float = 30.0
    write_bytes: int = 64 << 10


@dataclass(slots=True)
class Counters:
    """Totals since the start, for `/api/status` and metrics.

    Attributes:
        connections: open now; `accepted`: ever given CONNACK 0; `rejected`: by CONNACK code.
        messages: PUBLISH packets received; `bytes_in`: bytes received; `stored`, `repeated`: rows.
        refused: records by `Reason`; `disconnects`: connections by why they ended.
        failures: batches that could not be committed.
        pauses: times that reading stopped, by cause.
        notices, notices_dropped: messages on `xinji/refused`, and those no slow reader was sent.
        wills_ignored: CONNECT packets whose will was read and set aside.
    """

    connections: int = 0
    accepted: int = 0
    messages: int = 0
    bytes_in: int = 0
    stored: int = 0
    repeated: int = 0
    failures: int = 0
    notices: int = 0
    notices_dropped: int = 0
    wills_ignored: int = 0
    rejected: Counter[int] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    disconnects: Counter[str] = field(default_factory=Counter)
    pauses: Counter[str] = field(default_factory=Counter)
