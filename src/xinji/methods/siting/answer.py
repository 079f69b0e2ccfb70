"""What every siting method is given as effort, and what it answers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

Progress = Callable[[float, float, float], bool]
"""Called with (share of the effort spent, objective, bound); True stops the work."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much work. With `seconds` and `exact_seconds` not reached, a seed gives one answer.

    Attributes:
        rounds: of the local search.
        descents: steps of the subgradient that lowers the bound. In maximal covering problems
            below 200,000 pairs get up to 4 times as many, and from 1,000 on cuts are used,
            which bring the bound below the linear relaxation's.
        exact_pairs: problems with at most so many pairs left after fixing go to the exact
            solver as well; 0 for never.
        exact_seconds: limit of the exact solver, wall time.
        seconds: CPU time after which search and bound stop; what was found is answered.
        gap: relative gap at which to stop.
        seed: of the search.
        progress: see `Progress`.
    """

    rounds: int = 120_000
    descents: int = 3_000
    exact_pairs: int = 6_000
    exact_seconds: float = 10.0
    seconds: float = math.inf
    gap: float = 0.0
    seed: int = 0
    progress: Progress | None = None

    def __post_init__(self) -> None:
        for name in ("rounds", "descents", "exact_pairs"):
            if not 0 <= getattr(self, name) <= 100_000_000:
                raise ValueError(f"{name}: must be 0 to 100 million, not {getattr(self, name)}")
        for name in ("exact_seconds", "seconds", "gap"):
            if not getattr(self, name) >= 0:
                raise ValueError(f"{name}: must be 0 or more, not {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class Siting:
    """Which candidates to open, what that is worth, and how much better any other set could be.

    Attributes:
        chosen: new facilities, the one with the largest marginal gain first.
        gains: what each adds after those before it; for `p_median` what it saves, against
            every point served by its farthest candidate.
        objective: worth or cost of chosen and existing facilities together.
        bound: no set is better than this: above `objective` for a maximum, below for a minimum.
        covered: shape (n,), share of each point's weight that is served, 0 to 1.
        server: shape (n,), facility that serves each point, -1 for none; only where a point
            has one server.
        cpu_seconds: of this call.
        how: the steps that led here.
    """

    chosen: Integers
    gains: Floats
    objective: float
    bound: float
    covered: Floats
    cpu_seconds: float
    how: str
    server: Integers = field(default_factory=lambda: np.zeros(0, np.int64))

    @property
    def gap(self) -> float:
        """(bound - objective) / the larger of the two, without sign; 0 is proven optimal."""
        return gap_of(self.objective, self.bound)


def gap_of(objective: float, bound: float) -> float:
    """Relative gap, at least 0."""
    largest = max(abs(objective), abs(bound))
    difference = abs(bound - objective)
    if largest == 0 or difference <= 1e-9 * largest:
        return 0.0
    return difference / largest if math.isfinite(largest) else math.inf


class Clock:
    """CPU time of one call, and when to stop."""

    def __init__(self, effort: Effort) -> None:
        self.effort = effort
        self.start = time.process_time()
        self.stopped = ""

    def spent(self) -> float:
        """CPU seconds of the process since the start."""
        return time.process_time() - self.start

    def seed(self, part: int) -> int:
        """Seed of a part of the search."""
        return (self.effort.seed * 1_000_003 + part) % 2**31

    def stop(self, share: float, objective: float, bound: float) -> bool:
        """Whether to stop now; the reason stays in `stopped`."""
        effort = self.effort
        if gap_of(objective, bound) <= effort.gap:
            self.stopped = self.stopped or "gap reached"
        elif self.spent() > effort.seconds:
            self.stopped = self.stopped or "time limit"
        elif effort.progress and effort.progress(share, objective, bound):
            self.stopped = "cancelled"
        return bool(self.stopped)
