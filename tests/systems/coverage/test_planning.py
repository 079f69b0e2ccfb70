"""Planning: what is missing, who would cover it, and coverage after it computed anew."""

from __future__ import annotations

import csv
import io
import itertools
import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pytest

from tests.systems.coverage.town import PLANE, Town, town_scene, town_sectors
from xinji.cli import coverage as cli
from xinji.cli import main
from xinji.methods.radio.coverage_map import Network, Radio, site_power
from xinji.methods.radio.path_loss import UMA, UMI
from xinji.methods.siting.answer import Effort
from xinji.methods.siting.maximal import maximal_covering
from xinji.systems.network.coverage import planning
from xinji.systems.network.coverage.candidates import Candidates, candidates_of
from xinji.systems.network.coverage.changes import apply
from xinji.systems.network.coverage.parameters import Covered, Parameters, own_parameters
from xinji.systems.network.coverage.planning import plan, plan_item
from xinji.systems.network.coverage.prediction import Prediction, predict
from xinji.systems.network.coverage.shares import buildings_covered, shares

SCENE = town_scene()
PARAMETERS = own_parameters()
STRICT = Covered(rsrp_dbm=-75.0, sinr_db=-3.0)
SHADY = msgspec.structs.replace(
    PARAMETERS,
    covered=STRICT,
    indoor=msgspec.structs.replace(PARAMETERS.indoor, required_rsrp_dbm=-60.0),
)
"""Much is missing outdoors, and inside of buildings."""


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


def swept(starts: list[Prediction], places: Candidates, parameters: Parameters) -> Any:
    """(candidates, points) by the whole sweep of every candidate, and the points' weights.

    Points are all cells, operator after operator, and all buildings; what is covered weighs 0.
    """
    scene, limit = SCENE, parameters.covered
    worth = np.where(SCENE.open_cells, SCENE.grid.cell**2 / 100, 0.0).ravel()
    np.add.at(worth, SCENE.road_cells, parameters.planning.road_weight * SCENE.grid.cell / 10)
    weights = [np.where(each.covered.ravel(), 0.0, worth) for each in starts]
    reached = np.any([buildings_covered(each) for each in starts], axis=0)
    weights.append(np.where(reached, 0.0, parameters.planning.building_weight))
    rows = []
    for at in range(len(places)):
        own = [np.zeros(len(each), np.bool_) for each in weights]
        if places.layer[at] == "indoor":
            own[-1][places.building[at]] = True
        else:
            site = parameters.candidates[str(places.layer[at])]
            x, y = scene.plane.metres(places.longitude[at], places.latitude[at])
            network = Network(
                x=np.array([x]), y=np.array([y]), height=places.height_m[at : at + 1],
                model=np.array([UMI if site.type == "pole" else UMA], np.int32),
                site=np.zeros(3, np.int32), azimuth=np.array([0.0, 120.0, 240.0]),
                tilt=np.full(3, site.tilt_deg), power_dbm=np.full(3, site.eirp_dbm - 8.0),
                load=np.ones(3),
            )  # fmt: skip
            radio = Radio(ghz=site.frequency_ghz, radius=site.reach_m)
            (row, column, top, right), found = site_power(
                network, scene.footprints, scene.grid, radio, 0
            )
            power = np.zeros(scene.grid.shape)
            power[row:top, column:right] = found
            for part, start in zip(own[:-1], starts, strict=True):
                near = min(start.layers, key=lambda layer: abs(layer.radio.ghz - 3.5))
                others = near.map.total + 10 ** (near.radio.noise_dbm / 10)
                strong = power >= 10 ** (limit.rsrp_dbm / 10)
                part[:] = (strong & (power >= 10 ** (limit.sinr_db / 10) * others)).ravel()
        rows.append(np.concatenate(own))
    return np.array(rows), np.concatenate(weights)


def shady(*operators: str) -> list[Prediction]:
    return [predict(each, town_sectors(), SCENE, SHADY, threads=1) for each in operators]


def few(layers: list[str], seed: int, count: int) -> Candidates:
    every = candidates_of(layers, SCENE, SHADY, poles())
    pick = np.sort(np.random.default_rng(seed).choice(len(every), count, replace=False))
    return Candidates(**{name: values[pick] for name, values in vars(every).items()})


def test_no_choice_of_any_candidates_is_above_the_bound() -> None:
    starts = shady("mobile", "telecom")
    for seed in range(3):
        places = few(["poles", "rooftops", "indoor"], seed, 16)
        covers, weights = swept(starts, places, SHADY)
        x, y = SCENE.plane.metres(places.longitude, places.latitude)
        apart = np.hypot(x[:, None] - x, y[:, None] - y) > SHADY.planning.spacing_m
        apart |= (places.layer == "indoor")[:, None] | (places.layer == "indoor")
        best = max(
            float(weights[covers[list(chosen)].any(axis=0)].sum())
            for chosen in itertools.combinations(range(16), 3)
            if all(apart[one, other] for one, other in itertools.combinations(chosen, 2))
        )
        found = plan(starts, places, count=3)
        assert found.siting.bound >= best - 1e-6
        assert found.siting.objective == pytest.approx(best)
        assert found.siting.objective == pytest.approx(
            weights[covers[found.chosen].any(axis=0)].sum()
        )
        rough = plan(starts, places, count=3, effort=Effort(rounds=0, descents=30, exact_pairs=0))
        assert rough.siting.bound >= best - 1e-6


def test_the_plan_is_that_of_every_candidate_swept_to_the_end() -> None:
    starts = shady("mobile", "telecom")
    places = candidates_of(["poles", "rooftops", "indoor"], SCENE, SHADY, poles())
    covers, weights = swept(starts, places, SHADY)
    found = plan(starts, places, budget=24.0)
    assert found.demand == pytest.approx(weights.sum())
    met = np.zeros(len(weights), np.bool_)
    for at, gain in zip(found.chosen, found.siting.gains, strict=True):
        assert gain == pytest.approx(weights[covers[at] & ~met].sum()), "the marginal gain"
        met |= covers[at]
    assert found.siting.objective == pytest.approx(weights[met].sum())
    assert 0 < found.lines < (covers.shape[0] - 100) * covers.shape[1]


def test_poles_roofs_and_indoor_systems_share_one_budget() -> None:
    starts = shady("mobile")
    places = candidates_of(["poles", "roofs", "indoor"], SCENE, SHADY, poles())
    assert set(places.layer) == {"poles", "rooftops", "indoor"}
    found = plan(starts, places, budget=100.0)
    layers = places.layer[found.chosen].tolist()
    assert set(layers) == {"poles", "rooftops", "indoor"}, "each where it is worth its cost"
    cost = {"poles": 1.0, "rooftops": 4.0, "indoor": 2.0}
    assert plan_item(found)["cost"] == sum(cost[layer] for layer in layers) <= 100.0
    for one in (["poles"], ["rooftops"], ["indoor"]):
        alone = plan(starts, candidates_of(one, SCENE, SHADY, poles()), budget=100.0)
        assert alone.siting.objective <= found.siting.objective
    assert found.indoor_after > found.indoor_before


def test_stations_that_stand_stay_and_what_they_cover_is_not_missing() -> None:
    start = shady("mobile")[0]
    places = candidates_of(["poles"], SCENE, SHADY, poles())
    first = plan([start], places, count=1)
    (built,) = first.changes["mobile"]
    grown = apply(start, built)
    again = plan([grown], places, count=1)
    assert again.demand < first.demand
    assert again.chosen[0] != first.chosen[0], "the place that is taken gains little"
    standing = set(grown.sectors.station_id.tolist())
    after = apply(grown, again.changes["mobile"][0])
    assert standing < set(after.sectors.station_id.tolist())


def test_what_becomes_of_the_promise_is_told() -> None:
    limit = Covered(rsrp_dbm=-75.0, sinr_db=6.0)
    starts = [each.judged_by(limit) for each in shady("mobile", "telecom")]
    places = candidates_of(["poles", "rooftops"], SCENE, SHADY, poles())
    found = plan(starts, places, count=8)
    worth = np.where(SCENE.open_cells, SCENE.grid.cell**2 / 100, 0.0).ravel()
    np.add.at(worth, SCENE.road_cells, SHADY.planning.road_weight * SCENE.grid.cell / 10)
    kept = lost = 0.0
    inside = []
    for start in starts:
        moved = start
        for change in found.changes[start.operator]:
            moved = apply(moved, change)
        whole = predict(start.operator, moved.sectors, SCENE, SHADY, threads=1)
        whole = whole.judged_by(limit)
        had, has = start.covered.ravel(), whole.covered.ravel()
        kept += worth[has & ~had].sum()
        lost += worth[had & ~has].sum()
        ground = SCENE.open_cells
        for before, after, name, least in (
            (found.sinr_before, found.sinr_after, "sinr", limit.sinr_db),
            (found.rsrp_before, found.rsrp_after, "rsrp", limit.rsrp_dbm),
        ):
            for told, state in ((before, start), (after, whole)):
                share = (getattr(state, name)[ground] >= least).mean()
                assert told[start.operator] == pytest.approx(share, abs=1e-9)
        inside.append((buildings_covered(start), buildings_covered(whole)))
    old, new = (np.any([each[n] for each in inside], axis=0) for n in (0, 1))
    kept += SHADY.planning.building_weight * (new & ~old).sum()
    lost += SHADY.planning.building_weight * (old & ~new).sum()
    assert found.kept == pytest.approx(kept)
    assert found.lost == pytest.approx(lost)
    assert lost > 0, "new stations disturb what was covered"
    item = plan_item(found)
    assert item["sinr_after"]["mobile"] < item["sinr_before"]["mobile"]
    assert item["coverage_after"]["mobile"] <= item["sinr_after"]["mobile"] + 1e-3
    assert (item["kept"], item["lost"]) == (round(kept, 3), round(lost, 3))


def test_progress_rises_to_the_end_and_stops_the_work_at_any_time() -> None:
    starts = shady("mobile")
    places = candidates_of(["poles", "rooftops"], SCENE, SHADY, poles())
    told: list[int] = []

    def listen(done: int, total: int) -> None:
        assert total == planning.DONE
        told.append(done)

    plan(starts, places, count=4, progress=listen)
    assert told == sorted(told) and told[-1] == planning.DONE
    assert {planning.LOOKED, planning.SEARCHED} & set(told)
    for limit in (1, planning.LOOKED + 1, planning.SEARCHED + 1):

        def stop(done: int, _total: int, limit: int = limit) -> None:
            if done >= limit:
                raise InterruptedError

        with pytest.raises(InterruptedError):
            plan(starts, places, count=4, progress=stop)


def test_a_caller_may_end_the_search_early() -> None:
    starts, places = shady("mobile"), candidates_of(["rooftops"], SCENE, SHADY, poles())
    whole = plan(starts, places, count=4)
    early = plan(starts, places, count=4, effort=Effort(progress=lambda *_: True))
    assert early.siting.bound >= whole.siting.objective
    assert early.siting.how.endswith("cancelled")


def test_many_pairs_get_fewer_rounds() -> None:
    told: list[int] = []
    full = planning._effort(Effort(), planning.EASY_PAIRS, lambda *each: told.append(each[0]))
    assert (full.rounds, full.descents) == (Effort().rounds, Effort().descents)
    assert full.progress is not None and full.progress(0.5, 1.0, 2.0) is False
    assert told == [(planning.LOOKED + planning.SEARCHED) // 2]
    less = planning._effort(Effort(), 4 * planning.EASY_PAIRS, lambda *_: None)
    assert (less.rounds, less.descents) == (Effort().rounds // 4, Effort().descents // 4)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    made = Town(tmp_path_factory.mktemp("plans"))
    made.bring()
    yield made
    made.close()


def test_a_plan_over_http_is_exported_with_the_gains(town: Town) -> None:
    wanted = {"candidates": ["roofs", "indoor"], "budget": 16, "rsrp_dbm": -75, "sinr_db": 0}
    job = town.job("/api/coverage/plans", wanted)
    answer = job["answer"]
    for name in ("sinr_before", "sinr_after", "rsrp_before", "rsrp_after"):
        assert set(answer[name]) == {"mobile", "telecom"}
    assert answer["kept"] >= 0 and answer["lost"] >= 0 and answer["lines_of_sight"] > 0
    sites = answer["sites"]
    assert answer["cost"] == sum(site["cost"] for site in sites) <= 16
    path = f"/api/coverage/plans/{job['id']}/sites?format="
    rows = list(csv.DictReader(io.StringIO(town.request("GET", f"{path}csv", "operator").text)))
    assert [float(row["gain"]) for row in rows] == [site["gain"] for site in sites]
    features = town.request("GET", f"{path}geojson", "operator").json()["features"]
    assert [each["properties"]["gain"] for each in features] == [site["gain"] for site in sites]
    assert features[0]["geometry"]["coordinates"] == [sites[0]["longitude"], sites[0]["latitude"]]
    assert town.request("GET", f"{path}xlsx", "operator").content[:2] == b"PK"


def test_a_plan_is_cancelled(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go, real = threading.Event(), threading.Event(), maximal_covering

    def held(*given: Any, **more: Any) -> Any:
        begun.set()
        assert go.wait(30)
        return real(*given, **more)

    monkeypatch.setattr(f"{planning.__name__}.maximal_covering", held)
    wanted = {"candidates": ["rooftops"], "count": 3, "rsrp_dbm": -75}
    job = town.request("POST", "/api/coverage/plans", "operator", json=wanted).json()
    assert begun.wait(30)
    running = town.request("GET", f"/api/jobs/{job['id']}", "operator").json()
    assert (running["state"], running["done"], running["total"]) == (
        "running", planning.LOOKED, planning.DONE,
    )  # fmt: skip
    assert town.request("POST", f"/api/jobs/{job['id']}/cancel", "operator").status_code == 200
    go.set()
    until = time.monotonic() + 30
    while running["state"] == "running" and time.monotonic() < until:
        time.sleep(0.02)
        running = town.request("GET", f"/api/jobs/{job['id']}", "operator").json()
    assert running["state"] == "cancelled"
    path = f"/api/coverage/plans/{job['id']}/sites"
    assert town.request("GET", path, "operator").status_code == 404


def test_the_command_plans_all_layers_within_a_budget(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here = cli.Given(
        scene=SCENE, sectors=town_sectors(), parameters=SHADY, poles=tuple(poles()), indoor=()
    )
    monkeypatch.setattr(cli, "given", lambda _arguments: here)
    command = ["coverage", "plan", "--candidates", "poles,roofs,indoor", "--budget", "24"]
    assert main([*command, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert {"objective", "bound", "gap", "cpu_seconds", "coverage_before", "coverage_after"} <= set(
        answer
    )
    assert {site["layer"] for site in answer["sites"]} <= {"poles", "rooftops", "indoor"}
    assert 0 < answer["cost"] <= 24 and answer["objective"] <= answer["bound"]


def test_kernels_can_be_compiled_ahead(capsys):
    assert main(["coverage", "compile"]) == 0
    assert capsys.readouterr().out == ""
