"""Set covering: the fewest, or the cheapest, facilities that reach everybody or a share of them.

Toregas et al., The location of emergency service facilities, 1971. Lagrangian bound and search in
the manner of Caprara, Fischetti and Toth, Operations Research 1999.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from scipy import sparse

from xinji.methods.siting.answer import Clock, Effort, Siting
from xinji.methods.siting.cover import Cover, Floats, Integers, merge
from xinji.methods.siting.cover_search import (
    Booleans,
    Instance,
    State,
    close_one,
    closed_state,
    near_one_another,
    open_one,
)
from xinji.methods.siting.exact import Model, choice_rows, rows_of
from xinji.methods.siting.inputs import Choice, check_choice, check_values
from xinji.methods.siting.maximal import in_order

CHUNK = 1_000
PACE, LAST_PACE = 1.0, 0.005
HURRY = 0.2
NEARLY = 1e-9
DEFAULT = Effort(rounds=6_000, descents=1_000, exact_pairs=20_000, exact_seconds=5.0)


def set_covering(
    cover: Cover,
    weights: Any = None,
    *,
    share: float = 1.0,
    costs: Any = None,
    existing: Any = (),
    forbidden: Any = (),
    conflicts: Any = None,
    effort: Effort = DEFAULT,
) -> Siting:
    """Open the cheapest facilities that cover everybody, or a share of the weight.

    Args:
        cover: n points, m candidates.
        weights: shape (n,), 1 by default; only matter when `share` is below 1.
        share: of the weight to be covered, above 0 to 1. 1 means every point.
        costs: shape (m,), 1 by default: the fewest.
        existing, forbidden, conflicts: as in `maximal_covering`.
        effort: how much work.

    Returns:
        `objective` is the cost of the new facilities, `bound` lies below it; `gains` are the
        weights that each newly covers.

    Raises ValueError: an argument breaks its rule; or the share cannot be reached (named). With
    conflicts it may stay unknown whether it can: then too.
    """
    clock = Clock(effort)
    if not (np.isfinite(share) and 0 < share <= 1):
        raise ValueError(f"share: must be above 0 to 1, not {share}")
    weight = np.ones(cover.points) if weights is None else weights
    weight = check_values(weight, cover.points, "weights")
    if share == 1.0:
        # every point counts, those without weight too
        weight = np.where(weight > 0, weight, 1.0) if (weight == 0).any() else weight
    cost = np.ones(cover.places) if costs is None else check_values(costs, cover.places, "costs")
    choice = check_choice(
        cover.places, choose=None, budget=float(cost.sum()), costs=cost, existing=existing,
        forbidden=forbidden, conflicts=conflicts,
    )  # fmt: skip
    price = np.where(choice.fixed, 0.0, cost)
    _reachable(cover, weight, share, choice)
    merged = merge(cover)
    k, steps = merged.cover, np.array([1.0, 0.0])
    given = Instance(
        *k.rows(), merged.sums(weight), steps, steps, price, choice.allowed,
        choice.rival_starts, choice.rivals,
    )  # fmt: skip
    search = _Search(
        given=given, choice=choice, clock=clock, need=share * float(weight.sum()),
        everyone=share == 1.0,
    )  # fmt: skip
    search.run()
    if search.best is None:
        raise ValueError("conflicts: no set that covers the share and keeps them was found")
    chosen, gains, _ = in_order(given, choice.existing, np.flatnonzero(search.best & ~choice.fixed))
    return Siting(
        chosen=chosen,
        gains=gains,
        objective=float(cost[chosen].sum()),
        bound=min(search.bound, float(cost[chosen].sum())),
        covered=(cover.covered_by(np.concatenate([choice.existing, chosen])) > 0).astype(float),
        cpu_seconds=clock.spent(),
        how="; ".join([*search.how, *([clock.stopped] if clock.stopped else [])]),
    )


def _reachable(cover: Cover, weight: Floats, share: float, choice: Choice) -> None:
    seen = cover.covered_by(np.flatnonzero(choice.allowed | choice.fixed)) > 0
    if share == 1.0 and not seen.all():
        raise ValueError(
            f"share: {int((~seen).sum())} points are in reach of no candidate that may be open, "
            f"the first is {int(np.argmin(seen))}"
        )
    if weight[seen].sum() < share * weight.sum() * (1 - NEARLY):
        most = weight[seen].sum() / weight.sum()
        raise ValueError(f"share: {share} cannot be reached, at most {most:.6f}")


@njit(cache=True, nogil=True)
def _cover_rest(need: float, hurry: float, given: Instance, state: State) -> Integers:
    """Open by gain per cost until the weight is covered; gain beyond the need counts nothing."""
    opened = np.empty(len(given.cost), np.int64)
    size = 0
    while state.total[0] < need:
        best, most, missing = -1, 0.0, need - state.total[0]
        for j in range(len(given.cost)):
            if state.gain[j] <= 1e-12 or not given.allowed[j] or state.is_open[j]:
                continue
            value = min(state.gain[j], missing) / max(given.cost[j], 1e-12)
            if (
                value > most
                and state.blocked[j] == 0
                and not (hurry > 0.0 and np.random.random() < hurry)
            ):
                best, most = j, value
        if best < 0:
            if hurry > 0.0:
                hurry = 0.0
                continue
            break
        open_one(best, given, state)
        opened[size] = best
        size += 1
    return opened[:size].copy()


@njit(cache=True, nogil=True)
def _needless(need: float, given: Instance, state: State, closed: Integers) -> int:
    """Close what is not needed, the dearest first: how many, their numbers in `closed`."""
    size = 0
    for j in np.argsort(-given.cost):
        if not state.is_open[j] or not given.allowed[j]:
            continue
        own = 0.0
        for at in range(given.starts[j], given.starts[j + 1]):
            if state.counts[given.demands[at]] == 1:
                own += given.weights[given.demands[at]]
        if state.total[0] - own >= need:
            close_one(j, given, state)
            closed[size] = j
            size += 1
    return size


@njit(cache=True, nogil=True)
def _recover(
    rounds: int,
    seed: int,
    need: float,
    given: Instance,
    state: State,
    best: Booleans,
    best_cost: float,
) -> float:
    """Close a few neighbours, cover the rest again, drop what is needless; keep when not dearer."""
    np.random.seed(seed)
    places = len(given.cost)
    closing, dropped = np.empty(8, np.int64), np.empty(places, np.int64)
    before = state.is_open.copy()
    for _ in range(rounds):
        old = state.total[2]
        before[:] = state.is_open
        many = 2 + np.random.randint(7)
        many = near_one_another(closing, many, np.random.randint(len(given.weights)), given, state)
        for at in range(many):
            close_one(closing[at], given, state)
        _cover_rest(need, HURRY, given, state)
        if state.total[0] >= need:
            _needless(need, given, state, dropped)
        if state.total[0] < need or state.total[2] > old + 1e-9:
            for j in range(places):
                if state.is_open[j] and not before[j]:
                    close_one(j, given, state)
            for j in range(places):
                if before[j] and not state.is_open[j]:
                    open_one(j, given, state)
        elif state.total[2] < best_cost - 1e-9:
            best_cost = state.total[2]
            best[:] = state.is_open
    return best_cost


@njit(cache=True, nogil=True)
def _bound(
    rounds: int,
    target: float,
    need: float,
    everyone: bool,
    u: Floats,
    price: float,
    best: float,
    pace: float,
    last_pace: float,
    fixed: Booleans,
    given: Instance,
) -> tuple[float, float]:
    """Raise the lower bound: (best bound, price of a unit of weight); `u` is changed.

    Relaxed are `covered_i <= open candidates of i` by u, and for a share `covered weight >=
    need` by `price`.
    """
    points, places = len(u), len(given.cost)
    slope = np.empty(points)
    for turn in range(rounds):
        value = 0.0
        covered = 0.0
        for i in range(points):
            slope[i] = 1.0
            worth = price * given.weights[i]
            if everyone:
                value += u[i]
            elif worth > u[i]:
                value -= worth - u[i]
                covered += given.weights[i]
            else:
                slope[i] = 0.0
        if not everyone:
            value += price * need
        for j in range(places):
            if not given.allowed[j] and not fixed[j]:
                continue
            score = 0.0
            for at in range(given.starts[j], given.starts[j + 1]):
                score += u[given.demands[at]]
            if fixed[j] or score > given.cost[j]:
                value += given.cost[j] - score
                for at in range(given.starts[j], given.starts[j + 1]):
                    slope[given.demands[at]] -= 1.0
        best = max(best, value)
        rise = 0.0 if everyone else need - covered
        length = 0.0
        for i in range(points):
            if u[i] <= 0.0 and slope[i] < 0.0:
                slope[i] = 0.0
            length += slope[i] * slope[i]
        scale = need / points
        length += (rise / scale) * (rise / scale)
        if length == 0.0:
            break
        step = pace * (last_pace / pace) ** (turn / rounds) * max(target - value, 1e-6) / length
        for i in range(points):
            u[i] = max(u[i] + step * slope[i], 0.0)
        price = max(price + step * rise / (scale * scale), 0.0)
    return best, price


@dataclass(kw_only=True)
class _Search:
    """The run on one instance: greedy, search, bound, exact when small."""

    given: Instance
    choice: Choice
    clock: Clock
    need: float
    everyone: bool

    def __post_init__(self) -> None:
        self.need *= 1 - NEARLY
        self.best: Booleans | None = None
        self.cost, self.bound = np.inf, 0.0
        self.how: list[str] = []

    def run(self) -> None:
        """All steps, in turn, until one says stop."""
        effort, given = self.clock.effort, self.given
        state = closed_state(given)
        for each in self.choice.existing.tolist():
            open_one(each, given, state)
        _cover_rest(self.need, 0.0, given, state)
        if state.total[0] >= self.need:
            _needless(self.need, given, state, np.empty(given.cost.size, np.int64))
            self.best, self.cost = state.is_open.copy(), float(state.total[2])
            self.how.append(f"greedy {self.cost:.10g}")
            if not self.clock.stop(0.0, self.cost, self.bound):
                self.descend()
            if not self.clock.stopped:
                self.improve(state)
        if not self.clock.stopped and (effort.exact_pairs or self.best is None):
            self.prove()

    def descend(self) -> None:
        """Raise the bound."""
        effort, given = self.clock.effort, self.given
        lengths = np.maximum(np.diff(given.starts), 1)
        each = given.cost / lengths
        u = np.minimum.reduceat(each[given.candidates], given.demand_starts[:-1])
        price, bound = self.cost / self.need, 0.0
        chunks = max(1, effort.descents // 250)
        pace = PACE * (LAST_PACE / PACE) ** (np.arange(chunks + 1) / chunks)
        for at in range(chunks if effort.descents else 0):
            bound, price = _bound(
                effort.descents // chunks, self.cost, self.need, self.everyone, u, price, bound,
                pace[at], pace[at + 1], self.choice.fixed, given,
            )  # fmt: skip
            self.bound = max(self.bound, self.whole(bound))
            if self.clock.stop(0.4 * (at + 1) / chunks, self.cost, self.bound):
                break
        self.how.append(f"Lagrangian bound {self.bound:.10g}")

    def improve(self, state: State) -> None:
        """Ruin and recover."""
        effort = self.clock.effort
        assert self.best is not None
        chunks = max(1, effort.rounds // CHUNK)
        for at in range(chunks if effort.rounds else 0):
            self.cost = _recover(
                effort.rounds // chunks, self.clock.seed(at), self.need, self.given, state,
                self.best, self.cost,
            )  # fmt: skip
            if self.clock.stop(0.4 + 0.6 * (at + 1) / chunks, self.cost, self.bound):
                break
        self.how.append(f"{effort.rounds} rounds {self.cost:.10g}")

    def whole(self, bound: float) -> float:
        """A bound of whole costs is whole."""
        cost = self.given.cost
        bound -= 1e-9 * abs(bound)
        return float(np.ceil(bound - 1e-6)) if (cost == np.rint(cost)).all() else bound

    def prove(self) -> None:
        """When small, the exact solver."""
        given, choice = self.given, self.choice
        points, places = given.weights.size, given.cost.size
        columns = np.flatnonzero(choice.allowed | choice.fixed)
        matrix = rows_of(
            given.demand_starts.astype(np.int64), given.candidates.astype(np.int64), places
        )[:, columns]
        if matrix.nnz > self.clock.effort.exact_pairs and self.best is not None:
            return
        extra = 0 if self.everyone else points
        width = extra + columns.size
        model = Model(
            cost=np.concatenate([np.zeros(extra), given.cost[columns]]),
            integer=np.repeat([0, 1], [extra, columns.size]),
            upper=np.ones(width),
        )
        if self.everyone:
            model.add(matrix, 1, np.inf)
        else:
            model.add(sparse.hstack([-sparse.eye_array(points), matrix]), 0, np.inf)
            model.add(
                np.concatenate([given.weights, np.zeros(columns.size)])[None], self.need, np.inf
            )
        choice_rows(model, choice, columns, extra)
        found, low, proven = model.solve(self.clock.effort.exact_seconds)
        if found is not None:
            opened = np.zeros(places, np.bool_)
            opened[columns[found[extra:] > 0.5]] = True
            opened |= choice.fixed
            total = float(given.cost[opened].sum())
            if total < self.cost - 1e-9 or self.best is None:
                self.best, self.cost = opened, total
        elif proven and self.best is None:
            raise ValueError("conflicts: no set of facilities covers the share and keeps them")
        self.bound = max(self.bound, self.cost if proven else self.whole(low))
        self.how.append(f"exact over {columns.size} candidates{', proven' if proven else ''}")
