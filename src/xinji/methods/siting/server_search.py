"""Inner loops of the search where each point has one server, its best; compiled by numba.

Maximise sum over points of the largest gain among open facilities. p-median is the same with gain =
farthest cost - cost. `gain[j]` is what opening j would add; it is kept exact while facilities open
and close, by the two best servers of each point (Resende and Werneck 2007).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from xinji.methods.siting.cover_bound import choose_by_score
from xinji.methods.siting.cover_search import (
    MOST_CLOSED,
    SLACK,
    Booleans,
    Floats,
    Indices,
    Integers,
    Unsigned,
)

SMOOTHING = 0.005
"""Of the shares, each round of the bound."""


class Servers(NamedTuple):
    """Gains above 0 in both directions, and what may be opened.

    Attributes:
        starts, points, gains: by candidate.
        ranked_starts, ranked, ranked_gains: by point, the largest gain first.
        cost, allowed, rival_starts, rivals: as in `cover_search.Instance`.
    """

    starts: Unsigned
    points: Unsigned
    gains: Floats
    ranked_starts: Unsigned
    ranked: Unsigned
    ranked_gains: Floats
    cost: Floats
    allowed: Booleans
    rival_starts: Integers
    rivals: Indices


class Served(NamedTuple):
    """What is open; best and second server of each point (-1 for none) and their gains."""

    is_open: Booleans
    first: Indices
    second: Indices
    best: Floats
    next_best: Floats
    gain: Floats
    blocked: Integers
    total: Floats


@njit(cache=True, nogil=True)
def all_closed(given: Servers) -> Served:
    """Nothing open."""
    places, points = len(given.cost), len(given.ranked_starts) - 1
    gain = np.zeros(places)
    for j in range(places):
        for at in range(given.starts[j], given.starts[j + 1]):
            gain[j] += given.gains[at]
    return Served(
        np.zeros(places, np.bool_),
        np.full(points, -1, np.int32),
        np.full(points, -1, np.int32),
        np.zeros(points),
        np.zeros(points),
        gain,
        np.zeros(places, np.int64),
        np.zeros(2),
    )


@njit(cache=True, nogil=True)
def _shift(i: int, low: float, high: float, sign: float, given: Servers, gain: Floats) -> None:
    """The best gain of a point moves between low and high: change what candidates would add."""
    for at in range(given.ranked_starts[i], given.ranked_starts[i + 1]):
        value = given.ranked_gains[at]
        if value <= low:
            break
        gain[given.ranked[at]] += sign * (min(value, high) - low)


@njit(cache=True, nogil=True)
def open_server(j: int, given: Servers, state: Served) -> None:
    """Open a facility."""
    first, second, best, after = state.first, state.second, state.best, state.next_best
    for at in range(given.starts[j], given.starts[j + 1]):
        i, value = given.points[at], given.gains[at]
        if value > best[i]:
            state.total[0] += value - best[i]
            _shift(i, best[i], value, -1.0, given, state.gain)
            second[i], after[i] = first[i], best[i]
            first[i], best[i] = j, value
        elif value > after[i]:
            second[i], after[i] = j, value
    state.is_open[j] = True
    state.total[1] += given.cost[j]
    for at in range(given.rival_starts[j], given.rival_starts[j + 1]):
        state.blocked[given.rivals[at]] += 1


@njit(cache=True, nogil=True)
def close_server(j: int, given: Servers, state: Served) -> None:
    """Close a facility."""
    first, second, best, after = state.first, state.second, state.best, state.next_best
    state.is_open[j] = False
    for to in range(given.starts[j], given.starts[j + 1]):
        i = given.points[to]
        if first[i] == j:
            state.total[0] -= best[i] - after[i]
            _shift(i, after[i], best[i], 1.0, given, state.gain)
            first[i], best[i] = second[i], after[i]
        elif second[i] != j:
            continue
        second[i], after[i] = -1, 0.0
        for at in range(given.ranked_starts[i], given.ranked_starts[i + 1]):
            k = given.ranked[at]
            if state.is_open[k] and k != first[i]:
                second[i], after[i] = k, given.ranked_gains[at]
                break
    state.total[1] -= given.cost[j]
    for at in range(given.rival_starts[j], given.rival_starts[j + 1]):
        state.blocked[given.rivals[at]] -= 1


@njit(cache=True, nogil=True)
def fill_servers(
    budget: float, by_cost: float, hurry: float, given: Servers, state: Served
) -> Integers:
    """Open the best that fits until nothing fits or gains; as `cover_search.fill`."""
    opened = np.empty(len(given.cost), np.int64)
    size = 0
    least = np.inf
    for j in range(len(given.cost)):
        if given.allowed[j]:
            least = min(least, given.cost[j])
    while True:
        best, most, left = -1, 1e-9, budget + SLACK - state.total[1]
        if least > left:
            return opened[:size].copy()
        for j in range(len(given.cost)):
            value = state.gain[j]
            if by_cost:
                value /= max(given.cost[j], 1e-12)
            if (
                value > most
                and given.allowed[j]
                and not state.is_open[j]
                and given.cost[j] <= left
                and state.blocked[j] == 0
                and not (hurry > 0.0 and np.random.random() < hurry)
            ):
                best, most = j, value
        if best < 0:
            return opened[:size].copy()
        open_server(best, given, state)
        opened[size] = best
        size += 1


@njit(cache=True, nogil=True)
def rebuild_servers(
    rounds: int,
    seed: int,
    hot: float,
    cold: float,
    hurry: float,
    budget: float,
    given: Servers,
    state: Served,
    best: Booleans,
    best_worth: float,
) -> float:
    """Ruin and recreate as in `cover_search.ruin_and_recreate`; closes the servers near a point."""
    np.random.seed(seed)
    points = len(given.ranked_starts) - 1
    closing = np.empty(MOST_CLOSED, np.int64)
    unequal = False
    for j in range(len(given.cost)):
        unequal = unequal or (given.allowed[j] and given.cost[j] != 1.0)
    for turn in range(rounds):
        warm = hot * (cold / hot) ** (turn / rounds)
        before = state.total[0]
        many = 1 + np.random.randint(MOST_CLOSED) * np.random.randint(MOST_CLOSED) // MOST_CLOSED
        i, size = np.random.randint(points), 0
        for at in range(given.ranked_starts[i], given.ranked_starts[i + 1]):
            j = given.ranked[at]
            if state.is_open[j] and given.allowed[j]:
                closing[size] = j
                size += 1
                if size == many:
                    break
        for at in range(size):
            close_server(closing[at], given, state)
        by_cost = 1.0 if unequal and np.random.random() < 0.5 else 0.0
        opened = fill_servers(budget, by_cost, hurry, given, state)
        if state.total[0] < before + warm * np.log(np.random.random()):
            for at in range(len(opened) - 1, -1, -1):
                close_server(opened[at], given, state)
            for at in range(size):
                open_server(closing[at], given, state)
        elif state.total[0] > best_worth * (1 + 1e-12):
            best_worth = state.total[0]
            best[:] = state.is_open
    return best_worth


@njit(cache=True, nogil=True)
def server_bound(
    u: Floats,
    scores: Floats,
    taken: Floats,
    fixed: Booleans,
    budget: float,
    clique: Integers,
    given: Servers,
) -> float:
    """Bound of the multipliers: each point has one server, relaxed; fills scores and taken."""
    scores[:] = 0.0
    value = 0.0
    for i in range(len(u)):
        value += u[i]
        for at in range(given.ranked_starts[i], given.ranked_starts[i + 1]):
            more = given.ranked_gains[at] - u[i]
            if more <= 0.0:
                break
            scores[given.ranked[at]] += more
    value += choose_by_score(scores, taken, budget, clique, given.cost, given.allowed)
    for j in range(len(scores)):
        if fixed[j]:
            taken[j] = 1.0
            value += scores[j]
    return value


@njit(cache=True, nogil=True)
def descend_servers(
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
    given: Servers,
) -> float:
    """Lower the bound by a deflected subgradient, as `cover_bound.descend` (Beasley 1985)."""
    places, points = len(given.cost), len(u)
    scores, taken = np.empty(places), np.empty(places)
    slope, way = np.empty(points), np.zeros(points)
    for turn in range(rounds):
        value = server_bound(u, scores, taken, fixed, budget, clique, given)
        if value < best:
            best = value
            best_u[:] = u
        if value - target <= 1e-9 * max(1.0, abs(target)):
            break
        for j in range(places):
            shares[j] += SMOOTHING * (taken[j] - shares[j])
        inner = square = 0.0
        for i in range(points):
            slope[i] = 1.0
            for at in range(given.ranked_starts[i], given.ranked_starts[i + 1]):
                if given.ranked_gains[at] <= u[i]:
                    break
                slope[i] -= taken[given.ranked[at]]
            if u[i] <= 0.0 and slope[i] > 0.0:
                slope[i] = 0.0
            inner += slope[i] * way[i]
            square += way[i] * way[i]
        keep = 0.0
        if inner < 0.0 and square > 0.0:
            keep = -1.5 * inner / square
        length = 0.0
        for i in range(points):
            way[i] = slope[i] + keep * way[i]
            length += way[i] * way[i]
        if length == 0.0:
            break
        step = pace * (last_pace / pace) ** (turn / rounds) * (value - target) / length
        for i in range(points):
            u[i] = max(u[i] - step * way[i], 0.0)
    return best
