"""A running camera server, and raw servers that misbehave."""

import asyncio
import contextlib
import socket
import threading

import pytest

from xinji.wire.video.rtsp import CameraServer


@contextlib.contextmanager
def serving(render, **options):
    """A camera server in a thread; gives its address `rtsp://host:port/`."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = CameraServer(render, **options)
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    try:
        yield f"rtsp://127.0.0.1:{server.port}/"
    finally:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@contextlib.contextmanager
def listening(answer):
    """A TCP server in a thread that calls answer(connection) for each client."""
    listener = socket.create_server(("127.0.0.1", 0))
    stop = threading.Event()

    def accept():
        while not stop.is_set():
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                threading.Thread(target=each, args=(connection,), daemon=True).start()

    def each(connection):
        with connection, contextlib.suppress(OSError):
            answer(connection)
            stop.wait(30)

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield f"127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stop.set()
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(10)


@pytest.fixture
def camera_server():
    return serving


@pytest.fixture
def raw_server():
    return listening
