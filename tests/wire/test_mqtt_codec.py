"""The codec against the clauses of MQTT 3.1.1."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xinji.wire.mqtt import encode as enc
from xinji.wire.mqtt.codec import Decoder
from xinji.wire.mqtt.packets import (
    PUBACK,
    PUBCOMP,
    PUBREC,
    PUBREL,
    UNSUBACK,
    Acknowledgement,
    Connack,
    ConnackPacket,
    Connect,
    Publish,
    Signal,
    Suback,
    Subscribe,
    Unsubscribe,
    Violation,
    Will,
)

CONNECT = enc.encode_connect(Connect(client_id="a", username="u", password=b"p"))


def decode(data, *, server=False, **caps):
    decoder = Decoder(server=server, **caps)
    return decoder.feed(data), decoder.fault


def violation(data, *, server=False, **caps):
    _, fault = decode(data, server=server, **caps)
    return fault and fault.violation


def connect_bytes(body):
    return b"\x10" + enc.remaining_length(len(body)) + body


# -- round trips

PACKETS = [
    (enc.encode_connack(5), ConnackPacket(5)),
    (enc.encode_connack(0, session_present=True), ConnackPacket(0, True)),
    (enc.encode_publish(b"a/b", b"1"), Publish("a/b", b"1")),
    (enc.encode_publish(b"a/b", b"", 7, qos=1), Publish("a/b", b"", 7, 1)),
    (
        enc.encode_publish(b"a", b"x" * 300, 65535, qos=2, retain=True, dup=True),
        Publish("a", b"x" * 300, 65535, 2, True, True),
    ),
    (enc.encode_pubacks([9]), Acknowledgement(PUBACK, 9)),
    (enc.encode_acknowledgement(PUBREC, 9), Acknowledgement(PUBREC, 9)),
    (enc.encode_acknowledgement(PUBREL, 9), Acknowledgement(PUBREL, 9)),
    (enc.encode_acknowledgement(PUBCOMP, 9), Acknowledgement(PUBCOMP, 9)),
    (enc.encode_acknowledgement(UNSUBACK, 9), Acknowledgement(UNSUBACK, 9)),
    (
        enc.encode_subscribe(3, [("a/+/b", 1), ("#", 0)]),
        Subscribe(3, (("a/+/b", 1), ("#", 0))),
    ),
    (enc.encode_suback(3, b"\0\x80"), Suback(3, b"\0\x80")),
    (enc.encode_unsubscribe(4, ["a", "b/#"]), Unsubscribe(4, ("a", "b/#"))),
    (enc.PINGREQ_BYTES, Signal(12)),
    (enc.PINGRESP_BYTES, Signal(13)),
    (enc.DISCONNECT_BYTES, Signal(14)),
]


@pytest.mark.parametrize(("data", "packet"), PACKETS)
def test_packet_round_trip(data, packet):
    assert decode(data) == ([packet], None)


def test_connect_with_everything_round_trip():
    connect = Connect(
        client_id="表-1",
        clean_session=False,
        keep_alive=65535,
        username="名",
        password=b"\0\xff",
        will=Will("状态", b"gone", 1, True),
    )
    assert decode(enc.encode_connect(connect), server=True) == ([connect], None)


def test_empty_client_id_with_clean_session_is_valid_3_1_3_7():
    connect = Connect(client_id="", keep_alive=60)
    assert decode(enc.encode_connect(connect), server=True) == ([connect], None)


@pytest.mark.parametrize(
    ("length", "encoded"),
    [  # table 2.4
        (0, b"\0"), (127, b"\x7f"), (128, b"\x80\x01"), (16_383, b"\xff\x7f"),
        (16_384, b"\x80\x80\x01"), (2_097_151, b"\xff\xff\x7f"),
        (2_097_152, b"\x80\x80\x80\x01"), (268_435_455, b"\xff\xff\xff\x7f"),
    ],
)  # fmt: skip
def test_remaining_length_of_table_2_4(length, encoded):
    assert enc.remaining_length(length) == encoded


def test_remaining_length_beyond_four_bytes_cannot_be_encoded():
    with pytest.raises(ValueError, match="268435455"):
        enc.remaining_length(268_435_456)


@pytest.mark.parametrize("size", [0, 1, 120, 127, 128, 16_383, 16_384, 2_097_152])
def test_publish_of_every_length_class(size):
    data = enc.encode_publish(b"t", b"x" * size, 1, qos=1)
    packets, fault = decode(data * 2, maximum=1 << 24)
    assert fault is None
    assert packets == [Publish("t", b"x" * size, 1, 1)] * 2


PUBLISH_1 = PACKETS[3][0]


# -- faults, each with its clause


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"\x00\x00", Violation.PACKET_TYPE),  # 2.2.1
        (b"\xf0\x00", Violation.PACKET_TYPE),
        (b"\x41\x02\0\1", Violation.FLAGS),  # 2.2.2-2
        (b"\x60\x02\0\1", Violation.FLAGS),  # 3.6.1-1
        (b"\x80\x06\0\1\0\1a\0", Violation.FLAGS),  # 3.8.1-1
        (b"\xa0\x05\0\1\0\1a", Violation.FLAGS),  # 3.10.1-1
        (b"\xc1\x00", Violation.FLAGS),
        (b"\x11\x00", Violation.FLAGS),
        (b"\x36\x05\0\1a\0\1", Violation.QOS),  # 3.3.1-4
        (b"\x3e\x05\0\1a\0\1", Violation.QOS),
        (b"\x38\x03\0\1a", Violation.FLAGS),  # 3.3.1-2
        (b"\x32\x05\0\1a\0\0", Violation.PACKET_ID),  # 2.3.1-1
        (b"\x34\x05\0\1a\0\0", Violation.PACKET_ID),
        (b"\x40\x02\0\0", Violation.PACKET_ID),
        (b"\x82\x06\0\0\0\1a\0", Violation.PACKET_ID),
        (b"\x32\x04\0\1a\0", Violation.LENGTH),
        (b"\x32\x00", Violation.LENGTH),
        (b"\x32\x01\0", Violation.LENGTH),
        (b"\x32\x03\0\1a", Violation.LENGTH),
        (b"\x32\x05\0\x04a\0\1", Violation.LENGTH),
        (b"\x30\x03\0\2a", Violation.LENGTH),
        (b"\x30\x02\0\0", Violation.TOPIC),  # 4.7.3-1
        (b"\x30\x05\0\3a/+", Violation.TOPIC),  # 3.3.2-2
        (b"\x30\x05\0\3a/#", Violation.TOPIC),
        (b"\x30\x04\0\2a\0", Violation.UTF8),  # 1.5.3-2
        (b"\x30\x04\0\2\xc0\x80", Violation.UTF8),  # an overlong form
        (b"\x30\x05\0\3\xed\xa0\x80", Violation.UTF8),  # 1.5.3-1, U+D800
        (b"\x30\x03\0\1\xff", Violation.UTF8),
        (b"\x82\x02\0\1", Violation.LENGTH),  # 3.8.3-3
        (b"\x82\x06\0\1\0\1a\3", Violation.QOS),  # 3.8.3-4
        (b"\x82\x06\0\1\0\1a\x80", Violation.QOS),
        (b"\x82\x05\0\1\0\1a", Violation.QOS),
        (b"\xa2\x02\0\1", Violation.LENGTH),  # 3.10.3-2
        (b"\x82\x08\0\1\0\3a/b\0" + b"\x82\x08\0\1\0\3#/a\0", Violation.FILTER),  # 4.7.1-2
        (b"\x82\x07\0\1\0\2a#\0", Violation.FILTER),
        (b"\x82\x07\0\1\0\2a+\0", Violation.FILTER),  # 4.7.1-3
        (b"\x82\x05\0\1\0\0\0", Violation.FILTER),  # 4.7.3-1
        (b"\x40\x03\0\1\0", Violation.LENGTH),
        (b"\xc0\x01\0", Violation.LENGTH),
        (b"\x20\x01\0", Violation.LENGTH),
        (b"\x20\x02\x02\0", Violation.LENGTH),  # 3.2.2-1
        (b"\x90\x03\0\1\3", Violation.QOS),  # 3.9.3-2
        (b"\x32\xff\xff\xff\xff", Violation.REMAINING_LENGTH),  # 2.2.3
        (b"\x32\x80\x80\x80\x80\x01", Violation.REMAINING_LENGTH),
    ],
)
def test_fault(data, expected):
    assert violation(data) == expected


@pytest.mark.parametrize(
    ("body", "expected", "answer"),
    [
        (b"\0\4MQTT\5\2\0\0\0\0\1a", Violation.PROTOCOL_LEVEL, Connack.PROTOCOL_VERSION),
        (b"\0\6MQIsdp\3\2\0\0\0\1a", Violation.PROTOCOL_LEVEL, Connack.PROTOCOL_VERSION),
        (b"\0\4MQTT\x84\2\0\0\0\1a", Violation.PROTOCOL_LEVEL, Connack.PROTOCOL_VERSION),
        (b"\0\4HTTP\4\2\0\0\0\1a", Violation.PROTOCOL_NAME, None),  # 3.1.2-1
        (b"\0\4mqtt\4\2\0\0\0\1a", Violation.PROTOCOL_NAME, None),
        (b"\0\4MQTT\4\3\0\0\0\1a", Violation.FLAGS, None),  # 3.1.2-3
        (b"\0\4MQTT\4\x0a\0\0\0\1a", Violation.FLAGS, None),  # 3.1.2-13
        (b"\0\4MQTT\4\x22\0\0\0\1a", Violation.FLAGS, None),  # 3.1.2-15
        (b"\0\4MQTT\4\x1e\0\0\0\1a\0\1t\0\0", Violation.FLAGS, None),  # 3.1.2-14
        (b"\0\4MQTT\4\x42\0\0\0\1a\0\1p", Violation.FLAGS, None),  # 3.1.2-22
        (b"\0\4MQTT\4\0\0\0\0\0", Violation.CLIENT_ID, Connack.IDENTIFIER_REJECTED),  # 3.1.3-8
        (b"\0\4MQTT\4\2\0\0\0\1\xff", Violation.UTF8, None),  # 3.1.3-4
        (b"\0\4MQTT\4\2\0\0\0\1aX", Violation.LENGTH, None),
        (b"\0\4MQTT\4\x82\0\0\0\1a", Violation.LENGTH, None),  # 3.1.2-19
        (b"\0\4MQTT\4\x06\0\0\0\1a\0\3a/#\0\0", Violation.TOPIC, None),
        (b"\0\4MQTT\4\2", Violation.LENGTH, None),
        (b"\0", Violation.LENGTH, None),
        (b"", Violation.LENGTH, None),
    ],
)
def test_connect_fault(body, expected, answer):
    packets, fault = decode(connect_bytes(body), server=True)
    assert packets == []
    assert (fault.violation, fault.answer) == (expected, answer)
    assert fault.clause


def test_first_packet_must_be_connect_3_1_0_1():
    assert violation(enc.PINGREQ_BYTES, server=True) == Violation.FIRST_NOT_CONNECT
    assert violation(PUBLISH_1, server=True) == Violation.FIRST_NOT_CONNECT


def test_second_connect_is_a_fault_3_1_0_2():
    packets, fault = decode(CONNECT + enc.PINGREQ_BYTES + CONNECT, server=True)
    assert len(packets) == 2
    assert fault.violation == Violation.SECOND_CONNECT


def test_packets_before_a_fault_are_returned():
    packets, fault = decode(PUBLISH_1 * 3 + b"\x36\x00" + PUBLISH_1)
    assert len(packets) == 3
    assert fault.violation == Violation.QOS


def test_nothing_is_read_after_a_fault():
    decoder = Decoder(server=False)
    decoder.feed(b"\xf0\0")
    assert decoder.feed(PUBLISH_1) == []
    assert decoder.pending == 0


# -- caps


def test_large_packet_is_refused_when_its_header_arrives():
    decoder = Decoder(1000, server=False)
    assert decoder.feed(b"\x32\xe8\x07") == []  # 1000 bytes and 3 of header
    assert decoder.fault.violation == Violation.TOO_LARGE
    assert decoder.pending == 0


def test_largest_allowed_packet_passes():
    data = enc.encode_publish(b"t", b"x" * 993, 1, qos=1)
    assert len(data) == 1001
    assert violation(data, maximum=1001) is None
    assert violation(data, maximum=1000) == Violation.TOO_LARGE


def test_connect_has_its_own_cap_and_the_next_packet_the_full_one():
    large = enc.encode_publish(b"t", b"x" * 5000, 1, qos=1)
    packets, fault = decode(CONNECT + large, server=True, connect_maximum=100)
    assert fault is None
    assert len(packets) == 2
    fat = enc.encode_connect(Connect(client_id="a" * 200))
    assert violation(fat, server=True, connect_maximum=100) == Violation.TOO_LARGE


def test_long_topics_are_not_remembered():
    decoder = Decoder(server=False)
    for number in range(300):
        topic = b"%d/" % number + b"x" * 60_000
        assert len(decoder.feed(enc.encode_publish(topic, b"", 1, qos=1))) == 1
    assert not decoder._topics
    for number in range(5000):
        decoder.feed(enc.encode_publish(b"%d" % number, b"", 1, qos=1))
    assert len(decoder._topics) < 4096


def test_byte_by_byte_of_a_large_packet_costs_linear_time():
    data = enc.encode_publish(b"t", b"x" * 200_000, 1, qos=1)
    decoder = Decoder(server=False)
    found = []
    for at in range(len(data)):
        found += decoder.feed(data[at : at + 1])
    assert len(found) == 1


# -- the stream may be cut anywhere


def stream(seed, count=30):
    """Valid packets in random order, sometimes a fault in between."""
    rng = random.Random(seed)
    parts = [CONNECT]
    for _ in range(count):
        if rng.random() < 0.6:
            topic = b"xinji/thing:%d/temperature" % rng.randrange(5)
            payload = b"x" * rng.choice((0, 5, 80, 100, 127, 300, 20_000))
            parts.append(enc.encode_publish(topic, payload, rng.randrange(1, 65536), qos=1))
        else:
            parts.append(rng.choice(PACKETS[2:])[0])
    if rng.random() < 0.5:
        parts.insert(rng.randrange(len(parts)), rng.randbytes(rng.randrange(1, 6)))
    return b"".join(parts)


def cut(data, places):
    ends = sorted({place % (len(data) + 1) for place in places} | {len(data)})
    start = 0
    for end in ends:
        yield data[start:end]
        start = end


def same_however_cut(data, places):
    whole = Decoder(connect_maximum=4096)
    expected = whole.feed(data)
    decoder = Decoder(connect_maximum=4096)
    found = []
    for part in cut(data, places):
        found += decoder.feed(part)
    assert found == expected
    assert str(decoder.fault) == str(whole.fault)
    assert decoder.pending == whole.pending


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.lists(st.integers(0, 2**31), max_size=40))
def test_any_split_yields_the_same_packets(seed, places):
    same_however_cut(stream(seed), places)


def test_every_single_byte_split_yields_the_same_packets():
    data = stream(7, 12)[:6000]
    same_however_cut(data, range(len(data)))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.lists(st.integers(0, 200), max_size=8), st.booleans())
def test_random_bytes_never_raise(data, places, connected):
    same_however_cut((CONNECT if connected else b"") + data, places)
