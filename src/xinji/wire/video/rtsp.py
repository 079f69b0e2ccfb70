"""A small RTSP 1.0 server (RFC 2326) of pictures that a function makes: simulated cameras.

One port, any number of paths. A path is rendered only while a client plays it. Media goes over the
RTSP connection (interleaved TCP) as RTP with JPEG (RFC 2435), so that every frame is a key frame
and no video encoder is needed. `render` gives None where there is no such camera (404 on DESCRIBE),
and while playing where the camera has gone quiet: then nothing is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import struct
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from urllib.parse import quote, unquote, urlsplit

import numpy as np
import numpy.typing as npt

from xinji.wire.kept_running import watched
from xinji.wire.video import jpeg_rtp

Render = Callable[[str, int], npt.NDArray[np.uint8] | None]

LARGEST_REQUEST = 8_192
LARGEST_BODY = 65_536
MOST_CONNECTIONS = 1_024
IDLE_SECONDS = 60.0
WRITE_SECONDS = 20.0
METHODS = "OPTIONS, DESCRIBE, SETUP, PLAY, PAUSE, GET_PARAMETER, TEARDOWN"
REASONS = {
    200: "OK", 400: "Bad Request", 404: "Not Found", 413: "Request Entity Too Large",
    454: "Session Not Found", 455: "Method Not Valid in This State",
    461: "Unsupported Transport", 501: "Not Implemented", 503: "Service Unavailable",
    505: "RTSP Version Not Supported",
}  # fmt: skip
INTERLEAVED = re.compile(r"interleaved=(\d{1,3})(?:-(\d{1,3}))?")
TRACK = "/track0"


class RequestError(Exception):
    """A request that cannot be answered with what it asks; `status` is the answer."""

    def __init__(self, status: int) -> None:
        super().__init__(REASONS[status])
        self.status = status


@dataclass(frozen=True, slots=True)
class Request:
    """A request: method, path (decoded, without the track), headers by lower-case name."""

    method: str
    path: str
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def number(self) -> str:
        """The CSeq that the answer repeats."""
        return self.headers.get("cseq", "0")


def parse(head: bytes) -> Request:
    """A request from its lines up to the empty one. Raises RequestError."""
    try:
        lines = head.decode("utf-8").split("\r\n")
        method, target, version = lines[0].split(" ")
        headers = {}
        for line in lines[1:]:
            if line:
                name, colon, value = line.partition(":")
                if not colon:
                    raise RequestError(400)
                headers[name.strip().lower()] = value.strip()
        path = unquote(urlsplit(target).path) if target != "*" else "*"
    except ValueError as error:
        raise RequestError(400) from error
    if version != "RTSP/1.0":
        raise RequestError(505 if version.startswith("RTSP/") else 400)
    if not headers.get("cseq", "").isdigit():
        raise RequestError(400)
    return Request(method, path.removesuffix("/").removesuffix(TRACK).removeprefix("/"), headers)


class CameraServer:
    """Serves `render(path, time_us)`; `clock()` is the time in Unix microseconds.

    `port` 0 takes a free one; `port` is then the real one after `start`. `frame_rate` in frames per
    second of real time. `threads` render at once.
    """

    def __init__(
        self,
        render: Render,
        clock: Callable[[], int] | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        frame_rate: float = 5.0,
        quality: int = 80,
        threads: int = 1,
    ) -> None:
        if not 0.05 <= frame_rate <= 60:
            raise ValueError(f"frame_rate: {frame_rate!r} is not in 0.05..60 Hz")
        self._render, self._clock = render, clock or (lambda: time.time_ns() // 1000)
        self.host, self.port = host, port
        self.frame_rate, self._quality = frame_rate, quality
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="render")
        self._clients: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(
            self._client, self.host, self.port, limit=LARGEST_REQUEST
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Stop listening and end every client."""
        if self._server is not None:
            self._server.close()
        for task in list(self._clients):
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def picture(self, path: str) -> jpeg_rtp.Scan | None:
        """The picture of a path now, encoded, or None. Rendered by a thread."""

        def make() -> jpeg_rtp.Scan | None:
            image = self._render(path, self._clock())
            if image is None:
                return None
            return jpeg_rtp.scan(jpeg_rtp.encode(image, self._quality))

        return await asyncio.get_running_loop().run_in_executor(self._threads, make)

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._clients.add(task)
        connection = _Connection(self, reader, writer)
        try:
            if len(self._clients) > MOST_CONNECTIONS:
                connection.answer(503, "0")
                return
            await connection.run()
        except (ConnectionError, TimeoutError, asyncio.CancelledError, EOFError):
            pass
        finally:
            self._clients.discard(task)
            connection.stop()
            writer.close()


class _Connection:
    def __init__(
        self, server: CameraServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server, self._reader, self._writer = server, reader, writer
        self._session = ""
        self._path = ""
        self._channel = 0
        self._playing: asyncio.Task[None] | None = None
        self._first: tuple[str, jpeg_rtp.Scan] | None = None

    async def run(self) -> None:
        """Answer requests until the client goes."""
        while True:
            # A client that plays may be silent for ever; one that does not is asked to go.
            wait = None if self._playing and not self._playing.done() else IDLE_SECONDS
            first = await asyncio.wait_for(self._reader.readexactly(1), wait)
            if first == b"$":
                _, length = struct.unpack(">BH", await self._reader.readexactly(3))
                await self._reader.readexactly(length)
                continue
            if first in b"\r\n":
                continue
            try:
                rest = await asyncio.wait_for(self._reader.readuntil(b"\r\n\r\n"), IDLE_SECONDS)
                request = parse(first + rest)
            except asyncio.LimitOverrunError:
                self.answer(413, "0")
                return
            except RequestError as error:
                # What follows a request that cannot be read cannot be read either.
                self.answer(error.status, "0")
                return
            length_text = request.headers.get("content-length", "0")
            if not length_text.isdigit() or int(length_text) > LARGEST_BODY:
                self.answer(413, request.number)
                return
            await asyncio.wait_for(self._reader.readexactly(int(length_text)), IDLE_SECONDS)
            try:
                if not await self._do(request):
                    return
            except RequestError as error:
                self.answer(error.status, request.number)
            await asyncio.wait_for(self._writer.drain(), WRITE_SECONDS)

    async def _do(self, request: Request) -> bool:
        number = request.number
        if request.method == "OPTIONS":
            self.answer(200, number, {"Public": METHODS})
        elif request.method == "DESCRIBE":
            await self._describe(request)
        elif request.method == "SETUP":
            self._setup(request)
        elif request.method in {"PLAY", "PAUSE", "TEARDOWN"}:
            if not self._session or request.headers.get("session", "").split(";")[0] != (
                self._session
            ):
                raise RequestError(454)
            self.stop()
            self.answer(200, number, {"Session": self._session})
            if request.method == "PLAY":
                self._playing = asyncio.create_task(self._play())
                self._playing.add_done_callback(watched("camera.play"))
            if request.method == "TEARDOWN":
                self._session = ""
                return False
        elif request.method in {"GET_PARAMETER", "SET_PARAMETER"}:
            self.answer(200, number)
        else:
            raise RequestError(501)
        return True

    async def _describe(self, request: Request) -> None:
        try:
            picture = await self._server.picture(request.path)
        except Exception as error:
            raise RequestError(503) from error
        if picture is None:
            raise RequestError(404)
        self._first = (request.path, picture)
        text = (
            "v=0\r\n"
            f"o=- {secrets.randbits(31)} 1 IN IP4 {self._server.host}\r\n"
            "s=Xinji\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\na=control:*\r\n"
            f"m=video 0 RTP/AVP {jpeg_rtp.PAYLOAD_TYPE}\r\n"
            f"a=rtpmap:{jpeg_rtp.PAYLOAD_TYPE} JPEG/{jpeg_rtp.CLOCK_HZ}\r\n"
            f"a=framerate:{self._server.frame_rate:g}\r\n"
            f"a=control:{TRACK.removeprefix('/')}\r\n"
        )
        place = f"rtsp://{self._server.host}:{self._server.port}/{quote(request.path)}/"
        headers = {"Content-Type": "application/sdp", "Content-Base": place}
        self.answer(200, request.number, headers, text.encode())

    def _setup(self, request: Request) -> None:
        if self._session:
            raise RequestError(455)
        transport = request.headers.get("transport", "")
        for offer in transport.split(","):
            if "RTP/AVP/TCP" not in offer.upper():
                continue
            found = INTERLEAVED.search(offer)
            channel = int(found[1]) if found else 0
            if channel > 254:
                raise RequestError(400)
            self._channel, self._path = channel, request.path
            self._session = secrets.token_hex(8)
            chosen = f"RTP/AVP/TCP;unicast;interleaved={channel}-{channel + 1}"
            headers = {"Transport": chosen, "Session": f"{self._session};timeout=60"}
            self.answer(200, request.number, headers)
            return
        raise RequestError(461)

    async def _play(self) -> None:
        sequence, source = secrets.randbits(16), secrets.randbits(32)
        loop = asyncio.get_running_loop()
        began = due = loop.time()
        offset = secrets.randbits(31)
        picture = self._first[1] if self._first and self._first[0] == self._path else None
        self._first = None
        try:
            while True:
                if picture is None:
                    picture = await self._server.picture(self._path)
                if picture is not None:
                    stamp = offset + round((loop.time() - began) * jpeg_rtp.CLOCK_HZ)
                    parts = jpeg_rtp.packets(picture, sequence, stamp, source)
                    sequence += len(parts)
                    self._writer.write(
                        b"".join(
                            struct.pack(">cBH", b"$", self._channel, len(part)) + part
                            for part in parts
                        )
                    )
                    await asyncio.wait_for(self._writer.drain(), WRITE_SECONDS)
                    picture = None
                due = max(due + 1 / self._server.frame_rate, loop.time())
                await asyncio.sleep(due - loop.time())
        except (ConnectionError, TimeoutError):
            self._writer.close()
        except asyncio.CancelledError:
            raise
        except Exception:
            # The renderer failed: to the client that is a camera that died.
            self._writer.close()
            raise

    def stop(self) -> None:
        """End the playing, if any."""
        if self._playing is not None:
            self._playing.cancel()
            self._playing = None

    def answer(
        self, status: int, number: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> None:
        """Write a response."""
        lines = [f"RTSP/1.0 {status} {REASONS[status]}", f"CSeq: {number}", "Server: Xinji"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        with contextlib.suppress(ConnectionError):
            self._writer.write("\r\n".join([*lines, "", ""]).encode() + body)
