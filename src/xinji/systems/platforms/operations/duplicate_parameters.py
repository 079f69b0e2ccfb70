"""What the duplicate score knows, and how answers of people move it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import numpy as np

REASONS = ("place", "time", "class", "density", "text")
FEWEST_PAIRS, FEWEST_OF_ONE_ANSWER = 30, 5


def _field(default: dict[str, float]) -> Any:
    return msgspec.field(default_factory=lambda: dict(default))


class Parameters(msgspec.Struct, frozen=True, kw_only=True):
    """What the score knows. Defaults: fitted on tuning seeds of `xinji.district.incidents`.

    Attributes:
        place_error_m, tails, class_error: per channel: RMS error per axis in metres, degrees of
            freedom of the error (low is heavy-tailed), share of wrong classes; "" is any other.
        groups: class to group of classes that are mistaken for each other; default: the first two
            digits of the code. `in_group` is the share of errors that stay in the group.
        further_reports: mean number of reports after the first.
        life_hours, lives, life_strength: mean time from the first to a further report, for classes
            without an entry and with; each class learns its own online, and the strength is the
            number of reports after which half of it is learnt.
        late_share, late_hours: reports that still come after the case closed.
        recurrence_share, recurrence_hours: new incidents at the spot of a closed one.
        neighbour_share, neighbour_m, neighbour_hours: new incidents of the class near an open one.
        text_knots: (cosine, log likelihood ratio), joined by straight lines.
        weights, bias: of the reasons; 1 and 0 are the model as it is (`learn` moves them).
        merge_at, ask_at: log odds at which to merge alone, and at which to ask a person.
        learnt_from: number of judged pairs in weights and bias.
    """

    place_error_m: dict[str, float] = _field(
        {"camera": 4.0, "patrol": 12.0, "sensor": 5.0, "": 35.0}
    )
    tails: dict[str, float] = _field({"camera": 20.0, "patrol": 20.0, "sensor": 20.0, "": 4.0})
    class_error: dict[str, float] = _field(
        {"camera": 0.04, "patrol": 0.02, "sensor": 0.02, "": 0.12}
    )
    groups: dict[str, str] = {}
    in_group: float = 0.8
    further_reports: float = 0.6
    life_hours: float = 2.0
    lives: dict[str, float] = {}
    life_strength: float = 20.0
    late_share: float = 0.15
    late_hours: float = 1.0
    recurrence_share: float = 0.15
    recurrence_hours: float = 12.0
    neighbour_share: float = 0.08
    neighbour_m: float = 45.0
    neighbour_hours: float = 1.5
    text_knots: tuple[tuple[float, float], ...] = (
        (0.0, -0.45), (0.08, -0.2), (0.12, 0.15), (0.3, 0.5), (0.5, 1.2), (1.0, 1.4),
    )  # fmt: skip
    weights: dict[str, float] = {}
    bias: float = 0.0
    merge_at: float = 3.3
    ask_at: float = -1.4
    radius_m: float = 150.0
    horizon_hours: float = 96.0
    memory_days: float = 60.0
    learnt_from: int = 0

    def __post_init__(self) -> None:
        for name in (
            "further_reports", "life_hours", "life_strength", "late_share", "late_hours",
            "recurrence_share", "recurrence_hours", "neighbour_share", "neighbour_m",
            "neighbour_hours", "radius_m", "horizon_hours", "memory_days",
        ):  # fmt: skip
            if not 0 < getattr(self, name) < 1e6:
                raise ValueError(f"{name}: {getattr(self, name)} is not above 0 and below 1e6")
        for name in ("place_error_m", "tails", "class_error"):
            if "" not in getattr(self, name):
                raise ValueError(f"{name}: no entry '' for any other channel")
        if not all(tail > 2 for tail in self.tails.values()):
            raise ValueError("tails: a Student-t of 2 or less has no variance")
        if not all(0 < error < 1 for error in self.class_error.values()):
            raise ValueError("class_error: not within 0 and 1")
        if not self.ask_at <= self.merge_at:
            raise ValueError(f"ask_at: {self.ask_at} is above merge_at {self.merge_at}")


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """A proposed pair and what a person said of it; `reasons` as in the Candidate shown."""

    reasons: dict[str, float]
    same: bool


def learn(pairs: Iterable[Judged], parameters: Parameters | None = None) -> Parameters:
    """Move the weights towards what people confirmed and refused (logistic regression, MAP).

    The prior keeps every weight near its present value (standard deviation 0.3; of the bias 1), so
    few pairs move little; with fewer than 30 pairs, or fewer than 5 of one answer, the parameters
    come back unchanged. People see mostly doubtful pairs: the result is for that region and is
    not an estimate of precision; take that from audits of merges.
    """
    given = parameters or Parameters()
    judged = list(pairs)
    same = np.array([pair.same for pair in judged], np.float64)
    if len(judged) < FEWEST_PAIRS or min(same.sum(), len(same) - same.sum()) < FEWEST_OF_ONE_ANSWER:
        return given
    before = np.array([given.weights.get(name, 1.0) for name in REASONS])
    table = np.array([[pair.reasons.get(name, 0.0) for name in REASONS] for pair in judged])
    # the stored reasons are weighted: back to the plain ones
    table = np.column_stack([table / np.maximum(before, 0.05), np.ones(len(judged))])
    rivals = np.array([pair.reasons.get("rivals", 0.0) for pair in judged])
    start = np.append(before, given.bias)
    theta, stiffness = start.copy(), np.append(np.full(len(before), 0.3), 1.0) ** -2.0
    for _ in range(50):
        chance = 1 / (1 + np.exp(-np.clip(table @ theta + rivals, -30, 30)))
        gradient = table.T @ (same - chance) - stiffness * (theta - start)
        curvature = (table * (chance * (1 - chance))[:, None]).T @ table + np.diag(stiffness)
        step = np.linalg.solve(curvature, gradient)
        theta = theta + step
        if np.abs(step).max() < 1e-8:
            break
    theta[:-1] = np.clip(theta[:-1], 0.05, 3.0)
    return msgspec.structs.replace(
        given,
        weights=dict(zip(REASONS, theta[:-1].round(4).tolist(), strict=True)),
        bias=round(float(theta[-1]), 4),
        learnt_from=given.learnt_from + len(judged),
    )
