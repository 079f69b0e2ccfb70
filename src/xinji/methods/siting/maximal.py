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
from xinji.methods.siting.cover import Cover, Floats, Integers, merge, only
from xinji.methods.siting.cover_bound import bound_at, descend, relaxed
from xinji.methods.siting.cover_cuts import find_cuts, kept_cuts, more_cuts, no_cuts
from xinji.methods.siting.cover_mix import mixed
from xinji.methods.siting.cover_search import (
    Booleans,
    Instance,
    closed_state,
    fill,
    open_one,
    ruin_and_recreate,
    state_of,
)
from xinji.methods.siting.exact import Model, choice_rows, rows_of
from xinji.methods.siting.inputs import Choice, check_choice, check_values

MOST_STEPS = 8
HOT, HOT_AGAIN, COLD = 0.05, 0.045, 0.01
"""Temperatures, in shares of the worth of one facility."""
HURRY = 0.4
CHUNK, AGAIN = 2_000, 3_000
"""Rounds of the first search at a time, and of each search that starts from the best set."""
APART, TOGETHER = 3, 0.3
"""Searches from the same start, and the share of the rounds that goes on from their best mix."""
FIRST = 0.4
"""Share of a search's rounds before it is led away from its best set."""
STAGE = 300
PLAIN, LAST = 0.17, 0.41
"""Shares of the steps of the bound before the first and after the last cuts."""
PACE, PLAIN_PACE, CUT_PACE, LAST_PACE = 1.0, 0.1, 0.2, 0.01
"""Factor of a step of the bound at first, before the first cuts, before more of them, at last."""
CUTS_FROM, CUT_PARTS, MOST_CUTS = 1_000, 4, 6_000
"""With fewer steps the bound falls faster without cuts; how often they are looked for."""
IDLE = 1e-3
"""A cut whose multiplier is below this is dropped."""
LARGE, MOST_EASE = 200_000, 4.0
"""Pairs of a problem that gets the steps stated; a smaller one gets more, up to so many times."""
RARE = 0.01
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
        *cover.rows(), weights, steps, guide, choice.cost, choice.allowed, choice.rival_starts,
        choice.rivals,
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


def unfold(opened: Booleans, places: Integers, size: int) -> Booleans:
    """A mask over `places` as a mask over all candidates."""
    result = np.zeros(size, np.bool_)
    result[places[opened]] = True
    return result


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
        self.multipliers = np.zeros(self.given.weights.size)
        self.cuts = no_cuts()
        self.how: list[str] = []

    def run(self) -> None:
        """All steps, in turn, until one says stop."""
        effort = self.clock.effort
        self.greedy()
        if self.clock.stop(0.0, self.worth, self.bound):
            return
        early = min(CHUNK, effort.rounds // 4)
        self.anneal(self.given, self.choice, self.best, early, HOT, 0, 0.1)
        self.how.append(f"{early} rounds {self.worth:.10g}")
        if not self.clock.stopped:
            self.descend(0.1, 0.5)
        if not self.clock.stopped:
            self.improve(effort.rounds - early)
        if not self.clock.stopped and effort.exact_pairs:
            self.prove()

    def greedy(self) -> None:
        """The largest gain first; with a budget also the largest gain per cost."""
        pool = np.flatnonzero(self.choice.allowed).astype(np.uint32)
        for by_cost in (
            (0.0, 1.0) if np.unique(self.choice.cost[self.choice.allowed]).size > 1 else (0.0,)
        ):
            state = state_of(self.choice.fixed, self.given)
            fill(self.choice.budget, by_cost, 0.0, pool, self.given, state)
            self.keep(float(state.total[0]), state.is_open)
        self.how.append(f"greedy {self.worth:.10g}")

    def keep(self, worth: float, best: Booleans) -> None:
        """Remember the best."""
        if worth >= self.worth:
            self.worth, self.best = worth, best.copy()

    def anneal(
        self, given: Instance, choice: Choice, start: Booleans, rounds: int, hot: float,
        part: int, share: float,
    ) -> tuple[float, Booleans, Booleans]:  # fmt: skip
        """Ruin and recreate from a set: worth and set of the best met, and the set at the end."""
        state = state_of(start, given)
        best, worth = start.copy(), float(state.total[0])
        scale = max(state.total[1], 1e-12) / max(1, int(start.sum()))
        pool = np.flatnonzero(choice.allowed).astype(np.uint32)
        chunks = max(1, rounds // CHUNK)
        for at in range(chunks if rounds else 0):
            heat = hot * (COLD / hot) ** (np.array([at, at + 1]) / chunks) * scale
            worth = ruin_and_recreate(
                rounds // chunks, self.clock.seed(part + at), heat[0], heat[1], HURRY,
                choice.budget, pool, given, state, best, worth,
            )  # fmt: skip
            if given is self.given:
                self.keep(worth, best)
            if self.clock.stop(share, max(worth, self.worth), self.bound):
                break
        return worth, best, state.is_open

    def improve(self, rounds: int) -> None:
        """The long search, among the candidates that the bound took now and then.

        Some searches apart, then from the best mix of all.
        """
        likely = self.choice.fixed | self.best
        likely |= self.choice.allowed & (self.shares > RARE if self.clock.effort.descents else True)
        places = np.flatnonzero(likely)
        merged = merge(only(self.cover, places))
        if not merged.cover.points:
            return
        choice = self.choice.only(places)
        given = _instance(merged.cover, merged.sums(self.given.weights), self.given.steps, choice)
        start = best = self.best[places]
        worth, apart = self.worth, int(rounds * (1 - TOGETHER) / APART)
        for number in range(APART):
            part, first = 1_000 * (number + 1), int(apart * FIRST)
            share = 0.5 + 0.35 * (number + 1) / APART
            found, other, _ = self.anneal(given, choice, start, first, HOT, part, share)
            found, other = self.lead_away(
                given, choice, found, other, apart - first, part + 500, share
            )  # fmt: skip
            if found > worth:
                worth, best, other = found, other, best
            best, more = mixed(best, other, choice.budget, given)
            worth += more
            self.keep(worth, unfold(best, places, likely.size))
        worth, best = self.lead_away(
            given, choice, worth, best, int(rounds * TOGETHER), 9_000, 1.0
        )  # fmt: skip
        self.keep(worth, unfold(best, places, likely.size))
        self.how.append(f"{rounds} rounds {self.worth:.10g}")

    def lead_away(
        self, given: Instance, choice: Choice, worth: float, best: Booleans, rounds: int,
        part: int, share: float,
    ) -> tuple[float, Booleans]:  # fmt: skip
        """Short searches away from the best set, each time to the best mix of here and there."""
        loops = max(1, rounds // AGAIN)
        for loop in range(loops):
            if self.clock.stopped:
                break
            _, *others = self.anneal(
                given, choice, best, rounds // loops, HOT_AGAIN, part + loop, share
            )
            for other in others:
                best, more = mixed(best, other, choice.budget, given)
                worth += more
        return worth, best

    def descend(self, begin: float, end: float) -> None:
        """Lower the bound; where covered once counts also by cuts."""
        # steps of a small problem are cheap
        ease = min(max(LARGE / max(self.cover.pairs, 1), 1.0), MOST_EASE)
        descents = int(self.clock.effort.descents * ease)
        parts = CUT_PARTS if descents >= CUTS_FROM and self.given.steps.size == 2 else 0
        lengths = [descents]
        if parts:
            middle = [(1 - PLAIN - LAST) / (parts - 1)] * (parts - 1)
            lengths = [int(descents * each) for each in (PLAIN, *middle, LAST)]
        done = 0
        for part, length in enumerate(lengths):
            if self.clock.stopped:
                break
            if part:
                self.cut(part)
            last = LAST_PACE if part == parts else CUT_PACE if part else PLAIN_PACE
            self.stage(
                length, last, begin + (end - begin) * done / max(descents, 1),
                begin + (end - begin) * (done + length) / max(descents, 1),
            )  # fmt: skip
            done += length
        cuts = f" with {len(self.cuts.members)} cuts" if parts else ""
        self.how.append(f"Lagrangian bound{cuts} {self.bound:.10g}")

    def cut(self, part: int) -> None:
        """Idle cuts go, fresh ones come."""
        points = self.given.weights.size
        busy = self.multipliers[points:] > IDLE
        fresh = find_cuts(
            self.cover, self.given.weights, self.shares, MOST_CUTS, self.clock.seed(part)
        )
        self.multipliers = np.concatenate([
            self.multipliers[:points], self.multipliers[points:][busy],
            np.zeros(len(fresh.members)),
        ])  # fmt: skip
        self.cuts = more_cuts(kept_cuts(self.cuts, busy), fresh)

    def stage(self, descents: int, last_pace: float, begin: float, end: float) -> None:
        """Some steps of the subgradient from the best multipliers."""
        choice = self.choice
        problem = relaxed(self.cuts, self.given)
        u = self.multipliers.astype(np.float32)
        best, bound = u.copy(), np.inf
        chunks = max(1, descents // STAGE)
        paces = PACE * (last_pace / PACE) ** (np.arange(chunks + 1) / chunks)
        for at in range(chunks if descents else 0):
            bound = descend(
                descents // chunks, self.worth, u, best, self.shares, bound, paces[at],
                paces[at + 1], choice.fixed, choice.allowed, choice.cost, choice.budget,
                choice.clique, problem,
            )  # fmt: skip
            self.multipliers = best.astype(np.float64)
            self.bound = min(self.bound, self.whole(self.exact_bound()[0]))
            share = begin + (end - begin) * (at + 1) / chunks
            if self.clock.stop(share, self.worth, self.bound):
                break

    def exact_bound(self) -> tuple[float, Floats, Floats]:
        """(bound of the multipliers, scores (m,), taken (m,)) in double precision."""
        choice = self.choice
        scores, taken = np.empty(choice.cost.size), np.empty(choice.cost.size)
        bound = bound_at(
            self.multipliers, scores, taken, choice.fixed, choice.budget, choice.clique,
            self.cuts, self.given,
        )  # fmt: skip
        return bound, scores, taken

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
            bound, scores, taken = self.exact_bound()
            inside = scores[choice.allowed & (taken > 0)]
            least = inside.min() if inside.size >= choice.budget and inside.size else 0.0
            keep &= bound - np.maximum(least - scores, 0) >= self.worth * (1 - 1e-9)
        columns = np.flatnonzero(keep | choice.fixed)
        matrix = rows_of(self.cover.demand_starts, self.cover.candidates, keep.size)[:, columns]
        if matrix.nnz > self.clock.effort.exact_pairs:
            return
        found, bound, proven = _model(given, choice, columns, matrix).solve(
            self.clock.effort.exact_seconds
        )
        if found is not None:
            opened = choice.fixed.copy()
            opened[columns[found[-columns.size :] > 0.5]] = True
            self.keep(float(state_of(opened, given).total[0]), opened)
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
