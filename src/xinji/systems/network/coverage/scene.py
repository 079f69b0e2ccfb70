"""The ground that coverage is computed on: a grid, the buildings, areas and roads of a district."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import shapely

from xinji.methods.geodesy import LocalPlane
from xinji.methods.radio.buildings import Buildings as Footprints
from xinji.methods.radio.buildings import Grid, building_at_cells, from_polygons
from xinji.model.things import Area, AreaLevel
from xinji.systems.network.coverage.inputs.buildings import Buildings

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int32]

CELLS_M = (5.0, 50.0)
"""Smallest and largest side of a cell."""

MARGIN_M = 50.0


class Parts(NamedTuple):
    """What lies in the areas of a scene.

    Attributes:
        members: numbers of all, area by area; first those that lie in none.
        begins: where each area's begin in `members`, and where the last one ends.
    """

    members: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A district in metres of a local plane, cut into cells.

    Attributes:
        plane: degrees to metres.
        grid: the cells; row 0 is the most southern.
        outlines: the buildings as they were registered.
        footprints: the same in metres, for `xinji.methods.radio`.
        building: (rows, columns) number of the building that holds the cell's centre, else -1.
        area: (rows, columns) number in `areas` of the sub-district, -1 outside the district.
        areas: codes of the sub-districts.
        road_cells: flat numbers of the cells along the road centre-lines, one for every cell's
            length of road, so that a mean over them is a mean over road metres.
    """

    plane: LocalPlane
    grid: Grid
    outlines: Buildings
    footprints: Footprints
    building: Numbers
    area: Numbers
    areas: tuple[str, ...]
    road_cells: npt.NDArray[np.int64]

    @cached_property
    def open_cells(self) -> Mask:
        """(rows, columns): inside the district and outdoors."""
        return (self.area >= 0) & (self.building < 0)

    @cached_property
    def ground(self) -> Parts:
        """The open cells, numbered flat."""
        cells = np.flatnonzero(self.open_cells)
        return _parts(cells, self.area.ravel()[cells], len(self.areas))

    @cached_property
    def roads(self) -> Parts:
        """`road_cells`."""
        return _parts(self.road_cells, self.area.ravel()[self.road_cells], len(self.areas))

    @cached_property
    def homes(self) -> Parts:
        """The buildings, in the sub-district that holds most of each one's cells."""
        inside = self.building >= 0
        votes = np.zeros((len(self.outlines), len(self.areas) + 1), np.int32)
        np.add.at(votes, (self.building[inside], self.area[inside] + 1), 1)
        area = np.argmax(votes, axis=1) - 1
        area[votes.sum(axis=1) == 0] = -1
        return _parts(np.arange(len(self.outlines)), area, len(self.areas))

    @cached_property
    def facades(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Every wall between a building and open ground: the building's number, the cell's.

        In order of the buildings; cells are numbered flat.
        """
        rows, columns = self.building.shape
        number = np.arange(rows * columns).reshape(rows, columns)
        walls = []
        for here, there in (
            (np.s_[:-1, :], np.s_[1:, :]),
            (np.s_[1:, :], np.s_[:-1, :]),
            (np.s_[:, :-1], np.s_[:, 1:]),
            (np.s_[:, 1:], np.s_[:, :-1]),
        ):
            edge = (self.building[here] >= 0) & (self.building[there] < 0)
            walls.append((self.building[here][edge], number[there][edge]))
        buildings = np.concatenate([each for each, _ in walls]).astype(np.int64)
        cells = np.concatenate([each for _, each in walls])
        order = np.argsort(buildings, kind="stable")
        return buildings[order], cells[order]

    def cell_of(self, longitude: float, latitude: float) -> int | None:
        """Flat number of the cell that holds a place, None outside the grid."""
        number = int(self.cells_of(np.array([longitude]), np.array([latitude]))[0])
        return number if number >= 0 else None

    def cells_of(self, longitude: Floats, latitude: Floats) -> npt.NDArray[np.int64]:
        """(n) flat numbers of the cells that hold places, -1 outside the grid."""
        return _cells(self.grid, *self.plane.metres(longitude, latitude))

    def corners(self) -> list[list[float]]:
        """Longitude and latitude of the corners: north-west, north-east, south-east, south-west."""
        grid = self.grid
        east = grid.west + grid.columns * grid.cell
        north = grid.south + grid.rows * grid.cell
        found = []
        for x, y in (
            (grid.west, north),
            (east, north),
            (east, grid.south),
            (grid.west, grid.south),
        ):
            longitude, latitude = self.plane.degrees(x, y)
            found.append([float(longitude), float(latitude)])
        return found


def make_scene(
    areas: Iterable[Area], roads: Sequence[Floats], buildings: Buildings, cell: float = 10.0
) -> Scene:
    """Cut a district into cells.

    Args:
        areas: of the registry; its sub-districts must have geometry.
        roads: centre-lines, each of shape (n, 2): longitude, latitude.
        buildings: outlines; where they overlap the highest counts.
        cell: side of a cell, metres, 5 to 50.

    Raises:
        ValueError: a cell of another size, or no sub-district with a geometry.
    """
    if not CELLS_M[0] <= cell <= CELLS_M[1]:
        raise ValueError(f"cell: from {CELLS_M[0]:g} to {CELLS_M[1]:g} m")
    drawn = sorted(
        (a for a in areas if a.level is AreaLevel.SUBDISTRICT and a.geometry is not None),
        key=lambda area: area.code,
    )
    if not drawn:
        raise ValueError("areas: no sub-district has a geometry")
    shapes = np.array([*(shapely.geometry.shape(a.geometry) for a in drawn), None])[:-1]
    west, south, east, north = shapely.total_bounds(shapes)
    plane = LocalPlane((west + east) / 2, (south + north) / 2)
    left, bottom = (float(v) - MARGIN_M for v in plane.metres(west, south))
    right, top = (float(v) + MARGIN_M for v in plane.metres(east, north))
    grid = Grid(
        left, bottom, cell,
        int(np.ceil((top - bottom) / cell)), int(np.ceil((right - left) / cell)),
    )  # fmt: skip
    footprints = from_polygons(in_metres(buildings.geometries, plane), buildings.height_m)
    ground = from_polygons(in_metres(shapes, plane), np.ones(len(shapes)))
    area = building_at_cells(ground, grid)
    return Scene(
        plane=plane,
        grid=grid,
        outlines=buildings,
        footprints=footprints,
        building=building_at_cells(footprints, grid),
        area=area,
        areas=tuple(each.code for each in drawn),
        road_cells=_along(roads, plane, grid, area),
    )


def _parts(members: npt.NDArray[np.int64], area: npt.NDArray[Any], count: int) -> Parts:
    order = np.argsort(area, kind="stable")
    return Parts(members[order], np.searchsorted(area[order], np.arange(count + 1)))


def in_metres(shapes: npt.NDArray[Any], plane: LocalPlane) -> npt.NDArray[Any]:
    """Geometries in degrees as geometries in metres, valid ones."""

    def project(points: Floats) -> Floats:
        return np.column_stack(plane.metres(points[:, 0], points[:, 1]))

    moved = shapely.transform(shapes, project)
    broken = ~shapely.is_valid(moved)
    # rounding may turn a hair-thin sliver over; mended, it is what it was
    moved[broken] = shapely.make_valid(moved[broken])
    return np.asarray(moved)


def _cells(grid: Grid, x: Floats, y: Floats) -> npt.NDArray[np.int64]:
    column = np.floor((x - grid.west) / grid.cell).astype(np.int64)
    row = np.floor((y - grid.south) / grid.cell).astype(np.int64)
    inside = (row >= 0) & (row < grid.rows) & (column >= 0) & (column < grid.columns)
    return np.where(inside, row * grid.columns + column, -1)


def _along(
    roads: Sequence[Floats], plane: LocalPlane, grid: Grid, area: Numbers
) -> npt.NDArray[np.int64]:
    found = []
    for road in roads:
        line = shapely.LineString(np.column_stack(plane.metres(road[:, 0], road[:, 1])))
        steps = np.arange(grid.cell / 2, line.length, grid.cell)
        points = shapely.get_coordinates(shapely.line_interpolate_point(line, steps))
        cells = _cells(grid, points[:, 0], points[:, 1])
        cells = cells[cells >= 0]
        found.append(cells[area.ravel()[cells] >= 0])
    return np.concatenate(found) if found else np.empty(0, np.int64)


def roads_of(basemap: dict[str, Any]) -> list[Floats]:
    """Centre-lines of the surface and elevated roads of a base map (GeoJSON)."""
    return [
        np.asarray(feature["geometry"]["coordinates"], np.float64)
        for feature in basemap.get("features", ())
        if feature["properties"].get("layer") in ("road", "elevated")
        and feature["geometry"]["type"] == "LineString"
    ]
