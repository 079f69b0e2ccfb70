"""Where the next sites go: candidates, what each would cover of what is missing, the choice.

A cell counts as covered by a candidate that gives it enough signal against the noise and what the
other sites send there now: `xinji.methods.radio.candidate_sweep` says which, exactly and for every
candidate. That is a covering problem; `xinji.methods.siting` solves it with a bound. New sites
disturb each other and what was covered before as well, which no covering problem knows, so the
chosen ones are put into the map, coverage is computed anew, and what became of the promise is told.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import sparse

from xinji.methods.radio.antenna import ELEMENT
from xinji.methods.radio.candidate_sweep import Demand, Places, points_covered
from xinji.methods.radio.path_loss import UMA, UMI
from xinji.methods.siting.answer import Effort, Siting
from xinji.methods.siting.cover import cover_of
from xinji.methods.siting.inputs import nearer_than
from xinji.methods.siting.maximal import maximal_covering
from xinji.systems.network.coverage.candidates import Candidates, equipped_buildings
from xinji.systems.network.coverage.changes import AddStation, NewSector, apply
from xinji.systems.network.coverage.parameters import NewSite, Parameters
from xinji.systems.network.coverage.prediction import Prediction
from xinji.systems.network.coverage.scene import Scene
from xinji.systems.network.coverage.shares import buildings_covered, shares

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

AZIMUTHS = (0.0, 120.0, 240.0)
MOST_CHOSEN = 2_000

EASY_PAIRS = 400_000
"""Pairs of a candidate and a place up to which the search has all its rounds."""
LOOKED, SEARCHED, DONE = 300, 700, 1000
"""Progress when it is known who covers what, when the sites are chosen, and at the end."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The chosen sites and what they are good for.

    Attributes:
        chosen: numbers of the candidates, the most useful first.
        siting: objective, bound, gap, gains.
        lines: of sight that were followed to know who covers what.
        before, after: share of the open ground covered, by operator.
        rsrp_before, rsrp_after, sinr_before, sinr_after: share of it that reaches one threshold.
        roads_before, roads_after: the same as `before` and `after` for road metres.
        kept: weight of the demand that is covered in the map with the new sites, of `demand`;
            the objective is what it would be if they did not disturb each other.
        lost: weight of what was covered before, by the same measure, and is not after.
        indoor_before, indoor_after: buildings reached or with a system of their own.
        demand: weight of all that is not covered now.
        changes: the new outdoor stations, for a scenario, by operator.
    """

    candidates: Candidates
    chosen: Integers
    siting: Siting
    demand: float
    lines: int
    before: dict[str, float]
    after: dict[str, float]
    rsrp_before: dict[str, float]
    rsrp_after: dict[str, float]
    sinr_before: dict[str, float]
    sinr_after: dict[str, float]
    roads_before: dict[str, float]
    roads_after: dict[str, float]
    indoor_before: float
    indoor_after: float
    kept: float
    lost: float
    changes: dict[str, tuple[AddStation, ...]]


def plan(
    predictions: Sequence[Prediction],
    candidates: Candidates,
    *,
    count: int | None = None,
    budget: float | None = None,
    indoor_systems: Sequence[tuple[float, float]] = (),
    effort: Effort | None = None,
    progress: Progress | None = None,
) -> Plan:
    """Choose the sites that cover the most of what the operators miss.

    Args:
        predictions: of the operators that would share the new sites; one ground.
        candidates: where sites could stand.
        count: how many, or
        budget: what they may cost together.
        indoor_systems: as in `candidates_of`.
        effort: of the search; above `EASY_PAIRS` it has fewer rounds, to stay within seconds.
        progress: told of the whole work; it may raise to end it.

    Raises:
        ValueError: count or budget out of range; nothing is missing.
    """
    if not predictions:
        raise ValueError("operators: at least one is asked for")
    if count is not None and not 1 <= count <= MOST_CHOSEN:
        raise ValueError(f"count: from 1 to {MOST_CHOSEN:,}")
    tell = progress or _silent
    scene, parameters = predictions[0].scene, predictions[0].parameters
    inside = np.any([buildings_covered(each) for each in predictions], axis=0)
    inside |= equipped_buildings(scene, indoor_systems)
    weights, missing = _demand(predictions, inside)
    if not weights.sum() > 0:
        raise ValueError("nothing is missing: every place is covered already")
    matrix, lines = _who_covers_what(
        predictions, candidates, missing, lambda done, of: tell(LOOKED * done // max(of, 1), DONE)
    )
    siting = maximal_covering(
        cover_of(matrix),
        weights,
        count,
        budget=budget,
        costs=candidates.cost if budget is not None else None,
        conflicts=_too_near(candidates, scene, parameters.planning.spacing_m),
        effort=_effort(effort or Effort(), matrix.nnz, tell),
    )
    changes = {
        each.operator: tuple(
            _station(candidates, int(at), parameters, each.operator, each)
            for at in siting.chosen
            if candidates.layer[at] != "indoor"
        )
        for each in predictions
    }
    after, applied = [], 0
    for each in predictions:
        moved = each
        for change in changes[each.operator]:
            moved, applied = apply(moved, change), applied + 1
            share = applied * (DONE - SEARCHED) // (len(siting.chosen) * len(predictions))
            tell(SEARCHED + share, DONE)
        after.append(moved)
    indoors = candidates.building[siting.chosen[candidates.layer[siting.chosen] == "indoor"]]
    equipped = inside | np.any([buildings_covered(each) for each in after], axis=0)
    equipped[indoors] = True
    first = {each.operator: shares(each)[""] for each in predictions}
    last = {each.operator: shares(each)[""] for each in after}
    kept, lost = _judged(predictions, after, inside, equipped)
    return Plan(
        candidates=candidates,
        chosen=siting.chosen,
        siting=siting,
        demand=float(weights.sum()),
        lines=lines,
        before={name: share.outdoor or 0.0 for name, share in first.items()},
        after={name: share.outdoor or 0.0 for name, share in last.items()},
        rsrp_before={each.operator: _reaching(each, "rsrp") for each in predictions},
        rsrp_after={each.operator: _reaching(each, "rsrp") for each in after},
        sinr_before={each.operator: _reaching(each, "sinr") for each in predictions},
        sinr_after={each.operator: _reaching(each, "sinr") for each in after},
        roads_before={name: share.road or 0.0 for name, share in first.items()},
        roads_after={name: share.road or 0.0 for name, share in last.items()},
        indoor_before=float(inside.mean()) if len(inside) else 0.0,
        indoor_after=float(equipped.mean()) if len(equipped) else 0.0,
        kept=kept,
        lost=lost,
        changes=changes,
    )


def _silent(_done: int, _of: int) -> None:
    """Nobody listens."""


def _effort(effort: Effort, pairs: int, tell: Progress) -> Effort:
    """The effort for so many pairs, with progress told as a part of the whole."""
    share = min(1.0, EASY_PAIRS / max(pairs, 1))

    def told(part: float, objective: float, bound: float) -> bool:
        tell(LOOKED + round((SEARCHED - LOOKED) * part), DONE)
        return effort.progress is not None and effort.progress(part, objective, bound)

    return dataclasses.replace(
        effort,
        rounds=round(effort.rounds * share),
        descents=round(effort.descents * share),
        progress=told,
    )


def _reaching(prediction: Prediction, name: str) -> float:
    """Share of the open ground where one of `rsrp` and `sinr` reaches its threshold."""
    limit = prediction.parameters.covered
    values = getattr(prediction, name)[prediction.scene.open_cells]
    least = limit.rsrp_dbm if name == "rsrp" else limit.sinr_db
    return float((values >= least).mean()) if values.size else 0.0


def _judged(
    before: Sequence[Prediction],
    after: Sequence[Prediction],
    inside: npt.NDArray[np.bool_],
    equipped: npt.NDArray[np.bool_],
) -> tuple[float, float]:
    """(weight gained, weight lost) between two states of the network, indoors included."""
    worth = _worth(before[0])
    building = before[0].parameters.planning.building_weight
    kept = building * float((equipped & ~inside).sum())
    lost = building * float((inside & ~equipped).sum())
    for old, new in zip(before, after, strict=True):
        had, has = old.covered.ravel(), new.covered.ravel()
        kept += float(worth[has & ~had].sum())
        lost += float(worth[had & ~has].sum())
    return kept, lost


def _demand(
    predictions: Sequence[Prediction], inside: npt.NDArray[np.bool_]
) -> tuple[Floats, list[Integers]]:
    """Weights of all points of demand, and for each operator the number of each cell's point.

    Points are the cells that an operator does not cover, operator after operator, then the
    buildings that none reaches.
    """
    planning = predictions[0].parameters.planning
    each_cell = _worth(predictions[0])
    weights, numbers, begin = [], [], 0
    for prediction in predictions:
        open_ = (each_cell > 0) & ~prediction.covered.ravel()
        number = np.full(len(each_cell), -1, np.int64)
        number[open_] = begin + np.arange(open_.sum())
        begin += int(open_.sum())
        numbers.append(number)
        weights.append(each_cell[open_])
    dark = np.full(len(inside), -1, np.int64)
    dark[~inside] = begin + np.arange((~inside).sum())
    numbers.append(dark)
    weights.append(np.full(int((~inside).sum()), planning.building_weight))
    return np.concatenate(weights), numbers


def _worth(prediction: Prediction) -> Floats:
    """(cells) weight of each: open ground and road metres."""
    scene, planning = prediction.scene, prediction.parameters.planning
    area = scene.grid.cell**2 / 100.0
    found = np.where(scene.open_cells, planning.open_weight * area, 0.0).ravel()
    np.add.at(found, scene.road_cells, planning.road_weight * scene.grid.cell / 10.0)
    return np.asarray(found, np.float64)


def _who_covers_what(
    predictions: Sequence[Prediction],
    candidates: Candidates,
    missing: list[Integers],
    progress: Progress,
) -> tuple[Any, int]:
    """Sparse (points, candidates): 1 where a candidate would cover a point; lines followed."""
    scene, parameters = predictions[0].scene, predictions[0].parameters
    limit, cells, needs = parameters.covered, [], []
    for prediction, number in zip(predictions, missing[:-1], strict=True):
        # the numbers of an operator's points ascend with the cells
        own = np.flatnonzero(number >= 0)
        others = _disturbance(prediction, parameters)[own]
        cells.append(own)
        needs.append(np.maximum(10 ** (limit.rsrp_dbm / 10), 10 ** (limit.sinr_db / 10) * others))
    outdoor = np.flatnonzero(candidates.layer != "indoor")
    found = points_covered(
        _places(scene, candidates, outdoor, parameters),
        Demand(cell=np.concatenate(cells), need=np.concatenate(needs)),
        scene.footprints,
        scene.grid,
        progress=progress,
    )
    indoor = np.flatnonzero(candidates.layer == "indoor")
    dark = missing[-1][candidates.building[indoor]]
    rows = np.concatenate([found.points, dark[dark >= 0]])
    columns = np.concatenate([np.repeat(outdoor, np.diff(found.starts)), indoor[dark >= 0]])
    points = 1 + max((int(each.max(initial=-1)) for each in missing), default=-1)
    matrix = sparse.csc_array((np.ones(len(rows)), (rows, columns)), (points, len(candidates)))
    return matrix, int(found.lines.sum())


def _disturbance(prediction: Prediction, parameters: Parameters) -> Floats:
    """(cells) mW of noise and of what the sites of the new site's carrier send."""
    ghz = parameters.candidates["poles"].frequency_ghz
    near = min(prediction.layers, key=lambda layer: abs(layer.radio.ghz - ghz), default=None)
    if near is None:
        return np.full(prediction.scene.grid.rows * prediction.scene.grid.columns, 1e-12)
    noise = 10 ** (near.radio.noise_dbm / 10)
    return np.asarray(near.map.total.ravel() + noise)


def _places(
    scene: Scene, candidates: Candidates, outdoor: Integers, parameters: Parameters
) -> Places:
    """The outdoor candidates as they would send."""
    layers = candidates.layer[outdoor]
    site = {name: parameters.candidates[name] for name in dict.fromkeys(layers.tolist())}

    def of(value: Callable[[NewSite], float]) -> Floats:
        each = {name: value(one) for name, one in site.items()}
        return np.array([each[name] for name in layers], np.float64)

    x, y = scene.plane.metres(candidates.longitude[outdoor], candidates.latitude[outdoor])
    return Places(
        x=np.asarray(x, np.float64),
        y=np.asarray(y, np.float64),
        height=candidates.height_m[outdoor],
        model=of(lambda one: UMI if one.type == "pole" else UMA).astype(np.int32),
        ghz=of(lambda one: one.frequency_ghz),
        radius=of(lambda one: one.reach_m),
        tilt=of(lambda one: one.tilt_deg),
        power_dbm=of(lambda one: one.eirp_dbm - ELEMENT.gain_dbi),
        azimuth=np.array(AZIMUTHS),
        receiver=parameters.receiver.height_m,
        antenna=ELEMENT,
    )


def _too_near(candidates: Candidates, scene: Scene, spacing: float) -> Any:
    """Pairs of outdoor candidates nearer than the spacing."""
    outdoor = np.flatnonzero(candidates.layer != "indoor")
    if spacing <= 0 or len(outdoor) < 2:
        return None
    x, y = scene.plane.metres(candidates.longitude[outdoor], candidates.latitude[outdoor])
    pairs = nearer_than(np.column_stack([x, y]), spacing)
    return outdoor[pairs] if len(pairs) else None


def _station(
    candidates: Candidates, at: int, parameters: Parameters, operator: str, near: Prediction
) -> AddStation:
    site: NewSite = parameters.candidates[str(candidates.layer[at])]
    # on the operator's own carrier, the one nearest to what the layer is meant for
    ghz = min(
        (layer.radio.ghz for layer in near.layers),
        key=lambda each: abs(each - site.frequency_ghz),
        default=site.frequency_ghz,
    )
    sector = NewSector(
        azimuth_deg=0.0, tilt_deg=site.tilt_deg, eirp_dbm=site.eirp_dbm, frequency_ghz=ghz
    )
    return AddStation(
        station=f"new:{operator}:{candidates.id[at]}"[:100],
        type="pole" if site.type == "pole" else "macro",
        longitude=float(candidates.longitude[at]),
        latitude=float(candidates.latitude[at]),
        height_m=float(candidates.height_m[at]),
        sectors=tuple(msgspec.structs.replace(sector, azimuth_deg=azimuth) for azimuth in AZIMUTHS),
        mounted_on=str(candidates.id[at])[:128],
    )


def plan_item(found: Plan) -> dict[str, Any]:
    """A plan as JSON: shares in per cent, sites in order of use."""
    candidates, siting = found.candidates, found.siting

    def percent(values: dict[str, float]) -> dict[str, float]:
        return {name: round(100 * value, 3) for name, value in values.items()}

    return {
        "objective": round(siting.objective, 3),
        "bound": round(siting.bound, 3),
        "gap": round(siting.gap, 6),
        "how": siting.how,
        "demand": round(found.demand, 3),
        "candidates": len(candidates),
        "cost": round(float(candidates.cost[found.chosen].sum()), 3),
        "lines_of_sight": found.lines,
        "kept": round(found.kept, 3),
        "lost": round(found.lost, 3),
        "coverage_before": percent(found.before),
        "coverage_after": percent(found.after),
        "rsrp_before": percent(found.rsrp_before),
        "rsrp_after": percent(found.rsrp_after),
        "sinr_before": percent(found.sinr_before),
        "sinr_after": percent(found.sinr_after),
        "roads_before": percent(found.roads_before),
        "roads_after": percent(found.roads_after),
        "indoor_before": round(100 * found.indoor_before, 3),
        "indoor_after": round(100 * found.indoor_after, 3),
        "sites": [
            {
                "layer": str(candidates.layer[at]),
                "id": str(candidates.id[at]),
                "longitude": round(float(candidates.longitude[at]), 6),
                "latitude": round(float(candidates.latitude[at]), 6),
                "height_m": round(float(candidates.height_m[at]), 1),
                "cost": float(candidates.cost[at]),
                "gain": round(float(gain), 3),
            }
            for at, gain in zip(found.chosen.tolist(), siting.gains.tolist(), strict=True)
        ],
    }
