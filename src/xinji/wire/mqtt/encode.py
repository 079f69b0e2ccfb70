"""MQTT 3.1.1 packets to bytes, for both sides."""

from __future__ import annotations

import struct
from collections.abc import Iterable

from xinji.wire.mqtt.packets import FLAGS, MAXIMUM_REMAINING_LENGTH, Connect

PINGREQ_BYTES = b"\xc0\x00"
PINGRESP_BYTES = b"\xd0\x00"
DISCONNECT_BYTES = b"\xe0\x00"


def remaining_length(length: int) -> bytes:
    """The encoded remaining length (2.2.3). Raises ValueError above 268,435,455."""
    if not 0 <= length <= MAXIMUM_REMAINING_LENGTH:
        raise ValueError(f"a remaining length of {length}; at most {MAXIMUM_REMAINING_LENGTH}")
    encoded = bytearray()
    while length > 127:
        encoded.append(length & 127 | 128)
        length >>= 7
    encoded.append(length)
    return bytes(encoded)


def _field(content: bytes) -> bytes:
    if len(content) > 65_535:
        raise ValueError(f"a field of {len(content)} bytes; at most 65535")
    return len(content).to_bytes(2, "big") + content


def encode_connect(connect: Connect) -> bytes:
    """CONNECT (3.1)."""
    will = connect.will
    flags = connect.clean_session << 1
    payload = _field(connect.client_id.encode())
    if will is not None:
        flags |= 4 | will.qos << 3 | will.retain << 5
        payload += _field(will.topic.encode()) + _field(will.payload)
    if connect.username is not None:
        flags |= 128
        payload += _field(connect.username.encode())
    if connect.password is not None:
        flags |= 64
        payload += _field(connect.password)
    body = b"\0\4MQTT\4" + struct.pack(">BH", flags, connect.keep_alive) + payload
    return b"\x10" + remaining_length(len(body)) + body


def encode_connack(code: int, *, session_present: bool = False) -> bytes:
    """CONNACK (3.2)."""
    return bytes((0x20, 2, session_present, code))


def encode_publish(
    topic: bytes,
    payload: bytes,
    packet_id: int = 0,
    *,
    qos: int = 0,
    retain: bool = False,
    dup: bool = False,
) -> bytes:
    """PUBLISH (3.3). `topic` in UTF-8, not checked here; `packet_id` 1 to 65535 at QoS 1 and 2."""
    body = len(topic).to_bytes(2, "big") + topic
    if qos:
        body += packet_id.to_bytes(2, "big")
    first = 0x30 | dup << 3 | qos << 1 | retain
    length = len(body) + len(payload)
    return bytes((first,)) + remaining_length(length) + body + payload


def encode_pubacks(packet_ids: Iterable[int]) -> bytes:
    """One PUBACK (3.4) per identifier, in order, as one buffer."""
    words = [0x40020000 | packet_id for packet_id in packet_ids]
    return struct.pack(f">{len(words)}I", *words)


def encode_acknowledgement(kind: int, packet_id: int) -> bytes:
    """PUBREC, PUBREL, PUBCOMP or UNSUBACK (3.5 to 3.7, 3.11)."""
    return bytes((kind << 4 | FLAGS[kind], 2)) + packet_id.to_bytes(2, "big")


def encode_subscribe(packet_id: int, filters: Iterable[tuple[str, int]]) -> bytes:
    """SUBSCRIBE (3.8)."""
    body = packet_id.to_bytes(2, "big")
    for text, qos in filters:
        body += _field(text.encode()) + bytes((qos,))
    return b"\x82" + remaining_length(len(body)) + body


def encode_suback(packet_id: int, codes: bytes) -> bytes:
    """SUBACK (3.9), `codes` in the order of the filters [3.9.3-1]."""
    return b"\x90" + remaining_length(2 + len(codes)) + packet_id.to_bytes(2, "big") + codes


def encode_unsubscribe(packet_id: int, filters: Iterable[str]) -> bytes:
    """UNSUBSCRIBE (3.10)."""
    body = packet_id.to_bytes(2, "big") + b"".join(_field(text.encode()) for text in filters)
    return b"\xa2" + remaining_length(len(body)) + body
