"""Planning: what is missing, who would cover it, and coverage after it computed anew."""

from __future__ import annotations

import itertools

import msgspec
import numpy as np
import pytest

from tests.systems.coverage.town import PLANE, town_scene, town_sectors
from xinji.systems.network.coverage.changes import apply
from xinji.systems.network.coverage.parameters import Covered, own_parameters
from xinji.systems.network.coverage.planning import candidates_of, plan, plan_item
from xinji.systems.network.coverage.prediction import Prediction, predict
from xinji.systems.network.coverage.shares import buildings_covered, shares

SCENE = town_scene()
PARAMETERS = own_parameters()
STRICT = Covered(rsrp_dbm=-75.0, sinr_db=-3.0)


def predicted(operator: str) -> Prediction:
    return predict(operator, town_sectors(), SCENE, PARAMETERS, threads=1).judged_by(STRICT)


def poles() -> list[tuple[str, float, float]]:
    found = []
    for number, (x, y) in enumerate(
        itertools.product(np.arange(-400, 401, 200.0), np.arange(-400, 401, 200.0))
    ):
        longitude, latitude = PLANE.degrees(x, y)
        found.append((f"pole-{number}", float(longitude), float(latitude)))
    return found


def test_the_first_site_is_the_best_single_one() -> None:
    both = [predicted("mobile"), predicted("telecom")]
    places = candidates_of(["poles"], SCENE, PARAMETERS, poles())
    chosen = plan(both, places, count=1)
    each = []
    for pole in poles():
        alone = plan(both, candidates_of(["poles"], SCENE, PARAMETERS, [pole]), count=1)
        each.append(alone.siting.objective)
    assert chosen.siting.objective == pytest.approx(max(each))
    assert chosen.siting.gap == 0
    assert places.id[chosen.chosen[0]] == poles()[int(np.argmax(each))][0]


def test_coverage_after_is_that_of_the_whole_network_with_the_new_sites() -> None:
    start = predicted("mobile")
    found = plan([start], candidates_of(["poles"], SCENE, PARAMETERS, poles()), count=4)
    assert found.siting.objective <= found.demand
    moved = start
    for change in found.changes["mobile"]:
        moved = apply(moved, change)
    whole = predict("mobile", moved.sectors, SCENE, PARAMETERS, threads=1).judged_by(STRICT)
    assert found.after["mobile"] == pytest.approx(shares(whole)[""].outdoor, abs=1e-9)
    assert found.after["mobile"] > found.before["mobile"]
    item = plan_item(found)
    assert [site["id"] for site in item["sites"]] == found.candidates.id[found.chosen].tolist()


def test_new_sites_keep_their_distance() -> None:
    near = [("a", 121.4, 31.2), ("b", 121.4004, 31.2), ("c", 121.404, 31.2)]
    found = plan([predicted("mobile")], candidates_of(["poles"], SCENE, PARAMETERS, near), count=3)
    names = set(found.candidates.id[found.chosen])
    assert len(names & {"a", "b"}) <= 1


def test_a_budget_weighs_layers_by_their_cost() -> None:
    weak = Covered(rsrp_dbm=-60.0, sinr_db=-3.0)
    start = predicted("mobile").judged_by(weak)
    places = candidates_of(["poles", "rooftops"], SCENE, PARAMETERS, poles())
    found = plan([start], places, budget=6.0)
    assert places.cost[found.chosen].sum() <= 6.0
    assert found.siting.bound >= found.siting.objective


def test_indoor_sites_count_where_nobody_reaches_in() -> None:
    indoor = msgspec.structs.replace(PARAMETERS.indoor, required_rsrp_dbm=-60.0)
    hard = msgspec.structs.replace(PARAMETERS, indoor=indoor)
    start = predict("mobile", town_sectors(), SCENE, hard, threads=1)
    dark = np.flatnonzero(~buildings_covered(start))
    assert len(dark) > 5
    middle = SCENE.footprints.x[dark[0]], SCENE.footprints.y[dark[0]]
    longitude, latitude = SCENE.plane.degrees(*middle)
    equipped = [(float(longitude), float(latitude))]
    places = candidates_of(["indoor"], SCENE, hard, [], equipped)
    assert SCENE.outlines.id[dark[0]] not in places.id
    found = plan([start], places, count=5, indoor_systems=equipped)
    assert found.siting.objective == pytest.approx(5 * hard.planning.building_weight)
    assert found.indoor_after == pytest.approx(found.indoor_before + 5 / 100)
    assert found.changes == {"mobile": ()}


def test_what_makes_no_sense_is_named() -> None:
    with pytest.raises(ValueError, match="candidates: there are no poles"):
        candidates_of(["poles"], SCENE, PARAMETERS, [])
    with pytest.raises(ValueError, match="candidates: 'towers'"):
        candidates_of(["towers"], SCENE, PARAMETERS, poles())
    places = candidates_of(["poles"], SCENE, PARAMETERS, poles())
    with pytest.raises(ValueError, match="count"):
        plan([predicted("mobile")], places, count=0)
    indoor = msgspec.structs.replace(PARAMETERS.indoor, required_rsrp_dbm=-300.0)
    lenient = msgspec.structs.replace(
        PARAMETERS, indoor=indoor, covered=Covered(rsrp_dbm=-300.0, sinr_db=-300.0)
    )
    with pytest.raises(ValueError, match="nothing is missing"):
        plan([predict("mobile", town_sectors(), SCENE, lenient, threads=1)], places, count=1)
