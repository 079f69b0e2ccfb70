"""The listener over real sockets, with a client that can misbehave."""

import asyncio
import json
import time

import pytest

from tests.wire.raw import Raw, connect_packet
from tests.wire.recorder import SECRET
from xinji.model.observations import Reason
from xinji.wire.mqtt import encode as enc
from xinji.wire.mqtt.packets import (
    PUBACK,
    PUBREL,
    UNSUBACK,
    Acknowledgement,
    ConnackPacket,
    Connect,
    Publish,
    Signal,
    Suback,
)

ACCEPTED = ConnackPacket(0)


def publish(value, packet_id, topic="xinji/thing:0/temperature", **flags):
    payload = value if isinstance(value, bytes) else str(value).encode()
    return enc.encode_publish(
        topic.encode(), payload, packet_id, qos=1 if packet_id else 0, **flags
    )


def acks(*numbers):
    return [Acknowledgement(PUBACK, number) for number in numbers]


async def until(condition, seconds=3.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        await asyncio.sleep(0.005)


def test_reading_is_stored_and_acknowledged(run, serve, house):
    async def main():
        async with serve() as (listener, port):
            raw = await Raw.open(port, connect_packet())
            assert await raw.packet() == ACCEPTED
            raw.send(publish(21.5, 7))
            assert await raw.packet() == Acknowledgement(PUBACK, 7)
            assert house.rows == [("thing:0", "temperature", 0, 21.5)]
            assert house.batches[0].sender == "meter-1"
            assert listener.counters.stored == listener.counters.messages == 1
            raw.send(enc.DISCONNECT_BYTES)
            assert await raw.ended()
            assert listener.counters.disconnects == {"disconnect": 1}

    run(main())


def test_publish_may_follow_connect_at_once_and_qos_0_is_not_acknowledged(run, serve, house):
    async def main():
        async with serve() as (_, port):
            raw = await Raw.open(port, connect_packet() + publish(1, 0) + publish(2, 5))
            assert await raw.take(2) == [ACCEPTED, *acks(5)]
            assert [row[3] for row in house.rows] == [1.0, 2.0]

    run(main())


def test_nothing_is_acknowledged_before_it_is_stored(run, serve, house):
    async def main():
        house.held = True
        async with serve() as (_, port):
            raw = await Raw.open(port, connect_packet())
            assert await raw.packet() == ACCEPTED
            raw.send(b"".join(publish(n, n) for n in range(1, 51)))
            assert await raw.silent()
            house.release()
            assert await raw.take(50) == acks(*range(1, 51))

    run(main())


def test_acknowledgements_keep_the_order_when_receipts_do_not(run, serve, house):
    async def main():
        house.held = True
        async with serve() as (_, port):
            raw = await Raw.open(port, connect_packet())
            assert await raw.packet() == ACCEPTED
            for number in (1, 2, 3):
                raw.send(publish(number, number))
                await until(lambda n=number: len(house.waiting) == n)
            house.waiting.reverse()
            house.release()
            assert await raw.take(3) == acks(1, 2, 3)  # [MQTT-4.6.0-2]

    run(main())


def test_failure_to_store_gives_no_puback_and_closes(run, serve, house):
    async def main():
        house.failure = "disk full"
        async with serve() as (listener, port):
            raw = await Raw.open(port, connect_packet())
            assert await raw.packet() == ACCEPTED
            raw.send(publish(1, 1))
            assert await raw.ended()
            assert listener.counters.disconnects == {"storage": 1}
            assert listener.counters.failures == 1

    run(main())


@pytest.mark.parametrize(
    ("name", "password", "code"),
    [
        ("meter-1", b"wrong", 5),
        ("nobody", SECRET, 5),
        ("meter-1", b"", 5),
        (None, None, 4),
        ("meter-1", None, 4),
    ],
)
def test_wrong_credentials(run, serve, name, password, code):
    async def main():
        async with serve() as (listener, port):
            raw = await Raw.open(port, connect_packet(name, password=password))
            assert await raw.packet() == ConnackPacket(code)
            assert await raw.ended()
            assert listener.counters.rejected == {code: 1}

    run(main())


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("xinji/thing:999/temperature", b"1", Reason.UNKNOWN_THING),
        ("xinji/thing:0/colour", b"1", Reason.UNKNOWN_PROPERTY),
        ("xinji/other:1/temperature", b"1", Reason.NOT_PERMITTED),
        ("xinji/thing:0/temperature", b"99.5", Reason.OUT_OF_RANGE),
        ("xinji/thing:0/temperature", b"twenty", Reason.MALFORMED),
        ("xinji/thing:0/temperature", b"", Reason.MALFORMED),
        ("xinji/thing:0/temperature", b'{"valeu":1}', Reason.MALFORMED),
        ("xinji/thing:0/temperature", b'{"value":1,"tmie":3}', Reason.MALFORMED),
        ("xinji/thing:0/temperature", b'"open"', Reason.MALFORMED),
        ("xinji/thing:0/temperature", b"true", Reason.MALFORMED),
        ("xinji/thing:0/temperature", b"1e999", Reason.NOT_FINITE),
        ("xinji/thing:0/temperature", b'{"value":1,"time":"yesterday"}', Reason.BAD_TIME),
        ("xinji/thing:0/temperature", b'{"value":1,"time":1763800000000}', Reason.BAD_TIME),
        ("xinji/thing:0/temperature", b'{"value":1,"time":"2026-01-01T00:00:00"}', Reason.BAD_TIME),
        ("xinji/thing:0/temperature", b'{"value":' + b"[" * 5000, Reason.MALFORMED),
        ("xinji/thing:0/temperature", b'"\xff"', Reason.MALFORMED),
        ("xinji/thing:0/door", b'"ajar"', Reason.MALFORMED),
        ("xinji/thing:0", b"1", Reason.MALFORMED),
        ("xinji/thing:0/a/b", b"1", Reason.MALFORMED),
        ("other/thing:0/temperature", b"1", Reason.MALFORMED),
        ("xinji/refused", b"1", Reason.MALFORMED),
        ("xinji/batch", b"[", Reason.MALFORMED),
        ("xinji/batch", b'[{"thing":"thing:0","property":"x","value":1}]', Reason.UNKNOWN_PROPERTY),
        ("xinji/senml", b"{}", Reason.MALFORMED),
    ],
)
def test_bad_record_is_recorded_as_refused_and_acknowledged(serve, house, topic, payload, reason):
    async def main():
        async with serve() as (listener, port):
            raw = await Raw.open(
                port, connect_packet() + enc.encode_subscribe(1, [("xinji/refused", 0)])
            )
            assert await raw.take(2) == [ACCEPTED, Suback(1, b"\0")]
            raw.send(publish(1, 1) + publish(payload, 2, topic) + publish(3, 3))
            answers = await raw.take(4)
            assert [a for a in answers if isinstance(a, Acknowledgement)] == acks(1, 2, 3)
            (notice,) = (a for a in answers if isinstance(a, Publish))
            assert notice.topic == "xinji/refused"
            (record,) = json.loads(notice.payload)
            assert (record["topic"], record["reason"]) == (topic, reason)
            assert record["detail"]
            assert [refusal.reason for refusal in house.refused] == [reason]
            assert [row[3] for row in house.rows] == [1.0, 3.0]
            assert listener.counters.refused == {reason: 1}

    asyncio.run(main())


def test_notices_go_to_subscribed_connections_of_the_credential_only(serve, house):
    async def main():
        async with serve() as (listener, port):
            mine = await Raw.open(port, connect_packet("meter-1"))
            other = await Raw.open(port, connect_packet("meter-2"))
            left = await Raw.open(port, connect_packet("meter-1"))
            sender = await Raw.open(port, connect_packet("meter-1"))
            for raw in (mine, other, left):
                raw.send(enc.encode_subscribe(9, [("a/#", 1), ("xinji/refused", 1)]))
                assert await raw.take(2) == [ACCEPTED, Suback(9, b"\x80\0")]
            left.send(enc.encode_unsubscribe(2, ["xinji/refused", "x"]))
            assert await left.packet() == Acknowledgement(UNSUBACK, 2)
            sender.send(publish("x", 4))
            assert await sender.take(2) == [ACCEPTED, *acks(4)]
            assert (await mine.packet()).topic == "xinji/refused"
            assert await other.silent()
            assert await left.silent()
            assert listener.counters.notices == 1

    asyncio.run(main())


def test_states_and_times(serve, house):
    async def main():
        async with serve() as (_, port):
            raw = await Raw.open(port, connect_packet())
            door = "xinji/thing:0/door"
            payloads = [
                b'"open"', '"关"'.encode(), b"true", b"false", b"1",
                b'{"value":"open","time":1767225600.25,"quality":"uncertain"}',
                b'{"value":0,"time":"2026-01-01T08:00:00.000001+08:00"}',
            ]  # fmt: skip
            raw.send(b"".join(publish(p, n, door) for n, p in enumerate(payloads, 1)))
            await raw.take(8)
            assert [row[3] for row in house.rows] == [1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0]
            assert [row[2] for row in house.rows[5:]] == [1767225600250000, 1767225600000001]
            assert [q for b in house.batches for q in b.qualities or ()].count(1) == 1

    asyncio.run(main())


def test_batch_and_senml_topics(serve, house):
    async def main():
        async with serve() as (_, port):
            raw = await Raw.open(port, connect_packet())
            rows = b'[{"thing":"thing:1","property":"temperature","value":1},{"thing":"no"}]'
            columns = b'{"thing":["thing:2"],"property":["temperature"],"value":[2],"time":[null]}'
            pack = b'[{"bn":"thing:3/","n":"temperature","v":3},{"n":"door","vb":true}]'
            raw.send(
                publish(0, 1)
                + publish(rows, 2, "xinji/batch")
                + publish(columns, 3, "xinji/batch")
                + publish(pack, 4, "xinji/senml")
                + publish(9, 5)
            )
            assert await raw.take(6) == [ACCEPTED, *acks(1, 2, 3, 4, 5)]
            assert [row[3] for row in house.rows] == [0.0, 1.0, 2.0, 3.0, 1.0, 9.0]
            assert [(r.index, r.reason) for r in house.refused] == [(1, Reason.MALFORMED)]

    asyncio.run(main())


def test_a_thing_registered_later_is_found(serve, house):
    async def main():
        async with serve() as (_, port):
            raw = await Raw.open(port, connect_packet())
            raw.send(publish(1, 1, "xinji/thing:new/temperature"))
            await raw.take(2)
            house.things.add("thing:new")
            raw.send(publish(2, 2, "xinji/thing:new/temperature"))
            await raw.packet()
            assert [row[0] for row in house.rows] == ["thing:new"]

    asyncio.run(main())


# -- protocol faults close the connection, with a counted reason


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (enc.encode_publish(b"xinji/thing:0/temperature", b"1", 1, qos=2), "qos-2"),
        (enc.encode_connect(Connect(client_id="x")), "second-connect"),
        (b"\x30\x03\0\1\xff", "utf-8"),
        (b"\x30\x03\0\1#", "topic"),
        (b"\x32\x05\0\1a\0\0", "packet-id"),
        (b"\x36\x05\0\1a\0\1", "qos"),
        (b"\xf0\0", "packet-type"),
        (b"\x32\xff\xff\xff\xff\x01", "remaining-length"),
        (b"\x32\x80\x80\xe0\x04", "packet-too-large"),  # 10 MB announced, nothing sent
        (enc.encode_acknowledgement(PUBREL, 3), "unexpected-packet"),
        (enc.encode_pubacks([3]), "unexpected-packet"),
        (enc.encode_connack(0), "unexpected-packet"),
        (enc.PINGRESP_BYTES, "unexpected-packet"),
    ],
)
def test_protocol_fault_closes(serve, house, data, reason):
    async def main():
        async with serve() as (listener, port):
            raw = await Raw.open(port, connect_packet() + publish(1, 0) + data)
            assert await raw.packet() == ACCEPTED
            assert await raw.ended()
            assert listener.counters.disconnects == {reason: 1}
            await until(lambda: len(house.rows) == 1)  # what came before the fault counts
            assert listener.counters.connections == 0

    asyncio.run(main())


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (b"\x10\x0d\0\4MQTT\5\2\0\0\0\0\1", 1, "protocol-level"),
        (b"\x10\x0f\0\6MQIsdp\3\2\0\0\0\1a", 1, "protocol-level"),
        (b"\x10\x0c\0\4MQTT\4\0\0\0\0\0", 2, "client-id"),
    ],
)
def test_connack_code_before_close(serve, data, code, reason):
    async def main():
        async with serve() as (listener, port):
            raw = await Raw.open(port, data)
            assert await raw.packet() == ConnackPacket(code)
            assert await raw.ended()
            assert listener.counters.disconnects == {reason: 1}

    asyncio.run(main())


@pytest.mark.parametrize("data", [enc.PINGREQ_BYTES, b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01"])
def test_first_packet_is_not_connect(serve, data):
    async def main():
        async with serve() as (listener, port):
            raw = await Raw.open(port, data)
            assert await raw.ended()
            assert listener.counters.disconnects.total() == 1

    asyncio.run(main())


def test_ten_megabytes_are_refused_before_they_are_buffered(run, serve):
    async def main():
        async with serve() as (listener, port):
            raw = await Raw.open(port, connect_packet())
            assert await raw.packet() == ACCEPTED
            raw.send(publish(b"x" * 10_000_000, 1))
            assert await raw.ended()
            assert listener.counters.disconnects == {"packet-too-large": 1}
            assert listener.counters.bytes_in < 1 << 20

    run(main())


# -- times


def test_keep_alive_expires_after_one_and_a_half_times(run, serve):
    async def main():
        async with serve(connect_seconds=1) as (listener, port):
            raw = await Raw.open(port, connect_packet(keep_alive=1))
            assert await raw.packet() == ACCEPTED
            await asyncio.sleep(1.0)
            raw.send(enc.PINGREQ_BYTES)
            assert await raw.packet() == Signal(13)
            started = time.monotonic()
            assert await raw.ended()
            assert 1.4 < time.monotonic() - started < 2.5
            assert listener.counters.disconnects == {"keep-alive": 1}

    run(main())


def test_slow_loris_connect(run, serve):
    async def main():
        async with serve(connect_seconds=0.5) as (listener, port):
            raw = await Raw.open(port)
            started = time.monotonic()
            for byte in connect_packet():
                raw.send(bytes((byte,)))
                await asyncio.sleep(0.05)
                if time.monotonic() - started > 0.8:
                    break
            assert await raw.ended()
            assert listener.counters.disconnects == {"connect-timeout": 1}

    run(main())


def test_incomplete_packet_times_out_and_slow_ones_that_complete_do_not(run, serve):
    async def main():
        async with serve(packet_seconds=0.5) as (listener, port):
            raw = await Raw.open(port, connect_packet())
            assert await raw.packet() == ACCEPTED
            data = publish(1, 1)
            for _ in range(4):  # each packet in two parts, 0.2 s apart
                raw.send(data[:5])
                await asyncio.sleep(0.2)
                raw.send(data[5:])
                assert await raw.packet() == Acknowledgement(PUBACK, 1)
            raw.send(data[:-1])
            assert await raw.ended()
            assert listener.counters.disconnects == {"packet-timeout": 1}

    run(main())


# -- capacity


def test_connections_above_the_cap_are_refused(run, serve):
    async def main():
        async with serve(connections=3) as (listener, port):
            inside = [await Raw.open(port, connect_packet()) for _ in range(3)]
            for raw in inside:
                assert await raw.packet() == ACCEPTED
            outside = await Raw.open(port, connect_packet())
            assert await outside.packet() == ConnackPacket(3)
            assert await outside.ended()
            inside[0].send(enc.DISCONNECT_BYTES)
            assert await inside[0].ended()
            again = await Raw.open(port, connect_packet())
            assert await again.packet() == ACCEPTED
            assert listener.counters.rejected == {3: 1}

    run(main())


def test_connections_that_wait_with_their_connect_keep_nobody_out(run, serve):
    async def main():
        async with serve(connecting=3, connections=2) as (listener, port):
            half_open = [await Raw.open(port) for _ in range(4)]
            assert await half_open[0].ended()
            device = await Raw.open(port, connect_packet())
            assert await device.packet() == ACCEPTED
            assert listener.counters.disconnects == {"crowded-out": 2}
            assert await half_open[1].ended()
            half_open[3].send(connect_packet())
            assert await half_open[3].packet() == ACCEPTED

    run(main())


def test_an_address_has_its_share_of_connections_that_wait_with_their_connect(run, serve):
    async def main():
        async with serve(connecting_per_address=2) as (listener, port):
            inside = [await Raw.open(port) for _ in range(2)]
            for raw in inside:
                raw.send(connect_packet())
                assert await raw.packet() == ACCEPTED
            half_open = [await Raw.open(port) for _ in range(2)]
            assert await (await Raw.open(port)).ended()
            assert listener.counters.disconnects == {"of-an-address": 1}
            half_open[0].send(connect_packet())
            assert await half_open[0].packet() == ACCEPTED

    run(main())


def test_rate_is_held_by_reading_more_slowly(run, serve, house):
    async def main():
        async with serve(messages_per_second=100) as (listener, port):
            raw = await Raw.open(port, connect_packet())
            assert await raw.packet() == ACCEPTED
            started = time.monotonic()
            for start in range(0, 250, 25):
                raw.send(b"".join(publish(n % 50, n + 1) for n in range(start, start + 25)))
                await asyncio.sleep(0.002)
            assert await raw.take(250) == acks(*range(1, 251))
            raw.send(publish(1, 999))
            assert await raw.packet() == Acknowledgement(PUBACK, 999)
            assert 1.3 < time.monotonic() - started < 2.5  # 250 at 100/s, the first 100 at once
            assert len(house.rows) == 251
            assert listener.counters.pauses["rate"] >= 1

    run(main())


def test_full_inlet_stops_reading_until_it_drains(run, serve, house):
    async def main():
        async with serve() as (listener, port):
            raw = await Raw.open(port, connect_packet())
            assert await raw.packet() == ACCEPTED
            house.is_full = True
            raw.send(publish(1, 1))
            assert await raw.packet() == Acknowledgement(PUBACK, 1)
            raw.send(publish(2, 2))
            assert await raw.silent()
            assert len(house.rows) == 1
            house.is_full = False
            assert await raw.packet() == Acknowledgement(PUBACK, 2)
            assert listener.counters.pauses["inlet-full"] == 1

    run(main())


def test_unacknowledged_cap_stops_reading(run, serve, house):
    async def main():
        house.held = True
        async with serve(unacknowledged=10) as (listener, port):
            raw = await Raw.open(port, connect_packet())
            assert await raw.packet() == ACCEPTED
            raw.send(b"".join(publish(1, n) for n in range(1, 12)))
            await until(lambda: listener.counters.messages == 11)
            raw.send(publish(2, 99))
            await asyncio.sleep(0.1)
            assert listener.counters.messages == 11
            house.held = False
            house.release()
            assert await raw.take(12) == acks(*range(1, 12), 99)

    run(main())


def test_buffers_of_all_connections_are_capped(run, serve):
    async def main():
        async with serve(buffered_bytes=300_000) as (listener, port):
            half = publish(b"x" * 200_000, 1)[:150_000]
            raws = [await Raw.open(port, connect_packet()) for _ in range(4)]
            for raw in raws:
                assert await raw.packet() == ACCEPTED
                raw.send(half)
                await asyncio.sleep(0.05)
            await until(lambda: listener.counters.disconnects["buffers-full"] == 2)
            small = await Raw.open(port, connect_packet() + publish(5, 1)[:-1])
            assert await small.packet() == ACCEPTED
            small.send(publish(5, 1)[-1:])
            assert await small.packet() == Acknowledgement(PUBACK, 1)

    run(main())


def test_client_that_does_not_read_is_not_read(run, serve):
    async def main():
        async with serve(write_bytes=1024, packet_seconds=1.0) as (listener, port):
            raw = await Raw.open(port, connect_packet())
            assert await raw.packet() == ACCEPTED
            raw.reader._transport.pause_reading()
            for _ in range(400):
                raw.send(enc.PINGREQ_BYTES * 20_000)
                await asyncio.sleep(0)
                if listener.counters.pauses["slow-reader"]:
                    break
            await until(lambda: listener.counters.pauses["slow-reader"] > 0, 20)
            await until(lambda: listener.counters.disconnects["slow-reader"] == 1, 20)
            raw.writer.transport.abort()

    run(main())


def test_takeover_by_the_same_client_id(run, serve):
    async def main():
        async with serve() as (listener, port):
            first = await Raw.open(port, connect_packet(client_id="c"))
            assert await first.packet() == ACCEPTED
            stranger = await Raw.open(port, connect_packet("meter-2", client_id="c"))
            assert await stranger.packet() == ACCEPTED
            second = await Raw.open(port, connect_packet(client_id="c"))
            assert await second.packet() == ACCEPTED
            assert await first.ended()
            assert await stranger.silent()
            second.send(publish(1, 1))
            assert await second.packet() == Acknowledgement(PUBACK, 1)
            assert listener.counters.disconnects == {"taken-over": 1}

    run(main())


def test_withdrawn_credential_is_disconnected(serve):
    async def main():
        async with serve() as (listener, port):
            first = await Raw.open(port, connect_packet())
            other = await Raw.open(port, connect_packet("meter-2"))
            assert await first.packet() == await other.packet() == ACCEPTED
            assert listener.disconnect("meter-1") == 1
            assert await first.ended()
            assert await other.silent()

    asyncio.run(main())


def test_stop_acknowledges_what_is_stored(run, serve, house):
    async def main():
        house.held = True
        async with serve() as (listener, port):
            raw = await Raw.open(port, connect_packet())
            assert await raw.packet() == ACCEPTED
            raw.send(publish(1, 1))
            await until(lambda: house.waiting)
            stopping = asyncio.create_task(listener.stop(2.0))
            await asyncio.sleep(0.05)
            house.release()
            assert await raw.packet() == Acknowledgement(PUBACK, 1)
            assert await raw.ended()
            await stopping

    run(main())
