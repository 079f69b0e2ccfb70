"""What is read: list, sheet, candidates, power boxes, types."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec
import pytest

from tests.systems.poles.avenue import CAMERA, STATION, Avenue, checks


def test_the_list_filters_pages_and_exports(avenue: Avenue) -> None:
    avenue.mounted("p-1", STATION)
    assert [each["id"] for each in avenue.every("/api/poles")] == [f"p-{n}" for n in range(1, 6)]
    for query, ids in (
        ("status=planned", ["p-5"]), ("type=main-12&road=大街", ["p-1", "p-2"]),
        ("station=true", ["p-1"]), ("station=false&type=main-12", ["p-2", "p-5"]),
        ("q=p-3", ["p-3"]), ("conflicts=true", []), ("area=310105002", ["p-5"]),
    ):  # fmt: skip
        assert [each["id"] for each in avenue.get(f"/api/poles?{query}")["items"]] == ids, query
    first = avenue.get("/api/poles")["items"][0]
    assert (first["slots"], first["slots_used"], first["stations"]) == (9, 1, 1)
    assert [each["id"] for each in avenue.get("/api/poles", "west-viewer")["items"]] == [
        "p-1", "p-2", "p-3", "p-4",
    ]  # fmt: skip
    text = avenue.request("GET", "/api/poles?format=csv").content.decode("utf-8-sig")
    assert [row["id"] for row in csv.DictReader(io.StringIO(text))][-1] == "p-5"
    assert avenue.request("GET", "/api/poles?station=maybe").status_code == 400


def test_the_sheet_is_a_drawing(avenue: Avenue) -> None:
    station = avenue.mounted("p-1", STATION, bays=[3])
    avenue.mounted("p-2", CAMERA, bays=[4])
    sheet = avenue.get("/api/poles/p-1", "viewer")
    slots = sheet["slots"]
    assert [slot["high_m"] for slot in slots] == sorted((s["high_m"] for s in slots), reverse=True)
    assert slots[0]["name"] == "T1" and not slots[0]["free"]
    assert slots[0]["mounts"][0]["id"] == station
    assert all(slot["free"] for slot in slots[1:])
    assert sheet["sums"]["weight_kg"] == {"limit": 260.0, "used": 20.0, "left": 240.0}
    assert sheet["sums"]["demand_w"] == 270.0 and sheet["verified"] is False
    box = sheet["equipment_box"]
    assert [bay["number"] for bay in box["bays"] if bay["mounts"]] == [3, 4]
    # 300 x 0.9 + 40 x 0.8
    assert box["power_w"] == {"limit": 3000.0, "used": 302.0, "left": 2698.0}
    assert box["fed_by"] == {"power_box": "w-1", "circuit": 1}
    (circuit,) = sheet["circuits"]
    assert circuit["power_w"]["used"] == 302.0 and circuit["load_percent"] is None
    assert sheet["history"][0]["what"] == "mounted" and sheet["conflicts"] == []
    # the newest measured load stands beside the rated demand
    avenue.send(("w-1", 12.5), name="circuit_1_load")
    assert avenue.get("/api/poles/p-1")["circuits"][0]["load_percent"] == 12.5
    # a pole without box and feed
    bare = avenue.get("/api/poles/p-5")
    assert bare["equipment_box"] is None and bare["circuits"] == []


def test_candidates(avenue: Avenue) -> None:
    query = "height=11.5&weight=20&wind_area=0.3&power=300"
    found = avenue.get(f"/api/poles/candidates?{query}")
    # p-3 reaches 13 m; p-4 is too low; of p-5 no feed is recorded
    assert [(each["pole"], each["slot"]) for each in found["items"]] == [
        ("p-1", "T1"), ("p-1", "L1"), ("p-1", "B1"), ("p-1", "B2"),
        ("p-2", "T1"), ("p-2", "L1"), ("p-2", "B1"), ("p-2", "B2"), ("p-3", "T1"),
    ]  # fmt: skip
    assert found["total"] == 9 and found["poles"] == 3
    avenue.mounted("p-3", STATION, height_m=11.5)
    assert avenue.get(f"/api/poles/candidates?{query}")["poles"] == 2
    assert avenue.get(f"/api/poles/candidates?{query}&interface=flange")["total"] == 4
    everywhere = avenue.get("/api/poles/candidates")
    assert {each["pole"] for each in everywhere["items"]} >= {"p-4", "p-5"}
    assert avenue.get("/api/poles/candidates?area=310105002")["poles"] == 1
    assert avenue.get("/api/poles/candidates", "west-viewer")["poles"] == 4
    for bad in ("height=tall", "power=-1", "device=cannon", "weight=nan"):
        answer = avenue.request("GET", f"/api/poles/candidates?{bad}")
        assert answer.status_code == 400 and answer.json()["field"] == bad.split("=")[0]
    # what is offered passes when it is asked for
    for each in avenue.get(f"/api/poles/candidates?{query}")["items"]:
        slot = {"T1": "flange", "L1": "flange"}.get(each["slot"], "clamp")
        trial = avenue.mount(
            each["pole"], STATION, dry_run=True, slot=each["slot"], height_m=each["height_m"],
            interface=slot,
        )  # fmt: skip
        assert trial.json()["allowed"], trial.text


def circuits(avenue: Avenue, body: Any, who: str = "operator") -> Any:
    return avenue.request("PUT", "/api/poles/power-boxes/w-1/circuits", who, json=body)


def test_circuits_are_replaced(avenue: Avenue) -> None:
    avenue.mounted("p-1", STATION)
    sheet = avenue.get("/api/poles/power-boxes/w-1")
    assert [each["circuit"] for each in sheet["circuits"]] == [1, 2, 3, 4]
    assert sheet["circuits"][0]["feeds"] == ["b-1"]
    weak = {"number": 2, "rating_a": 1.0, "voltage_v": 230.0, "phase": 2}
    done = circuits(avenue, {"circuits": [weak], "feeds": [{"circuit": 2, "feeds": "b-1"}]})
    assert done.status_code == 200, done.text
    second = done.json()["circuits"][1]
    # 230 W x 0.8 do not carry 270 W: a conflict, for the device stands there already
    assert second["power_w"] == {"limit": 184.0, "used": 270.0, "left": -86.0}
    assert [check["name"] for check in done.json()["conflicts"]] == ["power"]
    assert checks(avenue.mount("p-2", CAMERA, dry_run=True))["power"]["state"] == "failed"
    for body, status, field in (
        ({"circuits": [weak | {"rating_a": 0}], "feeds": []}, 422, "circuits[0].rating_a"),
        ({"circuits": [weak, weak], "feeds": []}, 422, "circuits[1].number"),
        ({"circuits": [], "feeds": [{"circuit": 9, "feeds": "b-1"}]}, 422, "feeds[0].circuit"),
        ({"circuits": [], "feeds": [{"circuit": 1, "feeds": "gauge-1"}]}, 422, "feeds[0].feeds"),
        ({"circuits": []}, 422, "body"),
    ):
        answer = circuits(avenue, body)
        assert answer.status_code == status and answer.json()["field"] == field, answer.text
    assert circuits(avenue, {"circuits": [], "feeds": []}, "viewer").status_code == 403


def test_a_lowered_limit_becomes_a_conflict(own_avenue: Avenue) -> None:
    avenue = own_avenue
    avenue.mounted("p-1", STATION)
    table = avenue.get("/api/poles/types")
    assert table["verified"] is False
    same = avenue.request("PUT", "/api/poles/types", json=table)
    assert same.status_code == 422 and same.json()["field"] == "version"
    slots = table["poles"]["main-12"]["slots"]
    next(slot for slot in slots if slot["name"] == "T1")["weight_kg"] = 15.0
    bad = msgspec.json.decode(msgspec.json.encode(table))
    bad["utilisation_limit"] = 7
    answer = avenue.request("PUT", "/api/poles/types", json=bad | {"version": "2"})
    assert answer.status_code == 422 and answer.json()["field"] == "utilisation_limit"
    done = avenue.request("PUT", "/api/poles/types", json=table | {"version": "2"})
    assert done.status_code == 200
    sheet = avenue.get("/api/poles/p-1")
    assert [check["name"] for check in sheet["conflicts"]] == ["slot-weight"]
    assert sheet["types_version"] == "2"
    assert [each["id"] for each in avenue.get("/api/poles?conflicts=true")["items"]] == ["p-1"]
    (case,) = avenue.get("/api/cases?class=pole-conflict")["items"]
    assert case["thing"] == "p-1" or case["thing"]["id"] == "p-1"
    detail = avenue.get(f"/api/cases/{case['id']}")
    assert detail["details"]["poles"]["conflicts"][0]["limit"] == pytest.approx(15.0)
