"""The log of a stream: bounded, and whoever comes back in time is given what they missed."""

from __future__ import annotations

import pytest

from xinji.web import numbered_log
from xinji.web.numbered_log import Message, NumberedLog


def messages(*names: str, area: str = "310105") -> list[Message]:
    return [Message(area, f"data: {name}\n\n".encode()) for name in names]


def test_a_reader_is_given_each_message_once_with_its_id() -> None:
    log = NumberedLog()
    position = log.next
    log.add(messages("a", "b"))
    data, position = log.since(position, "")
    assert data.count(b"id: ") == 2
    assert data.index(b"data: a") < data.index(b"data: b")
    assert log.since(position, "") == (b"", position)
    log.add(messages("c"))
    assert b"data: c" in log.since(position, "")[0]


def test_an_id_is_where_its_reader_goes_on() -> None:
    log = NumberedLog()
    position = log.next
    log.add(messages("a", "b"))
    ids = [line[4:] for line in log.since(position, "")[0].decode().splitlines() if "id: " in line]
    back = log.position_of(ids[0])
    assert back is not None
    data, _ = log.since(back, "")
    assert b"data: b" in data
    assert b"data: a" not in data


def test_messages_of_another_area_are_passed_over() -> None:
    log = NumberedLog()
    position = log.next
    log.add([*messages("east", area="310105002"), *messages("west", area="310105001")])
    data, position = log.since(position, "310105001")
    assert (b"west" in data, b"east" in data, position) == (True, False, log.next)


@pytest.mark.parametrize(("name", "bound"), [("MOST_MESSAGES", 3), ("MOST_BYTES", 30)])
def test_the_oldest_are_forgotten_and_their_readers_cannot_go_on(
    monkeypatch: pytest.MonkeyPatch, name: str, bound: int
) -> None:
    monkeypatch.setattr(numbered_log, name, bound)
    log = NumberedLog()
    old = log.next
    log.add(messages(*"abcdefgh"))
    assert log.next - log.first == 3
    assert log.position_of(log.id_of(old).decode()[4:-1]) is None
    assert log.position_of(log.id_of(log.first).decode()[4:-1]) == log.first


def test_after_a_gap_nobody_goes_on() -> None:
    log = NumberedLog()
    log.add(messages("a"))
    position, id_ = log.next, log.id_of(log.next).decode()[4:-1]
    log.restart()
    assert position < log.first
    assert log.position_of(id_) is None


@pytest.mark.parametrize("id_", ["", "0", "x-1", "0" * 16 + "-1", "-1", "9" * 60, "ä"])
def test_an_id_that_is_none_of_this_run_is_nowhere(id_: str) -> None:
    assert NumberedLog().position_of(id_) is None


def test_a_chunk_is_bounded_but_one_message_always_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numbered_log, "CHUNK_BYTES", 1)
    log = NumberedLog()
    position = log.next
    log.add(messages("a", "b"))
    data, position = log.since(position, "")
    assert b"data: a" in data
    assert b"data: b" not in data
    assert b"data: b" in log.since(position, "")[0]
