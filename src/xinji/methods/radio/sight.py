# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202
"""Which cells of a map a station sees, by exact shadows of building edges.

A station at height s, receivers at height r < s, a building of height b. Along one direction the
building is crossed from distance d1 to d2. The straight line is below its top for receivers with

    d2 < D < f d2,   f = (s - r) / (s - b) for b < s, without end for b >= s.

Seen from above, what a building hides outdoors is therefore the union of the quadrilaterals
(p1, p2, f p2, f p1) about the station over the edges p1 p2 that face away from it. They are
scan-converted at the centres of cells, with the station where it stands: no snapping, no sampling
of rays.

The length of the line inside buildings follows from the same quadrilaterals. With t in [0, 1] the
share of the way at which an edge's line is crossed, it is

    D * (sum over edges facing away of (t - 1/f)+  -  sum over the other edges of (t - 1/f)+).

Neighbouring edges split the cells at the ray through their vertex by one half-open rule in one
arithmetic, so no cell is counted twice or missed. Cells inside a footprint are hidden by other
buildings only, not by their own. The altitude of the ground moves station, buildings and
receivers; the ground itself hides nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xinji.methods.radio.buildings import Buildings, Grid

TOUCH = 1e-9  # cells
FAR = 1e8  # cells: beyond every window, and exact in a float64 with its fraction


@dataclass(frozen=True)
class Window:
    """What a station sees around it: a rectangle of the grid's cells.

    Attributes:
        row, column: of the grid, of the window's first cell.
        hidden: (rows, columns) bool; True where a building stands in the line.
        depth: (rows, columns) float32, metres of the line inside buildings, outdoors (in cells
            inside a footprint it means nothing); None when not asked.
    """

    row: int
    column: int
    hidden: NDArray[np.bool_]
    depth: NDArray[np.float32] | None


@njit(nogil=True, cache=True, error_model="numpy")
def window_of(x, y, radius, west, south, cell, rows, columns):
    """(row, column, end row, end column) of the cells whose centres can lie within the radius."""
    row = max(0, math.ceil((y - radius - south) / cell - 0.5))
    column = max(0, math.ceil((x - radius - west) / cell - 0.5))
    end_row = min(rows, math.floor((y + radius - south) / cell - 0.5) + 1)
    end_column = min(columns, math.floor((x + radius - west) / cell - 0.5) + 1)
    return row, column, max(row, end_row), max(column, end_column)


@njit(nogil=True, cache=True, error_model="numpy")
def disc_rows(left, right, rows, columns, ox, oy, radius):
    """Fill (left, right): for each row the first and last column within `radius` cells."""
    for row in range(rows):
        y = row - oy
        half = radius * radius - y * y
        if half < 0:
            left[row], right[row] = 1, 0
            continue
        half = math.sqrt(half)
        left[row] = max(0, math.ceil(ox - half))
        right[row] = min(columns - 1, math.floor(ox + half))


@njit(nogil=True, cache=True, error_model="numpy")
def _rows_of(ax, ay, bx, by, far, radius):
    """Least and most y of the quadrilateral, or of the wedge cut by the disc if far is 0."""
    low, high = min(ay, by), max(ay, by)
    if far > 0:
        low, high = min(low, far * ay, far * by), max(high, far * ay, far * by)
    else:
        a, b = ay * radius / math.hypot(ax, ay), by * radius / math.hypot(bx, by)
        low, high = min(low, a, b), max(high, a, b)
        # from a to b is anticlockwise and less than half a turn
        if bx <= 0 <= ax and (ax > 0 or bx < 0):
            high = radius
        if ax <= 0 <= bx and (bx > 0 or ax < 0):
            low = -radius
    return max(low, -radius), min(high, radius)


@njit(nogil=True, cache=True, error_model="numpy")
def cast_shadows(
    hidden, depth, with_depth, left, right, rows, columns, ox, oy, west, south, cell, radius,
    station, receiver, terrain, with_terrain,
    first, x1, y1, x2, y2, height, ground, cx, cy, reach,
):  # fmt: skip
    """Mark `hidden` (uint8) with 1 and, if asked, add up `depth` (float32, as shares of the way).

    (ox, oy) is the station in cells from the centre of the window's first cell, (west, south) that
    centre in metres; `station` and `receiver` are heights (altitudes with terrain).
    """
    inverse = 1.0 / cell
    sx, sy = west + ox * cell, south + oy * cell
    lowest = receiver
    if with_terrain:
        lowest = receiver + terrain[:rows, :columns].min()
    limit = radius * inverse
    for building in range(len(height)):
        top = height[building] + ground[building]
        if top <= lowest:
            continue
        away_x, away_y = cx[building] - sx, cy[building] - sy
        outer = radius + reach[building]
        if away_x * away_x + away_y * away_y > outer * outer:
            continue
        share = (station - top) / (station - lowest) if station > top else 0.0
        for e in range(first[building], first[building + 1]):
            ax, ay = (x1[e] - sx) * inverse, (y1[e] - sy) * inverse
            bx, by = (x2[e] - sx) * inverse, (y2[e] - sy) * inverse
            c = ax * by - ay * bx
            away = c > 0
            if not away:
                if not with_depth or c == 0:
                    continue
                ax, ay, bx, by, c = bx, by, ax, ay, -c
            # n . r >= c is beyond the edge, n . r <= c / share within its shadow
            nx, ny = by - ay, ax - bx
            length = math.hypot(nx, ny)
            if c > limit * length:
                continue
            far = 1.0 / share if share > 0 and c < limit * length * share else 0.0
            low, high = _rows_of(ax, ay, bx, by, far, limit)
            from_row = max(0, math.ceil(low + oy))
            to_row = min(rows - 1, math.floor(high + oy))
            if from_row > to_row:
                continue
            # every bound of a row's run is slope * y + offset, in columns
            a_low = a_high = b_low = b_high = 0.0
            a_low_at = b_low_at = -FAR
            a_high_at = b_high_at = FAR
            if ay > 0:
                a_high, a_high_at = ax / ay, ox
            elif ay < 0:
                a_low, a_low_at = ax / ay, ox
            if by > 0:
                b_low, b_low_at = bx / by, ox
            elif by < 0:
                b_high, b_high_at = bx / by, ox
            # a receiver on a wall is outside of the building: beyond its exit, not beyond its entry
            touch = -TOUCH if away else TOUCH
            n_low = n_high = 0.0
            n_low_at, n_high_at = -FAR, FAR
            if nx > 0:
                n_low, n_low_at = -ny / nx, ox + c / nx + touch
                n_high = n_low
                if far > 0:
                    n_high_at = ox + far * c / nx
                else:
                    n_high = 0.0
            elif nx < 0:
                n_high, n_high_at = -ny / nx, ox + c / nx - touch
                n_low = n_high
                if far > 0:
                    n_low_at = ox + far * c / nx
                else:
                    n_low = 0.0
            for row in range(from_row, to_row + 1):
                y = row - oy
                if nx == 0 and (ny * y < c + touch * length or (far > 0 and ny * y > far * c)):
                    continue
                if (ay == 0 and ax * y < 0) or (by == 0 and bx * y >= 0):
                    continue
                begin = max(np.ceil(a_low * y + a_low_at), np.floor(b_low * y + b_low_at) + 1.0)
                begin = max(begin, np.ceil(n_low * y + n_low_at))
                end = min(np.floor(a_high * y + a_high_at), np.ceil(b_high * y + b_high_at) - 1.0)
                end = min(end, np.floor(n_high * y + n_high_at))
                if not begin <= end:
                    continue
                start = int(max(begin, float(left[row])))
                stop = int(min(end, float(right[row]))) + 1
                if with_terrain:
                    for column in range(start, stop):
                        across = nx * (column - ox) + ny * y
                        rise = station - receiver - terrain[row, column]
                        over = c * rise - (station - top) * across
                        if rise > 0 and over > 0:
                            if away:
                                hidden[row, column] = 1
                            if with_depth:
                                own = max(0.0, (station - top) / rise)
                                part = c / across - own
                                depth[row, column] += part if away else -part
                    continue
                if away:
                    for column in range(start, stop):
                        hidden[row, column] = 1
                if with_depth:
                    sign = np.float32(1.0 if away else -1.0)
                    own = np.float32(share)
                    top_of = np.float32(c)
                    step, at = np.float32(nx), np.float32(ny * y - nx * ox)
                    for column in range(start, stop):
                        across = step * np.float32(column) + at
                        depth[row, column] += sign * (top_of / across - own)


def sight(
    buildings: Buildings,
    grid: Grid,
    x: float,
    y: float,
    height: float,
    *,
    radius: float,
    receiver: float = 1.5,
    with_depth: bool = False,
    terrain: NDArray[np.float64] | None = None,
    ground: float = 0.0,
) -> Window:
    """What a station at (x, y), `height` metres above `ground`, sees within `radius` metres.

    Args:
        buildings: what stands in the way.
        grid: the map's cells.
        x, y: metres, anywhere.
        height: of the station above its ground.
        radius: metres; cells further away are shown as not hidden.
        receiver: height of receivers above ground, below the station.
        with_depth: metres of the line inside buildings as well.
        terrain: (rows, columns) altitude of the ground of each cell; None when flat.
        ground: altitude of the ground at the station.

    Raises:
        ValueError: a station not above the receivers, a radius that is not positive.
    """
    check_heights(height, receiver, radius)
    arguments: Any = (x, y, radius, grid.west, grid.south, grid.cell, grid.rows, grid.columns)
    row, column, end_row, end_column = window_of(*arguments)
    rows, columns = end_row - row, end_column - column
    hidden = np.zeros((rows, columns), np.uint8)
    depth = np.zeros((rows, columns) if with_depth else (1, 1), np.float32)
    west = grid.west + (column + 0.5) * grid.cell
    south = grid.south + (row + 0.5) * grid.cell
    # by the map's corner, so that every window of one map rounds alike
    ox = (x - grid.west) / grid.cell - 0.5 - column
    oy = (y - grid.south) / grid.cell - 0.5 - row
    left, right = np.empty(rows, np.int64), np.empty(rows, np.int64)
    disc_rows(left, right, rows, columns, ox, oy, radius / grid.cell)
    part = np.zeros((1, 1))
    floor = np.zeros(len(buildings))
    if terrain is not None:
        if terrain.shape != grid.shape:
            raise ValueError(f"terrain: shape {terrain.shape}, the grid has {grid.shape}")
        part = np.ascontiguousarray(terrain[row:end_row, column:end_column], np.float64)
        floor = buildings.ground
    if rows and columns:
        cast_shadows(
            hidden, depth, with_depth, left, right, rows, columns, ox, oy, west, south, grid.cell,
            radius, height + (ground if terrain is not None else 0.0), receiver,
            part, terrain is not None,
            buildings.first, buildings.x1, buildings.y1, buildings.x2, buildings.y2,
            buildings.height, floor, buildings.x, buildings.y, buildings.reach,
        )  # fmt: skip
    if with_depth:
        along = np.hypot(
            (np.arange(rows) - oy)[:, None] * grid.cell, (np.arange(columns) - ox) * grid.cell
        )
        depth = np.where(hidden == 1, np.maximum(depth, 0) * along, 0).astype(np.float32)
    return Window(row, column, hidden.view(np.bool_), depth if with_depth else None)


def check_heights(height: float, receiver: float, radius: float) -> None:
    """Raises ValueError unless station and receiver can be used together."""
    if not height > receiver:
        raise ValueError(
            f"height: the station ({height:g} m) must be above receivers ({receiver:g} m)"
        )
    if not radius > 0:
        raise ValueError("radius: must be above 0 m")
