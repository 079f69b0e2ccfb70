"""Uploads are read in a process of their own: bounded in time and memory, ended when not wanted.

A reader is a function of the file's bytes and of named options that MessagePack can hold; what it
returns comes back as MessagePack (large columns as Arrow inside it). Whatever a file does to its
reader (a bomb, a crash of a library), the process that takes in observations goes on.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import logging
import os
import resource
import subprocess
import sys
import threading
import time
import traceback
import types
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeVar

import msgspec

from xinji.store.tables.table import UnreadableError

T = TypeVar("T")

log = logging.getLogger(__name__)

AT_ONCE = 2
WAIT_SECONDS = 15.0
"""How long a reading waits for one of `AT_ONCE` places."""

_LOOK_SECONDS = 0.25
_NICE = 5
PATIENCE = 5.0
"""Seconds of the clock for a second of a processor: a busy machine makes no file unreadable."""
# threads of a library reserve address space, and one upload may not take all cores
_ENVIRONMENT = dict.fromkeys(
    ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "ARROW_IO_THREADS"), "1"
) | {"ARROW_DEFAULT_MEMORY_POOL": "system", "PYTHONWARNINGS": "ignore"}

_READ, _UNREADABLE, _MEMORY, _FAILED = b"\0", b"\1", b"\2", b"\3"


@dataclass(frozen=True)
class Bounds:
    """What one reading may take: seconds of a processor, bytes of memory.

    Of the clock it may take `PATIENCE` times as many seconds. `answer_bytes` bounds what comes back
    into the process that asked.
    """

    seconds: float = 60.0
    memory_bytes: int = 1536 * 1024 * 1024
    answer_bytes: int = 256 * 1024 * 1024


USUAL = Bounds()


class BusyError(RuntimeError):
    """Too many files are being read; come back later."""


class StoppedError(RuntimeError):
    """The reading was not wanted any more and was ended."""


_places = threading.BoundedSemaphore(AT_ONCE)
_running: set[subprocess.Popen[bytes]] = set()


def read_apart(
    reader: str,
    data: bytes,
    answer: type[T],
    *,
    options: dict[str, Any] | None = None,
    bounds: Bounds = USUAL,
    stop: Callable[[], bool] = lambda: False,
) -> T:
    """What the reader makes of the data, as the type `answer`.

    Args:
        reader: `package.module:function` of this project; called with `data` and `**options`.
        stop: asked several times a second; True ends the reading.

    Raises:
        UnreadableError: the reader's own, or the bounds were reached.
        BusyError: no place became free in `WAIT_SECONDS`.
        StoppedError: `stop` said so.
    """
    if not _places.acquire(timeout=WAIT_SECONDS):
        raise BusyError(f"{AT_ONCE} files are being read already")
    try:
        status, output = _run(reader, data, options or {}, bounds, stop)
    finally:
        _places.release()
    kind, content = output[:1], memoryview(output)[1:]
    if kind == _READ:
        return msgspec.msgpack.decode(content, type=answer)
    if kind == _UNREADABLE:
        rule, row, field = msgspec.msgpack.decode(content, type=tuple[str, int, str])
        raise UnreadableError(rule, row=row, field=field)
    if kind == _FAILED:
        log.error("reader %s failed on %d bytes:\n%s", reader, len(data), str(content, "utf-8"))
        raise UnreadableError("not a file that can be read here; the reason is in the log")
    if kind != _MEMORY:
        log.warning("reader %s ended with status %s on %d bytes", reader, status, len(data))
    raise UnreadableError(
        f"needs more than {bounds.seconds:g} s or {bounds.memory_bytes >> 20:,} MiB to be read"
    )


def _run(
    reader: str, data: bytes, options: dict[str, Any], bounds: Bounds, stop: Callable[[], bool]
) -> tuple[int | None, bytes]:
    """(exit status, output) of the child; an output without content when it reached a bound."""
    limits = (int(bounds.seconds) + 1, bounds.memory_bytes, bounds.answer_bytes)
    head = msgspec.msgpack.encode((reader, options, limits))
    child = subprocess.Popen(
        [sys.executable, "-P", "-m", "xinji.store.reading_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        env=os.environ | _ENVIRONMENT,
    )
    _running.add(child)
    # `communicate` forgets what is left to write when its first time-out comes before the end
    given, child.stdin = child.stdin, None
    feeding = threading.Thread(target=_feed, args=(given, head, data), daemon=True)
    try:
        feeding.start()
        deadline = time.monotonic() + PATIENCE * bounds.seconds
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                output, _ = child.communicate(timeout=_LOOK_SECONDS)
                return child.returncode, output
            if stop():
                raise StoppedError("the reading was ended")
            if time.monotonic() > deadline:
                return None, b""
    finally:
        child.kill()
        child.wait()
        feeding.join()
        if child.stdout is not None:
            child.stdout.close()
        _running.discard(child)


def _feed(pipe: IO[bytes] | None, head: bytes, data: bytes) -> None:
    """Write the request; the child that was ended does not read it to its end."""
    assert pipe is not None
    with contextlib.suppress(OSError), pipe:
        pipe.write(len(head).to_bytes(8, "big") + head)
        pipe.write(data)


@atexit.register
def _end_all() -> None:
    for child in list(_running):
        child.kill()


# -- the child -----------------------------------------------------------------------------------


def main() -> None:
    """Read the request from standard input, answer on standard output."""
    os.nice(_NICE)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no answer
    size = int.from_bytes(sys.stdin.buffer.read(8), "big")
    name, options, (seconds, memory, most) = msgspec.msgpack.decode(
        sys.stdin.buffer.read(size), type=tuple[str, dict[str, Any], tuple[int, int, int]]
    )
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        found = msgspec.msgpack.encode(_function(name)(sys.stdin.buffer.read(), **options))
        if len(found) > most:
            raise UnreadableError(f"holds more than {most >> 20:,} MiB of cells")
        answer = _READ, found
    except UnreadableError as error:
        where = (str(error)[:1_000], error.row, error.field[:200])
        answer = _UNREADABLE, msgspec.msgpack.encode(where)
    except MemoryError:
        answer = _MEMORY, b""
    except BaseException:
        answer = _FAILED, traceback.format_exc(limit=-20)[-20_000:].encode("utf-8", "replace")
    with answers:
        answers.write(answer[0])
        answers.write(answer[1])


def _function(name: str) -> Callable[..., Any]:
    """The reader. A system's declaration is not run for it: that would import half the project."""
    module, _, function = name.partition(":")
    parts = module.split(".")
    for depth in range(2, len(parts)):
        package = ".".join(parts[:depth])
        if package.startswith("xinji.systems") and package not in sys.modules:
            bare = types.ModuleType(package)
            bare.__path__ = [str(Path(__file__).parents[1].joinpath(*parts[1:depth]))]
            sys.modules[package] = bare
    found: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return found


if __name__ == "__main__":
    main()
    # the interpreter need not clean up what the kernel takes back
    os._exit(0)
