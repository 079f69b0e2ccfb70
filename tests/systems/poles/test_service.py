"""The loop over poles: inventories taken over, conflicts to cases and back, figures by hand."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import msgspec
import pytest

from tests.systems.poles.avenue import CAMERA, STATION, Avenue, things
from xinji.systems.terminals.poles.indicators import INDICATORS


def value(avenue: Avenue, name: str, asof: dt.datetime | None = None) -> Any:
    indicator = next(each for each in INDICATORS if each.id == f"terminals.poles.{name}")
    figure = avenue.house.figures.compute(indicator, asof or dt.datetime.now(dt.UTC))
    assert not figure.fault
    return figure.value


def cases(avenue: Avenue, query: str) -> list[dict[str, Any]]:
    return list(avenue.get(f"/api/cases?{query}")["items"])


def registered(avenue: Avenue, number: int, **attributes: Any) -> str:
    """Register one of the avenue's things again, with other attributes."""
    old = things()[number]
    new = msgspec.structs.replace(old, attributes=old.attributes | attributes)
    avenue.house.registry.put([avenue.house.registry.check(new)])
    avenue.poles.turn()
    return old.id


def test_figures_worked_by_hand(avenue: Avenue) -> None:
    assert value(avenue, "in_service") == 4
    assert value(avenue, "with_station") == 0
    avenue.mounted("p-1", STATION)
    avenue.mounted("p-1", CAMERA)
    avenue.mounted("p-4", CAMERA, height_m=5.0)
    # 9 + 9 + 7 + 4 slots without those of the planned pole, 3 used
    assert value(avenue, "slots_used") == pytest.approx(100 * 3 / 29)
    assert value(avenue, "with_station") == 1
    assert value(avenue, "devices_per_pole") == pytest.approx(3 / 4)
    # (300 x 0.9 + 2 x 40 x 0.8) / ((3 x 3680 + 2300) x 0.8), observed to a tenth
    assert value(avenue, "power_headroom") == pytest.approx(100 - 3.1)
    assert value(avenue, "conflicts_open") == 0
    for indicator in INDICATORS:
        rows, count = avenue.house.figures.rows(indicator, dt.datetime.now(dt.UTC), 10)
        assert count == rows.num_rows and "source" in rows.column_names


def test_before_anything_was_there_is_no_figure(avenue: Avenue) -> None:
    past = dt.datetime(2019, 1, 1, tzinfo=dt.UTC)
    for name in ("in_service", "slots_used", "with_station", "devices_per_pole", "power_headroom"):
        assert value(avenue, name, past) is None


def test_an_inventory_is_taken_over_once_and_dated_back(own_avenue: Avenue) -> None:
    device = STATION | {"serial": "S1"}
    text = json.dumps({"mounts": [device]})
    pole = registered(own_avenue, 2, inventory=text)
    (mount,) = own_avenue.get("/api/poles/mounts")["items"]
    assert (mount["pole"], mount["slot"], mount["since"]) == (
        pole, "T1", "2020-09-13T12:26:40.000000Z",
    )  # fmt: skip
    then = dt.datetime(2020, 10, 1, tzinfo=dt.UTC)
    assert value(own_avenue, "with_station", then) == 1
    own_avenue.poles.turn()
    # more in it: what is new is added, what was there stays
    registered(own_avenue, 2, inventory=json.dumps({"mounts": [device, CAMERA]}))
    assert own_avenue.get("/api/poles/mounts")["total"] == 2
    # what was taken down does not come back with the next registration
    own_avenue.request("DELETE", f"/api/poles/mounts/{mount['id']}")
    registered(own_avenue, 2, inventory=text, road="新路")
    assert own_avenue.get("/api/poles/mounts")["total"] == 1


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (2, "{"), (2, "[]"), (2, '{"mounts": [{"slot": "T1"}]}'), (2, '{"what": 1}'),
        (2, json.dumps({"feeds": [{"circuit": 1, "feeds": "b-1"}]})), (2, "x" * 70_000),
        (0, json.dumps({"mounts": [STATION]})), (2, json.dumps({"mounts": [CAMERA] * 101})),
        (0, '{"circuits": [{"number": 1, "rating_a": -5, "voltage_v": 230}]}'),
    ],
)  # fmt: skip
def test_an_inventory_that_cannot_be_read_is_shown(avenue: Avenue, number: int, text: str) -> None:
    name = registered(avenue, number, inventory=text)
    assert avenue.get("/api/poles/mounts")["total"] == 0
    if name.startswith("p-"):
        assert avenue.get(f"/api/poles/{name}")["inventory_fault"]
        # and mended
        registered(avenue, number, inventory=json.dumps({"mounts": [STATION]}))
        assert avenue.get(f"/api/poles/{name}")["inventory_fault"] == ""


def test_a_conflict_is_an_event_and_a_case_until_it_is_gone(own_avenue: Avenue) -> None:
    heavy = json.dumps({"mounts": [STATION | {"weight_kg": 99.0}]})
    pole = registered(own_avenue, 2, inventory=heavy)
    (event,) = own_avenue.get("/api/events")["items"]
    assert event["rule"] == "terminals.poles.conflict_pole"
    (case,) = cases(own_avenue, "class=pole-conflict")
    detail = own_avenue.get(f"/api/cases/{case['id']}")
    assert [check["name"] for check in detail["details"]["poles"]["conflicts"]] == ["slot-weight"]
    assert value(own_avenue, "conflicts_open") == 1
    assert own_avenue.get(f"/api/poles/{pole}")["state"] == "alarm"
    (mount,) = own_avenue.get("/api/poles/mounts")["items"]
    own_avenue.request("DELETE", f"/api/poles/mounts/{mount['id']}", "operator")
    assert value(own_avenue, "conflicts_open") == 0
    assert own_avenue.get("/api/events")["items"][0]["ended_at"]
    assert own_avenue.get(f"/api/cases/{case['id']}")["details"]["poles"]["conflicts"] == []


def test_a_measured_overload_is_an_event(own_avenue: Avenue) -> None:
    now = dt.datetime.now(dt.UTC)
    for minutes in (7, 4, 1):
        at = (now - dt.timedelta(minutes=minutes)).isoformat()
        own_avenue.send(("w-1", 96.0), name="circuit_1_load", at=at)
    assert [each["rule"] for each in own_avenue.get("/api/events")["items"]] == [
        "terminals.poles.circuit_1_overload"
    ]
    (case,) = cases(own_avenue, "class=pole-circuit")
    assert own_avenue.get(f"/api/cases/{case['id']}").get("conflicts") is None


def test_what_was_told_is_not_told_again(avenue: Avenue) -> None:
    assert avenue.poles.observe() == 0
    avenue.mounted("p-1", STATION)
    before = avenue.house.ingest.counters.stored
    avenue.poles.turn()
    assert avenue.house.ingest.counters.stored == before
