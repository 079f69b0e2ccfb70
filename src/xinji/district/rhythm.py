"""The day and the week of the district: where people are, how full the roads are.

Pure functions of time. Curves are illustrative; public holidays are not in them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xinji.system.simulation import Floats, Times

UTC_OFFSET_HOURS = 8
HOUR_US = 3_600 * 1_000_000
DAY_US = 24 * HOUR_US

_HOURS = np.arange(25, dtype=np.float64)
# value at each full hour, 0 to 24
_TRAFFIC_WORKDAY = (
    .15, .10, .08, .08, .10, .20, .45, .85, 1.0, .90, .75, .70, .68,
    .70, .72, .75, .85, .97, 1.0, .80, .62, .52, .40, .25, .15,
)  # fmt: skip
_TRAFFIC_WEEKEND = (
    .18, .12, .10, .08, .08, .12, .22, .35, .48, .60, .70, .74, .74,
    .74, .76, .78, .80, .80, .76, .68, .60, .52, .42, .30, .18,
)  # fmt: skip
_OFFICE = (
    .03, .03, .03, .03, .03, .04, .08, .30, .72, .95, 1.0, .98, .85,
    .90, .98, 1.0, .98, .85, .50, .28, .18, .12, .08, .05, .03,
)  # fmt: skip
_LEISURE_WORKDAY = (
    .05, .04, .03, .03, .03, .05, .08, .12, .18, .25, .35, .50, .70,
    .55, .42, .40, .42, .55, .80, .85, .75, .50, .25, .12, .05,
)  # fmt: skip
_LEISURE_WEEKEND = (
    .08, .05, .03, .03, .03, .05, .08, .15, .28, .45, .65, .82, .95,
    .95, .95, .95, .92, .95, 1.0, .92, .78, .52, .30, .16, .08,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """At m moments, each of shape (m,): local hour, and shares from 0 to 1."""

    hour: Floats
    weekend: Floats
    traffic: Floats
    office: Floats
    home: Floats
    leisure: Floats


def rhythm(times: Times) -> Rhythm:
    """The rhythm at Unix microseconds `times` of shape (m,)."""
    local = times + UTC_OFFSET_HOURS * HOUR_US
    hour = (local % DAY_US) / HOUR_US
    # 1970-01-01 was a Thursday; 0 is Monday
    weekday = (local // DAY_US + 3) % 7
    weekend = weekday >= 5
    office = np.interp(hour, _HOURS, _OFFICE) * np.where(weekend, 0.25, 1.0)
    leisure = _curve(hour, weekend, _LEISURE_WORKDAY, _LEISURE_WEEKEND)
    return Rhythm(
        hour=hour,
        weekend=weekend.astype(np.float64),
        traffic=_curve(hour, weekend, _TRAFFIC_WORKDAY, _TRAFFIC_WEEKEND),
        office=office,
        home=np.clip(1.0 - 0.7 * office - 0.45 * leisure, 0.0, 1.0),
        leisure=leisure,
    )


def _curve(
    hour: Floats,
    weekend: np.ndarray,
    workday_curve: tuple[float, ...],
    weekend_curve: tuple[float, ...],
) -> Floats:
    workday: Floats = np.interp(hour, _HOURS, workday_curve)
    return np.where(weekend, np.interp(hour, _HOURS, weekend_curve), workday)
