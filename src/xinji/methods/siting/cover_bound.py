"""Upper bound of maximal cover by Lagrangian relaxation, compiled by numba.

A point counts when it is covered: count_i <= sum of its open candidates. Relaxed with a multiplier
u_i per point, what is left falls apart: each point takes its best count by itself, and the
candidates are ranked by the multipliers that they collect (Galvao and ReVelle, EJOR 1996). Every
u gives a valid bound; a subgradient with momentum (deflection: Camerini, Fratta and Maffioli
1975) looks for the smallest, each multiplier in units of the width of its box, which halves the
steps. That is the bound of the linear relaxation at best; cuts (`cover_cuts`) that are relaxed in
the same way go below it. The descent computes in single precision, for the arrays then stay near
the processor; the bound of what it found is computed anew in double precision by `bound_at`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

from xinji.methods.siting.cover import turn_rows
from xinji.methods.siting.cover_search import (
    Booleans,
    Floats,
    Indices,
    Instance,
    Integers,
    Unsigned,
)

Singles = npt.NDArray[np.float32]

SMOOTHING = 0.01
MOMENTUM = np.float32(0.98)
LOOSE = {"reassoc", "contract", "nsz"}
"""Sums in any order: what lets the compiler use vectors."""


class Cuts(NamedTuple):
    """Inequalities `sum of members covered <= 1 + sum of values * open`.

    Attributes:
        members: shape (k, 3), points.
        starts, candidates, values: compressed rows of the right side.
    """

    members: Integers
    starts: Integers
    candidates: Indices
    values: Floats


@njit(cache=True, nogil=True)
def choose_by_score(
    scores: Floats,
    taken: Floats,
    budget: float,
    clique: Integers,
    cost: Floats,
    allowed: Booleans,
) -> float:
    """Best set of candidates by score: the value; `taken` becomes each one's share, 0 to 1.

    With equal costs at most one of each clique and at most `budget` of them; else a
    fractional knapsack.
    """
    places = len(scores)
    taken[:] = 0.0
    value = 0.0
    equal = True
    for j in range(places):
        if allowed[j] and cost[j] != 1.0:
            equal = False
    if equal:
        cliques = 0
        for j in range(places):
            cliques = max(cliques, clique[j] + 1)
        top = np.zeros(cliques)
        who = np.full(cliques, -1, np.int64)
        for j in range(places):
            if allowed[j] and scores[j] > top[clique[j]]:
                top[clique[j]], who[clique[j]] = scores[j], j
        many = min(int(budget + 1e-9), cliques)
        if many <= 0:
            return 0.0
        least = np.partition(top, cliques - many)[cliques - many]
        left = many
        for each in range(cliques):
            if top[each] > least and who[each] >= 0:
                taken[who[each]] = 1.0
                value += top[each]
                left -= 1
        for each in range(cliques):
            if left > 0 and top[each] == least and who[each] >= 0:
                taken[who[each]] = 1.0
                value += top[each]
                left -= 1
        return value
    order = np.argsort(-scores / np.maximum(cost, 1e-12))
    left_cost = budget
    for j in order:
        if not allowed[j] or scores[j] <= 0.0:
            continue
        if cost[j] <= left_cost:
            share = 1.0
        elif cost[j] > budget + 1e-9:
            continue
        else:
            share = max(left_cost, 0.0) / cost[j]
        taken[j] = share
        value += share * scores[j]
        left_cost -= share * cost[j]
        if share < 1.0:
            break
    return value


@njit(cache=True, nogil=True)
def bound_at(
    u: Floats,
    scores: Floats,
    taken: Floats,
    fixed: Booleans,
    budget: float,
    clique: Integers,
    cuts: Cuts,
    given: Instance,
) -> float:
    """The bound that multipliers give; fills scores (m,) and taken (m,).

    `u` holds one multiplier per point, then one per cut.
    """
    last, points = len(given.steps) - 1, len(given.weights)
    price = u[:points].copy()
    value = 0.0
    for cut in range(len(cuts.members)):
        value += u[points + cut]
        for member in cuts.members[cut]:
            price[member] += u[points + cut]
    for i in range(points):
        best, worth = 0.0, 0.0
        for c in range(last):
            worth += given.weights[i] * given.steps[c]
            if worth - price[i] * (c + 1) > best:
                best = worth - price[i] * (c + 1)
        value += best
    for j in range(len(scores)):
        total = 0.0
        for at in range(given.starts[j], given.starts[j + 1]):
            total += u[given.demands[at]]
        scores[j] = total
    for cut in range(len(cuts.members)):
        if u[points + cut] > 0.0:
            for at in range(cuts.starts[cut], cuts.starts[cut + 1]):
                scores[cuts.candidates[at]] += u[points + cut] * cuts.values[at]
    for j in range(len(scores)):
        if fixed[j]:
            value += scores[j]
    value += choose_by_score(scores, taken, budget, clique, given.cost, given.allowed)
    for j in range(len(scores)):
        if fixed[j]:
            taken[j] = 1.0
    return value


class Relaxed(NamedTuple):
    """The relaxed problem in single precision.

    Attributes:
        starts, demands: as in `Cover`.
        weights: shape (n,).
        steps: worth of the first, second ... cover, ends with 0.
        members: shape (k, 3), points of each cut.
        cut_starts, cuts, values: compressed rows by candidate, the cuts on whose right side it
            stands, numbered from n on as their multipliers are.
        high: shape (n + k,), what a multiplier need never exceed.
    """

    starts: Unsigned
    demands: Unsigned
    weights: Singles
    steps: Singles
    members: Unsigned
    cut_starts: Unsigned
    cuts: Unsigned
    values: Singles
    high: Singles


def relaxed(cuts: Cuts, given: Instance) -> Relaxed:
    """The instance with its cuts, for `descend`."""
    by_candidate, which, source = turn_rows(cuts.starts, cuts.candidates, len(given.cost))
    worth = np.cumsum(given.steps[:-1])
    steepest = (worth / np.arange(1, len(given.steps))).max()
    high = np.concatenate(
        [given.weights * steepest, given.weights[cuts.members].min(axis=1, initial=np.inf)]
    )
    return Relaxed(
        given.starts, given.demands, given.weights.astype(np.float32),
        given.steps.astype(np.float32), cuts.members.astype(np.uint32),
        by_candidate.astype(np.uint32),
        (which + len(given.weights)).astype(np.uint32),
        cuts.values[source].astype(np.float32), high.astype(np.float32),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def _collect(u: Singles, scores: Floats, given: Relaxed) -> None:
    """What each candidate collects of the multipliers."""
    for j in range(len(scores)):
        # four sums at once: each waits for a read, not for the one before it
        one = two = three = four = np.float32(0)
        at, end = given.starts[j], given.starts[j + 1]
        while at + 3 < end:
            one += u[given.demands[at]]
            two += u[given.demands[at + 1]]
            three += u[given.demands[at + 2]]
            four += u[given.demands[at + 3]]
            at += 4
        for left in range(at, end):
            one += u[given.demands[left]]
        for cut in range(given.cut_starts[j], given.cut_starts[j + 1]):
            two += u[given.cuts[cut]] * given.values[cut]
        scores[j] = (one + two) + (three + four)


@njit(cache=True, nogil=True, fastmath=LOOSE)
def _relax_points(u: Singles, price: Singles, slope: Singles, given: Relaxed) -> float:
    """Worth of the points by themselves and of the cuts; `slope` becomes what they ask for."""
    points, last = len(given.weights), len(given.steps) - 1
    value = 0.0
    price[:] = u[:points]
    for cut in range(len(given.members)):
        more = u[points + cut]
        value += more
        for each in range(3):
            price[given.members[cut, each]] += more
    if last == 1:
        first = given.steps[0]
        for i in range(points):
            left = given.weights[i] * first - price[i]
            wants = np.float32(1) if left > 0 else np.float32(0)
            value += left * wants
            slope[i] = -wants
    else:
        for i in range(points):
            most, count, worth = 0.0, 0, 0.0
            for c in range(last):
                worth += given.weights[i] * given.steps[c]
                if worth - price[i] * (c + 1) > most:
                    most, count = worth - price[i] * (c + 1), c + 1
            value += most
            slope[i] = -np.float32(count)
    for cut in range(len(given.members)):
        total = np.float32(1)
        for each in range(3):
            total += slope[given.members[cut, each]]
        slope[points + cut] = total
    return value


@njit(cache=True, nogil=True)
def _offer(taken: Floats, slope: Singles, given: Relaxed) -> None:
    """Add to the slopes what the taken candidates cover."""
    for j in range(len(taken)):
        if taken[j] > 0.0:
            share = np.float32(taken[j])
            for at in range(given.starts[j], given.starts[j + 1]):
                slope[given.demands[at]] += share
            for at in range(given.cut_starts[j], given.cut_starts[j + 1]):
                slope[given.cuts[at]] += share * given.values[at]


@njit(cache=True, nogil=True, fastmath=LOOSE)
def _turn_way(u: Singles, slope: Singles, way: Singles, high: Singles, scale: np.float32) -> float:
    """Blend the slopes into the way; its squared length in the metric of the boxes."""
    length = np.float32(0)
    for i in range(len(u)):
        fall = slope[i]
        # a multiplier at its limit does not leave it
        if (u[i] >= high[i] and fall < 0) or (u[i] <= 0 and fall > 0):
            fall = np.float32(0)
        way[i] = fall + MOMENTUM * way[i]
        length += way[i] * way[i] * high[i] * scale
    return float(length)


@njit(cache=True, nogil=True, fastmath=LOOSE)
def _go(u: Singles, way: Singles, high: Singles, step: np.float32) -> None:
    for i in range(len(u)):
        u[i] = min(max(u[i] - step * way[i] * high[i], np.float32(0)), high[i])


@njit(cache=True, nogil=True)
def descend(
    rounds: int,
    target: float,
    u: Singles,
    best_u: Singles,
    shares: Floats,
    best: float,
    pace: float,
    last_pace: float,
    fixed: Booleans,
    allowed: Booleans,
    cost: Floats,
    budget: float,
    clique: Integers,
    given: Relaxed,
) -> float:
    """Lower the bound: the best one found, in single precision.

    Args:
        rounds: steps of the subgradient.
        target: a worth that was reached; the bound cannot fall below it.
        u: shape (n + k,), multiplier of each point and each cut, where to start; changed.
        best_u: shape (n + k,), multipliers of the best bound; changed.
        shares: shape (m,), smoothed share of the rounds that took the candidate; changed.
        best: bound of `best_u`, inf for none.
        pace: factor of the first step; falls geometrically.
        last_pace: factor of the last step.
        fixed: shape (m,), existing facilities.
        allowed, cost: shape (m,).
        budget: for those that may be opened.
        clique: shape (m,), number of each candidate's clique of rivals.
        given: the relaxed problem.
    """
    places, points, size = len(cost), len(given.weights), len(u)
    scores, taken = np.empty(places), np.empty(places)
    price, slope = np.empty(points, np.float32), np.empty(size, np.float32)
    way = np.zeros(size, np.float32)
    scale = np.float32(1 / max(given.high[:points].mean(), 1e-30))
    for turn in range(rounds):
        _collect(u, scores, given)
        value = choose_by_score(scores, taken, budget, clique, cost, allowed)
        for j in range(places):
            if fixed[j]:
                value += scores[j]
                taken[j] = 1.0
            shares[j] += SMOOTHING * (taken[j] - shares[j])
        value += _relax_points(u, price, slope, given)
        if value < best:
            best = value
            best_u[:] = u
        if value - target <= 1e-7 * max(1.0, abs(target)):
            break
        _offer(taken, slope, given)
        length = _turn_way(u, slope, way, given.high, scale)
        if length == 0.0:
            break
        step = pace * (last_pace / pace) ** (turn / rounds) * (value - target) / length
        _go(u, way, given.high, np.float32(step) * scale)
    return best
