"""The figures of a prediction: what share of open ground, roads and buildings is covered, where."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from xinji.methods.radio.path_loss import HIGH_LOSS, LOW_LOSS, entry_loss
from xinji.systems.network.coverage.parameters import Parameters
from xinji.systems.network.coverage.prediction import Prediction
from xinji.systems.network.coverage.scene import Scene

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
    indoor = buildings_covered(prediction)
    road_area = scene.area.ravel()[scene.road_cells]
    home = building_area(scene)
    found = {"": _share(prediction, scene.open_cells, scene.road_cells, indoor)}
    for number, code in enumerate(scene.areas):
        found[code] = _share(
            prediction,
            scene.open_cells & (scene.area == number),
            scene.road_cells[road_area == number],
            indoor[home == number],
        )
    return found


def _share(
    prediction: Prediction,
    cells: npt.NDArray[np.bool_],
    road: npt.NDArray[np.int64],
    indoor: npt.NDArray[np.bool_],
) -> Share:
    def mean(values: npt.NDArray[np.bool_] | Floats) -> float | None:
        return float(values.mean()) if len(values) else None

    rsrp, sinr = prediction.rsrp[cells], prediction.sinr[cells]
    return Share(
        outdoor=mean(prediction.covered[cells]),
        road=mean(prediction.covered.ravel()[road]),
        indoor=mean(indoor),
        mean_rate_mbps=mean(prediction.rate_mbps[cells]),
        grades={
            grade.name: float(((rsrp >= grade.rsrp_dbm) & (sinr >= grade.sinr_db)).mean())
            for grade in prediction.parameters.grades
            if len(rsrp)
        },
    )


def building_area(scene: Scene) -> npt.NDArray[np.int64]:
    """(B) number of the sub-district that holds most of each building's cells, -1 for none."""
    count = len(scene.outlines)
    inside = scene.building >= 0
    numbers, areas = scene.building[inside], scene.area[inside] + 1
    votes = np.zeros((count, len(scene.areas) + 1), np.int32)
    np.add.at(votes, (numbers, areas), 1)
    found = np.asarray(np.argmax(votes, axis=1) - 1)
    found[votes.sum(axis=1) == 0] = -1
    return found


def facade_rsrp(prediction: Prediction) -> Floats:
    """(B) dBm: the strongest signal on the open ground next to each building, -inf for none."""
    scene = prediction.scene
    found = np.full(len(scene.outlines), -np.inf)
    building, rsrp = scene.building, np.where(scene.building < 0, prediction.rsrp, -np.inf)
    rows, columns = building.shape
    for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        here = (
            slice(max(0, -down), rows - max(0, down)),
            slice(max(0, -right), columns - max(0, right)),
        )
        there = (
            slice(max(0, down), rows - max(0, -down)),
            slice(max(0, right), columns - max(0, -right)),
        )
        edge = (building[here] >= 0) & (building[there] < 0)
        np.maximum.at(found, building[here][edge], rsrp[there][edge])
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
