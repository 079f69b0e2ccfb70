"""Who does what: the linear assignment problem with forbidden pairs.

Solved by SciPy's shortest augmenting paths (Crouse 2016, after Jonker and Volgenant 1987).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import scipy  # its parts are loaded where they are first used: some take 0.3 CPU-seconds

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

MOST_PAIRS = 25_000_000


def assign(cost: Floats, allowed: Booleans | None = None) -> tuple[Integers, Integers]:
    """As many pairs as the allowed ones permit, and among those the lowest sum of costs.

    Args:
        cost: shape (n, m), finite where allowed; any unit, any sign.
        allowed: shape (n, m); without it every pair is allowed.

    Returns:
        Rows and columns of the pairs, each of shape (k,), by rising row; no row or column twice.

    Raises ValueError: shapes differ, an allowed cost is not finite, or n x m is above 25 million.
    """
    cost = np.asarray(cost, np.float64)
    if cost.ndim != 2 or cost.size > MOST_PAIRS:
        raise ValueError(f"cost: shape {cost.shape} is not (n, m) of at most {MOST_PAIRS:,} pairs")
    free = np.ones(cost.shape, np.bool_) if allowed is None else np.asarray(allowed, np.bool_)
    if free.shape != cost.shape:
        raise ValueError(f"allowed: shape {free.shape} differs from cost {cost.shape}")
    none = np.empty(0, np.int64)
    if not free.any():
        return none, none
    if not np.isfinite(cost[free]).all():
        raise ValueError("cost: an allowed pair has a cost that is not finite")
    lowest, highest = float(cost[free].min()), float(cost[free].max())
    # one forbidden pair costs more than any difference that all the others can make
    wall = (highest - lowest + 1.0) * (min(cost.shape) + 1)
    rows, columns = scipy.optimize.linear_sum_assignment(np.where(free, cost - lowest, wall))
    kept = free[rows, columns]
    return rows[kept].astype(np.int64), columns[kept].astype(np.int64)


def second_best(
    cost: Floats, rows: Integers, columns: Integers, allowed: Booleans | None = None
) -> tuple[Integers, Floats]:
    """For each pair: the cheapest other column of its row, and how much more it costs.

    Returns columns (-1: there is none) and differences (inf there), each of shape (k,). A
    difference below 0 says that the pair was chosen for the sum and not for its own row.
    """
    rest = np.array(cost[rows], np.float64)
    if allowed is not None:
        rest[~allowed[rows]] = np.inf
    own = np.asarray(cost)[rows, columns]
    rest[np.arange(len(rows)), columns] = np.inf
    if rest.shape[1] == 0 or not len(rows):
        return np.full(len(rows), -1, np.int64), np.full(len(rows), np.inf)
    best = rest.argmin(axis=1)
    more = rest[np.arange(len(rows)), best] - own
    return np.where(np.isfinite(more), best, -1).astype(np.int64), more
