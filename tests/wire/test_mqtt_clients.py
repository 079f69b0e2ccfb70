"""Clients that nobody here wrote: mosquitto_pub and paho; TLS; many connections; kill -9."""

import asyncio
import contextlib
import datetime
import ipaddress
import os
import shutil
import signal
import ssl
import sys
import threading
import time

import paho.mqtt.client as paho
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.process import free_port
from tests.wire.raw import Raw, connect_packet
from tests.wire.recorder import SECRET
from tests.wire.server_process import open_house
from tests.wire.test_mqtt_listener import publish, until
from xinji.wire.mqtt.client import Client
from xinji.wire.mqtt.listener import Listener
from xinji.wire.mqtt.packets import PUBACK, Acknowledgement, ConnackPacket

MOSQUITTO_PUB = shutil.which("mosquitto_pub")
needs_mosquitto = pytest.mark.skipif(MOSQUITTO_PUB is None, reason="mosquitto_pub is missing")
ACCEPTED = ConnackPacket(0)
TOPIC = "xinji/thing:0/temperature"
PASSWORD = SECRET.decode()


async def mosquitto_pub(port, *arguments, password=PASSWORD, data=b""):
    process = await asyncio.create_subprocess_exec(
        MOSQUITTO_PUB, "-h", "127.0.0.1", "-p", str(port), "-u", "meter-1", "-P", password,
        "-q", "1", *arguments,
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        output, _ = await asyncio.wait_for(process.communicate(data), 20)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode()


# -- mosquitto_pub


@needs_mosquitto
def test_mosquitto_pub_lines(run, serve, house):
    async def main():
        async with serve() as (listener, port):
            lines = b"".join(b'{"value": %d}\n' % (n % 50) for n in range(200))
            assert await mosquitto_pub(port, "-t", TOPIC, "-l", data=lines) == (0, "")
            assert len(house.rows) == 200
            await until(lambda: listener.counters.disconnects == {"disconnect": 1})

    run(main())


@needs_mosquitto
def test_mosquitto_pub_is_refused(serve, house):
    async def main():
        async with serve() as (listener, port):
            code, output = await mosquitto_pub(port, "-t", TOPIC, "-m", "1", password="no")
            assert code == 5
            assert "not authorised" in output
            code, output = await mosquitto_pub(port, "-t", TOPIC, "-m", "1", "-V", "31")
            assert "unacceptable protocol version" in output
            code, _ = await mosquitto_pub(port, "-t", TOPIC, "-m", "1", "-V", "5")
            assert code
            assert listener.counters.rejected == {5: 1, 1: 2}
            assert not house.rows

    asyncio.run(main())


@needs_mosquitto
def test_mosquitto_pub_bad_records_are_acknowledged_and_counted(serve, house):
    async def main():
        async with serve() as (listener, port):
            for topic, payload in [
                ("xinji/thing:404/temperature", "1"),
                (TOPIC, "1000"),
                (TOPIC, "warm"),
            ]:
                assert await mosquitto_pub(port, "-t", topic, "-m", payload) == (0, "")
            assert listener.counters.refused == {
                "unknown-thing": 1,
                "out-of-range": 1,
                "malformed": 1,
            }

    asyncio.run(main())


@needs_mosquitto
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("-q", "2", "-m", "1"), "qos-2"),
        (("-s",), "packet-too-large"),
    ],
)
def test_mosquitto_pub_protocol_faults(serve, arguments, reason):
    async def main():
        async with serve() as (listener, port):
            pub = asyncio.create_task(
                mosquitto_pub(port, "-t", TOPIC, *arguments, data=b"x" * 10_000_000)
            )
            await until(lambda: listener.counters.disconnects[reason] >= 1, 10)
            pub.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await pub
            assert listener.counters.bytes_in < 4 << 20

    asyncio.run(main())


# -- paho


def with_paho(port, steps, **options):
    """Run `steps(client)` in a thread of its own against the listener."""

    def body():
        client = paho.Client(paho.CallbackAPIVersion.VERSION2, **options)
        client.username_pw_set("meter-1", SECRET.decode())
        client.on_connect = lambda *_: connected.set()
        connected = threading.Event()
        client.connect("127.0.0.1", port)
        client.loop_start()
        assert connected.wait(5)
        try:
            return steps(client)
        finally:
            client.disconnect()
            client.loop_stop()

    return asyncio.to_thread(body)


def test_paho_publishes_subscribes_and_reads_notices(serve, house):
    async def main():
        async with serve() as (_, port):
            received, granted = [], []

            def steps(client):
                client.on_message = lambda _c, _u, message: received.append(message.payload)
                client.on_subscribe = lambda _c, _u, _m, codes, _p: granted.extend(codes)
                client.subscribe([("xinji/refused", 0), ("#", 0)])
                for number in range(20):
                    client.publish(TOPIC, number, qos=1).wait_for_publish(5)
                client.publish("xinji/nothing/temperature", 1, qos=1).wait_for_publish(5)
                deadline = time.monotonic() + 3
                while not received and time.monotonic() < deadline:
                    time.sleep(0.01)

            await with_paho(port, steps)
            assert [code.is_failure for code in granted] == [False, True]
            assert b"unknown-thing" in received[0]
            assert len(house.rows) == 20

    asyncio.run(main())


def test_paho_sends_again_what_was_not_stored(serve, house):
    async def main():
        async with serve() as (listener, port):
            house.failure = "disk full"

            def steps(client):
                client.reconnect_delay_set(0.05, 0.1)
                info = client.publish(TOPIC, 5, qos=1)
                deadline = time.monotonic() + 5
                while not listener.counters.failures and time.monotonic() < deadline:
                    time.sleep(0.01)
                assert not info.is_published()
                house.failure = None
                info.wait_for_publish(10)
                assert info.is_published()

            await with_paho(port, steps, client_id="keeps", clean_session=False)
            assert [row[3] for row in house.rows] == [5.0]

    asyncio.run(main())


# -- TLS


@pytest.fixture
def certificate(tmp_path):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    cert = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path / "server.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + cert.public_bytes(serialization.Encoding.PEM)
    )
    return path


def test_tls(run, serve, house, certificate):
    async def main():
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        trust = ssl.create_default_context(cafile=str(certificate))
        async with serve(ssl=context) as (listener, port):
            async with Client("127.0.0.1", port, "meter-1", SECRET, ssl=trust) as client:
                for number in range(300):
                    await client.publish(TOPIC, str(number % 50).encode())
                await client.drain()
            assert len(house.rows) == 300
            if MOSQUITTO_PUB:
                arguments = ("-t", TOPIC, "-m", "1", "--cafile", str(certificate))
                assert await mosquitto_pub(port, *arguments) == (0, "")
                assert len(house.rows) == 301
            plain = await Raw.open(port, connect_packet())
            assert await plain.ended()
            second_port = await listener.start("127.0.0.1", 0)  # plain beside TLS
            assert await (await Raw.open(second_port, connect_packet())).packet() == ACCEPTED
            assert listener.ports == [port, second_port]
            slow = await Raw.open(port, connect_packet(), ssl=trust)
            assert await slow.packet() == ACCEPTED
            house.is_full = True
            slow.send(publish(1, 1))
            assert await slow.packet() == Acknowledgement(PUBACK, 1)
            slow.send(publish(2, 2))
            assert await slow.silent()
            house.is_full = False
            assert await slow.packet() == Acknowledgement(PUBACK, 2)
            large = await Raw.open(port, connect_packet() + publish(b"x" * 3_000_000, 1), ssl=trust)
            assert await large.packet() == ACCEPTED
            assert await large.ended()
            assert listener.counters.disconnects["packet-too-large"] == 1

    run(main())


# -- many at once


async def crowd(port, count):
    """Connect `count` clients at once, let each publish, all stay until the end."""
    gate = asyncio.Semaphore(500)

    async def one(number):
        async with gate:
            raw = await Raw.open(port, connect_packet(client_id=f"c{number}"))
            assert await raw.packet(60) == ACCEPTED
            return raw

    raws = await asyncio.gather(*(one(number) for number in range(count)))
    for number, raw in enumerate(raws):
        raw.send(publish(number % 50, 1, f"xinji/thing:{number % 100}/temperature"))
    answers = await asyncio.gather(*(raw.packet(60) for raw in raws))
    assert set(answers) == {Acknowledgement(PUBACK, 1)}
    for raw in raws:
        raw.close()


def test_2000_connections_at_once(run, serve, house):
    async def main():
        async with serve() as (listener, port):
            await crowd(port, 2000)
            assert len(house.rows) == 2000
            await until(lambda: listener.counters.connections == 0, 10)

    run(main())


@contextlib.asynccontextmanager
async def process(*arguments):
    """`tests.wire.server_process` with these arguments, once it listens; killed at the end."""
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.wire.server_process", *map(str, arguments),
        stdout=asyncio.subprocess.PIPE, env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    try:
        assert await asyncio.wait_for(child.stdout.readline(), 60) == b"listening\n"
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()


@pytest.mark.slow
def test_10000_connections_at_once():
    async def main():
        port = free_port()
        async with process("memory", port):  # a process each: 10,000 descriptors on either side
            await crowd(port, 10_000)

    asyncio.run(main())


# -- the real house


def stored_values(folder):
    house = open_house(folder)
    try:
        return [v for batch in house.store.since(0) for v in batch.column("value").to_pylist()]
    finally:
        house.close()


def test_acknowledged_means_stored_through_kill_9(tmp_path):
    """Every value whose PUBACK came is in the store after the process was killed in mid-flight."""

    async def main():
        port = free_port()
        acknowledged = set()
        sent = 0
        for _ in range(2):
            async with process("house", port, tmp_path) as server:
                raw = await Raw.open(port, connect_packet(password=b"secret"))
                assert await raw.packet() == ACCEPTED
                first = sent
                stop = time.monotonic() + 1.0
                flying = {}
                while time.monotonic() < stop:
                    while len(flying) < 500:
                        number = sent % 65_535 + 1
                        flying[number] = float(sent)
                        raw.send(publish(sent, number, f"xinji/meter:{sent % 10}/energy"))
                        sent += 1
                    answer = await raw.packet()
                    acknowledged.add(flying.pop(answer.packet_id))
                for _ in range(9000):  # so that the kill comes while messages are on their way
                    flying[sent % 65_535 + 1] = float(sent)
                    meter = f"xinji/meter:{sent % 10}/energy"
                    raw.send(publish(sent, sent % 65_535 + 1, meter))
                    sent += 1
                server.send_signal(signal.SIGKILL)
                while (answer := await raw.packet()) is not None:
                    acknowledged.add(flying.pop(answer.packet_id))
                assert len(acknowledged) > first
                assert flying
        found = stored_values(tmp_path)
        assert acknowledged <= set(found)
        assert len(acknowledged) > 3000
        assert len(found) <= sent

    asyncio.run(main())


def test_client_delivers_everything_through_kill_9(tmp_path):
    """A value with its own time is stored exactly once, however often it was sent."""

    async def main():
        port = free_port()
        count = 20_000
        client = Client(
            "127.0.0.1", port, "meter-1", b"secret",
            window=500, retry_seconds=0.05, longest_retry_seconds=0.1,
        )  # fmt: skip
        started = int(time.time()) - 100_000

        async def publish_all():
            for number in range(count):
                body = f'{{"value": {number}, "time": {started + number}}}'
                await client.publish(f"xinji/meter:{number % 10}/energy", body.encode())
                if number % 50 == 0:
                    await asyncio.sleep(0.001)
            await client.drain()

        work = None
        for _ in range(2):
            async with process("house", port, tmp_path) as server:
                if work is None:
                    await client.open()
                    work = asyncio.create_task(publish_all())
                before = client.acknowledged
                await until(lambda b=before: client.acknowledged > b + 2000, 30)
                server.send_signal(signal.SIGKILL)
        async with process("house", port, tmp_path):
            await asyncio.wait_for(work, 60)
            await client.close()
        assert client.acknowledged == count
        assert client.reconnections == 2
        assert sorted(stored_values(tmp_path)) == [float(n) for n in range(count)]

    asyncio.run(main())


def test_real_house_refuses_with_its_reasons(tmp_path):
    async def main():
        house = open_house(tmp_path)
        await house.start()
        secret = house.credentials.issue("meter-1", things=("meter:1",), actor="test")
        listener = Listener(house.ingest, house.credentials)
        port = await listener.start("127.0.0.1", 0)
        future = int(time.time()) + 86_400
        async with Client(
            "127.0.0.1", port, "meter-1", secret.encode(), subscribe="xinji/refused"
        ) as client:
            for topic, payload in [
                ("xinji/meter:1/energy", b"12.5"),
                ("xinji/meter:1/door", '"开"'.encode()),
                ("xinji/meter:1/energy", b"-1"),
                ("xinji/meter:1/energy", b'{"value": 1, "time": %d}' % future),
                ("xinji/meter:2/energy", b"1"),
                ("xinji/meter:1/colour", b"1"),
                ("xinji/meter:1/door", b'"ajar"'),
            ]:
                await client.publish(topic, payload)
            await client.drain()
            assert listener.counters.stored == 2
            assert listener.counters.refused == {
                "out-of-range": 1,
                "future": 1,
                "not-permitted": 1,
                "unknown-property": 1,
                "malformed": 1,
            }
            await until(lambda: client.received)
            assert b"meter:2" in b"".join(message.payload for message in client.received)
        await listener.stop(1)
        await house.stop()
        assert sorted(stored_values(tmp_path)) == [1.0, 12.5]

    asyncio.run(main())
