"""How well the map's line of sight agrees with exact geometry, on lines drawn at random."""

from __future__ import annotations

import numpy as np
import shapely

from xinji.methods.radio.exact_sight import exact_depth
from xinji.methods.radio.sight import sight
from xinji.systems.network.coverage.prediction import Prediction
from xinji.systems.network.coverage.scene import in_metres

LINES_A_STATION = 100
GRAZING_M = 1e-3
"""A line that is inside a wall for less than this is not hidden by it."""


def sight_agreement(prediction: Prediction, lines: int, seed: int) -> tuple[float, int]:
    """Share of random lines, station to open cell, that are seen and hidden alike; and how many.

    Stations are drawn with replacement, cells evenly over the open ground within their reach.
    """
    scene, generator = prediction.scene, np.random.default_rng(seed)
    shapes = in_metres(scene.outlines.geometries, scene.plane)
    tops = np.asarray(scene.outlines.height_m)
    columns, rows = scene.grid.centres()
    same = asked = 0
    for layer in prediction.layers:
        network, radio = layer.network, layer.radio
        share = round(lines * len(layer.stations) / max(1, _stations(prediction)))
        for start in range(0, share, LINES_A_STATION):
            site = int(generator.integers(len(layer.stations)))
            x, y, height = network.x[site], network.y[site], network.height[site]
            window = sight(
                scene.footprints, scene.grid, x, y, height, radius=radio.radius,
                receiver=radio.receiver,
            )  # fmt: skip
            part = np.s_[
                window.row : window.row + window.hidden.shape[0],
                window.column : window.column + window.hidden.shape[1],
            ]
            away = np.hypot((rows[part[0]] - y)[:, None], (columns[part[1]] - x)[None, :])
            choice = np.flatnonzero(scene.open_cells[part] & (away < radio.radius) & (away > 1))
            if not len(choice):
                continue
            drawn = generator.choice(choice, min(LINES_A_STATION, share - start))
            down, right = np.unravel_index(drawn, window.hidden.shape)
            ends = np.column_stack(
                [
                    columns[window.column + right],
                    rows[window.row + down],
                    np.full(len(drawn), radio.receiver),
                ]
            )
            near = shapely.STRtree(shapes).query(
                shapely.box(
                    *(ends[:, :2].min(axis=0).clip(max=(x, y))),
                    *(ends[:, :2].max(axis=0).clip(min=(x, y))),
                )
            )
            truth = exact_depth(shapes[near], tops[near], (x, y, height), ends) > GRAZING_M
            same += int((truth == window.hidden[down, right]).sum())
            asked += len(drawn)
    return (same / asked if asked else float("nan")), asked


def _stations(prediction: Prediction) -> int:
    return sum(len(layer.stations) for layer in prediction.layers)
