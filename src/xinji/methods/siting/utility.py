"""Partial cover: what several facilities give a point adds up, with less and less use.

The worth of a point is a concave function of the sum of gains: submodular, so greedy reaches
1 - 1/e of the best (Nemhauser, Wolsey and Fisher 1978), with lazy evaluation (Minoux 1978).
"""

from __future__ import annotations

import heapq
from typing import Any, Literal

import numpy as np
from numba import njit

from xinji.methods.siting.answer import Clock, Effort, Siting
from xinji.methods.siting.cover import Cover, Floats, Integers, both_ways, sparse_of
from xinji.methods.siting.cover_bound import choose_by_score
from xinji.methods.siting.inputs import Booleans, Choice, check_choice, check_values

PACE, LAST_PACE = 1.5, 0.01
CHUNK = 200
MOST_CLOSED = 4
DEFAULT = Effort(rounds=1_000, descents=600, exact_pairs=0)
CAPPED, ROOT = 0, 1


def partial_covering(
    gains: Any,
    weights: Any,
    choose: int | None = None,
    *,
    use: Literal["capped", "root"] = "capped",
    budget: float | None = None,
    costs: Any = None,
    existing: Any = (),
    forbidden: Any = (),
    conflicts: Any = None,
    effort: Effort = DEFAULT,
) -> Siting:
    """Open the facilities that make the weighted use of summed gains largest.

    Args:
        gains: shape (n, m), dense or scipy.sparse, 0 or more: what candidate j gives to point i.
        weights: shape (n,), 0 or more.
        choose: open at most so many new facilities; or `budget` with `costs`.
        use: of a point with sum s: "capped" min(1, s), "root" sqrt(s). For the best single
            facility instead of a sum see `best_server`.
        budget, costs, existing, forbidden, conflicts: as in `maximal_covering`.
        effort: how much work; the exact solver is not used.

    Raises ValueError: an argument breaks its rule.
    """
    clock = Clock(effort)
    if use not in ("capped", "root"):
        raise ValueError(f"use: must be 'capped' or 'root', not {use!r}")
    kind = CAPPED if use == "capped" else ROOT
    matrix = sparse_of(gains, "gains")
    if matrix.nnz and matrix.data.min() < 0:
        raise ValueError("gains: must be 0 or more")
    points, places = matrix.shape
    weight = check_values(weights, points, "weights")
    choice = check_choice(
        places, choose=choose, budget=budget, costs=costs, existing=existing,
        forbidden=forbidden, conflicts=conflicts,
    )  # fmt: skip
    cover = both_ways(matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), points)
    given = _Gains(cover, matrix.data, weight, kind)
    best, worth, how = _greedy(given, choice)
    bound = _upper(given, choice, clock, worth)
    if not clock.stopped:
        best, worth = _improve(given, choice, clock, best, worth, bound)
        how += f"; {effort.rounds} rounds {worth:.10g}"
    chosen, added, sums = _in_order(given, choice.existing, best)
    used = _use(sums, kind)
    worth = float(weight @ used)
    return Siting(
        chosen=chosen,
        gains=added,
        objective=worth,
        bound=max(bound, worth),
        covered=used,
        cpu_seconds=clock.spent(),
        how=f"{how}; Lagrangian bound {bound:.10g}"
        + (f"; {clock.stopped}" if clock.stopped else ""),
    )


class _Gains:
    """Sums of gains while facilities open and close."""

    def __init__(self, cover: Cover, values: Floats, weights: Floats, kind: int) -> None:
        self.cover, self.values, self.weights, self.kind = cover, values, weights, kind

    def adds(self, j: int, sums: Floats) -> float:
        """What opening j would add."""
        cover = self.cover
        return float(
            _adds(j, sums, cover.starts, cover.demands, self.values, self.weights, self.kind)
        )

    def move(self, j: int, sums: Floats, sign: float) -> None:
        """Open (1) or close (-1)."""
        part = slice(self.cover.starts[j], self.cover.starts[j + 1])
        sums[self.cover.demands[part]] += sign * self.values[part]


def _use(sums: Floats, kind: int) -> Floats:
    result: Floats = np.minimum(sums, 1.0) if kind == CAPPED else np.sqrt(np.maximum(sums, 0.0))
    return result


@njit(cache=True, nogil=True)
def _adds(
    j: int, sums: Floats, starts: Integers, demands: Any, values: Floats, weights: Floats, kind: int
) -> float:
    total = 0.0
    for at in range(starts[j], starts[j + 1]):
        i, value = demands[at], values[at]
        if kind == CAPPED:
            total += weights[i] * (min(1.0, sums[i] + value) - min(1.0, sums[i]))
        else:
            low = max(sums[i], 0.0)
            total += weights[i] * (np.sqrt(low + value) - np.sqrt(low))
    return total


def _greedy(given: _Gains, choice: Choice) -> tuple[Integers, float, str]:
    """Lazy greedy, by gain, with a budget also by gain per cost: the better of the two."""
    best: tuple[Integers, float] = (np.zeros(0, np.int64), -1.0)
    unequal = np.unique(choice.cost[choice.allowed]).size > 1
    for by_cost in (False, True) if unequal else (False,):
        sums = np.zeros(given.cover.points)
        for each in choice.existing.tolist():
            given.move(each, sums, 1.0)
        opened = _lazy(given, choice, sums, [], by_cost)
        worth = float(given.weights @ _use(sums, given.kind))
        if worth > best[1]:
            best = (np.array(opened, np.int64), worth)
    return *best, f"lazy greedy {best[1]:.10g}"


def _lazy(
    given: _Gains,
    choice: Choice,
    sums: Floats,
    opened: list[int],
    by_cost: bool,
    among: Integers | None = None,
) -> list[int]:
    """Open what adds most until nothing fits; a stale value is an upper limit of the true one."""
    left = choice.budget - float(choice.cost[opened].sum())
    blocked = set()
    for j in opened:
        blocked.update(choice.rivals[choice.rival_starts[j] : choice.rival_starts[j + 1]].tolist())
    candidates = np.flatnonzero(choice.allowed) if among is None else among
    per = np.maximum(choice.cost, 1e-12) if by_cost else np.ones(choice.cost.size)
    heap = [
        (-given.adds(j, sums) / per[j], -1, j) for j in candidates.tolist() if j not in set(opened)
    ]
    heapq.heapify(heap)
    turn = 0
    while heap:
        value, when, j = heapq.heappop(heap)
        if value >= -1e-12:
            break
        if j in blocked or choice.cost[j] > left + 1e-9:
            continue
        if when < turn:
            heapq.heappush(heap, (-given.adds(j, sums) / per[j], turn, j))
            continue
        given.move(j, sums, 1.0)
        opened.append(j)
        left -= choice.cost[j]
        blocked.update(choice.rivals[choice.rival_starts[j] : choice.rival_starts[j + 1]].tolist())
        turn += 1
    return opened


def _improve(
    given: _Gains, choice: Choice, clock: Clock, best: Integers, worth: float, bound: float
) -> tuple[Integers, float]:
    """Close a few that share points, refill with candidates near them, keep what is no worse."""
    generator = np.random.default_rng(clock.effort.seed)
    cover, opened = given.cover, best.tolist()
    sums = np.zeros(cover.points)
    for each in [*choice.existing.tolist(), *opened]:
        given.move(each, sums, 1.0)
    for turn in range(clock.effort.rounds if opened else 0):
        first = opened[int(generator.integers(len(opened)))]
        points = cover.demands[cover.starts[first] : cover.starts[first + 1]]
        near: list[int] = []
        for i in generator.choice(points, min(len(points), 8), replace=False).tolist():
            near += cover.candidates[cover.demand_starts[i] : cover.demand_starts[i + 1]].tolist()
        many = int(generator.integers(1, MOST_CLOSED + 1))
        inside = set(opened)
        others = [j for j in dict.fromkeys(near) if j in inside and j != first][: many - 1]
        trial, kept = sums.copy(), [j for j in opened if j not in {first, *others}]
        for j in (first, *others):
            given.move(j, trial, -1.0)
        np.maximum(trial, 0.0, out=trial)
        among = np.unique([*near, first, *others])
        pool = among[choice.allowed[among]]
        # one candidate is left out, so that the search does not fill in what it closed
        pool = pool[pool != first] if generator.random() < 0.7 else pool
        fresh = _lazy(given, choice, trial, kept, bool(generator.random() < 0.3), pool)
        value = float(given.weights @ _use(trial, given.kind))
        if value >= worth:
            opened, sums, worth = fresh, trial, value
        if turn % CHUNK == CHUNK - 1 and clock.stop(
            0.4 + 0.6 * turn / clock.effort.rounds, worth, bound
        ):
            break
    return np.array(opened, np.int64), worth


def _in_order(
    given: _Gains, existing: Integers, chosen: Integers
) -> tuple[Integers, Floats, Floats]:
    sums = np.zeros(given.cover.points)
    for each in existing.tolist():
        given.move(each, sums, 1.0)
    left, order, added = chosen.tolist(), [], []
    while left:
        values = [given.adds(j, sums) for j in left]
        at = int(np.argmax(values))
        order.append(left.pop(at))
        added.append(values[at])
        given.move(order[-1], sums, 1.0)
    return np.array(order, np.int64), np.array(added, np.float64), sums


def _upper(given: _Gains, choice: Choice, clock: Clock, worth: float) -> float:
    """Upper bound by Lagrangian relaxation of `sum used <= sum given`."""
    cover, effort = given.cover, clock.effort
    useful = np.repeat(choice.allowed | choice.fixed, np.diff(cover.starts))
    most = np.bincount(cover.demands, given.values * useful, minlength=cover.points).astype(float)
    bound = float(given.weights @ _use(most, given.kind))
    u = given.weights * (0.5 if given.kind == CAPPED else 0.5 / np.sqrt(np.maximum(most, 1e-9)))
    best_u, chunks = u.copy(), max(1, effort.descents // CHUNK)
    pace = PACE * (LAST_PACE / PACE) ** (np.arange(chunks + 1) / chunks)
    for at in range(chunks if effort.descents else 0):
        bound = _descend(
            effort.descents // chunks, worth, u, best_u, most, bound, pace[at], pace[at + 1],
            choice.fixed, choice.budget, choice.clique, choice.cost, choice.allowed, cover.starts,
            cover.demands, given.values, given.weights, given.kind,
        )  # fmt: skip
        if clock.stop(0.4 * (at + 1) / chunks, worth, bound):
            break
    return bound + 1e-9 * abs(bound)


@njit(cache=True, nogil=True)
def _descend(
    rounds: int,
    target: float,
    u: Floats,
    best_u: Floats,
    most: Floats,
    best: float,
    pace: float,
    last_pace: float,
    fixed: Booleans,
    budget: float,
    clique: Integers,
    cost: Floats,
    allowed: Booleans,
    starts: Integers,
    demands: Any,
    values: Floats,
    weights: Floats,
    kind: int,
) -> float:
    points, places = len(u), len(cost)
    scores, taken = np.empty(places), np.empty(places)
    slope, way = np.empty(points), np.zeros(points)
    for turn in range(rounds):
        bound = 0.0
        for i in range(points):
            # the amount that a point would use at the price u
            if kind == CAPPED:
                amount = min(1.0, most[i]) if weights[i] > u[i] else 0.0
                bound += (weights[i] - u[i]) * amount
            else:
                amount = most[i]
                if u[i] > 0.0:
                    amount = min(most[i], (0.5 * weights[i] / u[i]) ** 2)
                bound += weights[i] * np.sqrt(amount) - u[i] * amount
            slope[i] = -amount
        for j in range(places):
            total = 0.0
            for at in range(starts[j], starts[j + 1]):
                total += u[demands[at]] * values[at]
            scores[j] = total
        bound += choose_by_score(scores, taken, budget, clique, cost, allowed)
        for j in range(places):
            if fixed[j]:
                taken[j] = 1.0
                bound += scores[j]
            if taken[j] > 0.0:
                for at in range(starts[j], starts[j + 1]):
                    slope[demands[at]] += taken[j] * values[at]
        if bound < best:
            best = bound
            best_u[:] = u
        inner = square = 0.0
        for i in range(points):
            if u[i] <= 0.0 and slope[i] > 0.0:
                slope[i] = 0.0
            inner += slope[i] * way[i]
            square += way[i] * way[i]
        keep = -1.5 * inner / square if inner < 0.0 and square > 0.0 else 0.0
        length = 0.0
        for i in range(points):
            way[i] = slope[i] + keep * way[i]
            length += way[i] * way[i]
        if length == 0.0 or bound - target <= 1e-9 * max(1.0, abs(target)):
            break
        step = pace * (last_pace / pace) ** (turn / rounds) * (bound - target) / length
        for i in range(points):
            u[i] = max(u[i] - step * way[i], 0.0)
    return best
