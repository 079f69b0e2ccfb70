"""Places where a site could stand: poles, rooftops, and buildings for a system indoors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy  # its parts are loaded where they are first used: some take 0.3 CPU-seconds

from xinji.systems.network.coverage.parameters import Parameters
from xinji.systems.network.coverage.scene import Scene

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LAYERS = ("poles", "rooftops", "indoor")
SHORT = {"roofs": "rooftops"}
"""Other names that are understood."""
MOST_CANDIDATES = 20_000


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """m places for a new site.

    Attributes:
        layer: one of `LAYERS`, each of shape (m,).
        id: of the pole or building.
        height_m: of the antennas above ground, 0 indoors.
        building: number of the outline, -1 for poles.
        cost: relative.
    """

    layer: npt.NDArray[np.object_]
    id: npt.NDArray[np.object_]
    longitude: Floats
    latitude: Floats
    height_m: Floats
    building: Integers
    cost: Floats

    def __len__(self) -> int:
        return len(self.id)

    def take(self, rows: Integers) -> Candidates:
        """Some of them, by number."""
        return Candidates(**{each.name: getattr(self, each.name)[rows] for each in fields(self)})


def candidates_of(
    layers: Sequence[str],
    scene: Scene,
    parameters: Parameters,
    poles: Sequence[tuple[str, float, float]],
    indoor_systems: Sequence[tuple[float, float]] = (),
) -> Candidates:
    """Places of the wanted layers.

    Args:
        layers: of `LAYERS` or `SHORT`.
        poles: id, longitude, latitude of the poles that could carry a station.
        indoor_systems: longitude and latitude of buildings that have indoor distribution already.

    Raises:
        ValueError: an unknown layer, no place in a layer, or more than 20,000 in all.
    """
    parts: list[tuple[str, Any, Floats, Floats, Floats, Integers]] = []
    outlines = scene.outlines
    x, y = scene.footprints.x, scene.footprints.y
    for layer in dict.fromkeys(SHORT.get(each, each) for each in layers):
        if layer not in LAYERS:
            raise ValueError(f"candidates: {layer!r} is not one of {', '.join(LAYERS)}")
        site = parameters.candidates[layer]
        if layer == "poles":
            places = np.array([each[1:] for each in poles], np.float64).reshape(-1, 2)
            ids = np.array([*(each[0] for each in poles), None], object)[:-1]
            found = np.full(len(ids), -1)
            parts.append(
                (layer, ids, places[:, 0], places[:, 1], np.full(len(ids), site.height_m), found)
            )
        else:
            tall = outlines.height_m >= (site.least_height_m if layer == "rooftops" else 0.0)
            found = np.flatnonzero(tall)
            if layer == "indoor" and len(indoor_systems):
                found = found[~equipped_buildings(scene, indoor_systems)[found]]
            lon, lat = scene.plane.degrees(x[found], y[found])
            height = outlines.height_m[found] + site.mast_m if layer == "rooftops" else 0 * lon
            parts.append((layer, outlines.id[found], lon, lat, height, found))
        if not len(parts[-1][1]):
            raise ValueError(f"candidates: there are no {layer}")
    if not parts:
        raise ValueError("candidates: name at least one layer")
    joined = Candidates(
        layer=np.concatenate([np.full(len(part[1]), part[0], object) for part in parts]),
        id=np.concatenate([part[1] for part in parts]),
        longitude=np.concatenate([part[2] for part in parts]),
        latitude=np.concatenate([part[3] for part in parts]),
        height_m=np.concatenate([part[4] for part in parts]),
        building=np.concatenate([part[5] for part in parts]).astype(np.int64),
        cost=np.concatenate(
            [np.full(len(part[1]), parameters.candidates[part[0]].cost) for part in parts]
        ),
    )
    if len(joined) > MOST_CANDIDATES:
        raise ValueError(f"candidates: {len(joined):,}, at most {MOST_CANDIDATES:,} are served")
    return joined


def equipped_buildings(
    scene: Scene, places: Sequence[tuple[float, float]]
) -> npt.NDArray[np.bool_]:
    """(B) buildings that hold a place, or whose middle lies within 30 m of it."""
    at = np.array(places, np.float64).reshape(-1, 2)
    x, y = scene.plane.metres(at[:, 0], at[:, 1])
    tree = scipy.spatial.cKDTree(np.column_stack([scene.footprints.x, scene.footprints.y]))
    away, nearest = tree.query(np.column_stack([x, y]))
    found = np.zeros(len(scene.outlines), np.bool_)
    found[nearest[away <= np.maximum(30.0, scene.footprints.reach[nearest])]] = True
    return found
