"""The links of measured samples: from the sector that served them, what is known of the way."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xinji.methods.radio.antenna import gain
from xinji.methods.radio.path_loss import path_loss
from xinji.methods.radio.sight import sight
from xinji.systems.network.coverage.prediction import Layer, Prediction

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Links:
    """n links; every array has shape (n,), NaN where a sample has no link.

    Attributes:
        row: number of the sector in the prediction's `sectors`, -1 for none: unknown, beyond its
            reach, or the sample outside the map or on a footprint.
        distance_m: seen from above.
        bearing_deg: from the station to the sample, clockwise from north.
        below_deg: of the sample below the station's horizon.
        hidden: a building stands in the line.
        depth_m: of the line inside buildings, seen from above.
        loss_db: median path loss.
        rsrp_dbm: predicted, with the registered azimuth, tilt and power.
    """

    row: npt.NDArray[np.int64]
    distance_m: Floats
    bearing_deg: Floats
    below_deg: Floats
    hidden: npt.NDArray[np.bool_]
    depth_m: Floats
    loss_db: Floats
    rsrp_dbm: Floats


def links_of(
    prediction: Prediction, sector: npt.NDArray[np.object_], longitude: Floats, latitude: Floats
) -> Links:
    """The link of each sample to the sector that it names.

    Args:
        prediction: of the operator; only its network and ground are used.
        sector: (n) ids.
        longitude, latitude: (n) degrees.
    """
    count, scene = len(sector), prediction.scene
    numbers = {name: at for at, name in enumerate(prediction.sectors.sector_id.tolist())}
    row = np.array([numbers.get(each, -1) for each in sector.tolist()], np.int64)
    x, y = scene.plane.metres(longitude, latitude)
    grid = scene.grid
    column = np.floor((x - grid.west) / grid.cell).astype(np.int64)
    line = np.floor((y - grid.south) / grid.cell).astype(np.int64)
    inside = (line >= 0) & (line < grid.rows) & (column >= 0) & (column < grid.columns)
    row[~inside] = -1
    row[inside] = np.where(scene.building[line[inside], column[inside]] < 0, row[inside], -1)
    values = {name: np.full(count, np.nan) for name in _VALUES}
    hidden = np.zeros(count, np.bool_)
    reached = np.zeros(count, np.bool_)
    for layer in prediction.layers:
        place = np.full(len(prediction.sectors), -1)
        place[layer.rows] = np.arange(len(layer.rows))
        local = np.where(row >= 0, place[row], -1)
        mine = np.flatnonzero(local >= 0)
        if not len(mine):
            continue
        site = layer.network.site[local[mine]]
        for number in np.unique(site).tolist():
            at = mine[site == number]
            _fill(prediction, layer, number, at, local[at], (x[at], y[at]), (line[at], column[at]),
                  values, hidden, reached)  # fmt: skip
    row[~reached] = -1
    return Links(row=row, hidden=hidden, **values)


_VALUES = ("distance_m", "bearing_deg", "below_deg", "depth_m", "loss_db", "rsrp_dbm")


def _fill(
    prediction: Prediction,
    layer: Layer,
    site: int,
    at: npt.NDArray[np.int64],
    sector: npt.NDArray[np.int64],
    place: tuple[Floats, Floats],
    cell: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
    values: dict[str, Floats],
    hidden: npt.NDArray[np.bool_],
    reached: npt.NDArray[np.bool_],
) -> None:
    """The samples `at` of one site."""
    network, radio, scene = layer.network, layer.radio, prediction.scene
    east, north = place[0] - network.x[site], place[1] - network.y[site]
    distance = np.hypot(east, north)
    near = (distance <= radio.radius - scene.grid.cell) & (distance > 0)
    if not near.any():
        return
    at, sector, east, north, distance = (v[near] for v in (at, sector, east, north, distance))
    height = float(network.height[site])
    window = sight(
        scene.footprints, scene.grid, float(network.x[site]), float(network.y[site]), height,
        radius=radio.radius, receiver=radio.receiver, with_depth=True,
    )  # fmt: skip
    inner = cell[0][near] - window.row, cell[1][near] - window.column
    dark = window.hidden[inner]
    bearing = np.degrees(np.arctan2(east, north)) % 360
    below = np.degrees(np.arctan2(height - radio.receiver, distance))
    off = (bearing - network.azimuth[sector] + 180) % 360 - 180
    loss = path_loss(int(network.model[site]), distance, height, radio.receiver, radio.ghz, ~dark)
    towards = gain(radio.antenna, off, below, network.tilt[sector])
    hidden[at] = dark
    reached[at] = True
    values["distance_m"][at] = distance
    values["bearing_deg"][at] = bearing
    values["below_deg"][at] = below
    values["depth_m"][at] = 0.0 if window.depth is None else window.depth[inner]
    values["loss_db"][at] = loss
    values["rsrp_dbm"][at] = network.power_dbm[sector] + towards - loss
