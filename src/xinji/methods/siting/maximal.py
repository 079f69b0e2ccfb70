"""Maximal covering: the most weight within reach of a given number or cost of facilities.

Church and ReVelle, The maximal covering location problem, 1974, with existing facilities, forbidden
and conflicting candidates, budgets, and worth that depends on how often a point is covered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from xinji.methods.siting.answer import Clock, Effort, Siting
from xinji.methods.siting.cover import Cover, Floats, Integers, merge
from xinji.methods.siting.cover_bound import bound_at, descend
from xinji.methods.siting.cover_cuts import find_cuts, more_cuts, no_cuts
from xinji.methods.siting.cover_search import (
    Booleans,
    Instance,
    State,
    closed_state,
    fill,
    open_one,
    ruin_and_recreate,
)
from xinji.methods.siting.exact import Model, choice_rows, rows_of
from xinji.methods.siting.inputs import Choice, check_choice, check_values

MOST_STEPS = 8
CHUNK = 2_000
HOT, COLD = 0.1, 0.007
"""Temperatures, in shares of the worth of one facility."""
HURRY = 0.2
PACE, MIDDLE_PACE, LAST_PACE, CUT_PACE = 2.0, 0.1, 0.02, 1.0
STAGE = 300
CUTS_FROM, CUT_PARTS, MOST_CUTS = 1_000, 3, 6_000
"""With fewer steps the bound falls faster without cuts; looked for so many times at most."""
PLAIN = 0.4
"""Share of the steps before the first cuts."""
LARGE, MOST_EASE = 200_000, 4.0
"""Pairs of a problem that gets the steps stated; a smaller one gets more, up to so many times."""
RARE = 0.005
"""Smoothed share of rounds of the bound, below which a candidate leaves the search."""
BLEND = 0.3
"""How much of a rising worth is granted for half-way covers, to lead the search."""


def maximal_covering(
    cover: Cover,
    weights: Any,
    choose: int | None = None,
    *,
    budget: float | None = None,
    costs: Any = None,
    existing: Any = (),
    forbidden: Any = (),
    conflicts: Any = None,
    steps: Sequence[float] = (1.0,),
    effort: Effort | None = None,
) -> Siting:
    """Open the facilities that cover the most weight.

    Args:
        cover: n points, m candidates.
        weights: shape (n,), 0 or more.
        choose: open at most so many new facilities; or
        budget: spend at most so much, with
        costs: shape (m,).
        existing: indices of facilities that are open already and cost nothing.
        forbidden: indices that must not be opened.
        conflicts: pairs of indices, shape (k, 2), of which at most one may be open.
        steps: worth of the first, second ... facility that covers a point, as shares of its
            weight, at most 8: (1,) covered once counts; (0, 1) only what is covered twice counts;
            (0.7, 0.3) the second cover adds less.
        effort: how much work.

    Raises ValueError: an argument breaks its rule; the message names both.
    """
    effort = effort or Effort()
    clock = Clock(effort)
    weight = check_values(weights, cover.points, "weights")
    choice = check_choice(
        cover.places, choose=choose, budget=budget, costs=costs, existing=existing,
        forbidden=forbidden, conflicts=conflicts,
    )  # fmt: skip
    worth = _steps(steps)
    merged = merge(cover)
    given = _instance(merged.cover, merged.sums(weight), worth, choice)
    search = _Search(given=given, cover=merged.cover, choice=choice, clock=clock)
    if given.weights.size:
        search.run()
    best = np.flatnonzero(search.best & ~choice.fixed)
    chosen, gains, objective = in_order(given, choice.existing, best)
    counts = cover.covered_by(np.concatenate([choice.existing, chosen]))
    shares = np.concatenate([[0.0], np.cumsum(worth[:-1])])
    return Siting(
        chosen=chosen,
        gains=gains,
        objective=objective,
        bound=max(search.bound, objective),
        covered=shares[np.minimum(counts, len(worth) - 1)],
        cpu_seconds=clock.spent(),
        how="; ".join(search.how) + (f"; {clock.stopped}" if clock.stopped else ""),
    )


def _steps(steps: Sequence[float]) -> Floats:
    if not 1 <= len(steps) <= MOST_STEPS:
        raise ValueError(f"steps: must be 1 to {MOST_STEPS} values, not {len(steps)}")
    result = check_values(steps, len(steps), "steps")
    if result.sum() <= 0:
        raise ValueError("steps: must not all be 0")
    return np.append(result, 0.0)


def _instance(cover: Cover, weights: Floats, steps: Floats, choice: Choice) -> Instance:
    last = len(steps) - 1
    guide = steps
    if (np.diff(steps) > 0).any():
        # a worth that rises gives nothing to hold on to before its last step
        guide = np.append((1 - BLEND) * steps[:-1] + BLEND * steps.sum() / last, 0.0)
    return Instance(
        cover.starts, cover.demands, cover.demand_starts, cover.candidates, weights, steps, guide,
        choice.cost, choice.allowed, choice.rival_starts, choice.rivals,
    )  # fmt: skip


def in_order(
    given: Instance, existing: Integers, chosen: Integers
) -> tuple[Integers, Floats, float]:
    """(chosen by falling marginal gain, the gains, worth of all) computed afresh."""
    state = closed_state(given)
    for each in existing:
        open_one(each, given, state)
    left = list(chosen)
    order, gains = [], []
    while left:
        at = int(np.argmax(state.gain[left]))
        before = state.total[0]
        open_one(left[at], given, state)
        order.append(left.pop(at))
        gains.append(state.total[0] - before)
    return np.array(order, np.int64), np.array(gains, np.float64), float(state.total[0])


@dataclass(kw_only=True)
class _Search:
    """The run on one instance: greedy, short search, bound, long search, exact when small."""

    given: Instance
    cover: Cover
    choice: Choice
    clock: Clock

    def __post_init__(self) -> None:
        places = self.choice.cost.size
        self.best: Booleans = self.choice.fixed.copy()
        self.worth, self.bound = 0.0, float(self.given.weights.sum() * self.given.steps.sum())
        self.shares = np.zeros(places)
        self.pool = np.flatnonzero(self.choice.allowed)
        self.multipliers = self.given.weights * self.given.steps.max() * 0.5
        self.cuts = no_cuts()
        self.how: list[str] = []

    def run(self) -> None:
        """All steps, in turn, until one says stop."""
        effort = self.clock.effort
        self.greedy()
        if self.clock.stop(0.0, self.worth, self.bound):
            return
        early = min(CHUNK, effort.rounds // 4)
        self.improve(early, 0.0, 0.1)
        if not self.clock.stopped:
            self.descend(0.1, 0.4)
        if not self.clock.stopped:
            self.improve(effort.rounds - early, 0.4, 1.0)
        if not self.clock.stopped and effort.exact_pairs:
            self.prove()

    def greedy(self) -> None:
        """The largest gain first; with a budget also the largest gain per cost."""
        for by_cost in (
            (0.0, 1.0) if np.unique(self.choice.cost[self.choice.allowed]).size > 1 else (0.0,)
        ):
            state = self.start()
            fill(self.choice.budget, by_cost, 0.0, self.pool, self.given, state)
            self.keep(state)
        self.how.append(f"greedy {self.worth:.10g}")

    def start(self) -> State:
        """Existing facilities open."""
        state = closed_state(self.given)
        for each in self.choice.existing.tolist():
            open_one(each, self.given, state)
        return state

    def keep(self, state: State) -> None:
        """Remember the best."""
        if state.total[0] >= self.worth:
            self.worth, self.best = float(state.total[0]), state.is_open.copy()

    def improve(self, rounds: int, begin: float, end: float) -> None:
        """Ruin and recreate from the best set."""
        state = self.start()
        for each in np.flatnonzero(self.best & ~self.choice.fixed).tolist():
            open_one(each, self.given, state)
        scale = max(state.total[1], 1e-12) / max(1, int(self.best.sum()))
        chunks = max(1, rounds // CHUNK)
        for at in range(chunks if rounds else 0):
            heat = HOT * (COLD / HOT) ** (np.array([at, at + 1]) / chunks) * scale
            self.worth = ruin_and_recreate(
                rounds // chunks, self.clock.seed(at + rounds), heat[0], heat[1], HURRY,
                self.choice.budget, self.pool, self.given, state, self.best, self.worth,
            )  # fmt: skip
            share = begin + (end - begin) * (at + 1) / chunks
            if self.clock.stop(share, self.worth, self.bound):
                break
        self.how.append(f"{rounds} rounds {self.worth:.10g}")

    def descend(self, begin: float, end: float) -> None:
        """Lower the bound; where covered once counts also by cuts."""
        # steps of a small problem are cheap
        ease = min(max(LARGE / max(self.cover.pairs, 1), 1.0), MOST_EASE)
        descents = int(self.clock.effort.descents * ease)
        parts = min(descents // CUTS_FROM, CUT_PARTS) if self.given.steps.size == 2 else 0
        plain = int(descents * PLAIN) if parts else descents
        middle = begin + (end - begin) * plain / max(descents, 1)
        self.stage(plain, PACE, MIDDLE_PACE if parts else LAST_PACE, begin, middle)
        step = (end - middle) / max(parts, 1)
        for part in range(parts):
            if self.clock.stopped:
                break
            fresh = find_cuts(
                self.cover, self.given.weights, self.shares, MOST_CUTS, self.clock.seed(part)
            )
            self.multipliers = np.concatenate([self.multipliers, np.zeros(len(fresh.members))])
            self.cuts = more_cuts(self.cuts, fresh)
            self.stage(
                (descents - plain) // parts, CUT_PACE, LAST_PACE,
                middle + part * step, middle + (part + 1) * step,
            )  # fmt: skip
        cuts = f" with {len(self.cuts.members)} cuts" if parts else ""
        self.how.append(f"Lagrangian bound{cuts} {self.bound:.10g}")
        # what the multipliers hardly ever took is hardly ever part of a good set
        likely = (self.shares > RARE) | self.best
        self.pool = np.flatnonzero(self.choice.allowed & likely)

    def stage(self, descents: int, pace: float, last_pace: float, begin: float, end: float) -> None:
        """Some steps of the subgradient from the best multipliers."""
        choice = self.choice
        u, bound = self.multipliers.copy(), np.inf
        chunks = max(1, descents // STAGE)
        paces = pace * (last_pace / pace) ** (np.arange(chunks + 1) / chunks)
        for at in range(chunks if descents else 0):
            bound = descend(
                descents // chunks, self.worth, u, self.multipliers, self.shares, bound, paces[at],
                paces[at + 1], choice.fixed, choice.budget, choice.clique, self.cuts, self.given,
            )  # fmt: skip
            self.bound = min(self.bound, self.whole(bound))
            share = begin + (end - begin) * (at + 1) / chunks
            if self.clock.stop(share, self.worth, self.bound):
                break

    def whole(self, bound: float) -> float:
        """A bound of whole numbers is a whole number."""
        bound += 1e-9 * abs(bound)
        weights, steps = self.given.weights, self.given.steps
        if (weights == np.rint(weights)).all() and (steps == np.rint(steps)).all():
            return float(np.floor(bound + 1e-6))
        return bound

    def prove(self) -> None:
        """Fix what the bound excludes; the rest, when small, goes to the exact solver."""
        given, choice = self.given, self.choice
        keep = choice.allowed.copy()
        if not choice.rivals.size and (choice.cost[choice.allowed] == 1).all():
            scores, taken = np.empty(keep.size), np.empty(keep.size)
            wanted = np.empty(given.weights.size)
            bound = bound_at(
                self.multipliers, scores, taken, wanted, choice.fixed, choice.budget,
                choice.clique, self.cuts, given,
            )  # fmt: skip
            inside = scores[choice.allowed & (taken > 0)]
            least = inside.min() if inside.size >= choice.budget and inside.size else 0.0
            keep &= bound - np.maximum(least - scores, 0) >= self.worth * (1 - 1e-9)
        columns = np.flatnonzero(keep | choice.fixed)
        matrix = rows_of(given.demand_starts, given.candidates, keep.size)[:, columns]
        if matrix.nnz > self.clock.effort.exact_pairs:
            return
        found, bound, proven = _model(given, choice, columns, matrix).solve(
            self.clock.effort.exact_seconds
        )
        if found is not None:
            state = self.start()
            for each in columns[found[-columns.size :] > 0.5]:
                if not choice.fixed[each]:
                    open_one(int(each), given, state)
            self.keep(state)
        best = self.worth if proven else self.whole(-bound)
        self.bound = min(self.bound, max(best, self.worth))
        self.how.append(f"exact over {columns.size} candidates {self.worth:.10g}"
                        f"{', proven' if proven else ''}")  # fmt: skip


def _model(given: Instance, choice: Choice, columns: Integers, matrix: Any) -> Model:
    """One variable per point and step, then one per candidate."""
    points, last = given.weights.size, given.steps.size - 1
    rising = bool((np.diff(given.steps) > 0).any())
    width = points * last + columns.size
    cost = np.zeros(width)
    for step in range(last):
        cost[step * points : (step + 1) * points] = -given.weights * given.steps[step]
    integer = np.zeros(width, np.int64)
    integer[points * last :] = 1
    integer[: points * last] = rising
    model = Model(cost=cost, integer=integer, upper=np.ones(width))
    model.add(
        sparse.hstack([sparse.eye_array(points)] * last + [-matrix], format="csr"), -np.inf, 0
    )
    if rising:
        # a later step counts only after the one before it
        for step in range(1, last):
            blocks = [sparse.csr_array((points, points))] * last
            blocks[step], blocks[step - 1] = sparse.eye_array(points), -sparse.eye_array(points)
            model.add(
                sparse.hstack([*blocks, sparse.csr_array((points, columns.size))]), -np.inf, 0
            )
    choice_rows(model, choice, columns, points * last)
    return model
