"""Mounting, moving and taking down over HTTP: checks, roles and areas, twice, at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.systems.poles.avenue import CAMERA, STATION, Avenue, checks
from tests.web.live import EAST, PASSWORD
from xinji.access import audit
from xinji.access.identity import Role


def test_a_dry_run_answers_as_the_real_one_and_stores_nothing(avenue: Avenue) -> None:
    trial = avenue.mount("p-1", STATION, dry_run=True)
    assert trial.status_code == 200 and trial.json()["allowed"] and trial.json()["dry_run"]
    assert avenue.get("/api/poles/mounts")["total"] == 0
    done = avenue.mount("p-1", STATION)
    assert done.json()["checks"] == trial.json()["checks"]
    power = checks(done)["power"]
    # 16 A x 230 V x 0.8, and 300 W x 0.9
    assert power["limit"] == pytest.approx(2944.0) and power["wanted"] == 270.0
    assert power["left"] == pytest.approx(2674.0) and power["where"] == "w-1"
    again = avenue.mount("p-1", STATION, dry_run=True)
    assert not again.json()["allowed"] and again.status_code == 200
    refused = avenue.mount("p-1", STATION)
    assert refused.status_code == 409
    assert refused.json()["checks"] == again.json()["checks"]
    assert refused.json()["field"] == "slot" and refused.json()["rule"] == "T1 holds one device"
    assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("wrong", "status", "field"),
    [
        ({"slot": "Z9"}, 422, "slot"),
        ({"height_m": 20.0}, 422, "height_m"),
        ({"interface": "rail"}, 422, "interface"),
        ({"weight_kg": 61.0}, 422, "weight_kg"),
        ({"rated_w": 4000.0}, 422, "rated_w"),
        ({"bays": [13]}, 422, "bays"),
        ({"power_box": "w-9", "circuit": 1}, 422, "circuit"),
        ({"power_box": "w-1"}, 422, "circuit"),
        ({"box": "b-9"}, 422, "box"),
        ({"device": "cannon"}, 422, "device"),
        ({"thing": "nobody"}, 422, "thing"),
        ({"azimuth_deg": None}, 422, "azimuth_deg"),
        ({"height_m": None}, 422, "height_m"),
        ({"azimuth_deg": 360.0}, 422, "azimuth_deg"),
        ({"weight_kg": -1.0}, 422, "weight_kg"),
        ({"weight_kg": "heavy"}, 422, "weight_kg"),
        ({"slot": None}, 422, "body"),
        ({"since": 9_000_000_000_000_000}, 422, "since"),
        ({"colour": "red"}, 422, "body"),
        ({"bays": list(range(1, 40))}, 422, "bays"),
        ({"name": "x" * 201}, 422, "name"),
    ],
)
def test_a_bad_mount_names_its_field(
    avenue: Avenue, wrong: dict[str, Any], status: int, field: str
) -> None:
    answer = avenue.mount("p-1", STATION, **wrong)
    assert answer.status_code == status, answer.text
    assert answer.json()["field"] == field and answer.json()["rule"]
    assert avenue.get("/api/poles/mounts")["total"] == 0


def test_not_json_and_no_such_pole(avenue: Avenue) -> None:
    assert avenue.request("POST", "/api/poles/p-1/mounts", content=b"{").status_code == 400
    assert avenue.mount("p-99", STATION).status_code == 404
    # a box is no pole
    assert avenue.mount("b-1", STATION).status_code == 404
    for answer in (
        avenue.request("DELETE", "/api/poles/mounts/none"),
        avenue.request("POST", "/api/poles/mounts/none/move", json={}),
        avenue.request("GET", "/api/poles/none"),
        avenue.request("GET", "/api/poles/power-boxes/none"),
    ):
        assert answer.status_code == 404, answer.text


def test_the_same_client_id_is_done_once(avenue: Avenue) -> None:
    first = avenue.mount("p-1", STATION, client_id="c-1")
    again = avenue.mount("p-1", STATION, client_id="c-1")
    assert again.status_code == 200 and again.json()["repeated"] and not first.json()["repeated"]
    assert again.json()["mount"] == first.json()["mount"]
    assert avenue.get("/api/poles/mounts")["total"] == 1
    # for another pole it is a mistake; for another person it is another id
    other = avenue.mount("p-2", STATION, client_id="c-1")
    assert other.status_code == 422 and other.json()["field"] == "client_id"
    assert avenue.mount("p-2", STATION, "administrator", client_id="c-1").status_code == 200


def test_two_at_once_for_the_last_slot(avenue: Avenue) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda n: avenue.mount("p-1", STATION, client_id=f"c-{n}"), range(8))
        )
    assert sorted(answer.status_code for answer in answers) == [200] + [409] * 7
    assert avenue.get("/api/poles/mounts?pole=p-1")["total"] == 1


def test_the_same_client_id_at_once(avenue: Avenue) -> None:
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: avenue.mount("p-1", STATION, client_id="c"), range(4)))
    assert {answer.status_code for answer in answers} == {200}
    assert sum(not answer.json()["repeated"] for answer in answers) == 1


def test_a_move_keeps_the_history(avenue: Avenue) -> None:
    mount = avenue.mounted("p-1", CAMERA, bays=[1])
    path = f"/api/poles/mounts/{mount}/move"
    body = {"slot": "B2", "height_m": 8.5, "client_id": "m-1"}
    trial = avenue.request("POST", f"{path}?dry_run=true", "operator", json=body)
    assert trial.json()["allowed"]
    moved = avenue.request("POST", path, "operator", json=body)
    assert moved.status_code == 200, moved.text
    there = moved.json()["mount"]
    assert (there["slot"], there["bays"], there["moved_from"]) == ("B2", [1], mount)
    assert avenue.request("POST", path, "operator", json=body).json()["repeated"]
    late = avenue.request("POST", path, "operator", json=body | {"client_id": "m-2"})
    assert late.status_code == 409 and late.json()["field"] == "id"
    # another pole: bays and circuits stay behind, and its limits count
    far = f"/api/poles/mounts/{there['id']}/move"
    refused = avenue.request("POST", far, "operator", json={"pole": "p-4"})
    assert refused.status_code == 422 and refused.json()["field"] == "height_m"
    body = {"pole": "p-4", "slot": "B1", "height_m": 5.0}
    done = avenue.request("POST", far, "operator", json=body)
    assert done.json()["mount"]["pole"] == "p-4" and done.json()["mount"]["bays"] == []
    sheet = avenue.get("/api/poles/p-1")
    whats = [each["what"] for each in sheet["history"]]
    assert sorted(whats) == ["mounted", "moved here", "taken down", "taken down"]
    assert whats[0] == "taken down" and whats[-1] == "mounted"
    assert avenue.get("/api/poles/mounts?standing=false")["total"] == 3


def test_taking_down_twice_is_the_same(avenue: Avenue) -> None:
    mount = avenue.mounted("p-1", STATION)
    first = avenue.request("DELETE", f"/api/poles/mounts/{mount}", "operator")
    again = avenue.request("DELETE", f"/api/poles/mounts/{mount}", "operator")
    assert first.status_code == again.status_code == 200
    assert first.json()["until"] and first.json() == again.json()
    assert avenue.mount("p-1", STATION).status_code == 200


def test_roles_and_areas(avenue: Avenue) -> None:
    assert avenue.mount("p-1", STATION, "").status_code == 401
    assert avenue.mount("p-1", STATION, "viewer").status_code == 403
    assert avenue.mount("p-5", STATION, "west-operator").status_code == 404
    assert avenue.request("GET", "/api/poles/p-5", "west-viewer").status_code == 404
    mount = avenue.mounted("p-1", STATION, who="west-operator")
    far = avenue.mounted("p-5", CAMERA)
    for method, path in (
        ("DELETE", f"/api/poles/mounts/{far}"),
        ("POST", f"/api/poles/mounts/{far}/move"),
    ):
        assert avenue.request(method, path, "west-operator", json={}).status_code == 404
    path = f"/api/poles/mounts/{mount}/move"
    assert avenue.request("POST", path, "west-operator", json={"pole": "p-5"}).status_code == 404
    assert avenue.request("DELETE", f"/api/poles/mounts/{mount}", "viewer").status_code == 403
    assert [each["pole"] for each in avenue.get("/api/poles/mounts", "west-viewer")["items"]] == [
        "p-1"
    ]
    whole = avenue.request("PUT", "/api/poles/types", "operator", json={})
    assert whole.status_code == 403
    assert avenue.import_mounts("", "west-operator").status_code == 403
    assert avenue.request("POST", "/api/poles/import", "operator").status_code == 403


def test_boxes_of_another_area_are_not_used(avenue: Avenue) -> None:
    identity = avenue.house.identity
    identity.add("east-operator", PASSWORD, Role.OPERATOR, area=EAST, actor="test")
    avenue.tokens["east-operator"] = identity.issue("east-operator", "test", 1, actor="test")
    assert avenue.mount("p-5", CAMERA, "east-operator", dry_run=True).status_code == 200
    for more in ({"box": "b-1"}, {"power_box": "w-1", "circuit": 2}):
        answer = avenue.mount("p-5", CAMERA, "east-operator", **more)
        assert answer.status_code == 422 and answer.json()["field"] in more


def test_every_change_is_in_the_audit_chain(own_avenue: Avenue) -> None:
    avenue = own_avenue
    mount = avenue.mounted("p-1", STATION)
    avenue.request("POST", f"/api/poles/mounts/{mount}/move", json={"pole": "p-2"})
    avenue.mount("p-1", STATION, height_m=40.0)
    path = "/api/audit?limit=50"
    actions = [each["action"] for each in avenue.get(path)["items"]]
    assert actions.count("pole.mount") == 1 and actions.count("pole.move") == 1
    assert "pole.take-over" in actions
    house = avenue.house
    assert audit.verify(house.database, house.folder.checkpoints) == []
