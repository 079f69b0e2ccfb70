"""Drive tests: stored whole, compared with the map; a sector far below it becomes a case."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator
from dataclasses import fields
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import sqlalchemy as sa

from tests.systems.coverage.town import PLANE, Town, town_scene, town_sectors
from xinji.methods.radio.coverage_map import rsrp
from xinji.store.schema import cases
from xinji.systems.network.coverage.drive_tests import at_places, decoded, encoded
from xinji.systems.network.coverage.indicators import INDICATORS
from xinji.systems.network.coverage.inputs.drive_tests import import_drive_tests
from xinji.systems.network.coverage.links import links_of
from xinji.systems.network.coverage.parameters import own_parameters
from xinji.systems.network.coverage.prediction import Prediction, predict

HEAD = "run,Timestamp,Longitude,Latitude,Speed,CellID,NetworkMode,RSRP,SNR,DL_bitrate"


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("driven"))
    made.bring()
    yield made
    made.close()


def predicted() -> Prediction:
    return predict("mobile", town_sectors(), town_scene(), own_parameters())


def log(weak: str = "", by: float = 20.0, count: int = 400, month: int = 6) -> bytes:
    """A ride along the road: RSRP as predicted at the cell, `weak`'s samples `by` dB lower."""
    found = predicted()
    x = np.linspace(-490, 490, count)
    longitude, latitude = (np.round(v, 7) for v in PLANE.degrees(x, np.full(count, 3.0)))
    level = at_places(found, longitude, latitude)
    scene = found.scene
    start = dt.datetime(2026, month, 1, 9, 0, 0, tzinfo=dt.UTC)
    lines = [HEAD]
    for at in range(count):
        cell = scene.cell_of(longitude[at], latitude[at])
        assert cell is not None
        sector = str(found.sectors.sector_id[found.server.ravel()[cell]])
        value = level[at] - (by if sector == weak else 0.0)
        moment = (start + dt.timedelta(seconds=at)).strftime("%Y.%m.%d_%H.%M.%S")
        lines.append(
            f"1,{moment},{longitude[at]},{latitude[at]},30,{sector},5G,{value:.2f},10,100000"
        )
    return "\n".join(lines).encode()


def served() -> str:
    """The sector that serves most of the ride."""
    cells = [line.split(",")[5] for line in log().decode().splitlines()[1:]]
    return max(sorted(set(cells)), key=cells.count)


def test_links_are_what_the_map_is_made_of() -> None:
    found = predicted()
    scene, generator = found.scene, np.random.default_rng(5)
    layer = found.layers[0]
    rows, columns = np.nonzero(scene.open_cells & (layer.map.best > 0))
    drawn = generator.choice(len(rows), 500)
    x, y = scene.grid.centres()
    lon, lat = scene.plane.degrees(x[columns[drawn]], y[rows[drawn]])
    best = layer.map.best_sector[rows[drawn], columns[drawn]]
    names = found.sectors.sector_id[layer.rows[best]]
    links = links_of(found, names, lon, lat)
    assert (links.row == layer.rows[best]).all()
    truth = rsrp(layer.map)[rows[drawn], columns[drawn]]
    aside = links.distance_m > 1
    assert np.abs(links.rsrp_dbm - truth)[aside].max() < 0.01, (
        "tables of the map against the formulas"
    )
    assert (links.depth_m[links.hidden] > 0).all() and (links.depth_m[~links.hidden] == 0).all()


def test_columns_come_back_as_they_were() -> None:
    tests = import_drive_tests(log()).tests
    again = decoded(encoded(tests))
    for each in fields(tests):
        a, b = getattr(tests, each.name), getattr(again, each.name)
        same = (a == b) | (np.isnan(a) & np.isnan(b)) if a.dtype.kind == "f" else a == b
        assert same.all(), each.name


def test_a_drive_test_is_stored_once_and_compared(town: Town) -> None:
    path = "/api/coverage/drive-tests"
    query = {"operator": "mobile", "name": "大街"}
    tried = town.request("POST", path, "operator", params=query, content=log()).json()
    assert (tried["dry_run"], tried["kept"], tried["id"]) == (True, 400, None)
    assert town.request("GET", path, "operator").json()["total"] == 0
    query["dry_run"] = "false"
    stored = town.request("POST", path, "operator", params=query, content=log()).json()
    again = town.request("POST", path, "operator", params=query, content=log()).json()
    assert stored["id"] == again["id"]
    assert town.request("GET", path, "operator").json()["total"] == 1
    one = town.request("GET", f"{path}/{stored['id']}", "operator").json()
    assert one["samples"] == 400 and one["started_at"].startswith("2026-06-01T01:00")
    assert one["compared"]["samples"] == 400
    assert abs(one["compared"]["median_db"]) < 0.1 and one["compared"]["mae_db"] < 0.5
    samples = town.request("GET", f"{path}/{stored['id']}/samples?limit=100", "operator").json()
    assert len(samples["longitude"]) == 100 == len(samples["residual_db"])
    assert town.request("GET", path, "west-operator").status_code == 403
    assert town.request("GET", path, "viewer").status_code == 403
    with town.house.database.reading() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(cases)).scalar() == 0
    assert town.request("DELETE", f"{path}/{stored['id']}").status_code == 204


def test_a_sector_far_below_its_prediction_becomes_a_case(town: Town) -> None:
    weak = served()
    query = {"operator": "mobile", "dry_run": "false"}
    path = "/api/coverage/drive-tests"
    answer = town.request("POST", path, "operator", params=query, content=log(weak, month=7)).json()
    assert answer["sectors_compared"] >= 1
    assert not town.request("GET", "/api/coverage", "viewer").json()["stale"], "states are no maps"
    with town.house.database.reading() as connection:
        found = connection.execute(sa.select(cases)).all()
    assert [(row.case_class, row.thing) for row in found] == [("sector-degraded", weak)]


def test_what_drive_tests_add_is_interpolated_and_held_out_by_run(town: Town) -> None:
    path, query = "/api/coverage/drive-tests", {"operator": "mobile", "dry_run": "false"}
    layer = "/api/coverage/maps/mobile/residual"
    assert town.request("GET", layer, "viewer").status_code == 409
    for month in (8, 9):
        lines = log(month=month).decode().splitlines()
        # the west of the road is 6 dB weaker than the map says
        weaker = [lines[0]]
        for line in lines[1:]:
            cells = line.split(",")
            if float(cells[2]) < 121.40:
                cells[7] = f"{float(cells[7]) - 6:.2f}"
            weaker.append(",".join(cells))
        town.request("POST", path, "operator", params=query, content="\n".join(weaker).encode())
    assert town.request("GET", "/api/coverage", "viewer").json()["operators"][0]["residual"] is None
    found = town.job("/api/coverage/residuals", {"operator": "mobile"})["answer"]
    assert (found["runs"], len(found["tests"])) == (3, 3)
    assert found["rmse_after_db"] < found["rmse_offset_db"] <= found["rmse_before_db"] < 20
    assert found["mae_after_db"] < found["mae_offset_db"] < 20
    summary = town.request("GET", "/api/coverage", "viewer").json()
    assert summary["operators"][0]["residual"] == {
        name: value for name, value in found.items() if name != "operator"
    }
    maps = {name: layer_of(town, name) for name in ("rsrp", "residual", "deviation", "corrected")}
    west, east = (
        np.nanmean(maps["residual"][26:29, part]) for part in (np.s_[8:20], np.s_[-20:-8])
    )
    assert west < east - 2
    known = np.isfinite(maps["residual"])
    # the road runs through the middle: there is a measurement near it, and none at the edges
    assert known[26:29, 3:-3].any(axis=0).all()
    assert not known[:5].any() and not known[-5:].any()
    assert (np.isfinite(maps["deviation"]) == known).all() and (maps["deviation"][known] > 0).all()
    corrected = maps["rsrp"][known] + maps["residual"][known]
    assert np.abs(corrected - maps["corrected"][known]).max() < 0.21
    unknown = town.request("POST", "/api/coverage/residuals", "operator", json={"operator": "x"})
    assert unknown.status_code == 409


def layer_of(town: Town, name: str) -> Any:
    """The grid of a layer of mobile's map; NaN where there is nothing."""
    answer = town.request("GET", f"/api/coverage/maps/mobile/{name}", "viewer")
    assert answer.status_code == 200, answer.text
    grid = town.request("GET", "/api/coverage", "viewer").json()["grid"]
    numbers = np.frombuffer(answer.content, "<i2").reshape(grid["rows"], grid["columns"])
    return np.where(numbers == -32_768, np.nan, numbers / 10)


def test_a_place_and_a_table_tell_what_drive_tests_add(town: Town) -> None:
    path = "/api/coverage/maps/mobile/residual/cells"
    table = town.request("GET", f"{path}?format=csv", "viewer").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(rows) == np.isfinite(layer_of(town, "residual")).sum()
    row = {name: float(value) for name, value in rows[len(rows) // 2].items()}
    assert row["predicted_dbm"] + row["residual_db"] == pytest.approx(
        row["corrected_dbm"], abs=0.02
    )
    query = {name: row[name] for name in ("longitude", "latitude")} | {"operator": "mobile"}
    place = town.request("GET", "/api/coverage/place", "viewer", params=query).json()
    for name in ("residual_db", "deviation_db", "corrected_dbm"):
        assert place["residual"][name] == pytest.approx(row[name], abs=0.06)
    away = {"operator": "mobile", "longitude": 121.4001, "latitude": 31.2042}
    assert (
        town.request("GET", "/api/coverage/place", "viewer", params=away).json()["residual"] is None
    )
    plain = town.request("GET", "/api/coverage/maps/mobile/server/cells?format=parquet", "viewer")
    whole = pyarrow.parquet.read_table(io.BytesIO(plain.content))
    assert whole.column_names == ["longitude", "latitude", "sector"]
    assert whole.num_rows == np.isfinite(layer_of(town, "rsrp")).sum()
    assert town.request("GET", path + "?format=docx", "viewer").status_code == 400
    assert town.request("GET", path.replace("residual", "nothing"), "viewer").status_code == 404


def test_bad_logs_are_told(town: Town) -> None:
    path = "/api/coverage/drive-tests"
    assert town.request("POST", path, "operator", content=log()).json()["field"] == "operator"
    query = {"operator": "mobile"}
    answer = town.request("POST", path, "operator", params=query, content=b"a,b\n1,2\n")
    assert (answer.status_code, answer.json()["field"]) == (422, "file")
    lines = [line.split(",") for line in log().decode().splitlines()]
    swapped = "\n".join(
        ",".join([*line[:2], line[3], line[2], *line[4:]]) if at else ",".join(line)
        for at, line in enumerate(lines)
    ).encode()
    told = town.request("POST", path, "operator", params=query, content=swapped).json()
    assert told["kept"] == 0 and told["refused"] == 400
    assert any("swapped" in note for note in told["notes"]), told["notes"]
    mended = {"operator": "mobile", "swapped": "true"}
    assert (
        town.request("POST", path, "operator", params=mended, content=swapped).json()["kept"] == 400
    )


def test_figures_of_the_plan_read_the_computed_shares(town: Town) -> None:
    summary = town.request("GET", "/api/coverage", "viewer").json()["operators"]
    for name, key in (("outdoor_share", "outdoor"), ("road_share", "road")):
        figure = next(i for i in INDICATORS if i.id == f"network.coverage.predicted_{name}")
        value = town.house.figures.compute(figure, dt.datetime.now(dt.UTC)).value
        mean = 100 * np.mean([each["areas"][""][key] for each in summary])
        assert value == pytest.approx(mean)
