"""`xinji coverage calibrate` on the simulated district: planted errors of the ledger are found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from xinji.cli import main
from xinji.district.geography import load_district
from xinji.district.radio.buildings import simulate_buildings
from xinji.district.radio.drive_tests import Driving, simulate_drive_tests
from xinji.district.radio.network import simulate_network
from xinji.district.radio.truth import truth_of
from xinji.district.things import all_things, fleets
from xinji.system.discovery import discover
from xinji.systems.network.coverage.parameters import own_parameters
from xinji.systems.network.coverage.prediction import predict
from xinji.systems.network.coverage.scene import make_scene, roads_of

SEED = 11


def driven(folder: Path, passes: int) -> Path:
    """The log of one operator's vehicle, on the true network."""
    district = load_district()
    buildings = simulate_buildings(district, SEED)
    systems = [each for each in discover() if each.name in ("network.coverage", "terminals.poles")]
    things = all_things(fleets(district, systems, SEED))
    stations = [thing for thing in things if thing.kind == "base-station"]
    network = simulate_network(stations, buildings, SEED)
    scene = make_scene(district.areas, roads_of(district.basemap), buildings)
    truth = truth_of(predict("mobile", network.true_sectors, scene, own_parameters()))
    logs = simulate_drive_tests(
        district, {"mobile": truth}, seed=SEED, driving=Driving(passes=passes)
    )
    path = folder / "mobile.csv"
    path.write_bytes(logs["mobile"].csv)
    return path


@pytest.mark.slow
def test_planted_azimuths_are_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = driven(tmp_path, passes=2)
    assert main(["coverage", "calibrate", str(path), "--seed", str(SEED), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    truth = found["truth"]
    assert truth["planted_judged"] >= 5
    assert truth["precision"] >= 0.8 and truth["recall"] >= 0.5
    assert truth["median_error_deg"] < 20
    assert found["held_out"] == "run" and found["judged"] > 100
    for by in ("rmse_by_run", "rmse_by_block"):
        errors = found[by]
        assert errors["calibrated"] < 0.95 * errors["shifted"] < errors["constant"]
    assert found["rmse_after"] < found["baseline_rmse"] <= found["rmse_before"]
    called = [each for each in found["sectors"] if each["wrong"]]
    assert called and all(each["probability"] >= 0.9 for each in called)
    silent = [each for each in found["sectors"] if each["estimate"] is None]
    assert silent and all(each["reason"] for each in silent)


def test_what_cannot_be_calibrated_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["coverage", "calibrate"]) == 2
    assert "FILE, --simulate" in capsys.readouterr().err
    path = tmp_path / "foreign.csv"
    path.write_text(
        "run,Timestamp,Longitude,Latitude,CellID,RSRP\n1,2021.07.05_09.30.00,121.4,31.2,77,-90\n"
    )
    assert main(["coverage", "calibrate", str(path)]) == 2
    assert "CellID" in capsys.readouterr().err
