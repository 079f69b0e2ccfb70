"""Whether single lines from a station to receivers pass over all buildings.

`sight` casts the shadows of all walls over all cells. Where few receivers matter it is less work to
follow each line from the receiver: it is low there, and soon meets a wall if it meets one at all.
Walls lie in the squares of an index; the rule by which a wall hides a receiver is that of `sight`,
so that both say the same of a cell.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xinji.methods.radio.buildings import Buildings
from xinji.methods.radio.sight import TOUCH

SIDE = 32.0
"""Metres, of a square of the index."""
MOST_SQUARES = 4_000_000
ROOM = 1e-6  # metres around a wall, so that one on a border lies in both squares


class Walls(NamedTuple):
    """The edges of footprints by the squares that they touch.

    Attributes:
        west, south, side, rows, columns: of the squares.
        starts, edges: compressed rows, edges by square.
        tallest: (squares) the highest top of a wall in each, -inf for none.
        x1, y1, x2, y2, top: (E) of the edges, metres.
    """

    west: float
    south: float
    side: float
    rows: int
    columns: int
    starts: NDArray[np.int64]
    edges: NDArray[np.int32]
    tallest: NDArray[np.float64]
    x1: NDArray[np.float64]
    y1: NDArray[np.float64]
    x2: NDArray[np.float64]
    y2: NDArray[np.float64]
    top: NDArray[np.float64]


def walls_of(buildings: Buildings) -> Walls:
    """The index of all walls; the ground is taken as flat."""
    own = buildings.x1, buildings.y1, buildings.x2, buildings.y2
    top = np.repeat(buildings.height, np.diff(buildings.first))
    west = float(np.minimum(own[0], own[2]).min(initial=0.0)) - 1.0
    south = float(np.minimum(own[1], own[3]).min(initial=0.0)) - 1.0
    wide = float(np.maximum(own[0], own[2]).max(initial=0.0)) + 1.0 - west
    high = float(np.maximum(own[1], own[3]).max(initial=0.0)) + 1.0 - south
    side = max(SIDE, math.sqrt(wide * high / MOST_SQUARES), max(wide, high) / MOST_SQUARES)
    rows, columns = math.ceil(high / side), math.ceil(wide / side)
    starts, edges, tallest = _by_square(west, south, side, rows, columns, *own, top)
    return Walls(west, south, side, rows, columns, starts, edges, tallest, *own, top)


@njit(nogil=True, cache=True)
def _by_square(west, south, side, rows, columns, x1, y1, x2, y2, top):
    starts = np.zeros(rows * columns + 1, np.int64)
    tallest = np.full(rows * columns, -np.inf)
    edges = np.empty(0, np.int32)
    for fill in range(2):
        for e in range(len(x1)):
            low = math.floor((min(x1[e], x2[e]) - ROOM - west) / side)
            high = math.floor((max(x1[e], x2[e]) + ROOM - west) / side)
            below = math.floor((min(y1[e], y2[e]) - ROOM - south) / side)
            above = math.floor((max(y1[e], y2[e]) + ROOM - south) / side)
            for row in range(max(below, 0), min(above, rows - 1) + 1):
                for column in range(max(low, 0), min(high, columns - 1) + 1):
                    square = row * columns + column
                    if fill == 0:
                        starts[square + 1] += 1
                        tallest[square] = max(tallest[square], top[e])
                    else:
                        edges[starts[square]] = e
                        starts[square] += 1
        if fill == 0:
            starts = np.cumsum(starts)
            edges = np.empty(starts[-1], np.int32)
        else:
            # every start has moved to its end, which is the next one's start
            starts[1:] = starts[:-1].copy()
            starts[0] = 0
    return starts, edges, tallest


@njit(nogil=True, cache=True, error_model="numpy")
def _hides(e, sx, sy, rx, ry, station, receiver, cell, walls):
    """The wall hides the receiver from the station: `sight` on one cell."""
    if walls.top[e] <= receiver:
        return False
    inverse = 1.0 / cell
    ax, ay = (walls.x1[e] - sx) * inverse, (walls.y1[e] - sy) * inverse
    bx, by = (walls.x2[e] - sx) * inverse, (walls.y2[e] - sy) * inverse
    c = ax * by - ay * bx
    if c <= 0:
        return False
    x, y = (rx - sx) * inverse, (ry - sy) * inverse
    if ax * y - ay * x < 0 or x * by - y * bx <= 0:
        return False
    nx, ny = by - ay, ax - bx
    beyond = nx * x + ny * y
    if beyond < c - TOUCH * (abs(nx) if nx != 0 else abs(ny)):
        return False
    share = (station - walls.top[e]) / (station - receiver)
    return share <= 0 or share * beyond <= c


@njit(nogil=True, cache=True, error_model="numpy")
def line_is_shut(sx, sy, station, rx, ry, receiver, cell, walls):
    """A wall hides the receiver at (rx, ry) from the station at (sx, sy); heights above ground.

    `cell` is the side of the map's cells, whose rounding the rule follows.
    """
    away_x, away_y = sx - rx, sy - ry
    distance = math.sqrt(away_x * away_x + away_y * away_y)
    if distance == 0:
        return False
    ux, uy = away_x / distance, away_y / distance
    x, y = (rx - walls.west) / walls.side, (ry - walls.south) / walls.side
    column, row = math.floor(x), math.floor(y)
    step_x, step_y = (1 if ux > 0 else -1), (1 if uy > 0 else -1)
    far = 1e300
    each_x = walls.side / abs(ux) if ux != 0 else far
    each_y = walls.side / abs(uy) if uy != 0 else far
    next_x = ((column + 1 - x) if ux > 0 else (x - column)) * each_x if ux != 0 else far
    next_y = ((row + 1 - y) if uy > 0 else (y - row)) * each_y if uy != 0 else far
    at, rise = 0.0, (station - receiver) / distance
    while at <= distance:
        if 0 <= row < walls.rows and 0 <= column < walls.columns:
            square = row * walls.columns + column
            # the line rises towards the station: what it enters above, it does not meet
            if receiver + rise * (at - ROOM) - ROOM < walls.tallest[square]:
                for k in range(walls.starts[square], walls.starts[square + 1]):
                    if _hides(walls.edges[k], sx, sy, rx, ry, station, receiver, cell, walls):
                        return True
        if next_x < next_y:
            at, column, next_x = next_x, column + step_x, next_x + each_x
        else:
            at, row, next_y = next_y, row + step_y, next_y + each_y
    return False
