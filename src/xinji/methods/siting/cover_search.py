"""Inner loops of the search for maximal cover, compiled by numba.

The worth of a point that c open facilities cover is `weight * sum(steps[:c])`; `steps` ends with
a zero. `gain[j]`, what opening j would add, is kept exact while facilities open and close (the idea
of Resende and Werneck, A fast swap-based local search procedure for location problems, 2007), so
a trial costs the points around the facility that moved, never all pairs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Indices = npt.NDArray[np.int32]
Unsigned = npt.NDArray[np.uint32]
Booleans = npt.NDArray[np.bool_]

SLACK = 1e-9
"""Of a budget, for sums of costs are rounded."""
WALK = 12
"""Steps of the random walk to a neighbour, per facility to close."""
MOST_CLOSED = 8


class Instance(NamedTuple):
    """Arrays of `Cover.rows`, and what may be opened.

    Attributes:
        steps: worth of the first, second ... cover, ends with 0.
        guide: the same, by which the search judges; differs where `steps` rises at first.
        cost: shape (m,); existing facilities cost nothing.
        allowed: shape (m,), may be opened and closed.
        rival_starts, rivals: compressed rows of the candidates that each excludes.
    """

    starts: Unsigned
    demands: Unsigned
    demand_starts: Unsigned
    candidates: Unsigned
    weights: Floats
    steps: Floats
    guide: Floats
    cost: Floats
    allowed: Booleans
    rival_starts: Integers
    rivals: Indices


class State(NamedTuple):
    """What is open, and the counts that follow from it.

    Attributes:
        is_open: shape (m,).
        counts: shape (n,), open facilities that cover the point.
        gain: shape (m,).
        blocked: shape (m,), open rivals of each candidate.
        total: worth by `steps`, worth by `guide`, cost.
    """

    is_open: Booleans
    counts: Integers
    gain: Floats
    blocked: Integers
    total: Floats


@njit(cache=True, nogil=True)
def closed_state(given: Instance) -> State:
    """Nothing open."""
    places, points = len(given.cost), len(given.weights)
    gain = np.zeros(places)
    for j in range(places):
        for at in range(given.starts[j], given.starts[j + 1]):
            gain[j] += given.weights[given.demands[at]] * given.guide[0]
    return State(
        np.zeros(places, np.bool_),
        np.zeros(points, np.int64),
        gain,
        np.zeros(places, np.int64),
        np.zeros(3),
    )


@njit(cache=True, nogil=True)
def open_one(j: int, given: Instance, state: State) -> None:
    """Open a facility."""
    guide, steps, last = given.guide, given.steps, len(given.steps) - 1
    count, gain = state.counts, state.gain
    worth = own = 0.0
    for at in range(given.starts[j], given.starts[j + 1]):
        i = given.demands[at]
        weight, c = given.weights[i], count[i]
        count[i] = c + 1
        # covered more often than counts
        if c >= last:
            continue
        now, after = guide[c], guide[c + 1]
        if now != after:
            change = weight * (after - now)
            for to in range(given.demand_starts[i], given.demand_starts[i + 1]):
                gain[given.candidates[to]] += change
        own += weight * now
        worth += weight * steps[c]
    state.is_open[j] = True
    state.total[0] += worth
    state.total[1] += own
    state.total[2] += given.cost[j]
    for at in range(given.rival_starts[j], given.rival_starts[j + 1]):
        state.blocked[given.rivals[at]] += 1


@njit(cache=True, nogil=True)
def close_one(j: int, given: Instance, state: State) -> None:
    """Close a facility."""
    guide, steps, last = given.guide, given.steps, len(given.steps) - 1
    count, gain = state.counts, state.gain
    worth = own = 0.0
    state.is_open[j] = False
    for at in range(given.starts[j], given.starts[j + 1]):
        i = given.demands[at]
        weight, c = given.weights[i], count[i] - 1
        count[i] = c
        if c >= last:
            continue
        now, after = guide[c], guide[c + 1]
        if now != after:
            change = weight * (now - after)
            for to in range(given.demand_starts[i], given.demand_starts[i + 1]):
                gain[given.candidates[to]] += change
        own += weight * now
        worth += weight * steps[c]
    state.total[0] -= worth
    state.total[1] -= own
    state.total[2] -= given.cost[j]
    for at in range(given.rival_starts[j], given.rival_starts[j + 1]):
        state.blocked[given.rivals[at]] -= 1


@njit(cache=True, nogil=True)
def state_of(opened: Booleans, given: Instance) -> State:
    """A set of facilities open, shape (m,)."""
    state = closed_state(given)
    for j in range(len(opened)):
        if opened[j]:
            open_one(j, given, state)
    return state


@njit(cache=True, nogil=True)
def _count(j: int, opened: bool, given: Instance, state: State) -> None:
    """Open or close, but for the gains and totals, which the caller puts back."""
    change = 1 if opened else -1
    state.is_open[j] = opened
    for at in range(given.starts[j], given.starts[j + 1]):
        state.counts[given.demands[at]] += change
    for at in range(given.rival_starts[j], given.rival_starts[j + 1]):
        state.blocked[given.rivals[at]] += change


@njit(cache=True, nogil=True)
def fill(
    budget: float, by_cost: float, hurry: float, pool: Unsigned, given: Instance, state: State
) -> Integers:
    """Open the best that fits until nothing fits or gains.

    Args:
        budget: in units of cost.
        by_cost: 0 takes the largest gain, 1 the largest gain per cost.
        hurry: chance to pass over a candidate that looks best.
        pool: candidates to open, all of them allowed.
        given: the instance.
        state: changed.

    Returns:
        What was opened.
    """
    opened = np.empty(len(given.cost), np.int64)
    size = 0
    least = np.inf
    for j in pool:
        least = min(least, given.cost[j])
    while True:
        best, most, left = -1, 0.0, budget + SLACK - state.total[2]
        if least > left:
            return opened[:size].copy()
        for j in pool:
            value = state.gain[j]
            if by_cost:
                value /= max(given.cost[j], 1e-12)
            if (
                value > most
                and not state.is_open[j]
                and given.cost[j] <= left
                and state.blocked[j] == 0
                and not (hurry > 0.0 and np.random.random() < hurry)
            ):
                best, most = j, value
        if best < 0:
            return opened[:size].copy()
        open_one(best, given, state)
        opened[size] = best
        size += 1


@njit(cache=True, nogil=True)
def near_one_another(
    closing: Integers, count: int, first: int, given: Instance, state: State
) -> int:
    """Up to `count` open facilities near one another, by a walk over points and candidates."""
    size, i = 0, first
    for _ in range(WALK * count):
        if state.counts[i] > 0:
            skip = np.random.randint(state.counts[i])
            for at in range(given.demand_starts[i], given.demand_starts[i + 1]):
                j = given.candidates[at]
                if state.is_open[j]:
                    if skip == 0:
                        if given.allowed[j]:
                            known = False
                            for each in range(size):
                                known = known or closing[each] == j
                            if not known:
                                closing[size] = j
                                size += 1
                                if size == count:
                                    return size
                        break
                    skip -= 1
        begin, end = int(given.demand_starts[i]), int(given.demand_starts[i + 1])
        j = given.candidates[begin + np.random.randint(end - begin)]
        begin, end = int(given.starts[j]), int(given.starts[j + 1])
        i = given.demands[begin + np.random.randint(end - begin)]
    return size


@njit(cache=True, nogil=True)
def ruin_and_recreate(
    rounds: int,
    seed: int,
    hot: float,
    cold: float,
    hurry: float,
    budget: float,
    pool: Unsigned,
    given: Instance,
    state: State,
    best: Booleans,
    best_worth: float,
) -> float:
    """Close a few neighbours, refill, keep by simulated annealing.

    Schrimpf et al., Record breaking optimization results using the ruin and recreate principle,
    2000. `best` is overwritten with the best set that was seen; its worth is returned. The
    temperature falls from `hot` to `cold`, in units of worth.
    """
    np.random.seed(seed)
    closing = np.empty(MOST_CLOSED, np.int64)
    unequal = False
    for j in pool:
        unequal = unequal or given.cost[j] != 1.0
    gain = np.empty_like(state.gain)
    for turn in range(rounds):
        warm = hot * (cold / hot) ** (turn / rounds)
        worth, before, spent = state.total
        gain[:] = state.gain
        many = 1 + np.random.randint(MOST_CLOSED) * np.random.randint(MOST_CLOSED) // MOST_CLOSED
        size = near_one_another(closing, many, np.random.randint(len(given.weights)), given, state)
        for at in range(size):
            close_one(closing[at], given, state)
        by_cost = 1.0 if unequal and np.random.random() < 0.5 else 0.0
        opened = fill(budget, by_cost, hurry, pool, given, state)
        if state.total[1] < before + warm * np.log(np.random.random()):
            for each in opened:
                _count(each, False, given, state)
            for each in closing[:size]:
                _count(each, True, given, state)
            state.gain[:] = gain
            state.total[0], state.total[1], state.total[2] = worth, before, spent
        elif state.total[0] > best_worth * (1 + 1e-12):
            best_worth = state.total[0]
            best[:] = state.is_open
    return best_worth
