"""What a target asks of a day, and its light."""

from __future__ import annotations

import datetime as dt

from xinji.model.indicators import DatedValue, Path, Status, Target

AHEAD_SHARE = 0.05
"""Ahead means beyond the path by this share of the whole way (our choice, see docs/decisions)."""

_ROUNDING = 1e-9


def required(target: Target, day: dt.date) -> float | None:
    """What the target asks at the end of `day`; None before it asks anything.

    A linear path runs from the baseline through the dated values; a step or cumulative path asks
    for the value of the last date that has come.
    """
    points = list(target.values)
    if target.baseline is not None and target.baseline.date < points[0].date:
        points.insert(0, target.baseline)
    if day < points[0].date:
        return None
    before = max((p for p in points if p.date <= day), key=lambda p: p.date)
    if target.path is not Path.LINEAR:
        return before.value if before in target.values else None
    after = min((p for p in points if p.date > day), key=lambda p: p.date, default=None)
    return before.value if after is None else _between(before, after, day)


def _between(before: DatedValue, after: DatedValue, day: dt.date) -> float:
    share = (day - before.date).days / (after.date - before.date).days
    return before.value + share * (after.value - before.value)


def met(target: Target, value: float, wanted: float) -> bool:
    """True when `value` satisfies `wanted` in the target's sense."""
    slack = _ROUNDING * max(1.0, abs(wanted))
    match target.op:
        case ">=":
            return value >= wanted - slack
        case ">":
            return value > wanted
        case "<=":
            return value <= wanted + slack
        case "<":
            return value < wanted
    return abs(value - wanted) <= slack


def status(target: Target, value: float | None, day: dt.date) -> Status:
    """The light of a target for a value at the end of `day`."""
    if value is None:
        return Status.NO_DATA
    final = target.values[-1]
    wanted = required(target, day)
    if wanted is None:
        return Status.AHEAD if met(target, value, final.value) else Status.ON_PATH
    if not met(target, value, wanted):
        # An open bound (> 80 %) on its way: the path itself is enough until the last date.
        on_path = target.op in "><" and day < final.date and value == wanted
        return Status.ON_PATH if on_path else Status.BEHIND
    if day >= final.date:
        return Status.ON_PATH
    start = target.baseline.value if target.baseline else 0.0
    way = abs(final.value - start)
    up = -1.0 if target.op in ("<=", "<") else 1.0
    ahead = way > 0 and (value - wanted) * up >= AHEAD_SHARE * way
    return Status.AHEAD if ahead else Status.ON_PATH
