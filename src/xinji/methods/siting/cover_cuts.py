"""Cuts for maximal cover: what three points cannot have with half-open facilities.

For points a, b, c and whole facilities: z_a + z_b + z_c <= 1 + sum_j ceil(n_j / 2) x_j, where n_j
is how many of the three candidate j covers. (Half the sum of the three `z <= sum x` and the three
`z <= 1`, rounded: a zero-half Chvatal-Gomory cut, Caprara and Fischetti 1996.) The relaxation
breaks it where three half-open facilities each cover two of three points.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from xinji.methods.siting.cover import Cover, Floats, Integers
from xinji.methods.siting.cover_bound import Cuts
from xinji.methods.siting.cover_search import Booleans, Indices, Unsigned

FIRST = 0.5
"""Share of the points that are the first of a cut; each may be any other's second or third."""
TRIES = 5
"""Second points that are tried for each first one; the best third is found for each."""
MANY = 1_000
"""So few points are all looked at."""
LEAST_SHARE = 0.005
LEAST_BREACH = 0.02
LEAST_REACH = 0.6
BETWEEN = (0.25, 0.75)
"""Of the candidates' shares over a first point, how much a second one has in common with it."""
LIGHT = 0.15
"""So many of the points, the lightest, are in no cut: a multiplier cannot exceed a weight."""
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


def kept_cuts(cuts: Cuts, keep: Booleans) -> Cuts:
    """Some of the cuts, by a mask of shape (k,)."""
    lengths = np.diff(cuts.starts)
    inside = np.repeat(keep, lengths)
    starts = np.concatenate([[0], np.cumsum(lengths[keep])]).astype(np.int64)
    return Cuts(cuts.members[keep], starts, cuts.candidates[inside], cuts.values[inside])


def find_cuts(cover: Cover, weights: Floats, shares: Floats, most: int, seed: int) -> Cuts:
    """Cuts that the shares of open candidates, shape (m,), break; the `most` worst, by weight.

    With z = 1 and reach r at each of three points, a cut is broken by as much as the shares that
    cover at least two of them exceed 1. So a second point is drawn from those that have about half
    of their shares in common with the first, and the third is the best of all: what it gets from
    the shares that cover just one of the two is summed over the neighbourhood in one pass.
    """
    near = _neighbourhood(
        *cover.rows(), shares, weights,
        float(np.quantile(weights, LIGHT)) if len(weights) else 0.0,
    )  # fmt: skip
    members, breach = _search(near, shares, weights, seed)
    worst = np.argsort(-breach * weights[members].min(axis=1, initial=np.inf), kind="stable")
    members = np.unique(np.sort(members[worst[:most]], axis=1), axis=0)
    return Cuts(members, *_right_sides(members, cover.demand_starts, cover.candidates, len(shares)))


class _Near(NamedTuple):
    """Who covers whom, with a share that counts.

    Attributes:
        likely, size: shape (n, WIDEST) and (n,), the candidates of a point.
        reach: shape (n,), sum of their shares.
        good: shape (n,), may be in a cut.
        starts, points: compressed rows of the good points of each candidate.
    """

    likely: Unsigned
    size: Integers
    reach: Floats
    good: Booleans
    starts: Unsigned
    points: Unsigned


@njit(cache=True, nogil=True)
def _neighbourhood(
    starts: Unsigned,
    demands: Unsigned,
    demand_starts: Unsigned,
    candidates: Unsigned,
    shares: Floats,
    weights: Floats,
    light: float,
) -> _Near:
    size_of = len(demand_starts) - 1
    likely = np.empty((size_of, WIDEST), np.uint32)
    size, reach = np.zeros(size_of, np.int64), np.zeros(size_of)
    good = np.zeros(size_of, np.bool_)
    for i in range(size_of):
        for at in range(demand_starts[i], demand_starts[i + 1]):
            j = candidates[at]
            if shares[j] > LEAST_SHARE and size[i] < WIDEST:
                likely[i, size[i]] = j
                size[i] += 1
                reach[i] += shares[j]
        good[i] = size[i] >= 2 and reach[i] >= LEAST_REACH and weights[i] >= light
    near_starts, points = np.zeros(len(starts), np.uint32), np.empty(len(demands), np.uint32)
    filled = 0
    for j in range(len(starts) - 1):
        for at in range(starts[j], starts[j + 1] if shares[j] > LEAST_SHARE else starts[j]):
            if good[demands[at]]:
                points[filled] = demands[at]
                filled += 1
        near_starts[j + 1] = filled
    return _Near(likely, size, reach, good, near_starts, points[:filled].copy())


@njit(cache=True, nogil=True)
def _spread(j: int, share: float, near: _Near, total: Floats, touched: Unsigned, count: int) -> int:
    """Add a candidate's share to the points that it covers; how many are touched now."""
    for at in range(near.starts[j], near.starts[j + 1]):
        i = near.points[at]
        if total[i] == 0.0:
            touched[count] = i
            count += 1
        total[i] += share
    return count


@njit(cache=True, nogil=True)
def _search(near: _Near, shares: Floats, weights: Floats, seed: int) -> tuple[Integers, Floats]:
    """The cut around each point that is most broken by weight: (members (k, 3), breach (k,))."""
    np.random.seed(seed)
    size_of = len(weights)
    common, one_of = np.zeros(size_of), np.zeros(size_of)
    touched, others = np.empty(size_of, np.uint32), np.empty(size_of, np.uint32)
    seconds = np.empty(size_of, np.uint32)
    own = np.zeros(len(shares), np.bool_)
    members, breach = np.empty((size_of, 3), np.int64), np.empty(size_of)
    count = 0
    for i in range(size_of):
        if not near.good[i] or (size_of > MANY and np.random.random() > FIRST):
            continue
        met = 0
        for each in near.likely[i, : near.size[i]]:
            own[each] = True
            met = _spread(each, shares[each], near, common, touched, met)
        many = 0
        for other in touched[:met]:
            if BETWEEN[0] < common[other] < BETWEEN[1]:
                seconds[many] = other
                many += 1
        most, found = 0.0, False
        for _ in range(min(TRIES, many)):
            b = seconds[np.random.randint(many)]
            left = min(near.reach[i], 1.0) + min(near.reach[b], 1.0) - 1.0
            left -= near.reach[i] + near.reach[b] - common[b]
            low, beside = min(weights[i], weights[b]), 0
            for each in near.likely[b, : near.size[b]]:
                if own[each]:
                    own[each] = False
                else:
                    beside = _spread(each, shares[each], near, one_of, others, beside)
            for each in near.likely[i, : near.size[i]]:
                if own[each]:
                    beside = _spread(each, shares[each], near, one_of, others, beside)
                own[each] = True
            for c in others[:beside]:
                broken = left + min(near.reach[c], 1.0) - near.reach[c] + one_of[c]
                one_of[c] = 0.0
                worth = broken * min(low, weights[c])
                if broken > LEAST_BREACH and worth > most and c != i and c != b:
                    most, found = worth, True
                    members[count, 0], members[count, 1], members[count, 2] = i, b, c
                    breach[count] = broken
        for each in near.likely[i, : near.size[i]]:
            own[each] = False
        for other in touched[:met]:
            common[other] = 0.0
        count += found
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
