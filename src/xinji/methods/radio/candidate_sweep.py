"""What many places for a new site would cover, each computed no further than it can matter.

A map asks for the power everywhere; a search for sites asks only which points of demand a place
would cover, and each point says how much power that needs. From coarse to fine:

1. A block of points is passed over when its least need is above the power in sight, along the
   axis of the antenna, at its nearest corner. That is the useful reach of a place: as far as
   somebody needs so little that free line of sight could give it.
2. A point is passed over when the power in sight is too weak for it, and covered without a look at
   buildings when the power out of sight is enough.
3. Only in between the line from the receiver to the place decides (`line_sight`).

The answer is that of `coverage_map.site_power`, cell by cell: the same tables, the same rule of
sight. It is exact for every place, so that a search over them and its bound hold for all.
"""

# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN202

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from xinji.methods.radio.antenna import ELEMENT, Antenna
from xinji.methods.radio.buildings import Buildings, Grid
from xinji.methods.radio.line_sight import line_is_shut, walls_of
from xinji.methods.radio.power_kernel import (
    FIRST,
    LEAST_SQUARE,
    SHIFT,
    TURN,
    direction_tables,
    fill_place,
    place_of,
)
from xinji.methods.radio.sight import check_heights

Float32 = NDArray[np.float32]
Float64 = NDArray[np.float64]
Int32 = NDArray[np.int32]
Int64 = NDArray[np.int64]

BLOCK = 16
"""Cells of a side of the blocks in which points are passed over together."""
MARGIN = 1e-5
"""Relative rounding of powers, granted before points are passed over."""
MOST_PAIRS = 100_000_000
PAIRS_AT_ONCE, PLACES_AT_ONCE = 20_000_000, 64

Progress = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class Places:
    """m places for a site of the same directions; each sends as it would alone in a `Network`.

    Attributes:
        x, y, height: (m) metres; height above ground.
        model: (m) `UMA` or `UMI`.
        ghz, radius: (m) as in `Radio`.
        tilt: (m) of every sector, degrees below the horizon.
        power_dbm: (m) of every sector, per resource element, without the antenna's gain.
        azimuth: (s) of the sectors.
        receiver: height, metres.
    """

    x: Float64
    y: Float64
    height: Float64
    model: Int32
    ghz: Float64
    radius: Float64
    tilt: Float64
    power_dbm: Float64
    azimuth: Float64
    receiver: float = 1.5
    antenna: Antenna = ELEMENT

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, kw_only=True)
class Demand:
    """n points, each at the centre of a cell; several may share one.

    Attributes:
        cell: (n) flat number of the cell in the grid.
        need: (n) mW of the strongest sector from which on a point is covered.
    """

    cell: Int64
    need: Float64


@dataclass(frozen=True, kw_only=True)
class Reached:
    """Place j covers `points[starts[j]:starts[j + 1]]`, in no order.

    Attributes:
        lines: (m) how many lines of sight of each place had to be followed.
    """

    starts: Int64
    points: Int32
    lines: Int64


@njit(nogil=True, cache=True, error_model="numpy")
def _points_of(
    low, high, x, y, height, model, ghz, radius, tilt, power, receiver,
    horizontal, vertical_width, vertical_limit, limit,
    blocks, block_need, block_starts, point_row, point_column, need,
    west, south, cell, most, walls,
):  # fmt: skip
    """(counts, lines, points) of the places low to high, in order of the places."""
    counts = np.zeros(high - low, np.int64)
    lines = np.zeros(high - low, np.int64)
    points = np.empty(1024, np.int32)
    size = 0
    path = np.empty((2, most), np.float32)
    vertical = np.empty((1, most), np.float32)
    known = np.full(most, -1, np.int64)
    one, scale = np.float32(1.0), np.float32(TURN / 4.0)
    tiny = np.float32(1.0 / (1 << SHIFT))
    floor = np.float32(10.0 ** (-0.1 * limit))
    square = np.empty(1, np.float32)
    bits = square.view(np.int32)
    for at in range(low, high):
        tilts = tilt[at : at + 1]
        sent = np.float32(power[at])
        reach = radius[at] * radius[at]
        all_x, all_y = (x[at] - west) / cell - 0.5, (y[at] - south) / cell - 0.5
        before = size
        for block in range(len(block_need)):
            away_x = max(0.0, blocks[block, 0] - x[at], x[at] - blocks[block, 1])
            away_y = max(0.0, blocks[block, 2] - y[at], y[at] - blocks[block, 3])
            least = away_x * away_x + away_y * away_y
            if least > reach:
                continue
            square[0] = max(np.float32(least * (1 - MARGIN)), LEAST_SQUARE)
            k = (bits[0] >> SHIFT) - FIRST
            if known[k] != at:
                fill_place(path, vertical, k, model[at], height[at], receiver, ghz[at], tilts,
                           vertical_width, vertical_limit)  # fmt: skip
                known[k] = at
            # nothing of the block is nearer, and loss grows with the distance
            if np.float64(path[0, k]) * power[at] * (1 + MARGIN) < block_need[block]:
                continue
            begin, end = block_starts[block], block_starts[block + 1]
            if size + end - begin > len(points):
                room = max(2 * len(points), size + end - begin)
                more = np.empty(room, np.int32)
                more[:size] = points[:size]
                points = more
            for point in range(begin, end):
                across_x = (point_column[point] - all_x) * cell
                across_y = (point_row[point] - all_y) * cell
                if across_x * across_x + across_y * across_y > reach:
                    continue
                east, north = np.float32(across_x), np.float32(across_y)
                square[0] = max(east * east + north * north, LEAST_SQUARE)
                k = (bits[0] >> SHIFT) - FIRST
                part = np.float32(bits[0] & ((1 << SHIFT) - 1)) * tiny
                for place in (k, k + 1):
                    if known[place] != at:
                        fill_place(path, vertical, place, model[at], height[at], receiver, ghz[at],
                                   tilts, vertical_width, vertical_limit)  # fmt: skip
                        known[place] = at
                gain = path[0, k] + part * (path[0, k + 1] - path[0, k])
                if np.float64(gain) * power[at] * (1 + MARGIN) < need[point]:
                    continue
                t = east / (abs(east) + abs(north) + np.float32(1e-6))
                u = (one - t if north >= 0 else np.float32(3.0) + t) * scale
                turn = np.int32(u)
                share = u - np.float32(turn)
                along = vertical[0, k] + part * (vertical[0, k + 1] - vertical[0, k])
                cut = np.float32(0.0)
                for sector in range(horizontal.shape[0]):
                    from_, to = horizontal[sector, turn], horizontal[sector, turn + 1]
                    cut = max(cut, along * (from_ + share * (to - from_)))
                cut = max(cut, floor)
                if np.float64(cut * gain * sent) < need[point]:
                    continue
                weak = path[1, k] + part * (path[1, k + 1] - path[1, k])
                if np.float64(cut * weak * sent) < need[point]:
                    lines[at - low] += 1
                    if line_is_shut(
                        x[at], y[at], height[at], x[at] + across_x, y[at] + across_y, receiver,
                        cell, walls,
                    ):  # fmt: skip
                        continue
                points[size] = point
                size += 1
        counts[at - low] = size - before
    return counts, lines, points[:size].copy()


def points_covered(
    places: Places,
    demand: Demand,
    buildings: Buildings,
    grid: Grid,
    *,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Reached:
    """Which points each place would cover.

    Args:
        places, demand: m and n of them.
        buildings, grid: the ground.
        threads: default one for every core.
        progress: told after every few places; it may raise to end the work.

    Raises:
        ValueError: a place not above the receivers; more than 100 million pairs.
    """
    total, own = len(places), places.antenna
    if total:
        check_heights(
            float(places.height.min()), places.receiver, float(places.radius.min(initial=1.0))
        )
    blocks = _Blocks(demand, grid)
    walls = walls_of(buildings)
    power = 10 ** ((places.power_dbm + own.gain_dbi) / 10)
    horizontal = np.empty((len(places.azimuth), TURN + 2), np.float32)
    direction_tables(horizontal, places.azimuth, own.horizontal_width, own.horizontal_limit)
    most = int(place_of(float(places.radius.max(initial=1.0)) ** 2)) + 3
    share = max(1, min(PLACES_AT_ONCE, PAIRS_AT_ONCE // max(len(demand.need), 1)))

    def part(low: int) -> Any:
        return _points_of(
            low, min(low + share, total), places.x, places.y, places.height, places.model,
            places.ghz, places.radius, places.tilt, power, places.receiver,
            horizontal, own.vertical_width, own.vertical_limit, own.limit,
            blocks.corners, blocks.least, blocks.starts, blocks.row, blocks.column, blocks.need,
            grid.west, grid.south, grid.cell, most, walls,
        )  # fmt: skip

    counts, lines, points, size = [np.zeros(1, np.int64)], [], [np.empty(0, np.int32)], 0
    cores = threads or len(os.sched_getaffinity(0))
    for number, found in enumerate(_spread(part, range(0, total, share), cores), 1):
        size += len(found[2])
        if size > MOST_PAIRS:
            raise ValueError(
                f"candidates: {total:,} of them cover {len(demand.need):,} places in more than "
                f"{MOST_PAIRS:,} ways; lower the thresholds or take fewer candidates"
            )
        counts.append(found[0])
        lines.append(found[1])
        points.append(blocks.number[found[2]].astype(np.int32))
        if progress is not None:
            progress(min(number * share, total), total)
    return Reached(
        starts=np.concatenate(counts).cumsum(),
        points=np.concatenate(points),
        lines=np.concatenate([np.empty(0, np.int64), *lines]),
    )


class _Blocks:
    """The points in order of blocks: `number` leads back to the caller's order.

    `corners` is (blocks, 4): west, east, south, north of its points; `least` its least need.
    """

    def __init__(self, demand: Demand, grid: Grid) -> None:
        row, column = np.divmod(demand.cell.astype(np.int64), grid.columns)
        block = (row // BLOCK) * (grid.columns // BLOCK + 1) + column // BLOCK
        self.number = np.argsort(block, kind="stable")
        self.row, self.column = row[self.number], column[self.number]
        self.need = demand.need[self.number].astype(np.float64)
        begins = np.flatnonzero(np.diff(block[self.number], prepend=-1))
        self.starts = np.append(begins, len(block)).astype(np.int64)
        self.corners, self.least = np.empty((0, 4)), np.empty(0)
        if len(begins):
            x = grid.west + (self.column + 0.5) * grid.cell
            y = grid.south + (self.row + 0.5) * grid.cell
            sides = (np.minimum, x), (np.maximum, x), (np.minimum, y), (np.maximum, y)
            self.corners = np.column_stack([of.reduceat(at, begins) for of, at in sides])
            self.least = np.minimum.reduceat(self.need, begins)


def _spread(work: Callable[[int], Any], parts: Sequence[int], cores: int) -> Iterator[Any]:
    """What `work` makes of each part, in order, on all cores."""
    if cores == 1 or len(parts) <= 1:
        yield from map(work, parts)
        return
    with ThreadPoolExecutor(cores, thread_name_prefix="candidates") as pool:
        waiting = [pool.submit(work, each) for each in parts]
        try:
            for each in waiting:
                yield each.result()
        finally:
            for each in waiting:
                each.cancel()
