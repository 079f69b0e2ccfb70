"""Buildings as arrays: the edges of footprints with heights, and the cells that they cover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numba import njit
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]
Int32 = NDArray[np.int32]

MOST_BUILDINGS = 2_000_000
MOST_CELLS = 100_000_000
TALLEST = 1_000.0


@dataclass(frozen=True)
class Grid:
    """Square cells: row 0 is the most southern, column 0 the most western.

    Attributes:
        west, south: the corner of cell (0, 0), metres.
        cell: its side, metres.
        rows, columns: how many.
    """

    west: float
    south: float
    cell: float
    rows: int
    columns: int

    def __post_init__(self) -> None:
        if not self.cell > 0:
            raise ValueError("grid: cell must be above 0 m")
        if self.rows < 1 or self.columns < 1 or self.rows * self.columns > MOST_CELLS:
            raise ValueError(f"grid: rows x columns must be 1 to {MOST_CELLS:,}")

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return self.rows, self.columns

    def centres(self) -> tuple[Float64, Float64]:
        """East of the columns and north of the rows, at the centres of cells."""
        columns, rows = (
            np.arange(self.columns, dtype=np.float64),
            np.arange(self.rows, dtype=np.float64),
        )
        x: Float64 = self.west + (columns + 0.5) * self.cell
        y: Float64 = self.south + (rows + 0.5) * self.cell
        return x, y


@dataclass(frozen=True)
class Buildings:
    """Footprints with flat tops; B buildings, E edges in order of building.

    Attributes:
        first: (B + 1) where the edges of a building begin.
        x1, y1, x2, y2: (E) ends of the edges, metres; the inside is to the left, in holes too.
        height: (B) metres above ground.
        ground: (B) altitude of the ground, metres; 0 where the district is taken as flat.
        x, y, reach: (B) a circle around the footprint.
    """

    first: Int32
    x1: Float64
    y1: Float64
    x2: Float64
    y2: Float64
    height: Float64
    ground: Float64
    x: Float64
    y: Float64
    reach: Float64

    def __len__(self) -> int:
        return len(self.height)


def from_polygons(
    polygons: Sequence[Any] | NDArray[Any], heights: ArrayLike, ground: ArrayLike | None = None
) -> Buildings:
    """Buildings of shapely polygons or multipolygons in metres (holes are courtyards).

    Raises:
        ValueError: another geometry, an empty or invalid one, a height that is not in 0 to 1,000 m.
    """
    shapes = np.asarray(polygons, dtype=object)
    tops = np.asarray(heights, np.float64)
    floor = np.zeros(len(shapes)) if ground is None else np.asarray(ground, np.float64)
    if len(shapes) > MOST_BUILDINGS:
        raise ValueError(f"polygons: {len(shapes):,}, more than {MOST_BUILDINGS:,}")
    if tops.shape != shapes.shape or floor.shape != shapes.shape:
        raise ValueError("heights, ground: must be as many as polygons")
    kinds = shapely.get_type_id(shapes)
    _refuse("polygons", ~np.isin(kinds, (3, 6)), "is not a polygon")
    _refuse("polygons", shapely.is_empty(shapes), "is empty")
    _refuse("polygons", ~shapely.is_valid(shapes), "is not valid (try shapely.make_valid)")
    _refuse("heights", ~((tops > 0) & (tops <= TALLEST)), f"is not in 0 to {TALLEST:g} m")
    _refuse("ground", ~np.isfinite(floor), "is not finite")
    parts, of_part = shapely.get_parts(shapes, return_index=True)
    rings, of_ring = shapely.get_rings(
        shapely.orient_polygons(parts, exterior_cw=False), return_index=True
    )
    points, ring = shapely.get_coordinates(rings, return_index=True)
    starts = (ring[1:] == ring[:-1]) & (points[1:] != points[:-1]).any(axis=1)
    a, b = points[:-1][starts], points[1:][starts]
    building = of_part[of_ring[ring[:-1][starts]]]
    bounds = shapely.bounds(shapes).reshape(-1, 4)
    size = np.hypot(bounds[:, 2] - bounds[:, 0], bounds[:, 3] - bounds[:, 1])
    return Buildings(
        first=np.searchsorted(building, np.arange(len(shapes) + 1)).astype(np.int32),
        x1=a[:, 0].copy(), y1=a[:, 1].copy(), x2=b[:, 0].copy(), y2=b[:, 1].copy(),
        height=tops.copy(), ground=floor.copy(),
        x=(bounds[:, 0] + bounds[:, 2]) / 2, y=(bounds[:, 1] + bounds[:, 3]) / 2, reach=size / 2,
    )  # fmt: skip


def _refuse(name: str, bad: NDArray[np.bool_], rule: str) -> None:
    if bad.any():
        raise ValueError(f"{name}: number {int(bad.argmax())} {rule}")


def building_at_cells(buildings: Buildings, grid: Grid) -> Int32:
    """(rows, columns): the building whose footprint holds the cell's centre, -1 outdoors.

    Where footprints overlap, the highest counts.
    """
    cells = np.full(grid.shape, -1, np.int32)
    edges = np.diff(buildings.first).max(initial=0)
    _fill(
        cells, buildings.first, buildings.x1, buildings.y1, buildings.x2, buildings.y2,
        np.argsort(buildings.height, kind="stable"), grid.west, grid.south, grid.cell,
        np.empty(int(edges)),
    )  # fmt: skip
    return cells


@njit(nogil=True, cache=True)
def _fill(
    cells: Int32, first: Int32, x1: Float64, y1: Float64, x2: Float64, y2: Float64,
    order: NDArray[np.int64], west: float, south: float, cell: float, crossings: Float64,
) -> None:  # fmt: skip
    """Even-odd scanline at the centres of cells; an edge holds its lower end and not its upper."""
    rows, columns = cells.shape
    for building in order:
        a, b = first[building], first[building + 1]
        low, high = np.inf, -np.inf
        for e in range(a, b):
            low, high = min(low, y1[e]), max(high, y1[e])
        from_row = max(0, int(np.ceil((low - south) / cell - 0.5)))
        to_row = min(rows - 1, int(np.floor((high - south) / cell - 0.5)))
        for row in range(from_row, to_row + 1):
            y = south + (row + 0.5) * cell
            count = 0
            for e in range(a, b):
                if (y1[e] <= y) != (y2[e] <= y):
                    part = (y - y1[e]) / (y2[e] - y1[e])
                    crossings[count] = x1[e] + part * (x2[e] - x1[e])
                    count += 1
            inside = np.sort(crossings[:count])
            for pair in range(0, count - 1, 2):
                begin = max(0, int(np.ceil((inside[pair] - west) / cell - 0.5)))
                end = min(columns, int(np.ceil((inside[pair + 1] - west) / cell - 0.5)))
                for column in range(begin, end):
                    cells[row, column] = building


def building_at_points(buildings: Buildings, x: ArrayLike, y: ArrayLike) -> Int32:
    """(n): the highest building whose footprint holds the point, -1 outdoors."""
    return np.asarray(
        _find(
            buildings.first, buildings.x1, buildings.y1, buildings.x2, buildings.y2,
            buildings.height, buildings.x, buildings.y, buildings.reach,
            np.atleast_1d(np.asarray(x, np.float64)), np.atleast_1d(np.asarray(y, np.float64)),
        )
    )  # fmt: skip


@njit(nogil=True, cache=True)
def _find(
    first: Int32, x1: Float64, y1: Float64, x2: Float64, y2: Float64, height: Float64,
    cx: Float64, cy: Float64, reach: Float64, px: Float64, py: Float64,
) -> Int32:  # fmt: skip
    found = np.full(len(px), -1, np.int32)
    for at in range(len(px)):
        x, y = px[at], py[at]
        for building in range(len(height)):
            if abs(x - cx[building]) > reach[building] or abs(y - cy[building]) > reach[building]:
                continue
            if found[at] >= 0 and height[found[at]] >= height[building]:
                continue
            inside = False
            for e in range(first[building], first[building + 1]):
                if (y1[e] <= y) != (y2[e] <= y):
                    part = (y - y1[e]) / (y2[e] - y1[e])
                    inside ^= x1[e] + part * (x2[e] - x1[e]) > x
            if inside:
                found[at] = building
    return found
