"""Is a new report about a case that is already known? A likelihood ratio on all reports of a case.

Reports of incidents are a marked point process: an open case sends further reports at a falling
rate, with the place error and class errors of their channels; new incidents come at a local rate
that is learnt online. For a sighting s at place x and time t, the log odds of case C are

    log  rate_C(t) f(x | C) P(class | C) L(text | C)
         ---------------------------------------------------------------
         rate of new incidents at (x, class, t) + the same product of the other cases

f is a bivariate Student-t around the robust mean of all reports of the case. New incidents include
those that follow a cleared one at the same spot, and neighbours at the same time (a self-exciting
term, Ogata 1988). Record linkage by likelihood ratio with two thresholds: Fellegi and Sunter 1969.
Times are Unix microseconds; places WGS-84 degrees. Nothing here does I/O or reads a clock.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from xinji.methods.geodesy import METRES_PER_DEGREE
from xinji.systems.platforms.operations.duplicate_parameters import (
    REASONS,
    Judged,
    Parameters,
    learn,
)
from xinji.systems.platforms.operations.incident_rate import IncidentRate
from xinji.systems.platforms.operations.report_text import ReportTexts, cosine

__all__ = [
    "Candidate", "Decision", "DuplicateIndex", "Judged", "Parameters", "Sighting", "learn",
]  # fmt: skip

Floats = npt.NDArray[np.float64]

HOUR_US = 3_600_000_000
TEXT_CAP = 2_000
REPORTS_CAP = 32
"""Reports of one case that its place and class are computed from: the first and the latest."""
FLOOR = -1e9


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """One report. `place_error_m` is metres (RMS per axis); 0 means the channel's usual error."""

    report: str
    channel: str
    class_code: str
    longitude: float
    latitude: float
    time_us: int
    place_error_m: float = 0.0
    text: str = ""

    def __post_init__(self) -> None:
        if not (abs(self.longitude) <= 180 and abs(self.latitude) <= 90):
            raise ValueError(f"longitude, latitude: ({self.longitude}, {self.latitude}) not WGS-84")
        if not 0 <= self.place_error_m <= 100_000:
            raise ValueError(f"place_error_m: {self.place_error_m} is not within 0 to 100,000")
        if len(self.text) > TEXT_CAP:
            raise ValueError(f"text: {len(self.text)} characters, at most {TEXT_CAP}")


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A case with the log odds that it is the same incident.

    `reasons` are log likelihood ratios (natural logarithm) that add up to `log_odds`: place, time,
    class, density (how rare such an incident is here), text, rivals (other explanations), bias.
    """

    case: str
    log_odds: float
    reasons: dict[str, float]


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What to do with a sighting; `case` is empty for "new"."""

    action: Literal["merge", "ask", "new"]
    case: str
    log_odds: float


class _Case:
    """Reports of one case and the slot of its row."""

    __slots__ = ("cell", "class_code", "closed_us", "key", "reports", "slot", "texts")

    def __init__(self, key: str, slot: int) -> None:
        self.key, self.slot = key, slot
        self.cell: tuple[int, int] | None = None
        self.reports: dict[str, Sighting] = {}
        self.texts: dict[str, dict[int, float]] = {}
        self.closed_us = 0
        self.class_code = ""


class DuplicateIndex:
    """Open and recent cases with their reports, ready to be asked. Not for two threads at once."""

    def __init__(self, parameters: Parameters | None = None) -> None:
        self.parameters = parameters or Parameters()
        self._cases: dict[str, _Case] = {}
        self._case_of: dict[str, str] = {}
        self._cells: dict[tuple[int, int], list[int]] = {}
        self._names: list[str] = []
        self._free: list[int] = []
        self._classes: dict[str, int] = {}
        self._class_groups: list[str] = []
        self._confusions: dict[tuple[str, int], Floats] = {}
        # x, y, variance of the place, degrees of freedom, first time, closed time, reports, life
        self._rows = np.zeros((256, 8))
        self._posteriors = np.zeros((256, 16))
        self._delays: dict[str, list[float]] = {}
        self._squash = 0.0
        self._rate = IncidentRate(self.parameters.memory_days)
        self._texts = ReportTexts()

    def __len__(self) -> int:
        return len(self._cases)

    def case_of(self, report: str) -> str:
        """The case that holds a report. Raises KeyError: unknown report."""
        return self._case_of[report]

    def add(self, sighting: Sighting, case: str) -> None:
        """Attach a report to a case; an unknown case is a new incident and counts as one.

        Raises ValueError: the report is attached already.
        """
        if sighting.report in self._case_of:
            raise ValueError(f"report: {sighting.report!r} is attached already; move it")
        each = self._cases.get(case)
        if each is not None and each.reports:
            delay = abs(sighting.time_us / HOUR_US - float(self._rows[each.slot, 4]))
            learnt = self._delays.setdefault(each.class_code, [0.0, 0.0])
            learnt[0] += 1
            learnt[1] += delay
        else:
            x, y = self._project(sighting)
            self._rate.add(x, y, self._class(sighting.class_code), sighting.time_us)
        self._attach(sighting, case, self._texts.learn(sighting.text))

    def move(self, report: str, case: str) -> None:
        """Attach a known report to another case (un-merge: to a new name).

        Raises KeyError: unknown report.
        """
        old = self._cases[self._case_of[report]]
        if old.key == case:
            return
        sighting, text = old.reports.pop(report), old.texts.pop(report, {})
        del self._case_of[report]
        if old.reports:
            self._summarise(old)
        else:
            self.forget(old.key)
        self._attach(sighting, case, text)

    def close(self, case: str, time_us: int) -> None:
        """The case was cleared at a time; later reports are less likely the same.

        Raises KeyError: unknown case.
        """
        each = self._cases[case]
        each.closed_us = time_us
        self._rows[each.slot, 5] = time_us / HOUR_US

    def forget(self, case: str) -> None:
        """Drop a case and its reports; the learnt rates stay. Raises KeyError: unknown case."""
        each = self._cases.pop(case)
        for report in each.reports:
            del self._case_of[report]
        if each.cell is not None:
            self._cells[each.cell].remove(each.slot)
        self._names[each.slot] = ""
        self._free.append(each.slot)

    def candidates(self, sighting: Sighting) -> list[Candidate]:
        """Cases within the radius and the horizon, best first, at most 8."""
        given = self.parameters
        x, y = self._project(sighting)
        slots = self._near(x, y)
        if not len(slots):
            return []
        rows = self._rows[slots]
        hour = sighting.time_us / HOUR_US
        away = (rows[:, 0] - x) ** 2 + (rows[:, 1] - y) ** 2
        age = np.abs(hour - rows[:, 4])
        keep = (away <= given.radius_m**2) & (age <= given.horizon_hours)
        if not keep.any():
            return []
        slots, rows, away, age = slots[keep], rows[keep], away[keep], age[keep]
        scale, freedom = self._error(sighting)
        spread = rows[:, 2] + scale
        tails = np.minimum(rows[:, 3], freedom)
        place = _log_student(away, spread, tails)
        number = self._class(sighting.class_code)
        confusion = self._confusion(sighting.channel, number)
        seen = np.log(self._posteriors[slots, : len(confusion)] @ confusion)
        # reports still to come: gamma-Poisson, a case with many reports gets more
        crowd = np.log(given.further_reports * (rows[:, 6] + 1) / 2)
        since = hour - rows[:, 5]
        closed = (rows[:, 5] > 0) & (since > 0)
        after = np.where(closed, math.log(given.late_share) - since / given.late_hours, 0.0)
        # while the case is open it still sends reports, at a rate that falls slowly
        times = crowd - np.log(rows[:, 7]) - age / rows[:, 7] + after

        rates = self._rate.at(x, y, sighting.time_us, len(confusion))
        new = math.log(float(rates @ confusion))
        everywhere = self._rate.shares(len(confusion))
        base = math.log(float(everywhere @ confusion))
        area = math.log(math.pi * given.radius_m**2)
        pace = math.log(given.further_reports / given.life_hours)
        reasons = np.empty((len(slots), 5))
        reasons[:, 0] = place + area
        reasons[:, 1] = times - pace
        reasons[:, 2] = seen - base
        reasons[:, 3] = pace + base - new - area
        reasons[:, 4] = 0.0
        weights = np.array([given.weights.get(name, 1.0) for name in REASONS])
        if sighting.text:
            plain = reasons @ weights
            self._compare_texts(sighting.text, slots, plain, reasons)
        scores = reasons @ weights + given.bias

        # other ways to a new incident, relative to the local rate: again here, or a neighbour
        again = np.where(
            closed,
            math.log(given.recurrence_share / given.recurrence_hours)
            - np.maximum(since, 0) / given.recurrence_hours,
            FLOOR,
        )
        beside = (
            math.log(given.neighbour_share / given.neighbour_hours)
            - age / given.neighbour_hours
            + _log_student(away, spread + given.neighbour_m**2, np.full(len(slots), 30.0))
        )
        other = float(np.exp(np.logaddexp(again + place, beside) + seen - new).sum())
        rival = _log_of_others(scores, 1.0 + other)
        odds = scores - rival
        order = np.argsort(-odds)[:8]
        return [
            Candidate(
                case=self._names[slots[at]],
                log_odds=float(odds[at]),
                reasons=dict(zip(REASONS, (reasons[at] * weights).tolist(), strict=True))
                | {"rivals": -float(rival[at]), "bias": given.bias},
            )
            for at in order
        ]

    def decide(self, candidates: Sequence[Candidate]) -> Decision:
        """Merge alone, ask a person, or open a new case."""
        if not candidates or candidates[0].log_odds < self.parameters.ask_at:
            odds = candidates[0].log_odds if candidates else -math.inf
            return Decision(action="new", case="", log_odds=odds)
        best = candidates[0]
        sure = best.log_odds >= self.parameters.merge_at
        return Decision(action="merge" if sure else "ask", case=best.case, log_odds=best.log_odds)

    def _attach(self, sighting: Sighting, case: str, text: dict[int, float]) -> None:
        each = self._cases.get(case)
        if each is None:
            each = self._cases[case] = _Case(case, self._slot(case))
        each.reports[sighting.report] = sighting
        if text:
            each.texts[sighting.report] = text
        self._case_of[sighting.report] = case
        self._summarise(each)

    def _life(self, code: str) -> float:
        """Mean hours from the first to a further report, learnt for the class."""
        prior, strength = (
            self.parameters.lives.get(code, self.parameters.life_hours),
            (self.parameters.life_strength),
        )
        count, total = self._delays.get(code, (0.0, 0.0))
        return max((strength * prior + total) / (strength + count), 0.05)

    def _slot(self, case: str) -> int:
        if self._free:
            slot = self._free.pop()
            self._names[slot] = case
            return slot
        self._names.append(case)
        if len(self._names) > len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
            self._posteriors = np.concatenate([self._posteriors, np.zeros_like(self._posteriors)])
        return len(self._names) - 1

    def _summarise(self, each: _Case) -> None:
        reports = list(each.reports.values())
        if len(reports) > REPORTS_CAP:
            reports = [reports[0], *reports[1 - REPORTS_CAP :]]
        points = [(*self._project(report), *self._error(report)) for report in reports]
        x, y, variance = _robust_mean(points)
        log_posterior = np.log(self._rate.shares(len(self._classes)))
        for report in reports:
            number = self._class(report.class_code)
            if len(self._classes) > len(log_posterior):
                log_posterior = np.log(self._rate.shares(len(self._classes)))
            log_posterior = log_posterior + np.log(self._confusion(report.channel, number))
        posterior = np.exp(log_posterior - log_posterior.max())
        posterior /= posterior.sum()
        each.class_code = list(self._classes)[int(posterior.argmax())]
        freedom = max(point[3] for point in points) if len(points) > 1 else points[0][3]
        self._rows[each.slot] = (
            x, y, variance, freedom,
            min(report.time_us for report in reports) / HOUR_US,
            each.closed_us / HOUR_US, len(each.reports),
            self._life(each.class_code),
        )  # fmt: skip
        self._posteriors[each.slot] = 0.0
        self._posteriors[each.slot, : len(posterior)] = posterior
        cell = self._cell(x, y)
        if cell != each.cell:
            if each.cell is not None:
                self._cells[each.cell].remove(each.slot)
            self._cells.setdefault(cell, []).append(each.slot)
            each.cell = cell

    def _compare_texts(
        self, text: str, slots: npt.NDArray[np.int64], plain: Floats, reasons: Floats
    ) -> None:
        vector = self._texts.vector(text)
        knots = self.parameters.text_knots
        heights = [height for _, height in knots]
        places = [place for place, _ in knots]
        # a text cannot save what is ten units below
        for at in np.flatnonzero(plain > -10 - max(heights)):
            known = self._cases[self._names[slots[at]]].texts
            if known:
                closest = max(cosine(vector, other) for other in list(known.values())[-8:])
                reasons[at, 4] = np.interp(closest, places, heights)

    def _near(self, x: float, y: float) -> npt.NDArray[np.int64]:
        column, row = self._cell(x, y)
        found: list[int] = []
        for i in (column - 1, column, column + 1):
            for j in (row - 1, row, row + 1):
                found += self._cells.get((i, j), ())
        return np.array(found, np.int64)

    def _cell(self, x: float, y: float) -> tuple[int, int]:
        side = self.parameters.radius_m
        return math.floor(x / side), math.floor(y / side)

    def _project(self, sighting: Sighting) -> tuple[float, float]:
        if not self._squash:
            # one scale for the whole index: a city is small
            self._squash = max(math.cos(math.radians(sighting.latitude)), 0.01)
        x = sighting.longitude * METRES_PER_DEGREE * self._squash
        return x, sighting.latitude * METRES_PER_DEGREE

    def _error(self, sighting: Sighting) -> tuple[float, float]:
        """Squared scale of the Student-t in m2, and its degrees of freedom."""
        usual, tails = self.parameters.place_error_m, self.parameters.tails
        error = sighting.place_error_m or usual.get(sighting.channel, usual[""])
        freedom = tails.get(sighting.channel, tails[""])
        return max(error, 3.0) ** 2 * (freedom - 2) / freedom, freedom

    def _class(self, code: str) -> int:
        number = self._classes.get(code)
        if number is None:
            number = self._classes[code] = len(self._classes)
            self._class_groups.append(self.parameters.groups.get(code, code[:2]))
            self._confusions.clear()
            if len(self._classes) > self._posteriors.shape[1]:
                wider = np.zeros_like(self._posteriors)
                self._posteriors = np.concatenate([self._posteriors, wider], axis=1)
        return number

    def _confusion(self, channel: str, number: int) -> Floats:
        """P(this class is reported | true class), over the true classes: shape (classes,)."""
        found = self._confusions.get((channel, number))
        if found is None:
            errors = self.parameters.class_error
            error = errors.get(channel, errors[""])
            groups = np.array(self._class_groups)
            sizes = np.array([(groups == group).sum() for group in groups])
            same = groups == groups[number]
            inside = np.where(sizes > 1, self.parameters.in_group, 0.0)
            out = (1 - inside) / np.maximum(len(groups) - sizes, 1)
            found = error * np.where(same, inside / np.maximum(sizes - 1, 1), out)
            found[number] = 1 - error
            found = np.maximum(found, 1e-6)
            self._confusions[channel, number] = found
        return found


def _log_student(squared: Floats, spread: Floats, freedom: Floats) -> Floats:
    """Log density per m2 of a bivariate Student-t with scale^2 `spread` at squared distance."""
    tail = (freedom / 2 + 1) * np.log1p(squared / (freedom * spread))
    density: Floats = -np.log(2 * math.pi * spread) - tail
    return density


def _robust_mean(points: Sequence[tuple[float, float, float, float]]) -> tuple[float, float, float]:
    """(x, y, variance) of points (x, y, scale^2, freedom) by the EM weights of the Student-t."""
    if len(points) == 1:
        return points[0][0], points[0][1], points[0][2]
    best = min(points, key=lambda point: point[2])
    x, y, total = best[0], best[1], 1.0
    for _ in range(4):
        weights = [
            (nu + 2) / (nu + ((px - x) ** 2 + (py - y) ** 2) / s2) / s2 for px, py, s2, nu in points
        ]
        total = sum(weights)
        x = sum(w * point[0] for w, point in zip(weights, points, strict=True)) / total
        y = sum(w * point[1] for w, point in zip(weights, points, strict=True)) / total
    return x, y, 1.0 / total


def _log_of_others(scores: Floats, rest: float) -> Any:
    """log(rest + sum of exp(score) of all the others), for each: shape (n,)."""
    highest = max(float(scores.max()), 0.0)
    powers = np.exp(scores - highest)
    others = np.maximum(powers.sum() - powers, 0.0) + rest * math.exp(-highest)
    # cancellation: the others of the best are summed without it
    at = int(powers.argmax())
    others[at] = float(powers[:at].sum() + powers[at + 1 :].sum()) + rest * math.exp(-highest)
    return np.log(others) + highest
