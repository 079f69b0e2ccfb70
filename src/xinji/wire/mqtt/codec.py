"""The sans-I/O decoder of MQTT 3.1.1: bytes in, packets out. No socket, no clock, no policy.

Why our own: of the permissive codecs on PyPI, ohmqtt 1.2.1 (MQTT 5 only) needs 2.9 µs for a
128-byte PUBLISH where this one needs 0.5 µs, gmqtt 0.8 has no server side, mqtt-codec 1.0 no longer
builds (`benchmarks/mqtt.py --codec` repeats our side of it).

A `Decoder` yields the same packets, and the same fault, however the stream is cut into chunks.
"""

from __future__ import annotations

from collections.abc import Callable

from xinji.wire.mqtt.packets import (
    CONNACK,
    CONNECT,
    DISCONNECT,
    FLAGS,
    PINGREQ,
    PINGRESP,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
    Acknowledgement,
    Connack,
    ConnackPacket,
    Connect,
    Packet,
    ProtocolError,
    Publish,
    Signal,
    Suback,
    Subscribe,
    Unsubscribe,
    Violation,
    Will,
)

# A sender with more or longer topics pays a little more time, and gets no more memory.
_CACHED_TOPICS = 4096
_CACHED_TOPIC_BYTES = 256


class Decoder:
    """Cuts a byte stream into packets.

    A server's decoder (`server=True`) demands CONNECT first [3.1.0-1] and only once [3.1.0-2], and
    allows at most `connect_maximum` bytes until then, so that nobody unknown can fill memory.

    Args:
        maximum: largest packet in bytes, fixed header included; a larger one is a fault as soon as
            its header has arrived.
        connect_maximum: the same for CONNECT.
        server: False reads the other direction.

    Attributes:
        fault: what ended the stream, or None. After a fault `feed` returns nothing.
    """

    __slots__ = ("_connect_maximum", "_connected", "_maximum", "_need", "_tail", "_topics", "fault")

    def __init__(
        self, maximum: int = 1 << 20, *, connect_maximum: int = 1 << 14, server: bool = True
    ) -> None:
        self._maximum = maximum
        self._connect_maximum = connect_maximum
        self._connected = not server
        self._tail = bytearray()
        self._need = 0
        self._topics: dict[bytes, str] = {}
        self.fault: ProtocolError | None = None

    @property
    def pending(self) -> int:
        """Bytes held of a packet that is not complete."""
        return len(self._tail)

    @property
    def announced(self) -> int:
        """Length in bytes of the packet that is not complete, as far as it is known; else 0."""
        return self._need if self._tail else 0

    def feed(self, data: bytes) -> list[Packet]:
        """Every packet that `data` completes, in order; sets `fault` instead of raising.

        Packets before the fault are returned: they were valid when they were sent.
        """
        packets: list[Packet] = []
        if self.fault is not None:
            return packets
        tail = self._tail
        if tail:
            tail += data
            # Joining only when the packet is complete keeps a slow sender's cost linear.
            if len(tail) < self._need:
                return packets
            data = bytes(tail)
            self._tail = bytearray()
        try:
            used = self._decode(data, packets)
        except ProtocolError as fault:
            self.fault = fault
            return packets
        if used < len(data):
            self._tail += data[used:]
        return packets

    def _decode(self, data: bytes, packets: list[Packet]) -> int:
        """Append the complete packets of `data`; returns the number of bytes used."""
        append = packets.append
        topic_of = self._topics.get
        maximum = self._maximum if self._connected else self._connect_maximum
        position = 0
        size = len(data)
        while True:
            if size - position < 2:
                self._need = 2
                return position
            first = data[position]
            length = data[position + 1]
            body = position + 2
            if first != 0x32 or not self._connected:
                self._check_first(first)
            if length > 127:
                if body < size and (high := data[body]) < 128:
                    length += (high << 7) - 128
                    body += 1
                else:
                    found = _remaining_length(data, position)
                    if found is None:
                        self._need = size - position + 1
                        return position
                    length, body = found
            end = body + length
            if end - position > maximum:
                raise ProtocolError(
                    Violation.TOO_LARGE,
                    "4.8.0-1",
                    f"a packet of {end - position} bytes; at most {maximum} are accepted",
                )
            if end > size:
                self._need = end - position
                return position
            if first == 0x32 and length > 4:  # QoS 1, neither DUP nor RETAIN: nearly all there is
                at = body + 2 + (data[body] << 8) + data[body + 1]
                packet_id = (data[at] << 8) + data[at + 1] if at + 2 <= end else -1
                topic = topic_of(data[body + 2 : at])
                if topic is None or packet_id <= 0:
                    append(self._publish(first, data, body, end))
                else:
                    append(Publish(topic, data[at + 2 : end], packet_id, 1))
            elif first >> 4 == PUBLISH:
                append(self._publish(first, data, body, end))
            else:
                append(_DECODERS[first >> 4](first >> 4, data[body:end]))
                if not self._connected:
                    self._connected = True
                    maximum = self._maximum
            position = end

    def _check_first(self, first: int) -> None:
        """The first byte of a packet: type, flags (2.2.1, 2.2.2) and its place in the stream."""
        kind = first >> 4
        if not self._connected and kind != CONNECT:
            raise ProtocolError(
                Violation.FIRST_NOT_CONNECT, "3.1.0-1", "the first packet is not CONNECT"
            )
        if kind == PUBLISH:
            qos = first >> 1 & 3
            if qos == 3:
                raise ProtocolError(Violation.QOS, "3.3.1-4", "PUBLISH with both QoS bits set")
            if qos == 0 and first & 8:
                raise ProtocolError(Violation.FLAGS, "3.3.1-2", "DUP is set at QoS 0")
            return
        if kind not in FLAGS:
            raise ProtocolError(Violation.PACKET_TYPE, "2.2.1", f"packet type {kind} is reserved")
        if first & 15 != FLAGS[kind]:
            raise ProtocolError(
                Violation.FLAGS, "2.2.2-2", f"flags {first & 15:#x} in a packet of type {kind}"
            )
        if kind == CONNECT and self._connected:
            raise ProtocolError(Violation.SECOND_CONNECT, "3.1.0-2", "a second CONNECT")

    def _publish(self, first: int, data: bytes, body: int, end: int) -> Publish:
        """PUBLISH with every check (3.3). Remembers valid topic names."""
        raw, at = _binary(data, body, end)
        topic = self._topics.get(raw)
        if topic is None:
            topic = topic_name(raw)
            if len(self._topics) >= _CACHED_TOPICS:
                self._topics.clear()
            if len(raw) <= _CACHED_TOPIC_BYTES:
                self._topics[raw] = topic
        qos = first >> 1 & 3
        packet_id = 0
        if qos:
            packet_id, at = _packet_id(data, at, end)
        return Publish(topic, data[at:end], packet_id, qos, bool(first & 1), bool(first & 8))


def _remaining_length(data: bytes, position: int) -> tuple[int, int] | None:
    """(remaining length, offset after it) of a packet, None when incomplete (2.2.3).

    A longer encoding than needed is accepted: 3.1.1 does not forbid it.
    """
    length = 0
    for index in range(4):
        at = position + 1 + index
        if at >= len(data):
            return None
        byte = data[at]
        length |= (byte & 127) << (7 * index)
        if byte < 128:
            return length, at + 1
    raise ProtocolError(
        Violation.REMAINING_LENGTH, "2.2.3", "a remaining length of more than four bytes"
    )


def _binary(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """A field of two length bytes and content (1.5.3); returns it and the offset after it."""
    if at + 2 > end:
        raise ProtocolError(Violation.LENGTH, "1.5.3", "a field's length is cut off")
    stop = at + 2 + (data[at] << 8) + data[at + 1]
    if stop > end:
        raise ProtocolError(Violation.LENGTH, "1.5.3", "a field is longer than its packet")
    return data[at + 2 : stop], stop


def _packet_id(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A packet identifier, never 0 [2.3.1-1], and the offset after it."""
    if at + 2 > end:
        raise ProtocolError(Violation.LENGTH, "2.3.1", "the packet identifier is cut off")
    packet_id = (data[at] << 8) + data[at + 1]
    if packet_id == 0:
        raise ProtocolError(Violation.PACKET_ID, "2.3.1-1", "packet identifier 0")
    return packet_id, at + 2


def _text(raw: bytes) -> str:
    """UTF-8 without surrogates [1.5.3-1] and without U+0000 [1.5.3-2]; a BOM stays [1.5.3-3]."""
    try:
        text = raw.decode()
    except UnicodeDecodeError as error:
        raise ProtocolError(
            Violation.UTF8, "1.5.3-1", f"not UTF-8 at byte {error.start} of a string"
        ) from None
    if "\0" in text:
        raise ProtocolError(Violation.UTF8, "1.5.3-2", "U+0000 in a string")
    return text


def topic_name(raw: bytes) -> str:
    """A topic name: UTF-8, not empty [4.7.3-1], no wildcard [3.3.2-2]. Raises ProtocolError."""
    name = _text(raw)
    if not name:
        raise ProtocolError(Violation.TOPIC, "4.7.3-1", "an empty topic name")
    if "+" in name or "#" in name:
        raise ProtocolError(Violation.TOPIC, "3.3.2-2", "a wildcard in a topic name")
    return name


def topic_filter(raw: bytes) -> str:
    """A topic filter: `#` alone and last [4.7.1-2], `+` alone in its level [4.7.1-3]."""
    text = _text(raw)
    if not text:
        raise ProtocolError(Violation.FILTER, "4.7.3-1", "an empty topic filter")
    levels = text.split("/")
    for number, level in enumerate(levels, 1):
        if "#" in level and (level != "#" or number < len(levels)):
            raise ProtocolError(Violation.FILTER, "4.7.1-2", "# is not alone and last in a filter")
        if "+" in level and level != "+":
            raise ProtocolError(Violation.FILTER, "4.7.1-3", "+ is not alone in its level")
    return text


def _connect(_kind: int, data: bytes) -> Connect:
    """CONNECT (3.1)."""
    end = len(data)
    name, at = _binary(data, 0, end)
    if name not in (b"MQTT", b"MQIsdp"):
        raise ProtocolError(Violation.PROTOCOL_NAME, "3.1.2-1", "the protocol name is not MQTT")
    if at + 4 > end:
        raise ProtocolError(Violation.LENGTH, "3.1.2", "CONNECT is cut off")
    level, flags = data[at], data[at + 1]
    if level != 4 or name != b"MQTT":
        # MQTT 3.1 (MQIsdp, level 3) and MQTT 5 are told so before the rest is read [3.1.2-2].
        raise ProtocolError(
            Violation.PROTOCOL_LEVEL,
            "3.1.2-2",
            f"protocol {name.decode()} level {level}; only MQTT 3.1.1 (level 4) is spoken",
            Connack.PROTOCOL_VERSION,
        )
    will_flag, will_qos, will_retain = bool(flags & 4), flags >> 3 & 3, bool(flags & 32)
    if flags & 1:
        raise ProtocolError(Violation.FLAGS, "3.1.2-3", "the reserved CONNECT flag is set")
    if will_qos == 3 or (not will_flag and (will_qos or will_retain)):
        raise ProtocolError(Violation.FLAGS, "3.1.2-13", "will QoS or retain contradict the flags")
    if flags & 64 and not flags & 128:
        raise ProtocolError(Violation.FLAGS, "3.1.2-22", "a password without a user name")
    keep_alive = (data[at + 2] << 8) + data[at + 3]
    raw, at = _binary(data, at + 4, end)
    client_id = _text(raw)
    will = None
    if will_flag:
        raw, at = _binary(data, at, end)
        payload, at = _binary(data, at, end)
        will = Will(topic_name(raw), payload, will_qos, will_retain)
    username = password = None
    if flags & 128:
        raw, at = _binary(data, at, end)
        username = _text(raw)
    if flags & 64:
        password, at = _binary(data, at, end)
    if at != end:
        raise ProtocolError(Violation.LENGTH, "3.1.3", "bytes after the last field of CONNECT")
    clean = bool(flags & 2)
    if not client_id and not clean:
        raise ProtocolError(
            Violation.CLIENT_ID,
            "3.1.3-8",
            "an empty client identifier needs a clean session",
            Connack.IDENTIFIER_REJECTED,
        )
    return Connect(
        client_id=client_id,
        clean_session=clean,
        keep_alive=keep_alive,
        username=username,
        password=password,
        will=will,
    )


def _connack(_kind: int, data: bytes) -> ConnackPacket:
    if len(data) != 2 or data[0] > 1:
        raise ProtocolError(Violation.LENGTH, "3.2.2", "CONNACK is not two valid bytes")
    return ConnackPacket(data[1], bool(data[0]))


def _acknowledgement(kind: int, data: bytes) -> Acknowledgement:
    packet_id, at = _packet_id(data, 0, len(data))
    if at != len(data):
        raise ProtocolError(Violation.LENGTH, "3.4.1", f"a packet of type {kind} is not two bytes")
    return Acknowledgement(kind, packet_id)


def _signal(kind: int, data: bytes) -> Signal:
    if data:
        raise ProtocolError(Violation.LENGTH, "3.12", f"a packet of type {kind} is not empty")
    return Signal(kind)


def _subscribe(_kind: int, data: bytes) -> Subscribe:
    end = len(data)
    packet_id, at = _packet_id(data, 0, end)
    filters = []
    while at < end:
        raw, at = _binary(data, at, end)
        if at >= end or data[at] > 2:
            raise ProtocolError(Violation.QOS, "3.8.3-4", "a requested QoS is not 0, 1 or 2")
        filters.append((topic_filter(raw), data[at]))
        at += 1
    if not filters:
        raise ProtocolError(Violation.LENGTH, "3.8.3-3", "SUBSCRIBE without a filter")
    return Subscribe(packet_id, tuple(filters))


def _suback(_kind: int, data: bytes) -> Suback:
    packet_id, at = _packet_id(data, 0, len(data))
    codes = data[at:]
    if not codes or any(code not in (0, 1, 2, 0x80) for code in codes):
        raise ProtocolError(Violation.QOS, "3.9.3-2", "a SUBACK code is not 0, 1, 2 or 0x80")
    return Suback(packet_id, codes)


def _unsubscribe(_kind: int, data: bytes) -> Unsubscribe:
    end = len(data)
    packet_id, at = _packet_id(data, 0, end)
    filters = []
    while at < end:
        raw, at = _binary(data, at, end)
        filters.append(topic_filter(raw))
    if not filters:
        raise ProtocolError(Violation.LENGTH, "3.10.3-2", "UNSUBSCRIBE without a filter")
    return Unsubscribe(packet_id, tuple(filters))


_DECODERS: dict[int, Callable[[int, bytes], Packet]] = {
    CONNECT: _connect,
    CONNACK: _connack,
    PUBACK: _acknowledgement,
    PUBREC: _acknowledgement,
    PUBREL: _acknowledgement,
    PUBCOMP: _acknowledgement,
    SUBSCRIBE: _subscribe,
    SUBACK: _suback,
    UNSUBSCRIBE: _unsubscribe,
    UNSUBACK: _acknowledgement,
    PINGREQ: _signal,
    PINGRESP: _signal,
    DISCONNECT: _signal,
}
