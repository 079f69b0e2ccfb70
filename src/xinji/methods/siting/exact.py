"""Exact models for what is small: built sparse and handed to HiGHS through scipy.

HiGHS (Huangfu and Hall, Mathematical Programming Computation 2018) is part of scipy, MIT.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from xinji.methods.siting.cover import Floats, Integers
from xinji.methods.siting.inputs import Choice


@dataclass(kw_only=True)
class Model:
    """A mixed-integer linear minimum; rows come in blocks, variables are 0 to `upper`."""

    cost: Floats
    integer: Integers
    upper: Floats
    rows: list[LinearConstraint] = field(default_factory=list)

    def add(self, matrix: Any, low: Any, high: Any) -> None:
        """Rows `low <= matrix @ variables <= high`."""
        if matrix.shape[0]:
            self.rows.append(LinearConstraint(sparse.csr_array(matrix), low, high))

    def solve(self, seconds: float, gap: float = 0.0) -> tuple[Floats | None, float, bool]:
        """(variables or None, lower bound, proven); (None, inf, True) when nothing is feasible."""
        answer = milp(
            self.cost, integrality=self.integer, bounds=Bounds(0, self.upper),
            constraints=self.rows, options={"time_limit": seconds, "mip_rel_gap": gap},
        )  # fmt: skip
        if answer.status == 2:
            return None, np.inf, True
        bound = getattr(answer, "mip_dual_bound", None)
        low = -np.inf if bound is None or not np.isfinite(bound) else float(bound)
        return answer.x, low, answer.status == 0


def rows_of(starts: Integers, columns: Any, width: int, values: Any = None) -> Any:
    """Compressed rows as a sparse matrix of ones, or of values."""
    data = np.ones(len(columns)) if values is None else values
    return sparse.csr_array((data, columns, starts), shape=(len(starts) - 1, width))


def choice_rows(model: Model, choice: Choice, columns: Integers, offset: int) -> None:
    """Rows of budget, rivals and existing facilities.

    The last variables of the model, from `offset`, are the candidates `columns`.
    """
    size = columns.size
    wide = sparse.eye_array(offset + size, format="csr")[offset:]
    fixed = choice.fixed[columns]
    model.add(
        sparse.csr_array((choice.cost[columns] * ~fixed)[None]) @ wide,
        -np.inf,
        choice.budget * (1 + 1e-12),
    )
    if fixed.any():
        model.add(wide[np.flatnonzero(fixed)], 1, 1)
    one = np.repeat(np.arange(choice.cost.size), np.diff(choice.rival_starts))
    place = np.full(choice.cost.size, -1)
    place[columns] = np.arange(size)
    pairs = place[np.column_stack([one, choice.rivals])[one < choice.rivals]]
    pairs = pairs[(pairs >= 0).all(1)]
    model.add(wide[pairs[:, 0]] + wide[pairs[:, 1]], -np.inf, 1)
