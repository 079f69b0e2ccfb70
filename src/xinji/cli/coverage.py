"""`xinji coverage`: predict 5G coverage, plan new sites, calibrate by drive tests."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xinji.cli import coverage_calibrate
from xinji.cli.data_folder import house_in
from xinji.cli.server import Options, open_house
from xinji.district.geography import load_district
from xinji.district.radio.buildings import simulate_buildings
from xinji.district.radio.network import Network, simulate_network
from xinji.district.things import all_things, fleets
from xinji.methods.siting.answer import Effort
from xinji.methods.siting.compiled import compile_kernels
from xinji.system.discovery import discover
from xinji.systems.network.coverage.candidates import LAYERS, Candidates, candidates_of
from xinji.systems.network.coverage.inputs.sectors import Sectors
from xinji.systems.network.coverage.kinds import OPERATORS
from xinji.systems.network.coverage.parameters import (
    Parameters,
    own_parameters,
    read_parameters,
)
from xinji.systems.network.coverage.planning import plan, plan_item
from xinji.systems.network.coverage.prediction import Prediction, confidence, predict
from xinji.systems.network.coverage.registered import (
    places_of,
    read_buildings,
    read_places,
    read_sectors,
)
from xinji.systems.network.coverage.scene import Scene, make_scene, roads_of
from xinji.systems.network.coverage.shares import shares
from xinji.systems.network.coverage.sight_check import sight_agreement

SYSTEM = "network.coverage"
POLES = "terminals.poles"


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a command works on; `network` holds the truth of a simulated district."""

    scene: Scene
    sectors: Sectors
    parameters: Parameters
    network: Network | None = None
    poles: tuple[tuple[str, float, float], ...] = ()
    indoor: tuple[tuple[float, float], ...] = ()


def add(commands: Any) -> None:
    """Declare the commands."""
    parser = commands.add_parser("coverage", help="5G coverage: predict, plan, calibrate")
    actions = parser.add_subparsers(dest="action", required=True)
    compute = actions.add_parser("compute", help="the radio map and its figures")
    _common(compute)
    compute.add_argument("--as-of", help="a day, 2021-06-30: stations in service then")
    compute.add_argument(
        "--check-los", type=int, default=0, metavar="N", help="compare N lines with exact geometry"
    )
    compute.add_argument(
        "--confidence", type=int, default=0, metavar="N", help="draw building heights N times"
    )
    plan_ = actions.add_parser("plan", help="where the next sites go")
    _common(plan_)
    plan_.add_argument(
        "--candidates", default="poles", help=f"layers of {', '.join(LAYERS)}, by commas"
    )
    plan_.add_argument("--count", type=int, help="how many new sites")
    plan_.add_argument("--budget", type=float, help="what they may cost together")
    plan_.add_argument("--rounds", type=int, default=Effort().rounds, help="of the search")
    _common(coverage_calibrate.add(actions))
    actions.add_parser("compile", help="compile the kernels ahead, as installing does")


def _common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, help="a stopped folder; default the simulated district"
    )
    parser.add_argument("--seed", type=int, default=1, help="of the simulated district")
    parser.add_argument("--grid", type=float, default=10.0, help="side of a cell, metres, 5 to 50")
    parser.add_argument("--operator", choices=OPERATORS, help="one only")
    parser.add_argument("--parameters", type=Path, help="thresholds and assumptions (TOML)")
    parser.add_argument("--json", action="store_true")


def run(arguments: argparse.Namespace) -> int:
    """Do it."""
    try:
        return _ACTIONS[arguments.action](arguments)
    except ValueError as error:
        print(f"xinji coverage: {error}", file=sys.stderr)
        return 2


def given(arguments: argparse.Namespace, asof: int | None = None) -> Given:
    """The district of a folder, or the simulated one."""
    path = arguments.parameters
    parameters = read_parameters(path) if path else own_parameters()
    if arguments.data is not None:
        site = open_house(Options(data=house_in(arguments.data)))
        try:
            sectors = read_sectors(site.house.database, asof)
            outlines = read_buildings(site.house.database)
            areas = list(site.house.registry.areas.values())
            places = read_places(site.house.database)
        finally:
            site.house.close()
        if not len(sectors):
            raise ValueError(f"data: {arguments.data} has no sectors; import them first")
        scene = make_scene(areas, roads_of(site.house.locality.basemap), outlines, arguments.grid)
        return Given(
            scene=scene,
            sectors=sectors,
            parameters=parameters,
            poles=places.poles,
            indoor=places.indoor,
        )
    district = load_district()
    outlines = simulate_buildings(district, arguments.seed)
    systems = [system for system in discover() if system.name in (SYSTEM, POLES)]
    things = all_things(fleets(district, systems, arguments.seed))
    stations = [thing for thing in things if thing.kind == "base-station"]
    network = simulate_network(stations, outlines, arguments.seed)
    sectors = network.sectors
    if asof is not None:
        sectors = sectors.take(sectors.in_service_since <= asof)
    scene = make_scene(district.areas, roads_of(district.basemap), outlines, arguments.grid)
    places = places_of(things)
    return Given(
        scene=scene,
        sectors=sectors,
        parameters=parameters,
        network=network,
        poles=places.poles,
        indoor=places.indoor,
    )


def _operators(arguments: argparse.Namespace, sectors: Sectors) -> list[str]:
    return [arguments.operator] if arguments.operator else sorted(set(sectors.operator.tolist()))


def _percent(value: float | None) -> float | None:
    return None if value is None else round(100 * value, 3)


def _compute(arguments: argparse.Namespace) -> int:
    here = given(arguments, _moment(arguments.as_of))
    operators = _operators(arguments, here.sectors)
    _warm(here)
    figures: dict[str, Any] = {}
    begin, clock = time.process_time(), time.perf_counter()
    predictions = [predict(each, here.sectors, here.scene, here.parameters) for each in operators]
    spent, wall = time.process_time() - begin, time.perf_counter() - clock
    for operator, prediction in zip(operators, predictions, strict=True):
        found = shares(prediction)[""]
        figures[operator] = {
            "stations": len(set(prediction.sectors.station_id.tolist())),
            "sectors": len(prediction.sectors),
            "outdoor_share": _percent(found.outdoor),
            "road_share": _percent(found.road),
            "indoor_share": _percent(found.indoor),
            "mean_rate_mbps": None if found.mean_rate_mbps is None else round(found.mean_rate_mbps),
            "grades": {name: _percent(share) for name, share in found.grades.items()},
        }
    pairs = sum(layer.pairs for each in predictions for layer in each.layers)
    answer: dict[str, Any] = {
        "grid_m": arguments.grid,
        "cells": int(here.scene.grid.rows * here.scene.grid.columns),
        "buildings": len(here.scene.outlines),
        "operators": figures,
        "site_cells": pairs,
        "cpu_seconds": round(spent, 3),
        "wall_seconds": round(wall, 3),
        "site_cells_per_cpu_second": round(pairs / spent) if spent else None,
        "simulated": here.network is not None,
    }
    if arguments.check_los:
        share = max(1, arguments.check_los // len(predictions))
        checked = [sight_agreement(each, share, arguments.seed) for each in predictions]
        lines = sum(count for _, count in checked)
        answer["los_agreement"] = round(sum(part * n for part, n in checked) / max(1, lines), 6)
        answer["los_lines"] = lines
    if arguments.confidence:
        for each in predictions:
            sure = confidence(each, arguments.confidence)[here.scene.open_cells]
            figures[each.operator]["mean_probability"] = round(float(sure.mean()), 5)
    if arguments.json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
        return 0
    print("operator   stations  outdoor %   road %  indoor %  Mbit/s")
    for operator, line in figures.items():
        print(
            f"{operator:10} {line['stations']:8} {line['outdoor_share']:10} {line['road_share']:8} "
            f"{line['indoor_share']:9} {line['mean_rate_mbps']:7}"
        )
    for name in ("site_cells", "cpu_seconds", "site_cells_per_cpu_second", "los_agreement"):
        if name in answer:
            print(f"{name}: {answer[name]:,}")
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    if (arguments.count is None) == (arguments.budget is None):
        raise ValueError("count, budget: give one of the two")
    here = given(arguments)
    operators = _operators(arguments, here.sectors)
    predictions = [predict(each, here.sectors, here.scene, here.parameters) for each in operators]
    places = candidates_of(
        [each.strip() for each in arguments.candidates.split(",")],
        here.scene,
        here.parameters,
        here.poles,
        here.indoor,
    )
    _warm_plan(here, places)
    begin = time.process_time()
    found = plan(
        predictions,
        places,
        count=arguments.count,
        budget=arguments.budget,
        indoor_systems=here.indoor,
        effort=Effort(rounds=arguments.rounds, seed=arguments.seed),
    )
    answer = plan_item(found) | {
        "cpu_seconds": round(time.process_time() - begin, 3),
        "simulated": here.network is not None,
    }
    if arguments.json:
        print(json.dumps(answer, ensure_ascii=False, indent=2))
        return 0
    for number, site in enumerate(answer["sites"], 1):
        print(
            f"{number:3} {site['layer']:9} {site['id']:28} {site['longitude']:.6f} "
            f"{site['latitude']:.6f} {site['gain']:10.1f}"
        )
    for name in ("objective", "bound", "gap", "demand", "coverage_before", "coverage_after"):
        print(f"{name}: {answer[name]}")
    return 0


def _warm(here: Given) -> Prediction:
    """Compile, or load what was compiled, before anything is timed; the map of three sectors."""
    few = here.sectors.take(np.arange(min(3, len(here.sectors))))
    return predict(str(few.operator[0]), few, here.scene, here.parameters, threads=1)


def _warm_plan(here: Given, places: Candidates) -> None:
    """The same for planning, with some of the places."""
    compile_kernels()
    few = places.take(np.linspace(0, len(places) - 1, min(20, len(places))).astype(np.int64))
    effort = Effort(rounds=0, descents=0)
    plan([_warm(here)], few, count=2, indoor_systems=here.indoor, effort=effort)


def _compile(_: argparse.Namespace) -> int:
    district = argparse.Namespace(data=None, seed=1, grid=20.0, parameters=None)
    here = given(district)
    _warm_plan(here, candidates_of(LAYERS, here.scene, here.parameters, here.poles, here.indoor))
    return 0


def _moment(day: str | None) -> int | None:
    if day is None:
        return None
    try:
        at = dt.datetime.fromisoformat(day).replace(tzinfo=dt.timezone(dt.timedelta(hours=8)))
    except ValueError:
        raise ValueError(f"as-of: {day!r} is not a day such as 2021-06-30") from None
    return int((at + dt.timedelta(days=1)).timestamp() * 1_000_000) - 1


def _calibrate(arguments: argparse.Namespace) -> int:
    return coverage_calibrate.run(arguments, given(arguments))


_ACTIONS = {"compute": _compute, "plan": _plan, "calibrate": _calibrate, "compile": _compile}
