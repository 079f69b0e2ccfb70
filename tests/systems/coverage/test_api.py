"""Coverage over HTTP: imports, maps, a place explained, scenarios, plans, and who may do what."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pytest

from tests.systems.coverage.town import (
    PLANE,
    Town,
    buildings_geojson,
    town_buildings,
    town_scene,
    town_sectors,
)
from xinji.access import audit
from xinji.loop.jobs import Job
from xinji.systems.network.coverage.inputs.sites import sites_csv
from xinji.systems.network.coverage.parameters import own_parameters
from xinji.systems.network.coverage.prediction import predict
from xinji.systems.network.coverage.service import Coverage

NONE = -32_768


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("town"))
    made.bring()
    yield made
    made.close()


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Town]:
    made = Town(tmp_path / "bare")
    yield made
    made.close()


def grid(town: Town, path: str, who: str = "viewer") -> Any:
    answer = town.request("GET", f"/api/coverage/maps/{path}", who)
    assert answer.status_code == 200, answer.text
    shape = town.request("GET", "/api/coverage", who).json()["grid"]
    return np.frombuffer(answer.content, "<i2").reshape(shape["rows"], shape["columns"])


def turn(sector: str = "m1-2.6-120", azimuth: float = 60.0) -> dict[str, Any]:
    edit = {"change": "sector", "sector": sector, "azimuth_deg": azimuth}
    return {"operator": "mobile", "edit": edit}


def test_before_anything_is_computed(bare: Town) -> None:
    summary = bare.request("GET", "/api/coverage", "viewer").json()
    assert (summary["sectors"], summary["computed_at"], summary["operators"]) == (0, None, [])
    assert bare.request("GET", "/api/coverage/maps/mobile/rsrp", "viewer").status_code == 409
    job = bare.request("POST", "/api/coverage/compute", "operator").json()
    while (job := bare.request("GET", f"/api/jobs/{job['id']}", "operator").json())["state"] in (
        "waiting",
        "running",
    ):
        pass
    assert (job["state"], job["failure"].split(":")[0]) == ("failed", "sectors")


def test_the_summary_has_figures_by_operator_and_area(town: Town) -> None:
    summary = town.request("GET", "/api/coverage", "viewer").json()
    assert (summary["sectors"], summary["buildings"], summary["stale"]) == (15, 100, False)
    found = {each["operator"]: each for each in summary["operators"]}
    assert (found["mobile"]["stations"], found["telecom"]["sectors"]) == (3, 6)
    share = found["mobile"]["areas"][""]
    assert 0 < share["outdoor"] <= 1 and 0 < share["road"] <= 1
    assert set(found["mobile"]["areas"]) == {"", "310105001", "310105002"}
    west = town.request("GET", "/api/coverage", "west-viewer").json()["operators"][0]["areas"]
    assert set(west) == {"310105001"}


def test_a_map_is_what_the_prediction_gives(town: Town) -> None:
    found = grid(town, "mobile/rsrp")
    truth = predict("mobile", town_sectors(), town_scene(), own_parameters())
    shown = found != NONE
    assert (shown == truth.scene.open_cells).all()
    assert np.abs(found[shown] / 10 - truth.rsrp[shown]).max() <= 0.1
    server = grid(town, "mobile/server")
    names = town.request("GET", "/api/coverage/sectors?operator=mobile", "viewer").json()["items"]
    at = np.argwhere(shown)[7]
    assert names[server[*at]]["sector"] == truth.sectors.sector_id[truth.server[*at]]
    rate = grid(town, "telecom/rate")
    assert rate[rate != NONE].max() > 100
    west = grid(town, "mobile/rsrp", "west-viewer")
    assert (west[:, -5:] == NONE).all() and (west[:, 5] != NONE).any()


def test_a_place_is_explained(town: Town) -> None:
    longitude, latitude = PLANE.degrees(250.0, 150.0)
    query = {"operator": "mobile", "longitude": float(longitude), "latitude": float(latitude)}
    found = town.request("GET", "/api/coverage/place", "viewer", params=query).json()
    best = found["links"][0]
    assert best["sector"] == found["server"]
    assert best["rsrp_dbm"] == pytest.approx(found["rsrp_dbm"], abs=1.5), (
        "another point of the cell"
    )
    assert best["in_sight"] == (best["depth_m"] == 0)
    assert [link["rsrp_dbm"] for link in found["links"]] == sorted(
        (link["rsrp_dbm"] for link in found["links"]), reverse=True
    )
    hidden = next(link for link in found["links"] if not link["in_sight"])
    assert hidden["loss_db"] > hidden["loss_in_sight_db"]
    assert any(each["depth_m"] > 0 for each in hidden["crossings"])
    for query_, field in (
        ({"operator": "mobile", "longitude": "x", "latitude": 31.2}, "longitude"),
        ({"operator": "nobody", "longitude": 121.4, "latitude": 31.2}, "operator"),
        ({"operator": "mobile", "longitude": 100.0, "latitude": 31.2}, "longitude, latitude"),
    ):
        answer = town.request("GET", "/api/coverage/place", "viewer", params=query_)
        assert answer.status_code in (400, 404)
        assert answer.json()["field"] == field


def test_a_scenario_is_tried_changed_and_taken_away(town: Town) -> None:
    made = town.request(
        "POST", "/api/coverage/scenarios", "operator", json={"name": "转向", "edits": [turn()]}
    ).json()
    figures = made["figures"]["mobile"]
    assert figures["before"] != figures["after"]
    assert set(figures["areas"]) == {"310105001", "310105002"}
    west = figures["areas"]["310105001"]
    today = town.request("GET", "/api/coverage", "viewer").json()["operators"][0]["areas"]
    assert west["before"] == today["310105001"]
    assert west["before"] != west["after"], "the station stands in the west"
    own = town.request("GET", f"/api/coverage/scenarios/{made['id']}", "west-operator").json()
    assert set(own["figures"]["mobile"]["areas"]) == {"310105001"}
    path = f"/api/coverage/scenarios/{made['id']}"
    now, then = grid(town, "mobile/rsrp"), grid(town, f"mobile/rsrp?scenario={made['id']}")
    assert (now != then).any()
    more = [turn(), turn("m2-2.6-0", 30.0)]
    changed = town.request(
        "PUT", path, "operator", json={"name": "转向", "edits": more, "revision": 1}
    ).json()
    assert (changed["revision"], len(changed["edits"])) == (2, 2)
    late = town.request("PUT", path, "operator", json={"name": "转向", "edits": [], "revision": 1})
    assert (late.status_code, late.json()["field"]) == (409, "revision")
    undone = town.request(
        "PUT", path, "operator", json={"name": "转向", "edits": [turn()], "revision": 2}
    ).json()
    assert undone["figures"]["mobile"]["after"] == figures["after"]
    listed = town.request("GET", "/api/coverage/scenarios", "operator").json()["items"]
    assert [each["edits"] for each in listed if each["id"] == made["id"]] == [1]
    assert town.request("DELETE", path, "operator").status_code == 204
    assert town.request("GET", path, "operator").status_code == 404
    assert audit.verify(town.house.database, town.house.folder.checkpoints) == []


@pytest.mark.parametrize(
    ("edit", "field"),
    [
        ({"change": "sector", "sector": "nothing", "azimuth_deg": 1}, "edits[0].sector"),
        ({"change": "sector", "sector": "m1", "azimuth_deg": 400}, "edits[0].edit.azimuth_deg"),
        ({"change": "height", "station": "m1", "height_m": 0}, "edits[0].edit.height_m"),
        ({"change": "teleport", "station": "m1"}, "edits[0].edit.change"),
    ],
)  # fmt: skip
def test_an_edit_that_does_not_fit_is_refused(town: Town, edit: Any, field: str) -> None:
    body = {"name": "x", "edits": [{"operator": "mobile", "edit": edit}]}
    answer = town.request("POST", "/api/coverage/scenarios", "operator", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text


def test_the_next_sites_are_chosen_with_a_bound_and_exported(town: Town) -> None:
    wanted = {"operators": ["mobile"], "candidates": ["rooftops"], "count": 3, "rsrp_dbm": -75}
    job = town.job("/api/coverage/plans", wanted)
    plan = job["answer"]
    assert len(plan["sites"]) == 3
    assert plan["objective"] <= plan["bound"] and plan["gap"] >= 0
    gains = [site["gain"] for site in plan["sites"]]
    assert gains == sorted(gains, reverse=True) and sum(gains) == pytest.approx(plan["objective"])
    assert plan["coverage_after"]["mobile"] > plan["coverage_before"]["mobile"]
    path = f"/api/coverage/plans/{job['id']}/sites"
    table = town.request("GET", f"{path}?format=csv", "operator").text
    rows = list(csv.DictReader(io.StringIO(table)))
    assert [row["id"] for row in rows] == [site["id"] for site in plan["sites"]]
    features = town.request("GET", f"{path}?format=geojson", "operator").json()["features"]
    assert features[0]["properties"]["rank"] == 1
    book = openpyxl.load_workbook(
        io.BytesIO(town.request("GET", f"{path}?format=xlsx", "operator").content)
    )
    assert book.active is not None and book.active.max_row == 4
    assert town.request("GET", path, "west-operator").status_code == 404, "another person's job"
    scenario = {"name": "选址", "edits": plan["edits"], "origin": {"job": job["id"]}}
    made = town.request("POST", "/api/coverage/scenarios", "operator", json=scenario).json()
    after = made["figures"]["mobile"]["after"]
    assert after["mean_rate_mbps"] != made["figures"]["mobile"]["before"]["mean_rate_mbps"]


def test_a_map_says_how_sure_it_is(town: Town) -> None:
    path = "/api/coverage/maps/telecom/confidence"
    assert town.request("GET", path, "viewer").status_code == 409
    found = town.job("/api/coverage/confidence", {"operator": "telecom", "samples": 4})["answer"]
    values = grid(town, "telecom/confidence")
    shown = values[values != NONE] / 1000
    assert set(np.unique(shown)) <= {0.0, 0.25, 0.5, 0.75, 1.0}
    assert shown.mean() == pytest.approx(found["mean"], abs=1e-3)
    for body, field in (
        ({"operator": "telecom", "samples": 0}, "samples"),
        ({"operator": "x"}, "operator"),
    ):
        answer = town.request("POST", "/api/coverage/confidence", "operator", json=body)
        assert (answer.status_code, answer.json()["field"]) == (422, field)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"candidates": ["rooftops"]}, "count, budget"),
        ({"candidates": ["rooftops"], "count": 1, "budget": 2}, "count, budget"),
        ({"candidates": ["balloons"], "count": 1}, "candidates"),
        ({"operators": ["nobody"], "count": 1}, "operators"),
        ({"count": 0}, "count"),
    ],
)
def test_a_plan_that_makes_no_sense_is_refused(town: Town, body: Any, field: str) -> None:
    answer = town.request("POST", "/api/coverage/plans", "operator", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_indoor_list_and_outlines(town: Town) -> None:
    found = town.request("GET", "/api/coverage/indoor?operator=mobile&limit=5", "viewer").json()
    assert (found["of"], len(found["items"])) == (100, 5)
    inside = [each["inside_dbm"] for each in found["items"]]
    assert inside == sorted(inside)
    west = town.request("GET", "/api/coverage/indoor?operator=mobile", "west-viewer").json()
    assert west["of"] == 50
    box = {"west": 121.39, "south": 31.195, "east": 121.40, "north": 31.2}
    shapes = town.request("GET", "/api/coverage/buildings", "viewer", params=box).json()["features"]
    assert 10 < len(shapes) < 60


def test_a_running_computation_is_told_to_everybody(town: Town) -> None:
    def told(who: str) -> Any:
        return town.request("GET", "/api/coverage", who).json()["jobs"]

    assert told("viewer") == []
    go, begun = threading.Event(), threading.Event()

    def work(job: Job) -> None:
        job.progress(1, 4)
        begun.set()
        assert go.wait(30)
        job.progress(2, 4)

    first = town.house.jobs.submit("test.wait", "operator", work)
    town.house.service(Coverage).follow(first)
    assert begun.wait(30)
    second = town.request("POST", "/api/coverage/compute", "operator", json={"cell_m": 20}).json()
    running, waiting = told("operator")
    assert (running["state"], running["done"], running["total"]) == ("running", 1, 4)
    assert waiting["name"] == "coverage.compute"
    assert (waiting["id"], waiting["state"]) == (second["id"], "waiting")
    assert (waiting["mine"], waiting["may_cancel"]) == (True, True)
    other = told("viewer")[1]
    assert (other["id"], other["mine"], other["may_cancel"]) == (second["id"], False, False)
    chief = told("administrator")[1]
    assert (chief["mine"], chief["may_cancel"]) == (False, True)
    for who, status in (("west-operator", 404), ("administrator", 200)):
        answer = town.request("POST", f"/api/jobs/{second['id']}/cancel", who)
        assert answer.status_code == status
    go.set()
    until = time.monotonic() + 30
    while told("viewer"):
        assert time.monotonic() < until
        time.sleep(0.02)


def test_figures_are_observations_with_history(town: Town) -> None:
    query = {"property": "sectors", "from": "2019-06-01T00:00:00Z", "to": "2030-01-01T00:00:00Z"}
    path = "/api/things/coverage:mobile:district/observations"
    answer = town.request("GET", path, "viewer", params=query)
    assert answer.status_code == 200, answer.text
    columns = answer.json()["columns"]
    assert [time[:4] for time in columns["time"][:3]] == ["2020", "2021", "2022"]
    assert (columns["value"][0], columns["value"][-1]) == (6, 9), "m2 came at the end of 2021"


def test_imports_name_bad_rows_and_keep_the_good_ones(bare: Town) -> None:
    body = sites_csv(town_sectors()).replace(b",40,0,6,30,", b",,0,6,30,", 1)
    tried = bare.request("POST", "/api/coverage/sites", content=body).json()
    assert (tried["dry_run"], tried["kept"], tried["refused"], tried["new"]) == (True, 14, 1, 0)
    assert (tried["faults"][0]["row"], tried["faults"][0]["field"]) == (2, "height_m")
    assert bare.request("GET", "/api/coverage", "viewer").json()["sectors"] == 0
    query = {"dry_run": "false"}
    stored = bare.request("POST", "/api/coverage/sites", params=query, content=body).json()
    assert (stored["new"], stored["kept"]) == (18, 14), "four stations as well"
    again = bare.request("POST", "/api/coverage/sites", params=query, content=body).json()
    assert (again["new"], again["changed"]) == (0, 0) or again["new"] == 0
    exported = bare.request("GET", "/api/coverage/sites.csv", "operator").text
    assert len(exported.splitlines()) == 15
    for content, path in ((b"\x00\x01", "sites"), (b"not json", "buildings")):
        answer = bare.request("POST", f"/api/coverage/{path}", content=content)
        assert (answer.status_code, answer.json()["field"]) == (422, "file")
    outside = json.loads(buildings_geojson(town_buildings()))
    for point in outside["features"][0]["geometry"]["coordinates"][0]:
        point[0] += 3
    answer = bare.request(
        "POST", "/api/coverage/buildings", params=query, content=json.dumps(outside).encode()
    ).json()
    assert (answer["kept"], answer["refused"]) == (99, 1)


def test_who_may_do_what(town: Town) -> None:
    for method, path, who in (
        ("POST", "/api/coverage/sites", "operator"),
        ("POST", "/api/coverage/buildings", "operator"),
        ("POST", "/api/coverage/compute", "viewer"),
        ("POST", "/api/coverage/plans", "viewer"),
        ("GET", "/api/coverage/scenarios", "viewer"),
    ):
        assert town.request(method, path, who, content=b"{}").status_code == 403, path


def test_a_changed_sector_makes_the_map_stale(town: Town) -> None:
    sectors = town_sectors()
    sectors.tilt_deg[0] = 7.0
    query = {"dry_run": "false"}
    for content, stale in ((sites_csv(sectors), True), (sites_csv(town_sectors()), False)):
        answer = town.request("POST", "/api/coverage/sites", params=query, content=content).json()
        assert answer["refused"] == 0
        assert town.request("GET", "/api/coverage", "viewer").json()["stale"] is stale


def test_after_a_restart_the_maps_are_computed_again(town: Town) -> None:
    first = town.house.service(Coverage).maps
    again = Coverage(town.house)
    asyncio.run(again.resume())
    until = time.monotonic() + 60
    while again.maps is None:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert again.maps.stamp == first.stamp
    same = again.maps.predictions["mobile"].rsrp == first.predictions["mobile"].rsrp
    assert same.all()
