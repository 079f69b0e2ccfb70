"""Cuts for maximal cover: what three points cannot have with half-open facilities.

For points a, b, c and whole facilities: z_a + z_b + z_c <= 1 + sum_j ceil(n_j / 2) x_j, where n_j
is how many of the three candidate j covers. (Half the sum of the three `z <= sum x` and the three
`z <= 1`, rounded: a zero-half Chvatal-Gomory cut, Caprara and Fischetti 1996.) The relaxation
breaks it where three half-open facilities each cover two of three points.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from xinji.methods.siting.cover import Cover, Floats, Integers
from xinji.methods.siting.cover_bound import Cuts
from xinji.methods.siting.cover_search import Indices

TRIES = 120
LEAST_SHARE = 0.005
LEAST_BREACH = 0.02
WIDEST = 24
"""Candidates with a share that are looked at, per point."""


def no_cuts() -> Cuts:
    """None."""
    return Cuts(
        np.zeros((0, 3), np.int64), np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0)
    )


def more_cuts(cuts: Cuts, fresh: Cuts) -> Cuts:
    """Both, one after the other; a cut that is in both does no harm."""
    return Cuts(
        np.concatenate([cuts.members, fresh.members]),
        np.concatenate([cuts.starts, cuts.starts[-1] + fresh.starts[1:]]),
        np.concatenate([cuts.candidates, fresh.candidates]),
        np.concatenate([cuts.values, fresh.values]),
    )


def find_cuts(cover: Cover, weights: Floats, shares: Floats, most: int, seed: int) -> Cuts:
    """Cuts that the shares of open candidates, shape (m,), break; the `most` worst, by weight."""
    members, breach = _sample(
        cover.starts, cover.demands, cover.demand_starts, cover.candidates, shares, seed
    )
    worst = np.argsort(-breach * weights[members].min(1), kind="stable")[:most]
    members = np.unique(np.sort(members[worst], axis=1), axis=0)
    return Cuts(members, *_right_sides(members, cover.demand_starts, cover.candidates, len(shares)))


@njit(cache=True, nogil=True)
def _sample(
    starts: Integers,
    demands: Indices,
    demand_starts: Integers,
    candidates: Indices,
    shares: Floats,
    seed: int,
) -> tuple[Integers, Floats]:
    """The most broken of some random triples around each point: (members (k, 3), breach (k,))."""
    np.random.seed(seed)
    points = len(demand_starts) - 1
    likely = np.empty((points, WIDEST), np.int32)
    size = np.zeros(points, np.int64)
    reach = np.zeros(points)
    for i in range(points):
        for at in range(demand_starts[i], demand_starts[i + 1]):
            j = candidates[at]
            if shares[j] > 0.0:
                reach[i] += shares[j]
            if shares[j] > LEAST_SHARE and size[i] < WIDEST:
                likely[i, size[i]] = j
                size[i] += 1
        reach[i] = min(reach[i], 1.0)
    met = np.zeros(len(shares), np.int64)
    members, breach = np.empty((points, 3), np.int64), np.empty(points)
    count = 0
    for i in range(points):
        if size[i] < 2 or reach[i] < 0.5:
            continue
        most = LEAST_BREACH
        found = False
        for _ in range(TRIES):
            j, k = likely[i, np.random.randint(size[i])], likely[i, np.random.randint(size[i])]
            b = demands[starts[j] + np.random.randint(starts[j + 1] - starts[j])]
            c = demands[starts[k] + np.random.randint(starts[k + 1] - starts[k])]
            if j == k or b == c or i in (b, c):
                continue
            left = reach[i] + reach[b] + reach[c] - 1.0
            if left <= most:
                continue
            for at in range(size[i]):
                met[likely[i, at]] = 1
            for at in range(size[b]):
                met[likely[b, at]] += 1
            for at in range(size[c]):
                met[likely[c, at]] += 1
            for point in (np.int64(i), np.int64(b), np.int64(c)):
                for at in range(size[point]):
                    each = likely[point, at]
                    left -= shares[each] * ((met[each] + 1) // 2)
                    met[each] = 0
            if left > most:
                most, found = left, True
                members[count, 0], members[count, 1], members[count, 2] = i, b, c
        if found:
            breach[count] = most
            count += 1
    return members[:count].copy(), breach[:count].copy()


@njit(cache=True, nogil=True)
def _right_sides(
    members: Integers, demand_starts: Integers, candidates: Indices, places: int
) -> tuple[Integers, Indices, Floats]:
    """Compressed rows of ceil(n_j / 2)."""
    starts = np.zeros(len(members) + 1, np.int64)
    for cut in range(len(members)):
        longest = 0
        for point in members[cut]:
            longest += demand_starts[point + 1] - demand_starts[point]
        starts[cut + 1] = starts[cut] + longest
    columns, values = np.empty(starts[-1], np.int32), np.empty(starts[-1])
    met = np.zeros(places, np.int64)
    filled = 0
    for cut in range(len(members)):
        begin = filled
        for point in members[cut]:
            for at in range(demand_starts[point], demand_starts[point + 1]):
                if met[candidates[at]] == 0:
                    columns[filled] = candidates[at]
                    filled += 1
                met[candidates[at]] += 1
        for at in range(begin, filled):
            values[at] = (met[columns[at]] + 1) // 2
            met[columns[at]] = 0
        starts[cut] = begin
    starts[len(members)] = filled
    return starts, columns[:filled].copy(), values[:filled].copy()
