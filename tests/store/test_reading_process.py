"""Uploads are read apart: what a file does to its reader, it does to nobody else."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.store.tables.workbooks import SHEET, changed, workbook
from xinji.store import reading_process
from xinji.store.reading_process import Bounds, BusyError, StoppedError, read_apart
from xinji.store.tables.table import Row, Table, UnreadableError

READ = "xinji.store.tables.reading:read_table"


@pytest.fixture(autouse=True)
def _readers_of_this_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))


def read(data: bytes, **more: Any) -> Table:
    return read_apart(READ, data, Table, options={"most_rows": 100_000}, **more)


def test_a_table_comes_back_as_it_is_read_here() -> None:
    assert read("a,b\n1,甲\n".encode()) == Table(["a", "b"], [Row(2, ["1", "甲"])])
    with pytest.raises(UnreadableError, match="line 2") as caught:
        read(b'a,b\n"1\n')
    assert (caught.value.row, caught.value.field) == (2, "row")


def test_a_bomb_reaches_the_bound_of_memory_and_only_its_child_does() -> None:
    # 60 MB of inline texts in one row element: openpyxl holds a row whole
    cell = b'<c t="inlineStr"><is><t>x</t></is></c>'
    book = changed(workbook(["a"], [7]), SHEET, b'<c r="A2"', cell * 1_500_000 + b'<c r="A2"')
    assert len(book) < 1_000_000
    with pytest.raises(UnreadableError, match="needs more than 60 s or 300 MiB"):
        read(book, bounds=Bounds(memory_bytes=300 << 20))
    assert read(b"a\n1\n").rows


def test_a_reading_that_takes_too_long_is_ended() -> None:
    with pytest.raises(UnreadableError, match=r"needs more than 0\.5 s"):
        read_apart("tests.store.test_reading_process:forever", b"", int, bounds=Bounds(0.5))
    assert not reading_process._running


def test_a_large_file_reaches_a_reader_that_is_slow_to_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It was forgotten half-way when the first look came before all of it was written."""
    monkeypatch.setattr(reading_process, "_LOOK_SECONDS", 0.001)
    size = read_apart(
        "tests.store.test_reading_process:size", bytes(8_000_000), int, bounds=Bounds(20.0)
    )
    assert size == 8_000_000


def size(data: bytes) -> int:
    return len(data)


def forever(_data: bytes) -> int:
    threading.Event().wait()
    return 0


def died(_data: bytes) -> int:
    os.kill(os.getpid(), 11)
    return 0


def fails(_data: bytes) -> int:
    raise RuntimeError("of the reader")


def large(_data: bytes) -> bytes:
    return bytes(2_000_000)


@pytest.mark.parametrize(
    ("reader", "words"),
    [("died", "needs more than"), ("fails", "cannot be read here|can be read here"),
     ("large", "holds more than 1 MiB")],
)  # fmt: skip
def test_a_reader_that_fails_is_a_file_that_cannot_be_read(reader: str, words: str) -> None:
    with pytest.raises(UnreadableError, match=words):
        read_apart(
            f"tests.store.test_reading_process:{reader}", b"", int,
            bounds=Bounds(answer_bytes=1 << 20),
        )  # fmt: skip


def test_a_reading_that_is_not_wanted_any_more_is_ended() -> None:
    with pytest.raises(StoppedError):
        read_apart("tests.store.test_reading_process:forever", b"", int, stop=lambda: True)
    assert not reading_process._running


def test_more_files_than_places_wait_and_are_then_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading_process, "WAIT_SECONDS", 0.2)
    ended = threading.Event()
    started = [threading.Event() for _ in range(reading_process.AT_ONCE)]

    def one(begun: threading.Event) -> None:
        def stop() -> bool:
            begun.set()
            return ended.is_set()

        with pytest.raises(StoppedError):
            read_apart("tests.store.test_reading_process:forever", b"", int, stop=stop)

    threads = [threading.Thread(target=one, args=(begun,)) for begun in started]
    for thread in threads:
        thread.start()
    assert all(begun.wait(60) for begun in started)
    with pytest.raises(BusyError):
        read(b"a\n1\n")
    ended.set()
    for thread in threads:
        thread.join()
    assert read(b"a\n1\n").rows
