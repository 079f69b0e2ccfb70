"""The control packets of MQTT 3.1.1 (OASIS standard, 29 October 2014) as data, and its faults.

Numbers in square brackets are the standard's normative statements: [3.1.2-3] is [MQTT-3.1.2-3].
"""

from __future__ import annotations

from enum import IntEnum, StrEnum

import msgspec

MAXIMUM_REMAINING_LENGTH = 268_435_455
"""Largest value of four length bytes (table 2.4)."""


class Connack(IntEnum):
    """Return codes of CONNACK (table 3.1)."""

    ACCEPTED = 0
    PROTOCOL_VERSION = 1
    IDENTIFIER_REJECTED = 2
    SERVER_UNAVAILABLE = 3
    BAD_CREDENTIALS = 4
    NOT_AUTHORISED = 5


class Violation(StrEnum):
    """How a byte stream can break the protocol: the words of logs and metrics."""

    FIRST_NOT_CONNECT = "first-not-connect"
    SECOND_CONNECT = "second-connect"
    PACKET_TYPE = "packet-type"
    FLAGS = "flags"
    REMAINING_LENGTH = "remaining-length"
    TOO_LARGE = "packet-too-large"
    LENGTH = "length"
    UTF8 = "utf-8"
    TOPIC = "topic"
    FILTER = "topic-filter"
    PACKET_ID = "packet-id"
    QOS = "qos"
    PROTOCOL_NAME = "protocol-name"
    PROTOCOL_LEVEL = "protocol-level"
    CLIENT_ID = "client-id"


class ProtocolError(Exception):
    """The stream cannot be read on: the connection must be closed [4.8.0-1].

    Attributes:
        violation: the kind of fault.
        clause: the statement or section of the standard, `3.1.2-3`.
        detail: a sentence for a person.
        answer: the CONNACK code to send before closing, or None when nothing may be sent.
    """

    def __init__(
        self, violation: Violation, clause: str, detail: str, answer: Connack | None = None
    ) -> None:
        super().__init__(f"{violation}: {detail} [MQTT-{clause}]")
        self.violation = violation
        self.clause = clause
        self.detail = detail
        self.answer = answer


class Will(msgspec.Struct, frozen=True, gc=False):
    """The message that a server publishes when the client is lost (3.1.2.5)."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


class Connect(msgspec.Struct, frozen=True, kw_only=True):
    """CONNECT (3.1). `keep_alive` in seconds, 0 is none; `client_id` may be empty."""

    client_id: str
    clean_session: bool = True
    keep_alive: int = 0
    username: str | None = None
    password: bytes | None = None
    will: Will | None = None


class ConnackPacket(msgspec.Struct, frozen=True, gc=False):
    """CONNACK (3.2). `code` above 5 is kept as a number: it is reserved, not malformed."""

    code: int
    session_present: bool = False


class Publish(msgspec.Struct, frozen=True, gc=False):
    """PUBLISH (3.3). `packet_id` is 0 at QoS 0."""

    topic: str
    payload: bytes
    packet_id: int = 0
    qos: int = 0
    retain: bool = False
    dup: bool = False


class Acknowledgement(msgspec.Struct, frozen=True, gc=False):
    """PUBACK, PUBREC, PUBREL, PUBCOMP, UNSUBACK (3.4 to 3.7, 3.11); `kind` is the type number."""

    kind: int
    packet_id: int


class Subscribe(msgspec.Struct, frozen=True):
    """SUBSCRIBE (3.8): (filter, requested QoS) in the order of the packet."""

    packet_id: int
    filters: tuple[tuple[str, int], ...]


class Suback(msgspec.Struct, frozen=True):
    """SUBACK (3.9): one return code per filter, 0x80 is failure."""

    packet_id: int
    codes: bytes


class Unsubscribe(msgspec.Struct, frozen=True):
    """UNSUBSCRIBE (3.10)."""

    packet_id: int
    filters: tuple[str, ...]


class Signal(msgspec.Struct, frozen=True, gc=False):
    """PINGREQ, PINGRESP and DISCONNECT (3.12 to 3.14): nothing but a type number."""

    kind: int


Packet = (
    Connect | ConnackPacket | Publish | Acknowledgement | Subscribe | Suback | Unsubscribe | Signal
)

# Control packet types (table 2.1).
CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE = range(1, 9)
SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = range(9, 15)

FLAGS = {
    CONNECT: 0, CONNACK: 0, PUBACK: 0, PUBREC: 0, PUBREL: 2, PUBCOMP: 0, SUBSCRIBE: 2, SUBACK: 0,
    UNSUBSCRIBE: 2, UNSUBACK: 0, PINGREQ: 0, PINGRESP: 0, DISCONNECT: 0,
}  # fmt: skip
"""Flags that the fixed header must carry (table 2.2, [2.2.2-1]); PUBLISH has its own rule."""
