"""Prediction and changes: what an edit gives is what a whole computation gives."""

from __future__ import annotations

import dataclasses

import msgspec
import numpy as np
import pytest

from tests.systems.coverage.town import PLANE, town_scene, town_sectors
from xinji.methods.radio.coverage_map import rsrp
from xinji.systems.network.coverage.changes import (
    AddStation,
    NewSector,
    RaiseStation,
    RemoveStation,
    TurnSector,
    apply,
)
from xinji.systems.network.coverage.parameters import own_parameters
from xinji.systems.network.coverage.prediction import Prediction, predict
from xinji.systems.network.coverage.shares import buildings_covered, facade_rsrp, shares
from xinji.systems.network.coverage.sight_check import sight_agreement

SCENE = town_scene()
PARAMETERS = own_parameters()


def predicted(operator: str = "mobile") -> Prediction:
    return predict(operator, town_sectors(), SCENE, PARAMETERS, threads=1)


def same(found: Prediction, truth: Prediction) -> None:
    assert np.allclose(found.rsrp, truth.rsrp, atol=1e-4)
    assert np.allclose(found.sinr, truth.sinr, atol=1e-3)
    names = [each.sectors.sector_id[each.server] for each in (found, truth)]
    assert (names[0] == names[1]).all()


def test_an_operator_s_carriers_are_computed_apart() -> None:
    found = predicted("telecom")
    assert [round(layer.radio.ghz, 2) for layer in found.layers] == [2.1, 3.5]
    assert np.array_equal(found.rsrp, np.maximum(*(rsrp(layer.map) for layer in found.layers)))
    # alone on its carrier a site is disturbed by its own other sectors only
    assert found.sinr[SCENE.open_cells].max() > 20


def test_turning_a_sector_is_a_whole_computation_with_it_turned() -> None:
    start = predicted()
    before = start.rsrp.copy()
    edit = TurnSector(sector="m1-2.6-120", azimuth_deg=60.0, tilt_deg=2.0, eirp_dbm=33.0)
    found = apply(start, edit)
    sectors = town_sectors()
    row = int(np.flatnonzero(sectors.sector_id == "m1-2.6-120")[0])
    sectors.azimuth_deg[row], sectors.tilt_deg[row], sectors.eirp_dbm[row] = 60.0, 2.0, 33.0
    same(found, predict("mobile", sectors, SCENE, PARAMETERS, threads=1))
    assert np.array_equal(start.rsrp, before), "the map that it started from is not touched"


def test_raising_and_removing_a_station() -> None:
    sectors = town_sectors()
    of = sectors.station_id == "m2"
    higher = dataclasses.replace(sectors, height_m=np.where(of, 60.0, sectors.height_m))
    found = apply(predicted(), RaiseStation(station="m2", height_m=60.0))
    same(found, predict("mobile", higher, SCENE, PARAMETERS, threads=1))
    gone = apply(found, RemoveStation(station="m2"))
    truth = predict("mobile", sectors.take(np.flatnonzero(~of)), SCENE, PARAMETERS, threads=1)
    same(gone, truth)


def test_adding_a_station_and_turning_it() -> None:
    longitude, latitude = (float(v) for v in PLANE.degrees(-100.0, -250.0))
    new = AddStation(
        station="new", type="pole", longitude=longitude, latitude=latitude, height_m=10.0,
        sectors=tuple(
            NewSector(azimuth_deg=a, tilt_deg=5.0, eirp_dbm=18.0, frequency_ghz=2.6)
            for a in (0.0, 180.0)
        ),
    )  # fmt: skip
    found = apply(predicted(), new)
    again = apply(found, TurnSector(sector="new:2", azimuth_deg=90.0))
    sectors = again.sectors
    assert sectors.azimuth_deg[-1] == 90.0
    truth = predict("mobile", sectors, SCENE, PARAMETERS, threads=1)
    same(again, truth)
    other = AddStation(
        station="other", type="pole", longitude=longitude, latitude=latitude, height_m=10.0,
        sectors=(NewSector(azimuth_deg=0.0, tilt_deg=5.0, eirp_dbm=18.0, frequency_ghz=4.9),),
    )  # fmt: skip
    layered = apply(found, other)
    assert len(layered.layers) == len(found.layers) + 1
    same(layered, predict("mobile", layered.sectors, SCENE, PARAMETERS, threads=1))


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (TurnSector(sector="nothing", azimuth_deg=1.0), "sector: nothing"),
        (RemoveStation(station="t1"), "station: t1"),
        (
            AddStation(
                station="m1", type="macro", longitude=121.4, latitude=31.2, height_m=30.0,
                sectors=(NewSector(azimuth_deg=0, tilt_deg=0, eirp_dbm=1, frequency_ghz=3.5),),
            ),
            "station: m1 is there already",
        ),
        (
            AddStation(
                station="far", type="macro", longitude=120.0, latitude=31.2, height_m=30.0,
                sectors=(NewSector(azimuth_deg=0, tilt_deg=0, eirp_dbm=1, frequency_ghz=3.5),),
            ),
            "outside the district",
        ),
    ],
)  # fmt: skip
def test_an_edit_that_does_not_fit_names_its_field(edit: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        apply(predicted(), edit)  # type: ignore[arg-type]


def test_shares_are_means_over_open_ground_and_road_metres() -> None:
    found = predicted()
    share = shares(found)
    open_ = SCENE.open_cells
    assert share[""].outdoor == pytest.approx(found.covered[open_].mean())
    assert share[""].road == pytest.approx(found.covered.ravel()[SCENE.road_cells].mean())
    west, east = share["310105001"], share["310105002"]
    cells = [(open_ & (SCENE.area == n)).sum() for n in (0, 1)]
    assert west.outdoor is not None and east.outdoor is not None
    both = (west.outdoor * cells[0] + east.outdoor * cells[1]) / sum(cells)
    assert both == pytest.approx(share[""].outdoor)
    assert share[""].grades["excellent"] <= share[""].grades["poor"] <= 1


def test_a_building_is_judged_by_the_open_ground_beside_it() -> None:
    found = predicted()
    front = facade_rsrp(found)
    at = 0
    rows, columns = np.nonzero(SCENE.building == at)
    beside = [
        found.rsrp[r + dr, c + dc]
        for r, c in zip(rows, columns, strict=True)
        for dr, dc in ((0, 1), (1, 0), (0, -1), (-1, 0))
        if SCENE.building[r + dr, c + dc] < 0
    ]
    assert front[at] == max(beside)
    indoor = msgspec.structs.replace(PARAMETERS.indoor, required_rsrp_dbm=-20.0)
    strict = dataclasses.replace(
        found, parameters=msgspec.structs.replace(PARAMETERS, indoor=indoor)
    )
    assert not buildings_covered(strict).any()
    assert buildings_covered(found).any()


def test_sight_of_the_map_is_the_exact_one() -> None:
    share, lines = sight_agreement(predicted(), 2_000, seed=3)
    assert lines >= 1_500
    assert share >= 0.999
