"""Capacitated covering: a facility reaches many but serves no more weight than it can.

Current and Storbeck, Environment and Planning B 1988. A point may be served in parts, by several
facilities that reach it. Solved by HiGHS over the candidates that the bound does not exclude.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from xinji.methods.siting.answer import Clock, Effort, Siting
from xinji.methods.siting.cover import Cover, Floats, Integers, merge
from xinji.methods.siting.exact import Model, choice_rows
from xinji.methods.siting.inputs import Choice, check_choice, check_values

MOST_FLOWS = 2_000_000
DEFAULT = Effort(exact_seconds=20.0)


def capacitated_covering(
    cover: Cover,
    weights: Any,
    capacities: Any,
    choose: int | None = None,
    *,
    budget: float | None = None,
    costs: Any = None,
    existing: Any = (),
    forbidden: Any = (),
    conflicts: Any = None,
    effort: Effort = DEFAULT,
) -> Siting:
    """Open the facilities that can serve the most weight within their capacities.

    Args:
        cover: n points, m candidates.
        weights: shape (n,), 0 or more.
        capacities: shape (m,), the weight that each can serve; existing ones too.
        choose, budget, costs, existing, forbidden, conflicts: as in `maximal_covering`.
        effort: `exact_seconds` of HiGHS (wall) and `gap`; the rest is not used. When the time is
            over, the best set so far is answered with the bound reached.

    Returns:
        `covered` is the share of each point that is served.

    Raises ValueError: an argument breaks its rule, or more than 2 million pairs after merging.
    """
    clock = Clock(effort)
    weight = check_values(weights, cover.points, "weights")
    capacity = check_values(capacities, cover.places, "capacities")
    choice = check_choice(
        cover.places, choose=choose, budget=budget, costs=costs, existing=existing,
        forbidden=forbidden, conflicts=conflicts,
    )  # fmt: skip
    merged = merge(cover)
    demand = merged.sums(weight)
    if merged.cover.pairs > MOST_FLOWS:
        raise ValueError(f"cover: {merged.cover.pairs:,} pairs, at most {MOST_FLOWS:,} are served")
    best = _greedy(merged.cover, demand, capacity, choice)
    opened, bound, how = _solve(merged.cover, demand, capacity, choice, effort, best)
    state, order, gains = choice.existing, [], []
    served, flows = _serve(merged.cover, demand, capacity, state)
    left = opened.tolist()
    while left:
        trials = [_serve(merged.cover, demand, capacity, np.append(state, j)) for j in left]
        at = int(np.argmax([value for value, _ in trials]))
        gains.append(trials[at][0] - served)
        served, flows = trials[at]
        order.append(left.pop(at))
        state = np.append(state, order[-1])
    shares = flows / np.where(demand > 0, demand, 1.0)
    inside = merged.group >= 0
    covered = np.zeros(cover.points)
    covered[inside] = shares[merged.group[inside]]
    return Siting(
        chosen=np.array(order, np.int64),
        gains=np.array(gains, np.float64),
        objective=served,
        bound=max(bound, served),
        covered=np.clip(covered, 0.0, 1.0),
        cpu_seconds=clock.spent(),
        how=how,
    )


def _greedy(cover: Cover, demand: Floats, capacity: Floats, choice: Choice) -> Integers:
    """Open what can take most of the demand still open, each taking its share; a start only."""
    left, budget = demand.copy(), choice.budget
    allowed = choice.allowed.copy()
    opened: list[int] = []
    waiting = choice.existing.tolist()
    while True:
        if waiting:
            best = waiting.pop()
        else:
            reach = np.add.reduceat(np.append(left[cover.demands], 0.0), cover.starts[:-1]) * (
                np.diff(cover.starts) > 0
            )
            take = np.where(
                allowed & (choice.cost <= budget + 1e-9), np.minimum(reach, capacity), 0
            )
            best = int(np.argmax(take))
            if take[best] <= 1e-12:
                return np.array(opened, np.int64)
            opened.append(best)
            budget -= choice.cost[best]
            allowed[best] = False
            rivals = choice.rivals[choice.rival_starts[best] : choice.rival_starts[best + 1]]
            allowed[rivals] = False
        mine = cover.demands[cover.starts[best] : cover.starts[best + 1]]
        total = float(left[mine].sum())
        if total > 0:
            left[mine] *= max(0.0, 1 - capacity[best] / total)


def _serve(
    cover: Cover, demand: Floats, capacity: Floats, opened: Integers
) -> tuple[float, Floats]:
    """(weight served, per point) by the best assignment to what is open: a linear programme."""
    rows, columns = _pairs(cover, opened)
    if not rows.size:
        return 0.0, np.zeros(demand.size)
    at = np.arange(rows.size)
    ones = np.ones(rows.size)
    answer = linprog(
        -ones,
        A_ub=sparse.vstack(
            [
                sparse.csr_array((ones, (rows, at)), shape=(demand.size, rows.size)),
                sparse.csr_array((ones, (columns, at)), shape=(opened.size, rows.size)),
            ]
        ),
        b_ub=np.concatenate([demand, capacity[opened]]),
        method="highs",
    )
    flows = np.bincount(rows, answer.x, minlength=demand.size).astype(np.float64)
    return float(-answer.fun), flows


def _pairs(cover: Cover, columns: Integers) -> tuple[Integers, Integers]:
    """Rows and positions in `columns` of all pairs of these candidates."""
    parts = [cover.demands[cover.starts[j] : cover.starts[j + 1]] for j in columns]
    rows = np.concatenate([*parts, np.zeros(0, np.int32)]).astype(np.int64)
    return rows, np.repeat(np.arange(columns.size), [part.size for part in parts])


def _solve(
    cover: Cover,
    demand: Floats,
    capacity: Floats,
    choice: Choice,
    effort: Effort,
    start: Integers,
) -> tuple[Integers, float, str]:
    """(new facilities, bound, how) by HiGHS; the greedy start when that is better."""
    columns = np.flatnonzero(choice.allowed | choice.fixed)
    rows, at = _pairs(cover, columns)
    pairs, width = rows.size, rows.size + columns.size
    flow = np.arange(pairs)
    ones = np.ones(pairs)
    limit = np.minimum(demand[rows], capacity[columns[at]])
    model = Model(
        cost=np.concatenate([-ones, np.zeros(columns.size)]),
        integer=np.repeat([0, 1], [pairs, columns.size]),
        upper=np.concatenate([limit, np.ones(columns.size)]),
    )
    model.add(sparse.csr_array((ones, (rows, flow)), (demand.size, width)), -np.inf, demand)
    model.add(
        sparse.csr_array(
            (
                np.concatenate([ones, -capacity[columns]]),
                (np.concatenate([at, np.arange(columns.size)]), np.arange(width)),
            ),
            (columns.size, width),
        ),
        -np.inf, 0,
    )  # fmt: skip
    # a closed facility serves nobody: implied by the rows above, but stronger one by one
    values, places = np.concatenate([ones, -limit]), np.concatenate([flow, pairs + at])
    model.add(
        sparse.csr_array((values, (np.tile(flow, 2), places)), (pairs, width)),
        -np.inf, 0,
    )  # fmt: skip
    choice_rows(model, choice, columns, pairs)
    found, low, proven = model.solve(effort.exact_seconds, effort.gap)
    bound = min(-low, float(demand.sum()))
    worth = _serve(cover, demand, capacity, np.concatenate([choice.existing, start]))[0]
    how = f"exact over {columns.size} candidates{', proven' if proven else ', time limit'}"
    if found is not None:
        new = columns[found[pairs:] > 0.5]
        new = new[~choice.fixed[new]]
        value = _serve(cover, demand, capacity, np.concatenate([choice.existing, new]))[0]
        if value >= worth:
            return new, bound * (1 + 1e-9), how
    return start, bound * (1 + 1e-9), f"greedy; {how}"
