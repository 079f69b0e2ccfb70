"""Checks of what callers give; every refusal names the argument and the rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.spatial import cKDTree

from xinji.methods.siting.cover import Floats, Integers, places_of

Booleans = npt.NDArray[np.bool_]
Indices = npt.NDArray[np.int32]

MOST_PLACES = 200_000


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What may be opened, checked.

    Attributes:
        existing: indices, ascending.
        fixed: shape (m,), existing.
        allowed: shape (m,), may be opened.
        cost: shape (m,), 0 for existing; all 1 where costs are equal.
        budget: in units of `cost`.
        rival_starts, rivals: compressed rows of the candidates that each excludes.
        clique: shape (m,), candidates of one number exclude each other.
    """

    existing: Integers
    fixed: Booleans
    allowed: Booleans
    cost: Floats
    budget: float
    rival_starts: Integers
    rivals: Indices
    clique: Integers

    def only(self, places: Integers) -> Choice:
        """The same choice among some of the candidates, all existing ones among them."""
        number = np.full(self.cost.size, -1, np.int64)
        number[places] = np.arange(places.size)
        one = np.repeat(np.arange(self.cost.size), np.diff(self.rival_starts))
        pairs = number[np.column_stack([one, self.rivals])[one < self.rivals]]
        starts, rivals = _rivals(pairs[(pairs >= 0).all(1)], places.size)
        return Choice(
            existing=number[self.existing], fixed=self.fixed[places],
            allowed=self.allowed[places], cost=self.cost[places], budget=self.budget,
            rival_starts=starts, rivals=rivals, clique=self.clique[places],
        )  # fmt: skip


def check_choice(
    places: int,
    *,
    choose: int | None,
    budget: float | None,
    costs: Any = None,
    existing: Any = (),
    forbidden: Any = (),
    conflicts: Any = None,
) -> Choice:
    """Check and bring into one form. Raises ValueError as the methods state."""
    if places > MOST_PLACES:
        raise ValueError(f"candidates: {places:,}, at most {MOST_PLACES:,} are served")
    if (choose is None) == (budget is None):
        raise ValueError("choose, budget: give exactly one of the two")
    if choose is not None and costs is not None:
        raise ValueError("costs: only go with budget, not with choose")
    if budget is not None and costs is None:
        raise ValueError("costs: are needed with budget")
    fixed = flags(existing, places, "existing")
    shut = flags(forbidden, places, "forbidden")
    if (fixed & shut).any():
        raise ValueError(f"forbidden: candidate {int(np.argmax(fixed & shut))} is existing")
    pairs = check_conflicts(conflicts, places)
    if (bad := fixed[pairs].all(1)).any():
        one, other = pairs[int(np.argmax(bad))]
        raise ValueError(f"conflicts: existing facilities {one} and {other} exclude each other")
    allowed = ~fixed & ~shut
    beside = np.concatenate([pairs[fixed[pairs[:, 0]], 1], pairs[fixed[pairs[:, 1]], 0]])
    allowed[beside] = False
    if choose is not None:
        if choose != int(choose) or choose < 0:
            raise ValueError(f"choose: must be a whole number, 0 or more, not {choose}")
        if choose > allowed.sum():
            raise ValueError(
                f"choose: {choose} is more than the {int(allowed.sum())} candidates that are "
                "neither existing, forbidden nor in conflict with existing ones"
            )
        cost, limit = np.ones(places), float(choose)
    else:
        cost, limit = _costs(costs, budget, places, allowed)
    cost = np.where(fixed, 0.0, cost)
    starts, rivals = _rivals(pairs[allowed[pairs].all(1)], places)
    return Choice(
        existing=np.flatnonzero(fixed), fixed=fixed, allowed=allowed, cost=cost, budget=limit,
        rival_starts=starts, rivals=rivals, clique=_cliques(starts, rivals),
    )  # fmt: skip


def _costs(
    costs: Any, budget: float | None, places: int, allowed: Booleans
) -> tuple[Floats, float]:
    cost = check_values(costs, places, "costs")
    limit = float(budget or 0.0)
    if not (np.isfinite(limit) and limit >= 0):
        raise ValueError(f"budget: must be finite and 0 or more, not {budget}")
    allowed &= cost <= limit
    if allowed.any() and np.ptp(cost[allowed]) == 0 and cost[allowed][0] > 0:
        # equal costs are a number to choose, which has the stronger bound
        return np.ones(places), float(np.floor(limit / cost[allowed][0] + 1e-9))
    return cost, limit


def check_values(values: Any, size: int, name: str) -> Floats:
    """Shape (size,), finite, not negative."""
    result = np.array(values, np.float64)
    if result.shape != (size,):
        raise ValueError(f"{name}: must have shape ({size},), not {result.shape}")
    if not np.isfinite(result).all():
        raise ValueError(f"{name}: value {int(np.argmin(np.isfinite(result)))} is not finite")
    if (result < 0).any():
        raise ValueError(f"{name}: value {int(np.argmax(result < 0))} is negative")
    return result


def flags(indices: Any, size: int, name: str) -> Booleans:
    """Indices as a mask, shape (size,)."""
    given = np.asarray(indices)
    if given.size and not np.issubdtype(given.dtype, np.integer):
        raise ValueError(f"{name}: must be indices, not {given.dtype}")
    if given.size and (given.min() < 0 or given.max() >= size):
        raise ValueError(f"{name}: indices must be 0 to {size - 1}")
    result = np.zeros(size, np.bool_)
    result[given.astype(np.int64).ravel()] = True
    return result


def check_conflicts(conflicts: Any, places: int) -> Integers:
    """Pairs, shape (k, 2)."""
    if conflicts is None or not np.size(conflicts):
        return np.zeros((0, 2), np.int64)
    pairs = np.asarray(conflicts)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or not np.issubdtype(pairs.dtype, np.integer):
        raise ValueError(f"conflicts: must be pairs of indices, shape (k, 2), not {pairs.shape}")
    if pairs.min() < 0 or pairs.max() >= places:
        raise ValueError(f"conflicts: indices must be 0 to {places - 1}")
    if (pairs[:, 0] == pairs[:, 1]).any():
        raise ValueError(
            f"conflicts: pair {int(np.argmax(pairs[:, 0] == pairs[:, 1]))} names one twice"
        )
    return np.unique(np.sort(pairs.astype(np.int64), axis=1), axis=0)


def nearer_than(candidates_m: Floats, metres: float) -> Integers:
    """Pairs of candidates at most so many metres apart, shape (k, 2), to give as `conflicts`.

    Raises ValueError: coordinates not finite, a distance that is negative or not finite.
    """
    places = places_of(candidates_m, "candidates_m")
    if not (np.isfinite(metres) and metres >= 0):
        raise ValueError(f"metres: must be finite and 0 or more, not {metres}")
    pairs: Integers = cKDTree(places).query_pairs(metres, output_type="ndarray").astype(np.int64)
    return pairs


def _rivals(pairs: Integers, places: int) -> tuple[Integers, Indices]:
    both = np.concatenate([pairs, pairs[:, ::-1]])
    both = both[np.lexsort((both[:, 1], both[:, 0]))]
    starts = np.searchsorted(both[:, 0], np.arange(places + 1)).astype(np.int64)
    return starts, both[:, 1].astype(np.int32)


@njit(cache=True, nogil=True)
def _cliques(starts: Integers, rivals: Indices) -> Integers:
    """Candidates into groups that exclude each other wholly; greedy, each alone at worst."""
    places = len(starts) - 1
    clique = np.full(places, -1, np.int64)
    met = np.zeros(places, np.int64)
    count = 0
    for j in range(places):
        if clique[j] >= 0:
            continue
        clique[j] = count
        size = 1
        for at in range(starts[j], starts[j + 1]):
            met[rivals[at]] += 1
        for at in range(starts[j], starts[j + 1]):
            k = rivals[at]
            if clique[k] < 0 and met[k] == size:
                clique[k] = count
                size += 1
                for to in range(starts[k], starts[k + 1]):
                    met[rivals[to]] += 1
        for member in range(places if size > 1 else 0):
            if clique[member] == count:
                for to in range(starts[member], starts[member + 1]):
                    met[rivals[to]] = 0
        for at in range(starts[j], starts[j + 1]):
            met[rivals[at]] = 0
        count += 1
    return clique
