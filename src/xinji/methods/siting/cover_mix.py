"""The best mix of two sets of facilities, compiled by numba.

Where two good sets differ, they differ in places that have nothing to do with one another: no point
is covered from two of them, but for points that what both sets open covers as often as counts. Each
such place may be taken from either set, its worth is known, and the best choice within the budget
is found by trying all (partition crossover: Whitley, Hains and Howe, A hybrid genetic algorithm for
the travelling salesman problem using generalized partition crossover, 2010).
"""

from __future__ import annotations

import numpy as np
from numba import njit

from xinji.methods.siting.cover_search import SLACK, Booleans, Instance, Integers

MOST_PLACES = 12


@njit(cache=True, nogil=True)
def mixed(one: Booleans, other: Booleans, budget: float, given: Instance) -> tuple[Booleans, float]:
    """(the best mix, how much it is worth above `one`).

    Args:
        one: shape (m,), a set within the budget.
        other: shape (m,), may cost more.
        budget: in units of cost.
        given: the instance.
    """
    last = len(given.steps) - 1
    worths = np.zeros(last + 1)
    for c in range(last):
        worths[c + 1] = worths[c] + given.steps[c]
    place = _places(one, other, given)
    count_one, count_other = _counts(one, given), _counts(other, given)
    gain, cost, spent = np.zeros(len(one)), np.zeros(len(one)), 0.0
    for j in range(len(one)):
        if one[j]:
            spent += given.cost[j]
        if one[j] != other[j]:
            cost[place[j]] += given.cost[j] if other[j] else -given.cost[j]
            for at in range(given.starts[j], given.starts[j + 1]):
                i = given.demands[at]
                a, b = min(count_one[i], last), min(count_other[i], last)
                if a != b:
                    gain[place[j]] += given.weights[i] * (worths[b] - worths[a])
                    count_one[i] = count_other[i]
    free = np.flatnonzero((gain != 0.0) | (cost != 0.0))
    free = free[np.argsort(-np.abs(gain[free]))][:MOST_PLACES]
    most, choice = 0.0, 0
    for subset in range(1, 1 << len(free)):
        worth, price = 0.0, spent
        for at in range(len(free)):
            if subset >> at & 1:
                worth += gain[free[at]]
                price += cost[free[at]]
        if worth > most and price <= budget + SLACK:
            most, choice = worth, subset
    result = one.copy()
    for j in range(len(one)):
        for at in range(len(free) if one[j] != other[j] else 0):
            if place[j] == free[at] and choice >> at & 1:
                result[j] = other[j]
    return result, most


@njit(cache=True, nogil=True)
def _counts(opened: Booleans, given: Instance) -> Integers:
    """How many of a set cover each point."""
    counts = np.zeros(len(given.weights), np.int64)
    for j in range(len(opened)):
        if opened[j]:
            for at in range(given.starts[j], given.starts[j + 1]):
                counts[given.demands[at]] += 1
    return counts


@njit(cache=True, nogil=True)
def _places(one: Booleans, other: Booleans, given: Instance) -> Integers:
    """For each facility that differs one of its place: they meet at a point, or are rivals."""
    last = len(given.steps) - 1
    parent = np.arange(len(one))
    shared = _counts(one & other, given)
    first = np.full(len(given.weights), -1, np.int64)
    for j in range(len(one)):
        if one[j] == other[j]:
            continue
        for at in range(given.starts[j], given.starts[j + 1]):
            i = given.demands[at]
            if shared[i] < last:
                if first[i] < 0:
                    first[i] = j
                else:
                    parent[_root(parent, first[i])] = _root(parent, j)
        for at in range(given.rival_starts[j], given.rival_starts[j + 1]):
            k = given.rivals[at]
            if one[k] != other[k]:
                parent[_root(parent, k)] = _root(parent, j)
    for j in range(len(one)):
        parent[j] = _root(parent, j)
    return parent


@njit(cache=True, nogil=True)
def _root(parent: Integers, j: int) -> int:
    while parent[j] != j:
        parent[j] = parent[parent[j]]
        j = parent[j]
    return j
