"""Upper bound of maximal cover by Lagrangian relaxation, compiled by numba.

A point counts when it is covered: count_i <= sum of its open candidates. Relaxed with a multiplier
u_i per point, what is left falls apart: each point takes its best count by itself, and the
candidates are ranked by the multipliers that they collect (Galvao and ReVelle, EJOR 1996). Every
u gives a valid bound; a subgradient with momentum (deflection: Camerini, Fratta and Maffioli
1975) looks for the smallest. That is the bound of the linear relaxation at best; cuts
(`cover_cuts`) that are relaxed in the same way go below it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from xinji.methods.siting.cover_search import Booleans, Floats, Indices, Instance, Integers

SMOOTHING = 0.005
MOMENTUM = 0.96


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
    wanted: Floats,
    fixed: Booleans,
    budget: float,
    clique: Integers,
    cuts: Cuts,
    given: Instance,
) -> float:
    """The bound that multipliers give; fills scores (m,), taken (m,) and wanted counts (n,).

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
        best, at, worth = 0.0, 0, 0.0
        for c in range(last):
            worth += given.weights[i] * given.steps[c]
            if worth - price[i] * (c + 1) > best:
                best, at = worth - price[i] * (c + 1), c + 1
        wanted[i] = at
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


@njit(cache=True, nogil=True)
def _slopes(slope: Floats, taken: Floats, wanted: Floats, cuts: Cuts, given: Instance) -> None:
    """How the bound changes with each multiplier."""
    points = len(wanted)
    slope[:points] = -wanted
    for j in range(len(taken)):
        if taken[j] > 0.0:
            for at in range(given.starts[j], given.starts[j + 1]):
                slope[given.demands[at]] += taken[j]
    for cut in range(len(cuts.members)):
        total = 1.0
        for member in cuts.members[cut]:
            total -= wanted[member]
        for at in range(cuts.starts[cut], cuts.starts[cut + 1]):
            total += cuts.values[at] * taken[cuts.candidates[at]]
        slope[points + cut] = total


@njit(cache=True, nogil=True)
def descend(
    rounds: int,
    target: float,
    u: Floats,
    best_u: Floats,
    shares: Floats,
    best: float,
    pace: float,
    last_pace: float,
    fixed: Booleans,
    budget: float,
    clique: Integers,
    cuts: Cuts,
    given: Instance,
) -> float:
    """Lower the bound: the best one found.

    Args:
        rounds: steps of the subgradient.
        target: a worth that was reached; the bound cannot fall below it.
        u: shape (n + cuts,), where to start; changed.
        best_u: shape (n + cuts,), multipliers of the best bound; changed.
        shares: shape (m,), smoothed share of the rounds that took the candidate; changed.
        best: bound of `best_u`, inf for none.
        pace: factor of the first step; falls geometrically.
        last_pace: factor of the last step.
        fixed: shape (m,), existing facilities.
        budget: for those that may be opened.
        clique: shape (m,), number of each candidate's clique of rivals.
        cuts: relaxed as well.
        given: the instance.
    """
    places, points, size = len(given.cost), len(given.weights), len(u)
    scores, taken, wanted = np.empty(places), np.empty(places), np.empty(points)
    slope, way, high = np.empty(size), np.zeros(size), np.empty(size)
    steepest = worth = 0.0
    for c in range(len(given.steps) - 1):
        worth += given.steps[c]
        steepest = max(steepest, worth / (c + 1))
    high[:points] = given.weights * steepest
    for cut in range(size - points):
        high[points + cut] = given.weights[cuts.members[cut]].min()
    for turn in range(rounds):
        value = bound_at(u, scores, taken, wanted, fixed, budget, clique, cuts, given)
        if value < best:
            best = value
            best_u[:] = u
        if value - target <= 1e-9 * max(1.0, abs(target)):
            break
        for j in range(places):
            shares[j] += SMOOTHING * (taken[j] - shares[j])
        _slopes(slope, taken, wanted, cuts, given)
        length = 0.0
        for i in range(size):
            # a multiplier at its limit does not leave it
            if (u[i] >= high[i] and slope[i] < 0.0) or (u[i] <= 0.0 and slope[i] > 0.0):
                slope[i] = 0.0
            way[i] = slope[i] + MOMENTUM * way[i]
            length += way[i] * way[i]
        if length == 0.0:
            break
        step = pace * (last_pace / pace) ** (turn / rounds) * (value - target) / length
        for i in range(size):
            u[i] = min(max(u[i] - step * way[i], 0.0), high[i])
    return best
