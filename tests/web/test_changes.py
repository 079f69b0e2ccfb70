"""Server-Sent Events: what is stored and what happens arrives on `/api/changes`."""

from __future__ import annotations

import time

import httpx
import pytest

from tests.web import live as live_module
from tests.web.live import Live
from xinji.web import changes as changes_module


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


def test_a_stopping_server_says_goodbye(tmp_path) -> None:
    own = live_module.Live(tmp_path / "data")
    with own.stream("/api/changes") as stream:
        began = time.monotonic()
        own.close()
        stream.wait("bye")
        assert time.monotonic() - began < 10
