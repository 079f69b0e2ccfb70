"""The figures of a prediction: what share of open ground, roads and buildings is covered, where."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from xinji.methods.radio.path_loss import HIGH_LOSS, LOW_LOSS, entry_loss
from xinji.systems.network.coverage.parameters import Parameters
from xinji.systems.network.coverage.prediction import Prediction
from xinji.systems.network.coverage.scene import Parts

Floats = npt.NDArray[np.float64]


class Share(msgspec.Struct, frozen=True):
    """Coverage of an area by an operator. Shares are of 1; None where there is nothing to cover.

    Attributes:
        outdoor: of the open ground, by area.
        road: of the road centre-lines, by length.
        indoor: of the buildings, by number.
        mean_rate_mbps: over the open ground.
        grades: share of the open ground in each class of places or better.
    """

    outdoor: float | None
    road: float | None
    indoor: float | None
    mean_rate_mbps: float | None
    grades: dict[str, float]


def shares(prediction: Prediction) -> dict[str, Share]:
    """By area code: the sub-districts, and the district under an empty code."""
    scene = prediction.scene
    ground, roads, homes = scene.ground, scene.roads, scene.homes
    covered = prediction.covered.ravel()
    rsrp, sinr, rate = (
        each.ravel()[ground.members]
        for each in (prediction.rsrp, prediction.sinr, prediction.rate_mbps)
    )
    outdoor = _means(covered[ground.members], ground)
    road = _means(covered[roads.members], roads)
    indoor = _means(buildings_covered(prediction)[homes.members], homes)
    speed = _means(rate, ground)
    grades = {
        grade.name: _means((rsrp >= grade.rsrp_dbm) & (sinr >= grade.sinr_db), ground)
        for grade in prediction.parameters.grades
    }
    return {
        code: Share(
            outdoor=outdoor[at],
            road=road[at],
            indoor=indoor[at],
            mean_rate_mbps=speed[at],
            grades={
                name: each for name, found in grades.items() if (each := found[at]) is not None
            },
        )
        for at, code in enumerate(("", *scene.areas))
    }


def _means(values: npt.NDArray[Any], parts: Parts) -> list[float | None]:
    """The mean of all values, then that of each area; None where there is nothing."""
    bounds = [(0, len(values)), *itertools.pairwise(parts.begins.tolist())]
    return [float(values[begin:end].mean()) if begin < end else None for begin, end in bounds]


def facade_rsrp(prediction: Prediction) -> Floats:
    """(B) dBm: the strongest signal on the open ground next to each building, -inf for none."""
    buildings, cells = prediction.scene.facades
    found = np.full(len(prediction.scene.outlines), -np.inf)
    if len(buildings):
        first = np.flatnonzero(np.diff(buildings, prepend=-1))
        levels = prediction.rsrp.ravel()[cells]
        found[buildings[first]] = np.maximum.reduceat(levels, first)
    return found


def entry_losses(uses: Sequence[str], parameters: Parameters, ghz: float) -> Floats:
    """(B) dB from the facade to an indoor place, by the wall that a use has."""
    high = np.isin(np.asarray(uses, dtype=object), parameters.indoor.high_loss_uses)
    depth = parameters.indoor.depth_m
    walls = entry_loss(HIGH_LOSS, ghz, depth), entry_loss(LOW_LOSS, ghz, depth)
    return np.asarray(np.where(high, *walls))


def buildings_covered(prediction: Prediction) -> npt.NDArray[np.bool_]:
    """(B) buildings whose inside is reached from outdoors, system of their own or not."""
    ghz = prediction.layers[0].radio.ghz if prediction.layers else 3.5
    loss = entry_losses(prediction.scene.outlines.use.tolist(), prediction.parameters, ghz)
    inside = facade_rsrp(prediction) - loss
    return np.asarray(inside >= prediction.parameters.indoor.required_rsrp_dbm)
