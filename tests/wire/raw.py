"""A client that sends exactly the bytes it is told to."""

from __future__ import annotations

import asyncio

from tests.wire.recorder import SECRET
from xinji.wire.mqtt.codec import Decoder
from xinji.wire.mqtt.encode import encode_connect
from xinji.wire.mqtt.packets import Connect


def connect_packet(name="meter-1", password=SECRET, **fields):
    fields.setdefault("client_id", "")
    return encode_connect(Connect(username=name, password=password, **fields))


class Raw:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.decoder = Decoder(server=False)
        self.packets = []

    @classmethod
    async def open(cls, port, data=b"", ssl=None):
        raw = cls(*await asyncio.open_connection("127.0.0.1", port, ssl=ssl))
        raw.send(data)
        return raw

    def send(self, data):
        if not self.writer.transport.is_closing():
            self.writer.write(data)

    async def packet(self, timeout=3.0):  # noqa: ASYNC109
        """The next packet; None when the server has closed."""
        while not self.packets:
            try:
                data = await asyncio.wait_for(self.reader.read(65536), timeout)
            except ConnectionError:
                return None
            if not data:
                return None
            self.packets += self.decoder.feed(data)
            assert self.decoder.fault is None
        return self.packets.pop(0)

    async def take(self, count):
        return [await self.packet() for _ in range(count)]

    async def silent(self, seconds=0.1):
        """True when nothing arrives for a while and the connection stays open."""
        try:
            return await self.packet(seconds) is None and False
        except TimeoutError:
            return True

    async def ended(self, timeout=3.0):  # noqa: ASYNC109
        """True when the server closes without another packet."""
        return await self.packet(timeout) is None

    def close(self):
        self.writer.close()
