"""Server-Sent Events: what is stored and what happens arrives on `/api/changes`."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.web import live as live_module
from tests.web.live import Live
from xinji.web import changes as changes_module
from xinji.wire import kept_running
from xinji.wire.kept_running import faults


def test_a_stored_value_arrives_at_who_watches_the_thing(live: Live) -> None:
    with live.stream("/api/changes?thing=gauge-2") as one, live.stream("/api/changes") as all_:
        live.send(("gauge-2", 4.25))
        data = one.wait("latest", value=[4.25])
        assert set(data) == {"thing", "property", "value", "time"}
        assert (data["thing"], data["property"]) == (["gauge-2"], ["rain_mm_h"])
        stored = all_.wait("stored")
        assert set(stored) == {"stored", "refused", "per_second", "last_at"}
        live.send(("gauge-3", 9.0))
        live.send(("gauge-2", 4.5))
        one.wait("latest", value=[4.5])
        assert not any(name == "latest" for name, _ in all_.seen)
        assert all(data["thing"] == ["gauge-2"] for name, data in one.seen if name == "latest")


def test_a_late_value_of_another_property_arrives_too(live: Live) -> None:
    """A device may send its door with an older time than its rain."""
    with live.stream("/api/changes?thing=gauge-11") as one:
        live.send(("gauge-11", 2.0))
        one.wait("latest", property=["rain_mm_h"])
        live.send(("gauge-11", 1.0), name="door", at="2020-01-01T00:00:00Z")
        assert one.wait("latest", property=["rain_mm_h", "door"])["value"] == [2.0, 1.0]


def test_an_event_its_case_and_the_things_state_arrive_and_leave(live: Live) -> None:
    with live.stream("/api/changes") as stream:
        live.send(("gauge-1", 50.0))
        event = stream.wait("event", thing="gauge-1")
        assert (event["rule"], event["ended_at"]) == ("heavy-rain", None)
        case = stream.wait("case", thing="gauge-1", state="filed")
        assert case["id"] == event["case"]
        stream.wait("thing", id="gauge-1", state="alarm")
        assert live.get(f"/api/cases/{case['id']}")["state"] == "filed"
        body = {"action": "assign", "assignee": "crew 1"}
        live.request("POST", f"/api/cases/{case['id']}/actions", "operator", json=body)
        assert stream.wait("case", state="assigned")["assignee"] == "crew 1"
        live.send(("gauge-1", 0.0))
        stream.wait("thing", id="gauge-1", state="good")
        [item] = live.get("/api/events?thing=gauge-1")["items"]
        ended = stream.wait("event", id=item["id"], ended_at=item["ended_at"])
        assert ended == item, "the stream and the list say the same"


def test_a_registered_thing_arrives(live: Live) -> None:
    with live.stream("/api/changes") as stream:
        csv = b"id,kind,name,longitude,latitude\nnew-7,gauge,New,121.35,31.2\n"
        live.request("POST", "/api/things/import?dry_run=false", content=csv)
        stream.wait("thing", id="new-7", state="no data")


def test_a_silent_line_is_kept_alive(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes_module, "KEEP_ALIVE_SECONDS", 0.1)
    headers = {"Authorization": f"Bearer {live.tokens['viewer']}"}
    with httpx.stream("GET", live.url + "/api/changes", headers=headers, timeout=5) as response:
        for line in response.iter_lines():
            if line.startswith(": "):
                break
    assert response.status_code == 200


def test_more_streams_than_the_house_has_are_told_to_come_back(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes_module, "MAXIMUM_READERS", 0)
    answer = live.request("GET", "/api/changes")
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


def test_a_reader_that_left_is_forgotten(live: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(3):
        with live.stream("/api/changes"):
            pass
    monkeypatch.setattr(changes_module, "MAXIMUM_READERS", 1)
    monkeypatch.setattr(changes_module, "KEEP_ALIVE_SECONDS", 0.1)
    until = time.monotonic() + 10
    while time.monotonic() < until:
        live.send(("gauge-3", 1.0))
        headers = {"Authorization": f"Bearer {live.tokens['viewer']}"}
        with httpx.stream("GET", live.url + "/api/changes", headers=headers) as response:
            if response.status_code == 200:
                return
        time.sleep(0.1)
    raise AssertionError("the places of those who left are not free again")


def read_until(lines: Iterator[str], wanted: str, seconds: float = 20) -> list[str]:
    """The lines up to one that begins so."""
    seen: list[str] = []
    until = time.monotonic() + seconds
    for line in lines:
        seen.append(line)
        if line.startswith(wanted):
            return seen
        assert time.monotonic() < until, f"no {wanted} among {seen}"
    raise AssertionError(f"the stream ended before {wanted}: {seen}")


@contextmanager
def lines_of(live: Live, who: str = "administrator", last_id: str = "") -> Iterator[Iterator[str]]:
    headers = {"Authorization": f"Bearer {live.tokens[who]}"}
    if last_id:
        headers["Last-Event-ID"] = last_id
    with httpx.stream("GET", live.url + "/api/changes", headers=headers, timeout=20) as response:
        yield response.iter_lines()


def put_thing(live: Live, id_: str) -> None:
    csv = f"id,kind,name,longitude,latitude\n{id_},gauge,New,121.35,31.2\n".encode()
    answer = live.request("POST", "/api/things/import?dry_run=false", content=csv)
    assert answer.status_code == 200, answer.text


def test_who_comes_back_in_time_goes_on_where_it_was(live: Live) -> None:
    with lines_of(live) as lines:
        put_thing(live, "back-1")
        seen = read_until(lines, 'data: {"id":"back-1"')
    last_id = [line[4:] for line in seen if line.startswith("id: ")][-1]
    put_thing(live, "back-2")
    time.sleep(2 * changes_module.FLUSH_SECONDS)
    with lines_of(live, last_id=last_id) as lines:
        seen = read_until(lines, 'data: {"id":"back-2"')
    assert "event: behind" not in seen
    assert not any("back-1" in line for line in seen), "what it has had is not sent again"


def test_who_comes_back_too_late_is_told(live: Live) -> None:
    with lines_of(live, last_id="0123456789abcdef-1") as lines:
        read_until(lines, "event: behind")
        put_thing(live, "late-1")
        read_until(lines, 'data: {"id":"late-1"')


def test_what_was_not_noted_while_nobody_listened_is_not_passed_over_in_silence(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    with lines_of(live) as lines:
        last_id = read_until(lines, "id: ")[-1][4:]
        monkeypatch.setattr(changes_module, "KEPT_SECONDS", 0.0)
        time.sleep(2 * changes_module.FLUSH_SECONDS)
    time.sleep(2 * changes_module.FLUSH_SECONDS)
    with lines_of(live, last_id=last_id) as lines:
        read_until(lines, "event: behind")


def test_more_changes_than_can_wait_are_told_to_every_reader(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes_module, "MOST_WAITING", 3)
    with lines_of(live) as lines:
        read_until(lines, "id: ")
        rows = "".join(f"many-{n},gauge,New,121.35,31.2\n" for n in range(5))
        csv = ("id,kind,name,longitude,latitude\n" + rows).encode()
        live.request("POST", "/api/things/import?dry_run=false", content=csv)
        read_until(lines, "event: behind")


def test_opening_and_closing_streams_ends_nobody_elses(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The set of readers changes while it is looked at: updates go on all the same."""
    stop = threading.Event()
    faults_before = faults.total()
    real = changes_module.latest_of

    def slow(*given: Any) -> Any:
        time.sleep(0.05)
        return real(*given)

    monkeypatch.setattr(changes_module, "latest_of", slow)

    def come_and_go() -> None:
        headers = {"Authorization": f"Bearer {live.tokens['viewer']}"}
        while not stop.is_set():
            with httpx.stream("GET", live.url + "/api/changes?thing=gauge-1", headers=headers):
                pass

    comers = [threading.Thread(target=come_and_go) for _ in range(4)]
    with live.stream("/api/changes") as stream:
        for each in comers:
            each.start()
        try:
            for n in range(6):
                put_thing(live, f"goes-on-{n}")
                stream.wait("thing", id=f"goes-on-{n}")
        finally:
            stop.set()
            for each in comers:
                each.join()
    assert faults.total() == faults_before


def test_a_fault_of_the_flush_is_counted_and_updates_go_on(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept_running, "AGAIN_SECONDS", 0.0)
    real, broken = changes_module.case_items, threading.Event()

    def breaks(*given: Any) -> Any:
        if not broken.is_set():
            broken.set()
            raise ValueError("a fault nobody foresaw")
        return real(*given)

    name = "web.changes.Changes.run"
    before = live.get("/api/counters")["failed_work"].get(name, 0)
    with lines_of(live) as lines:
        read_until(lines, "id: ")
        monkeypatch.setattr(changes_module, "case_items", breaks)
        read_until(lines, "event: behind")
        put_thing(live, "after-fault")
        read_until(lines, 'data: {"id":"after-fault"')
    assert live.get("/api/counters")["failed_work"][name] == before + 1


def test_a_person_has_a_number_of_streams_and_others_have_theirs(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes_module, "MAXIMUM_OF_A_PERSON", 1)
    with lines_of(live, "operator") as lines:
        read_until(lines, "id: ")
        refused = live.request("GET", "/api/changes", "operator")
        assert refused.status_code == 429
        assert int(refused.headers["retry-after"]) > 0
        with lines_of(live, "west-operator") as others:
            read_until(others, "id: ")


def test_a_stopping_server_says_goodbye(tmp_path) -> None:
    own = live_module.Live(tmp_path / "data")
    with own.stream("/api/changes") as stream:
        began = time.monotonic()
        own.close()
        stream.wait("bye")
        assert time.monotonic() - began < 10
