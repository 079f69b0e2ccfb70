"""The maps: what was computed, from what, and what is computed now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from xinji.access import accounts
from xinji.access.jurisdiction import Beyond, keep_inside
from xinji.access.scope import contains
from xinji.api.call import Call, Problem, Routes, iso
from xinji.api.job import job_item, may_end, start
from xinji.loop.jobs import Job
from xinji.methods.radio.height_uncertainty import MOST_SAMPLES
from xinji.systems.network.coverage import scenarios
from xinji.systems.network.coverage.changes import AddStation
from xinji.systems.network.coverage.prediction import Prediction
from xinji.systems.network.coverage.scenarios import OperatorEdit, Scenario
from xinji.systems.network.coverage.scene import CELLS_M, Scene, roads_of
from xinji.systems.network.coverage.service import Coverage, Maps

routes = Routes()

LAYERS = {
    "rsrp": {"unit": "dB[mW]", "scale": 0.1},
    "sinr": {"unit": "dB", "scale": 0.1},
    "rate": {"unit": "Mbit/s", "scale": 1.0},
    "server": {"unit": "1", "scale": 1.0},
    "confidence": {"unit": "1", "scale": 0.001},
    "residual": {"unit": "dB", "scale": 0.1},
    "deviation": {"unit": "dB", "scale": 0.1},
    "corrected": {"unit": "dB[mW]", "scale": 0.1},
}
"""Layers of a map; the last three are what drive tests add to it."""


def coverage(call: Call) -> Coverage:
    """The service of this system."""
    return call.house.service(Coverage)


def computed(call: Call) -> Maps:
    """The maps. Raises Problem 409: none were computed yet."""
    maps = coverage(call).maps
    if maps is None:
        raise Problem(409, "Nothing computed yet", "POST /api/coverage/compute first")
    return maps


def prediction(call: Call) -> Prediction:
    """The map that the query names by `operator` and `scenario`."""
    operator = call.request.path_params.get("operator") or call.text("operator")
    known, scenario = computed(call).predictions, call.text("scenario")
    if scenario:
        stored = scenarios.read(call.house.database, scenario)
        if stored is None or not sees(call, stored):
            raise Problem(404, "No such scenario", field="scenario")
        edits = [(each.operator, each.edit) for each in stored.edits]
        try:
            known = coverage(call).tried(edits)
        except ValueError as error:
            raise Problem(409, "The scenario does not fit any more", str(error)) from None
    if operator not in known:
        raise Problem(404, "No such operator", field="operator", rule=", ".join(sorted(known)))
    return known[operator]


def may_see(call: Call, code: str) -> bool:
    """Whether an area, by its code, lies in the caller's or holds it."""
    mine = call.person.area
    return not mine or code.startswith(mine) or (bool(code) and mine.startswith(code))


def visible(call: Call, scene: Scene) -> Any:
    """(rows, columns) cells that the caller may see."""
    if not call.person.area:
        return scene.area >= 0
    allowed = [number for number, code in enumerate(scene.areas) if may_see(call, code)]
    return np.isin(scene.area, allowed)


def keep_edits_inside(call: Call, edits: Sequence[OperatorEdit]) -> None:
    """Raises Beyond: an edit of a station, or a place of a new one, outside the caller's area."""
    registry = call.house.registry
    for number, each in enumerate(edits if call.person.area else ()):
        edit, field = each.edit, f"edits[{number}]"
        for name in (getattr(edit, name, "") for name in ("station", "sector", "mounted_on")):
            if name in registry.things:
                keep_inside(call.person, registry.things[name].area, field)
        if isinstance(edit, AddStation):
            [area] = registry.places.areas_of(edit.longitude, edit.latitude)
            keep_inside(call.person, area, field)


def sees(call: Call, known: Scenario) -> bool:
    """Whether a scenario is the caller's to read: made in their area, or all about it."""
    if accounts.may_see(call.house.identity, call.person, known.created_by):
        return True
    try:
        keep_edits_inside(call, known.edits)
    except Beyond:
        return False
    return bool(known.edits)


def own_sectors(call: Call, found: Prediction) -> npt.NDArray[np.bool_]:
    """(n,) sectors of a map that lie in the caller's area; those of a scenario alone do."""
    places, area = call.house.registry.things, call.person.area
    names = found.sectors.sector_id.tolist()
    own = [name not in places or contains(area, places[name].area) for name in names]
    return np.array(own, np.bool_)


def own_buildings(call: Call, scene: Scene) -> npt.NDArray[np.bool_]:
    """(n,) outlines of which the caller may see a cell."""
    seen = np.ones(len(scene.outlines), np.bool_)
    if call.person.area:
        numbers = np.unique(scene.building[visible(call, scene)])
        seen = np.isin(np.arange(len(seen)), numbers)
    return seen


def degrees_of(call: Call, name: str, most: float) -> float:
    """A query parameter in degrees. Raises Problem 400 outside of -most to most."""
    try:
        value = float(call.text(name))
    except ValueError:
        value = float("nan")
    if not -most <= value <= most:
        rule = f"degrees from {-most:g} to {most:g}"
        raise Problem(400, "Bad parameter", field=name, rule=rule)
    return value


def finite(value: float) -> float | None:
    """A level rounded for people, None where there is no signal."""
    return round(value, 1) if np.isfinite(value) else None


@routes.get("/api/coverage")
def summary(call: Call) -> dict[str, Any]:
    """What was computed, from what, and the figures by operator and area."""
    part = coverage(call)
    stamp, maps = part.stamp(), part.maps
    answer: dict[str, Any] = {
        "sectors": stamp[0],
        "buildings": stamp[2],
        "computed_at": None,
        "stale": False,
        "parameters": msgspec.to_builtins(part.parameters),
        "layers": LAYERS,
        "operators": [],
        "jobs": [_running(call, job) for job in part.jobs()],
    }
    if maps is None:
        return answer
    grid = maps.scene.grid
    return answer | {
        "computed_at": iso(maps.computed_at),
        "stale": maps.stamp != stamp,
        "source": maps.source,
        "grid": {
            "rows": grid.rows,
            "columns": grid.columns,
            "cell_m": grid.cell,
            "corners": maps.scene.corners(),
        },
        "operators": [
            {
                "operator": operator,
                "stations": len(set(found.sectors.station_id.tolist())),
                "sectors": len(found.sectors),
                "confidence": operator in maps.confidence,
                "residual": maps.residuals[operator].figures
                if operator in maps.residuals
                else None,
                "carriers_ghz": [round(layer.radio.ghz, 4) for layer in found.layers],
                "areas": {
                    code: share
                    for code, share in maps.shares[operator].items()
                    if may_see(call, code)
                },
            }
            for operator, found in maps.predictions.items()
        ],
    }


def _running(call: Call, job: Job) -> dict[str, Any]:
    """A computation as everybody sees it; the person who asked and administrators may end it."""
    shown = job_item(job)
    mine = job.person == call.person.name
    return {name: shown[name] for name in ("id", "name", "state", "done", "total")} | {
        "mine": mine,
        "may_cancel": may_end(call, job),
    }


def begin(call: Call, name: str, work: Callable[[Job], Any]) -> dict[str, Any]:
    """Begin a computation that changes the maps: `GET /api/coverage` tells of it to everybody."""
    item = start(call, name, work)
    job = call.house.jobs.find(item["id"])
    if job is not None:
        coverage(call).follow(job)
    return item


class Compute(msgspec.Struct, forbid_unknown_fields=True):
    """Body of a computation."""

    cell_m: float = 10.0
    history: bool = False


@routes.post("/api/coverage/compute")
def compute(call: Call) -> dict[str, Any]:
    """Compute the maps of all operators anew, as a job; `history` adds each year's end."""
    given = call.json(Compute) if call.body else Compute()
    if not CELLS_M[0] <= given.cell_m <= CELLS_M[1]:
        rule = f"from {CELLS_M[0]:g} to {CELLS_M[1]:g} m"
        raise Problem(422, "Bad body", field="cell_m", rule=rule)
    part, roads = coverage(call), roads_of(call.house.locality.basemap)
    return begin(
        call,
        "coverage.compute",
        lambda job: part.compute(job, roads, given.cell_m, history=given.history),
    )


class Confide(msgspec.Struct, forbid_unknown_fields=True):
    """Body: how often heights are drawn anew."""

    operator: str
    samples: int = 16


@routes.post("/api/coverage/confidence")
def confide(call: Call) -> dict[str, Any]:
    """Compute how sure a map is, given how uncertain heights are, as a job."""
    given = call.json(Confide)
    if not 1 <= given.samples <= MOST_SAMPLES:
        raise Problem(422, "Bad body", field="samples", rule=f"from 1 to {MOST_SAMPLES}")
    if given.operator not in computed(call).predictions:
        raise Problem(422, "Bad body", field="operator", rule="one with a map")
    part = coverage(call)
    return begin(
        call, "coverage.confidence", lambda job: part.confide(job, given.operator, given.samples)
    )
