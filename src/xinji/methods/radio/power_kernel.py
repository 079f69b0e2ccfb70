# mypy: disable-error-code="no-untyped-def"
# ruff: noqa: ANN001, ANN201, ANN202
"""The inner loop of the coverage map: one station's sectors added to the map, row by row.

No logarithm, exponential or arc tangent is taken for a cell. Path gain and the vertical cut are
linear-power tables over the distance, the horizontal cut over the direction, each read with linear
interpolation; the place in the distance table is the exponent and the first bits of the float32
square of the distance, so the table is evenly spaced in its logarithm.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from xinji.methods.radio.antenna import cut_db
from xinji.methods.radio.path_loss import loss_pair
from xinji.methods.radio.sight import cast_shadows, disc_rows, window_of

STEPS = 64  # of the distance table, for each doubling of the square of the distance
SHIFT = 23 - 6  # bits of a float32's fraction below those steps
TURN = 512  # of the direction table, for a full turn
FIRST = 125 * STEPS  # place of a square of 1/4 m2: below it all is one distance
LEAST_SQUARE = np.float32(0.25)

ADD, TAKE_OUT = 0, 1


@njit(nogil=True, cache=True, error_model="numpy")
def place_of(square):
    """Index into the distance table (before interpolation) of a squared distance in m2."""
    return math.floor(math.log2(square) * STEPS) + 127 * STEPS - FIRST + 1


@njit(nogil=True, cache=True, error_model="numpy")
def fill_place(path, vertical, at, model, station, receiver, ghz, tilts, widths, limits):
    """Fill place `at` of path (2, count): gain in sight and not; vertical (sectors, count)."""
    place = at + FIRST
    # the square that has this exponent and these first bits
    square = math.ldexp(1.0 + (place % STEPS) / STEPS, place // STEPS - 127)
    distance = math.sqrt(square)
    los, nlos = loss_pair(model, distance, station, receiver, ghz)
    path[0, at] = 10.0 ** (-0.1 * los)
    path[1, at] = 10.0 ** (-0.1 * nlos)
    below = math.degrees(math.atan2(station - receiver, max(distance, 1e-3)))
    for sector in range(len(tilts)):
        if sector and tilts[sector] == tilts[sector - 1]:
            vertical[sector, at] = vertical[sector - 1, at]
        else:
            down = cut_db(below - tilts[sector], widths, limits)
            vertical[sector, at] = 10.0 ** (0.1 * down)


@njit(nogil=True, cache=True, error_model="numpy")
def distance_tables(path, vertical, count, model, station, receiver, ghz, tilts, widths, limits):
    """Fill path (2, count): gain in sight and not; vertical (sectors, count): of the cut."""
    for at in range(count):
        fill_place(path, vertical, at, model, station, receiver, ghz, tilts, widths, limits)


@njit(nogil=True, cache=True, error_model="numpy")
def direction_tables(horizontal, azimuths, width, limit):
    """Fill (sectors, TURN + 2): gain of the horizontal cut by direction (see `add_site`)."""
    for at in range(TURN + 2):
        u = (at % TURN) * (4.0 / TURN)
        if u <= 2.0:  # north of the station: u = 1 - x / (|x| + |y|)
            x = 1.0 - u
            y = 1.0 - abs(x)
        else:
            x = u - 3.0
            y = abs(x) - 1.0
        compass = math.degrees(math.atan2(x, y))
        for sector in range(len(azimuths)):
            across = cut_db(compass - azimuths[sector], width, limit)
            horizontal[sector, at] = 10.0 ** (0.1 * across)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz", "arcp"})
def _row(
    count, begin, ox, y, cell, hidden, path, east, bits, square, place, part, turn, share, gain
):  # fmt: skip
    """For the cells of one row: places and parts in both tables, and the path gain."""
    north = np.float32(y)
    for at in range(count):
        x = np.float32((np.float64(begin + at) - ox) * cell)
        east[at] = x
        square[at] = max(x * x + north * north, LEAST_SQUARE)
    one = np.float32(1.0)
    far_side = np.float32(3.0)
    scale = np.float32(TURN / 4.0)
    for at in range(count):
        x = east[at]
        t = x / (abs(x) + abs(north) + np.float32(1e-6))
        u = (one - t if north >= 0 else far_side + t) * scale
        whole = np.int32(u)
        turn[at] = whole
        share[at] = u - np.float32(whole)
    tiny = np.float32(1.0 / (1 << SHIFT))
    for at in range(count):
        place[at] = np.int32(bits[at] >> np.int32(SHIFT)) - np.int32(FIRST)
        part[at] = np.float32(bits[at] & np.int32((1 << SHIFT) - 1)) * tiny
    width = np.int32(path.shape[0] // 2)
    for at in range(count):
        k = place[at] + width * np.int32(hidden[at])
        low = path[k]
        gain[at] = low + part[at] * (path[k + 1] - low)


@njit(nogil=True, cache=True, error_model="numpy", fastmath={"contract", "nsz", "arcp"})
def _sector(
    count, sector, power, floor, load, vertical, horizontal,
    place, part, turn, share, gain, strongest, which, total,
):  # fmt: skip
    """Add one sector to the row's strongest power, its number and the loaded total."""
    number = np.int32(sector)
    for at in range(count):
        k, h = place[at], turn[at]
        along = vertical[k] + part[at] * (vertical[k + 1] - vertical[k])
        across = horizontal[h] + share[at] * (horizontal[h + 1] - horizontal[h])
        here = max(along * across, floor) * gain[at] * power
        total[at] += load * np.float64(here)
        which[at] = number if here > strongest[at] else which[at]
        strongest[at] = max(here, strongest[at])


@njit(nogil=True, cache=True, error_model="numpy")
def _add_row(count, strongest, which, total, best, best_sector, second, second_sector, sum_):
    for at in range(count):
        new, old, other = strongest[at], best[at], second[at]
        wins = new > old
        loser = min(new, old)
        beaten = best_sector[at] if wins else which[at]
        second_sector[at] = beaten if loser > other else second_sector[at]
        second[at] = max(loser, other)
        best_sector[at] = which[at] if wins else best_sector[at]
        best[at] = max(new, old)
        sum_[at] += total[at]


@njit(nogil=True, cache=True, error_model="numpy")
def _take_out_row(
    count, total, low, high, best, best_sector, second, second_sector, sum_, stale
):  # fmt: skip
    """The station of sectors low to high leaves: the best is known, the second is not any more."""
    for at in range(count):
        sum_[at] = max(sum_[at] - total[at], 0.0)
        if low <= best_sector[at] < high:
            best[at], best_sector[at] = second[at], second_sector[at]
        elif not low <= second_sector[at] < high:
            continue
        if best[at] > 0:
            stale[at] = True
        second[at], second_sector[at] = 0.0, -1


@njit(nogil=True, cache=True, error_model="numpy")
def add_site(
    mode, x, y, height, model, radius, receiver, ghz,
    low, azimuths, tilts, powers, loads,
    horizontal_width, horizontal_limit, vertical_width, vertical_limit, limit,
    first, x1, y1, x2, y2, top, ground, cx, cy, reach,
    west, south, cell, from_row, from_column, end_row, end_column,
    best, best_sector, second, second_sector, sum_, stale,
    hidden, bounds, floats, ints, totals, path, vertical, horizontal,
):  # fmt: skip
    """Add (mode 0) or take out (1) one station on a rectangle of the map.

    `low` is the number of its first sector, `powers` linear mW with the antenna's gain.
    """
    columns_of_map = end_column
    row, column, stop_row, stop_column = window_of(
        x, y, radius, west, south, cell, end_row, columns_of_map
    )
    row, column = max(row, from_row), max(column, from_column)
    rows, columns = stop_row - row, stop_column - column
    if rows <= 0 or columns <= 0:
        return
    corner_x, corner_y = west + (column + 0.5) * cell, south + (row + 0.5) * cell
    # by the map's corner, so that every rectangle of one map rounds alike
    all_x, all_y = (x - west) / cell - 0.5, (y - south) / cell - 0.5
    ox, oy = all_x - column, all_y - row
    left, right = bounds[0], bounds[1]
    disc_rows(left, right, rows, columns, ox, oy, radius / cell)
    window = hidden[: rows * columns].reshape(rows, columns)
    window[:] = 0
    nothing = np.zeros((1, 1), np.float32)
    flat = np.zeros((1, 1))
    cast_shadows(
        window, nothing, False, left, right, rows, columns, ox, oy, corner_x, corner_y, cell,
        radius, height, receiver, flat, False,
        first, x1, y1, x2, y2, top, ground, cx, cy, reach,
    )  # fmt: skip
    count = place_of(radius * radius) + 3
    sectors = len(azimuths)
    ways = path[: 2 * count]
    pair = ways.reshape(2, count)
    cuts = vertical[: sectors * count].reshape(sectors, count)
    distance_tables(
        pair, cuts, count, model, height, receiver, ghz, tilts, vertical_width, vertical_limit
    )
    around = horizontal[:sectors]
    direction_tables(around, azimuths, horizontal_width, horizontal_limit)
    floor = np.float32(10.0 ** (-0.1 * limit))
    square, part, share, gain, strongest = floats[0], floats[1], floats[2], floats[3], floats[4]
    bits = square.view(np.int32)
    place, turn, which = ints[0], ints[1], ints[2]
    for at in range(rows):
        begin = left[at]
        size = right[at] - begin + 1
        if size <= 0:
            continue
        _row(
            size, column + begin, all_x, (row + at - all_y) * cell, cell, window[at, begin:], ways,
            floats[5], bits, square,
            place, part, turn, share, gain,
        )  # fmt: skip
        for each in range(size):
            strongest[each], which[each], totals[each] = 0.0, -1, 0.0
        for sector in range(sectors):
            _sector(
                size, low + sector, np.float32(powers[sector]), floor, loads[sector],
                cuts[sector], around[sector], place, part, turn, share, gain,
                strongest, which, totals,
            )  # fmt: skip
        r, c = row + at, column + begin
        if mode == TAKE_OUT:
            _take_out_row(
                size, totals, low, low + sectors, best[r, c:], best_sector[r, c:],
                second[r, c:], second_sector[r, c:], sum_[r, c:], stale[r, c:],
            )  # fmt: skip
        else:
            _add_row(
                size, strongest, which, totals, best[r, c:], best_sector[r, c:],
                second[r, c:], second_sector[r, c:], sum_[r, c:],
            )  # fmt: skip
