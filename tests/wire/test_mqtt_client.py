"""Our publishing client against our listener, through kills and refusals."""

import asyncio

import pytest

from tests.wire.recorder import SECRET
from tests.wire.test_mqtt_listener import until
from xinji.wire.mqtt.client import Client, RefusedError
from xinji.wire.mqtt.limits import Limits
from xinji.wire.mqtt.listener import Listener

TOPIC = "xinji/thing:0/temperature"


def test_publish_and_drain(run, serve, house):
    async def main():
        async with serve() as (_, port), Client("127.0.0.1", port, "meter-1", SECRET) as client:
            for number in range(500):
                await client.publish(TOPIC, str(number % 50).encode())
            await client.drain()
            assert client.acknowledged == 500
            assert client.unacknowledged == client.resent == 0
            assert [row[3] for row in house.rows] == [float(n % 50) for n in range(500)]

    run(main())


def test_publish_waits_while_the_window_is_full(run, serve, house):
    async def main():
        house.held = True
        async with (
            serve() as (_, port),
            Client("127.0.0.1", port, "meter-1", SECRET, window=5) as client,
        ):
            for _ in range(5):
                await client.publish(TOPIC, b"1")
            waiting = asyncio.create_task(client.publish(TOPIC, b"2"))
            await until(lambda: house.waiting)
            assert not waiting.done()
            house.held = False
            house.release()
            await asyncio.wait_for(waiting, 2)
            await client.drain()
            assert client.acknowledged == 6

    run(main())


def test_everything_unacknowledged_is_sent_again_after_a_kill(run, house):
    async def main():
        listener = Listener(house, house, Limits())
        port = await listener.start("127.0.0.1", 0)
        client = Client("127.0.0.1", port, "meter-1", SECRET, window=50, retry_seconds=0.02)
        await client.open()

        async def publish():
            for number in range(2000):
                await client.publish(TOPIC, f'{{"value": {number / 100}}}'.encode())
                if number % 20 == 0:
                    await asyncio.sleep(0)
            await client.drain()

        work = asyncio.create_task(publish())
        for kill in range(3):
            await until(lambda k=kill: client.acknowledged > 300 * (k + 1), 10)
            house.held = True  # nothing of what is on its way is stored
            await until(lambda: house.waiting)
            await listener.stop(0)
            house.waiting.clear()
            house.held = False
            listener = Listener(house, house, Limits())
            await listener.start("127.0.0.1", port)
        await asyncio.wait_for(work, 20)
        assert client.acknowledged == 2000
        assert client.reconnections == 3
        assert client.resent > 0
        assert {row[3] for row in house.rows} == {number / 100 for number in range(2000)}
        await client.close()
        await listener.stop(0)

    run(main())


def test_failed_storage_is_sent_again_until_it_is_stored(serve, house):
    async def main():
        async with (
            serve() as (listener, port),
            Client("127.0.0.1", port, "meter-1", SECRET, retry_seconds=0.01) as client,
        ):
            house.failure = "disk full"
            await client.publish(TOPIC, b"7")
            await until(lambda: listener.counters.failures >= 2)
            assert client.acknowledged == 0
            house.failure = None
            await asyncio.wait_for(client.drain(), 5)
            assert [row[3] for row in house.rows] == [7.0]

    asyncio.run(main())


def test_wrong_password_is_not_tried_again(serve):
    async def main():
        async with serve() as (_, port):
            with pytest.raises(RefusedError) as error:
                await Client("127.0.0.1", port, "meter-1", b"no").open()
            assert error.value.code == 5

    asyncio.run(main())


def test_credential_withdrawn_while_running(serve, house):
    async def main():
        async with (
            serve() as (listener, port),
            Client("127.0.0.1", port, "meter-1", SECRET, retry_seconds=0.01) as client,
        ):
            house.authenticate = lambda *_: None
            listener.disconnect("meter-1")
            house.held = True

            async def publish_on():
                for _ in range(1000):
                    await client.publish(TOPIC, b"1")
                    await asyncio.sleep(0.01)

            with pytest.raises(RefusedError):
                await publish_on()

    asyncio.run(main())


def test_keep_alive_is_kept_and_notices_arrive(run, serve):
    async def main():
        async with serve() as (listener, port):
            client = Client(
                "127.0.0.1", port, "meter-1", SECRET, keep_alive=1, subscribe="xinji/refused"
            )
            async with client:
                await asyncio.sleep(2.2)
                await client.publish("xinji/thing:77777/temperature", b"1")
                await client.drain()
                await until(lambda: client.received)
                assert b"unknown-thing" in client.received[0].payload
                assert client.reconnections == 0
                assert not listener.counters.disconnects

    run(main())


@pytest.mark.parametrize("topic", ["", "a/+", "#", "a\0", "x" * 70_000])
def test_topic_that_is_none_is_refused_here(serve, topic):
    async def main():
        async with serve() as (_, port), Client("127.0.0.1", port, "meter-1", SECRET) as client:
            with pytest.raises(ValueError, match="topic"):
                await client.publish(topic, b"1")

    asyncio.run(main())
