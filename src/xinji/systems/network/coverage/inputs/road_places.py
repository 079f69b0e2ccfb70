"""Samples on roads: the nearest centre-line, the distance along it, and blocks to hold out.

Neighbouring samples are nearly the same, so a share of single samples held out measures nothing.
Whole stretches are held out: blocks of a run, or blocks of road that all runs share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from xinji.methods.geodesy import LocalPlane, metres_between
from xinji.systems.network.coverage.inputs.sectors import Floats, Integers, Texts

TOLERANCE_M = 30.0
BLOCK_M = 500.0
PAUSE_S = 60.0


@dataclass(frozen=True, kw_only=True)
class RoadPlaces:
    """Where n samples lie on the roads; every array has shape (n,).

    Attributes:
        road: row of the road, -1 where none is near enough.
        along_m: distance from the road's first point, NaN without a road.
        offset_m: distance from the centre-line, NaN without a road.
    """

    road: Integers
    along_m: Floats
    offset_m: Floats


def map_to_roads(
    longitude: Floats,
    latitude: Floats,
    roads: Sequence[BaseGeometry] | npt.NDArray[np.object_],
    tolerance_m: float = TOLERANCE_M,
) -> RoadPlaces:
    """The nearest road centre-line within a tolerance.

    Args:
        longitude, latitude: WGS-84 degrees, shape (n,).
        roads: shapely LineStrings, WGS-84 degrees.
        tolerance_m: beyond it a sample has no road.
    """
    count = len(longitude)
    road = np.full(count, -1, dtype=np.int64)
    along, offset = np.full(count, np.nan), np.full(count, np.nan)
    if count == 0 or len(roads) == 0:
        return RoadPlaces(road=road, along_m=along, offset_m=offset)
    plane = LocalPlane(float(np.mean(longitude)), float(np.mean(latitude)))
    lines = shapely.transform(
        np.array(roads, dtype=object), lambda xy: np.column_stack(plane.metres(*xy.T))
    )
    points = shapely.points(*plane.metres(longitude, latitude))
    (at, line), distance = shapely.STRtree(lines).query_nearest(
        points, max_distance=tolerance_m, return_distance=True, all_matches=False
    )
    road[at], offset[at] = line, distance
    along[at] = shapely.line_locate_point(lines[line], points[at])
    return RoadPlaces(road=road, along_m=along, offset_m=offset)


def run_blocks(
    run: Texts,
    time: Integers,
    longitude: Floats,
    latitude: Floats,
    length_m: float = BLOCK_M,
) -> Integers:
    """Contiguous blocks of each run, about `length_m` of the way each; numbered from 0.

    A new block also begins after a pause of more than `PAUSE_S`. Samples may come in any order.
    """
    if len(run) == 0:
        return np.zeros(0, dtype=np.int64)
    _, runs = np.unique(run.astype(str), return_inverse=True)
    order = np.lexsort((time, runs))
    lon, lat, when, which = longitude[order], latitude[order], time[order], runs[order]
    step = np.concatenate([[0.0], metres_between(lon[1:], lat[1:], lon[:-1], lat[:-1])])
    fresh = np.concatenate([[True], which[1:] != which[:-1]])
    fresh[1:] |= np.diff(when) > PAUSE_S * 1e6
    step[fresh] = 0.0
    way = np.cumsum(step)
    start = np.maximum.accumulate(np.where(fresh, np.arange(len(way)), 0))
    within = ((way - way[start]) // length_m).astype(np.int64)
    starts = fresh.copy()
    starts[1:] |= within[1:] != within[:-1]
    blocks = np.empty(len(way), dtype=np.int64)
    blocks[order] = np.cumsum(starts) - 1
    return blocks


def road_blocks(places: RoadPlaces, length_m: float = BLOCK_M) -> Integers:
    """Blocks of road that all runs share, numbered from 0; -1 where a sample has no road."""
    blocks = np.full(len(places.road), -1, dtype=np.int64)
    on = places.road >= 0
    piece = (places.along_m[on] // length_m).astype(np.int64)
    _, blocks[on] = np.unique(places.road[on] * 1_000_000 + piece, return_inverse=True)
    return blocks
