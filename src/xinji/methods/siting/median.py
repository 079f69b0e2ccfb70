"""p-median and best server: each point is served by the one facility that is best for it.

Hakimi 1964. Solved as a maximum of gains over the farthest candidate; the bound relaxes that a
point has one server (Cornuejols, Fisher and Nemhauser, Management Science 1977).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from xinji.methods.siting.answer import Clock, Effort, Siting
from xinji.methods.siting.cover import MOST_PAIRS, Floats, Integers, sparse_of
from xinji.methods.siting.exact import Model, choice_rows
from xinji.methods.siting.inputs import Choice, check_choice, check_values
from xinji.methods.siting.server_search import (
    Served,
    Servers,
    all_closed,
    descend_servers,
    fill_servers,
    open_server,
    rebuild_servers,
    server_bound,
)

CHUNK = 500
HOT, COLD, HURRY = 0.05, 0.004, 0.3
PACE, LAST_PACE = 1.5, 0.01
PER_FACILITY = 200
"""Rounds for each facility to open; few facilities are soon tried in every place."""
EARLY = 0.15
"""Share of the rounds before the bound."""
DEFAULT = Effort(rounds=15_000, descents=500, exact_pairs=4_000)


def p_median(
    costs_to_serve: Any,
    choose: int | None = None,
    *,
    weights: Any = None,
    budget: float | None = None,
    costs: Any = None,
    existing: Any = (),
    forbidden: Any = (),
    conflicts: Any = None,
    effort: Effort = DEFAULT,
) -> Siting:
    """Open the facilities that make the weighted cost of serving every point smallest.

    Args:
        costs_to_serve: shape (n, m), distance or cost, 0 or more.
        choose: open at most so many new facilities; or `budget` with `costs`.
        weights: shape (n,), 1 by default.
        budget, costs, existing, forbidden, conflicts: as in `maximal_covering`.
        effort: how much work; `rounds` at most 200 per facility.

    Raises ValueError: an argument breaks its rule; or no facility can be open.
    """
    clock = Clock(effort)
    table = np.asarray(costs_to_serve, np.float64)
    if table.ndim != 2 or not table.size:
        raise ValueError(f"costs_to_serve: must have shape (n, m), not {table.shape}")
    if table.size > MOST_PAIRS // 2:
        raise ValueError(f"costs_to_serve: {table.size:,} values, at most {MOST_PAIRS // 2:,}")
    if not np.isfinite(table).all() or (table < 0).any():
        raise ValueError("costs_to_serve: must be finite and 0 or more")
    points, places = table.shape
    weight = np.ones(points) if weights is None else check_values(weights, points, "weights")
    choice = check_choice(
        places, choose=choose, budget=budget, costs=costs, existing=existing,
        forbidden=forbidden, conflicts=conflicts,
    )  # fmt: skip
    if not choice.existing.size and not (choice.budget > 0 and choice.allowed.any()):
        raise ValueError("choose, budget: leave no facility open to serve the points")
    weighted = table * weight[:, None]
    farthest = weighted.max(1)
    gains = farthest[:, None] - weighted
    given = _dense(gains, choice)
    search = _Search(given=given, choice=choice, clock=clock, whole=is_whole(weighted))
    search.run()
    opened = search.best
    if not opened.any():
        opened[np.argmax(choice.allowed)] = True
    chosen, saved, _ = in_order(given, choice.existing, np.flatnonzero(opened & ~choice.fixed))
    everyone = np.flatnonzero(opened)
    server = everyone[table[:, everyone].argmin(1)]
    objective = float(weighted[np.arange(points), server].sum())
    return Siting(
        chosen=chosen,
        gains=saved,
        objective=objective,
        bound=min(float(farthest.sum()) - search.bound, objective),
        covered=np.ones(points),
        server=server,
        cpu_seconds=clock.spent(),
        how=search.said(),
    )


def best_server(
    gains: Any,
    weights: Any,
    choose: int | None = None,
    *,
    budget: float | None = None,
    costs: Any = None,
    existing: Any = (),
    forbidden: Any = (),
    conflicts: Any = None,
    effort: Effort = DEFAULT,
) -> Siting:
    """Open the facilities with the largest weighted sum, over points, of the best gain.

    Args:
        gains: shape (n, m), dense or scipy.sparse, 0 or more: what candidate j gives to point i.
        weights: shape (n,), 0 or more.
        choose, budget, costs, existing, forbidden, conflicts, effort: as in `maximal_covering`.

    Raises ValueError: an argument breaks its rule.
    """
    clock = Clock(effort)
    matrix = sparse_of(gains, "gains")
    if matrix.nnz and matrix.data.min() < 0:
        raise ValueError("gains: must be 0 or more")
    points, places = matrix.shape
    weight = check_values(weights, points, "weights")
    choice = check_choice(
        places, choose=choose, budget=budget, costs=costs, existing=existing,
        forbidden=forbidden, conflicts=conflicts,
    )  # fmt: skip
    worth = matrix.multiply(weight[:, None]).tocsc()
    worth.eliminate_zeros()
    worth.sort_indices()
    given = _sparse(worth, choice)
    search = _Search(given=given, choice=choice, clock=clock, whole=is_whole(worth.data))
    search.run()
    chosen, added, objective = in_order(
        given, choice.existing, np.flatnonzero(search.best & ~choice.fixed)
    )
    state = _opened(given, np.concatenate([choice.existing, chosen]))
    return Siting(
        chosen=chosen,
        gains=added,
        objective=objective,
        bound=max(search.bound, objective),
        covered=state.best / np.where(weight > 0, weight, 1.0),
        server=state.first.astype(np.int64),
        cpu_seconds=clock.spent(),
        how=search.said(),
    )


def is_whole(values: Floats) -> bool:
    """Whether all are whole numbers."""
    return bool((values == np.rint(values)).all())


def _dense(gains: Floats, choice: Choice) -> Servers:
    points, places = gains.shape
    order = np.argsort(-gains, axis=1, kind="stable").astype(np.int32)
    return Servers(
        np.arange(places + 1, dtype=np.uint32) * points,
        np.tile(np.arange(points, dtype=np.uint32), places),
        gains.T.ravel(),
        np.arange(points + 1, dtype=np.uint32) * places,
        order.ravel().astype(np.uint32),
        np.take_along_axis(gains, order, 1).ravel(),
        choice.cost, choice.allowed, choice.rival_starts, choice.rivals,
    )  # fmt: skip


def _sparse(worth: Any, choice: Choice) -> Servers:
    rows = worth.tocsr()
    row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    order = np.lexsort((-rows.data, row))
    return Servers(
        worth.indptr.astype(np.uint32), worth.indices.astype(np.uint32), worth.data,
        rows.indptr.astype(np.uint32), rows.indices[order].astype(np.uint32), rows.data[order],
        choice.cost, choice.allowed, choice.rival_starts, choice.rivals,
    )  # fmt: skip


def _opened(given: Servers, facilities: Integers) -> Served:
    state = all_closed(given)
    for each in facilities.tolist():
        open_server(each, given, state)
    return state


def in_order(
    given: Servers, existing: Integers, chosen: Integers
) -> tuple[Integers, Floats, float]:
    """(chosen by falling marginal gain, the gains, worth of all) computed afresh."""
    state = _opened(given, existing)
    left = chosen.tolist()
    order, gains = [], []
    while left:
        at = int(np.argmax(state.gain[left]))
        before = state.total[0]
        order.append(left.pop(at))
        open_server(order[-1], given, state)
        gains.append(state.total[0] - before)
    return np.array(order, np.int64), np.array(gains, np.float64), float(state.total[0])


@dataclass(kw_only=True)
class _Search:
    """The run on one instance: greedy, short search, bound, long search, exact when small."""

    given: Servers
    choice: Choice
    clock: Clock
    whole: bool

    def __post_init__(self) -> None:
        self.best = self.choice.fixed.copy()
        starts = self.given.ranked_starts
        # nobody gains more than its best candidate gives
        filled = np.diff(starts) > 0
        self.worth, self.bound = 0.0, float(self.given.ranked_gains[starts[:-1][filled]].sum())
        self.multipliers = np.zeros(starts.size - 1)
        self.how: list[str] = []

    def said(self) -> str:
        """How the answer was reached."""
        return "; ".join([*self.how, *([self.clock.stopped] if self.clock.stopped else [])])

    def run(self) -> None:
        """All steps, in turn, until one says stop."""
        effort = self.clock.effort
        if not self.multipliers.size:
            return
        unequal = np.unique(self.choice.cost[self.choice.allowed]).size > 1
        for by_cost in (0.0, 1.0) if unequal else (0.0,):
            state = _opened(self.given, self.choice.existing)
            fill_servers(self.choice.budget, by_cost, 0.0, self.given, state)
            if state.total[0] >= self.worth:
                self.worth, self.best = float(state.total[0]), state.is_open.copy()
        self.how.append("greedy")
        if self.clock.stop(0.0, self.worth, self.bound):
            return
        rounds = min(effort.rounds, PER_FACILITY * max(1, int(self.best.sum())))
        early = int(rounds * EARLY)
        self.improve(early, 0.0, EARLY)
        if not self.clock.stopped:
            self.descend(EARLY, 0.4)
        if not self.clock.stopped:
            self.improve(rounds - early, 0.4, 1.0)
        if not self.clock.stopped and effort.exact_pairs:
            self.prove()

    def improve(self, rounds: int, begin: float, end: float) -> None:
        """Ruin and recreate from the best set."""
        state = _opened(self.given, np.flatnonzero(self.best))
        # a facility's marginal worth, not its share of the whole: most of that is anyone's
        scale = float((state.best - state.next_best).sum()) / max(1, int(self.best.sum()))
        chunks = max(1, rounds // CHUNK)
        for at in range(chunks if rounds else 0):
            heat = HOT * (COLD / HOT) ** (np.array([at, at + 1]) / chunks) * max(scale, 1e-12)
            self.worth = rebuild_servers(
                rounds // chunks, self.clock.seed(at + rounds), heat[0], heat[1], HURRY,
                self.choice.budget, self.given, state, self.best, self.worth,
            )  # fmt: skip
            if self.clock.stop(begin + (end - begin) * (at + 1) / chunks, self.worth, self.bound):
                break
        self.how.append(f"{rounds} rounds")

    def descend(self, begin: float, end: float) -> None:
        """Lower the bound, from multipliers between the best and the second server's gain."""
        effort, choice = self.clock.effort, self.choice
        state = _opened(self.given, np.flatnonzero(self.best))
        u = 0.5 * (state.best + state.next_best)
        bound, shares = np.inf, np.zeros(choice.cost.size)
        chunks = max(1, effort.descents // 100)
        pace = PACE * (LAST_PACE / PACE) ** (np.arange(chunks + 1) / chunks)
        for at in range(chunks if effort.descents else 0):
            bound = descend_servers(
                effort.descents // chunks, self.worth, u, self.multipliers, shares, bound,
                pace[at], pace[at + 1], choice.fixed, choice.budget, choice.clique, self.given,
            )  # fmt: skip
            self.bound = min(self.bound, self.rounded(bound))
            if self.clock.stop(begin + (end - begin) * (at + 1) / chunks, self.worth, self.bound):
                break
        self.how.append("Lagrangian bound")

    def rounded(self, bound: float) -> float:
        """A bound of whole numbers is a whole number."""
        bound += 1e-9 * abs(bound)
        return float(np.floor(bound + 1e-6)) if self.whole else bound

    def prove(self) -> None:
        """Fix what the bound excludes; the rest, when small, goes to the exact solver."""
        given, choice = self.given, self.choice
        keep = choice.allowed.copy()
        if not choice.rivals.size and (choice.cost[choice.allowed] == 1).all():
            scores, taken = np.empty(keep.size), np.empty(keep.size)
            bound = server_bound(
                self.multipliers, scores, taken, choice.fixed, choice.budget, choice.clique, given
            )
            inside = scores[choice.allowed & (taken > 0)]
            least = inside.min() if inside.size >= choice.budget and inside.size else 0.0
            keep &= bound - np.maximum(least - scores, 0) >= self.worth * (1 - 1e-9)
        columns = np.flatnonzero(keep | choice.fixed)
        matrix = sparse.csr_array(
            (
                given.ranked_gains,
                given.ranked.astype(np.int64),
                given.ranked_starts.astype(np.int64),
            ),
            shape=(self.multipliers.size, keep.size),
        )[:, columns].tocoo()
        if matrix.nnz > self.clock.effort.exact_pairs:
            return
        pairs, points, width = matrix.nnz, matrix.shape[0], matrix.nnz + columns.size
        model = Model(
            cost=np.concatenate([-matrix.data, np.zeros(columns.size)]),
            integer=np.repeat([0, 1], [pairs, columns.size]),
            upper=np.ones(width),
        )
        at = np.arange(pairs)
        model.add(
            sparse.csr_array((np.ones(pairs), (matrix.row, at)), shape=(points, width)), -np.inf, 1
        )
        model.add(
            sparse.csr_array(
                (np.repeat([1.0, -1.0], pairs), (np.tile(at, 2), np.r_[at, pairs + matrix.col])),
                shape=(pairs, width),
            ),
            -np.inf, 0,
        )  # fmt: skip
        choice_rows(model, choice, columns, pairs)
        found, low, proven = model.solve(self.clock.effort.exact_seconds)
        if found is not None:
            opened = columns[found[pairs:] > 0.5]
            state = _opened(given, opened)
            if state.total[0] >= self.worth:
                self.worth, self.best = float(state.total[0]), state.is_open.copy()
        best = self.worth if proven else self.rounded(-low)
        self.bound = min(self.bound, max(best, self.worth))
        self.how.append(f"exact over {columns.size} candidates{', proven' if proven else ''}")
