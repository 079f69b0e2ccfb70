"""The buildings of the simulated district: footprints with use, height and floors.

Rows of buildings stand along the drawn roads, and a lattice turned to the roads' main direction
fills the land between them; estates of 3 x 3 plots share one form of building. An illustration by
`building_law`, not a survey.
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, fields
from typing import cast

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from xinji.district.geography import District, Floats, shape_of
from xinji.district.radio.building_law import (
    BY_THE_ROAD,
    CHARACTERS,
    FORMS,
    HIGHEST_M,
    LOW_M,
    LOW_WEST_OF,
    USUAL,
    Character,
)
from xinji.methods.geodesy import LocalPlane
from xinji.systems.network.coverage.inputs.buildings import Buildings

BUILDINGS = 5_000

HALF_WIDTHS_M = {"road": 16.0, "elevated": 22.0, "water": 35.0}
STATION_RADIUS_M = 45.0
SETBACK_M = 6.0
BETWEEN_M = 4.0
# open land, as rounded boxes (west, south, east, north): airfield, zoo, two parks
OPEN_LAND = (
    (121.320, 31.180, 121.3415, 31.222),
    (121.354, 31.1905, 121.362, 31.197),
    (121.411, 31.2210, 121.416, 31.2255),
    (121.399, 31.2030, 121.403, 31.2060),
)

_OVERSAMPLED = 1.3
_ESTATE_PLOTS = 3
_OF_THE_ESTATE = 0.75
_NAMES = tuple(FORMS)

Quarter = tuple[Character, BaseGeometry]


@dataclass
class _Plots:
    """Places where a building may stand, in metres; arrays of shape (n,)."""

    x: Floats
    y: Floats
    angle: Floats
    side: Floats
    by_road: npt.NDArray[np.bool_]
    form: npt.NDArray[np.int64]


def simulate_buildings(district: District, seed: int, count: int = BUILDINGS) -> Buildings:
    """`count` footprints, or as many as find room; the same seed gives the same buildings.

    None stands on a drawn road, on water, at a metro station, on open land or on another.
    """
    generator = np.random.default_rng([seed, 0xB111D])
    plane = LocalPlane(*district.center)
    land = buildable_land(district, plane)
    quarters: list[Quarter] = [
        (CHARACTERS.get(area.code, USUAL), in_metres(shape_of(area), plane))
        for area in district.subdistricts
    ]
    # plots of all quarters together are to hold `count` buildings and some that find no room
    weighted = sum(shape.intersection(land).area / law.plot**2 for law, shape in quarters)
    unit = math.sqrt(weighted / (count * _OVERSAMPLED))
    parts = [_plots_along_roads(district, plane, quarters, unit, generator)]
    parts += [
        _plots_between(law, shape, _main_angle(district, plane, shape), unit, generator)
        for law, shape in quarters
    ]
    plots = _Plots(*(np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(_Plots)))
    shapes = _footprints(plots, generator)
    kept = _with_room(shapes, land)
    inner = kept[~plots.by_road[kept]]
    surplus = min(len(kept) - count, len(inner))
    if surplus > 0:
        kept = np.setdiff1d(kept, generator.choice(inner, surplus, replace=False))
    floors, height = _heights(plots, district, plane, generator)
    use = np.array([FORMS[_NAMES[i]].use for i in plots.form[kept]], dtype=object)
    numbers = range(1, len(kept) + 1)
    return Buildings(
        geometries=in_degrees(shapes[kept], plane),
        height_m=height[kept],
        height_known=np.ones(len(kept), dtype=np.bool_),
        floors=floors[kept],
        use=use,
        name=np.array([f"模拟楼宇{i:04d}" for i in numbers], dtype=object),
        id=np.array([f"{district.slug}:footprint:{i:04d}" for i in numbers], dtype=object),
    )


def buildable_land(district: District, plane: LocalPlane) -> BaseGeometry:
    """In metres: the district without roads, water, metro stations and open land."""
    closed = [
        shapely.LineString(np.column_stack(plane.metres(*line.points.T))).buffer(half)
        for line in district.lines
        if (half := HALF_WIDTHS_M.get(line.layer))
    ]
    closed += [
        shapely.Point(*plane.metres(s.longitude, s.latitude)).buffer(STATION_RADIUS_M)
        for s in district.stations
    ]
    closed += [in_metres(shapely.box(*box), plane) for box in OPEN_LAND]
    outline = in_metres(district.outline, plane).buffer(-5.0)
    return cast(BaseGeometry, outline.difference(shapely.union_all(closed)))


def in_metres(shape: BaseGeometry, plane: LocalPlane) -> BaseGeometry:
    """A geometry, or an array of them, from degrees to metres of a plane."""
    return shapely.transform(shape, lambda xy: np.column_stack(plane.metres(*xy.T)))


def in_degrees(shapes: npt.NDArray[np.object_], plane: LocalPlane) -> npt.NDArray[np.object_]:
    """Geometries from metres of a plane to WGS-84 degrees."""
    turned = shapely.transform(shapes, lambda xy: np.column_stack(plane.degrees(*xy.T)))
    return cast(npt.NDArray[np.object_], turned)


def _plots_along_roads(
    district: District,
    plane: LocalPlane,
    quarters: list[Quarter],
    unit: float,
    generator: np.random.Generator,
) -> _Plots:
    """One row on each side of every road, its front on the building line."""
    rows: list[tuple[float, float, float, float]] = []
    side = unit * 0.95
    for road in district.roads.values():
        line = shapely.LineString(np.column_stack(plane.metres(*road.points.T)))
        along = np.arange(side / 2, line.length, side)
        here = shapely.get_coordinates(shapely.line_interpolate_point(line, along))
        ahead = shapely.get_coordinates(shapely.line_interpolate_point(line, along + 1.0))
        behind = shapely.get_coordinates(shapely.line_interpolate_point(line, along - 1.0))
        angle = np.arctan2(*(ahead - behind).T[::-1])
        away = HALF_WIDTHS_M["road"] + SETBACK_M + side / 2
        for hand in (-1.0, 1.0):
            x = here[:, 0] - hand * away * np.sin(angle)
            y = here[:, 1] + hand * away * np.cos(angle)
            # the front of a building is the edge of its plot that faces the road
            turned = angle if hand > 0 else angle + np.pi
            rows += zip(x.tolist(), y.tolist(), turned.tolist(), [side] * len(x), strict=True)
    table = np.array(rows)
    form = np.full(len(table), -1)
    for law, shape in quarters:
        inside = shapely.contains_xy(shape, table[:, 0], table[:, 1])
        form[inside] = _drawn_forms(law, int(inside.sum()), generator, by_road=True)
    table, form = table[form >= 0], form[form >= 0]
    x, y, angle, sides = table.T
    return _Plots(x, y, angle, sides, np.ones(len(form), dtype=np.bool_), form)


def _plots_between(
    law: Character, shape: BaseGeometry, angle: float, unit: float, generator: np.random.Generator
) -> _Plots:
    """A lattice of square plots over a quarter, turned by `angle`."""
    side = unit * law.plot
    west, south, east, north = shape.bounds
    half = math.hypot(east - west, north - south) / 2
    n = int(half // side) + 1
    i, j = (g.ravel() for g in np.meshgrid(np.arange(-n, n + 1), np.arange(-n, n + 1)))
    cos, sin = math.cos(angle), math.sin(angle)
    x = (west + east) / 2 + (i * cos - j * sin) * side
    y = (south + north) / 2 + (i * sin + j * cos) * side
    estate = (i // _ESTATE_PLOTS) * 10_000 + j // _ESTATE_PLOTS
    inside = shapely.contains_xy(shape, x, y)
    x, y, estate = x[inside], y[inside], estate[inside]
    names, of = np.unique(estate, return_inverse=True)
    shared = _drawn_forms(law, len(names), generator, by_road=False)[of]
    own = _drawn_forms(law, len(x), generator, by_road=False)
    form = np.where(generator.random(len(x)) < _OF_THE_ESTATE, shared, own)
    full = np.full(len(x), 1.0)
    return _Plots(x, y, angle * full, side * full, np.zeros(len(x), dtype=np.bool_), form)


def _drawn_forms(
    law: Character, count: int, generator: np.random.Generator, *, by_road: bool
) -> npt.NDArray[np.int64]:
    weights = np.array([law.forms.get(name, 0.0) for name in _NAMES])
    if by_road:
        weights = weights * np.array([BY_THE_ROAD.get(name, 1.0) for name in _NAMES])
    return generator.choice(len(_NAMES), size=count, p=weights / weights.sum())


def _main_angle(district: District, plane: LocalPlane, shape: BaseGeometry) -> float:
    """The direction of the roads in a quarter, modulo a right angle (mean of 4 x the angle)."""
    total = 0j
    for road in district.roads.values():
        xy = np.column_stack(plane.metres(*road.points.T))
        for a, b in itertools.pairwise(xy):
            part = shapely.LineString([a, b]).intersection(shape).length
            total += part * np.exp(4j * math.atan2(b[1] - a[1], b[0] - a[0]))
    return float(np.angle(total)) / 4 if total else 0.0


def _footprints(plots: _Plots, generator: np.random.Generator) -> npt.NDArray[np.object_]:
    """Rectangles, L-shapes and courts inside their plots, in metres."""
    n = len(plots.x)
    table = [FORMS[name] for name in _NAMES]
    cover = np.array([f.cover for f in table])[plots.form]
    aspect = np.array([f.aspect for f in table])[plots.form]
    area = plots.side**2 * generator.uniform(cover[:, 0], cover[:, 1])
    ratio = generator.uniform(aspect[:, 0], aspect[:, 1])
    weights = np.array([f.shapes for f in table])[plots.form].cumsum(axis=1)
    shape = (generator.random(n)[:, None] > weights / weights[:, -1:]).sum(axis=1)
    # an L leaves out 30 % of its rectangle, a court 25 %
    area = area / np.array([1.0, 0.7, 0.75])[shape]
    room = plots.side - BETWEEN_M
    length = np.minimum(np.sqrt(area * ratio), room)
    depth = np.minimum(area / length, room)
    slack_x, slack_y = (room - length) / 2, (room - depth) / 2
    shift_x = generator.uniform(-0.6, 0.6, n) * slack_x
    # by a road the front stands on the building line
    shift_y = np.where(plots.by_road, -slack_y, generator.uniform(-0.6, 0.6, n) * slack_y)
    rings = {
        0: np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) / 2,
        1: np.array([(-1, -1), (1, -1), (1, 0.1), (-0.33, 0.1), (-0.33, 1), (-1, 1)]) / 2,
    }
    made = np.empty(n, dtype=object)
    cos, sin = np.cos(plots.angle), np.sin(plots.angle)
    for kind in (0, 1, 2):
        rows = np.flatnonzero(shape == kind)
        outer = _placed(rings.get(kind, rings[0]), rows, plots, (length, depth),
                        (shift_x, shift_y), (cos, sin))  # fmt: skip
        if kind == 2:
            inner = _placed(rings[0] / 2, rows, plots, (length, depth), (shift_x, shift_y),
                            (cos, sin))  # fmt: skip
            hole = shapely.linearrings(inner)
            made[rows] = [
                shapely.Polygon(shell, [ring]) for shell, ring in zip(outer, hole, strict=True)
            ]
        else:
            made[rows] = shapely.polygons(outer)
    return made


def _placed(
    ring: Floats,
    rows: npt.NDArray[np.intp],
    plots: _Plots,
    size: tuple[Floats, Floats],
    shift: tuple[Floats, Floats],
    turn: tuple[Floats, Floats],
) -> Floats:
    """A unit ring of k corners, sized, shifted and turned for each row: shape (rows, k, 2)."""
    u = ring[None, :, 0] * size[0][rows, None] + shift[0][rows, None]
    v = ring[None, :, 1] * size[1][rows, None] + shift[1][rows, None]
    cos, sin = turn[0][rows, None], turn[1][rows, None]
    x = plots.x[rows, None] + u * cos - v * sin
    return np.stack([x, plots.y[rows, None] + u * sin + v * cos], axis=-1)


def _with_room(shapes: npt.NDArray[np.object_], land: BaseGeometry) -> npt.NDArray[np.intp]:
    """Rows that stand on free land and keep their distance from every kept row before them."""
    shapely.prepare(land)
    free = shapely.contains_properly(land, shapes)
    around = shapely.buffer(shapes, BETWEEN_M / 2, join_style="mitre", cap_style="square")
    one, other = shapely.STRtree(around).query(around, predicate="intersects")
    clash: dict[int, list[int]] = {}
    for a, b in zip(one.tolist(), other.tolist(), strict=True):
        if b < a:
            clash.setdefault(a, []).append(b)
    taken = free.copy()
    for row in np.flatnonzero(free).tolist():
        taken[row] = not any(taken[before] for before in clash.get(row, ()))
    return cast(npt.NDArray[np.intp], np.flatnonzero(taken))


def _heights(
    plots: _Plots, district: District, plane: LocalPlane, generator: np.random.Generator
) -> tuple[npt.NDArray[np.int64], Floats]:
    """Floors and heights in metres: a triangular law by form, lower under the flight paths."""
    law = np.array([FORMS[name].floors for name in _NAMES], dtype=np.float64)[plots.form]
    drawn = generator.triangular(law[:, 0] - 0.5, law[:, 1], law[:, 2] + 0.5)
    storey = np.array([FORMS[name].storey_m for name in _NAMES])[plots.form]
    longitude, _ = plane.degrees(plots.x, plots.y)
    limit = np.where(longitude < LOW_WEST_OF, LOW_M, HIGHEST_M)
    floors = np.clip(np.round(drawn), 1, np.floor((limit - 1.5) / storey)).astype(np.int64)
    return floors, np.round(floors * storey + 1.5, 1)
