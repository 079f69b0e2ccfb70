"""Where people report less than the problems would let expect, without knowing the problems.

After Liu, Bhandaram and Garg (2022), arXiv 2204.08620: once somebody has reported an incident,
every further report of it is a draw from the rate at which people there report such incidents while
they last; incidents that nobody reported need not be known. From the first report of a person to
the end (done, closed, now, or 30 days) further reports are Poisson with the rate of the area. Rates
of areas are shrunk to each other by a gamma prior whose spread is learnt with them; the interval is
that of the posterior.
Only reports of people count (hotlines, police, residents, Open311), not cameras, sensors
or patrols. The first report is left out of the count, as the incident is chosen by it.

What is assumed: duplicates were found (a missed one is a missed report), the end of an incident
does not depend on reports still to come, and areas have a like mix of classes (see `by="class"`).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import numpy as np
import scipy  # its parts are loaded where they are first used: stats takes 0.3 CPU-seconds
from numpy.typing import NDArray

from xinji.loop.house import House
from xinji.store.observations import moment
from xinji.systems.platforms.operations.evaluation import AREA_DIGITS, PUBLIC

DAY_US = 86_400 * 1_000_000
LONGEST_DAYS = 30
TAIL = 0.025
"""Outside of the interval on either side: it holds 95 %."""
SPREADS = np.array([0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 1.3, 1.7])
"""Standard deviations between groups, of the common rate."""
POINTS = 400

QUERY = f"""
with said as (
    select r.case_id, r.received_at as at from reports r
    where r.channel in {PUBLIC!r} and r.received_at >= $from
),
incidents as (
    select c.id, c.area, c.case_class, min(s.at) as first,
        least(coalesce(c.done_at, c.closed_at, $now), min(s.at) + to_days({LONGEST_DAYS})) as last
    from cases c join said s on s.case_id = c.id
    where c.type = 'urban' and c.opened_at >= $from and starts_with(c.area, $scope)
      and (c.outcome is null or c.outcome not in ('merged', 'void', 'refused'))
    group by c.id, c.area, c.case_class, c.done_at, c.closed_at
)
select i.area, i.case_class, (epoch_us(i.last) - epoch_us(i.first)) / {DAY_US}.0 as days,
    count(*) filter (s.at > i.first and s.at <= i.last) as further
from incidents i join said s on s.case_id = i.id
where i.last > i.first group by i.id, i.area, i.case_class, i.first, i.last
"""


class Reporting(msgspec.Struct, kw_only=True):
    """How often people report an incident again while it lasts, in an area or of a class."""

    key: str
    incidents: int
    reports: int
    incident_days: float
    plain_per_day: float
    rate_per_day: float
    lower: float
    upper: float


def under_reporting(
    house: House, days: int, *, scope: str = "", by: str = "area", level: str = "street"
) -> list[Reporting]:
    """Rates by area or by class (`by`), the lowest first."""
    house.mirror.refresh()
    now = house.clock.now()
    table = house.store.sql(
        QUERY,
        {"from": _naive(now - days * DAY_US), "now": _naive(now), "scope": scope},
    )
    found = table.to_pylist()
    digits = AREA_DIGITS[level]
    keys = [row["area"][:digits] if by == "area" else row["case_class"] for row in found]
    return rates_of(
        keys,
        np.array([row["further"] for row in found], dtype=np.float64),
        np.array([row["days"] for row in found], dtype=np.float64),
    )


def rates_of(
    keys: list[str], further: NDArray[np.float64], days: NDArray[np.float64]
) -> list[Reporting]:
    """Posterior rates by key.

    Args:
        keys, further, days: of each incident: its group, its further reports, how long it lasted.
    """
    names = sorted(set(keys))
    at = np.array([names.index(key) for key in keys], dtype=np.int64)
    if not names:
        return []
    reports: NDArray[np.float64] = np.bincount(at, further, minlength=len(names)).astype(float)
    exposure: NDArray[np.float64] = np.bincount(at, days, minlength=len(names)).astype(float)
    incidents = np.bincount(at, minlength=len(names))
    mean, lower, upper = posterior(reports, exposure)
    rows = [
        Reporting(
            key=name,
            incidents=int(incidents[n]),
            reports=int(reports[n]),
            incident_days=round(float(exposure[n]), 2),
            plain_per_day=round(float(reports[n] / exposure[n]), 4),
            rate_per_day=round(float(mean[n]), 4),
            lower=round(float(lower[n]), 4),
            upper=round(float(upper[n]), 4),
        )
        for n, name in enumerate(names)
    ]
    return sorted(rows, key=lambda row: row.rate_per_day)


def posterior(
    reports: NDArray[np.float64], exposure: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mean, lower and upper end of the rate of each group; shapes (groups,).

    The rates of groups are gamma around the common rate. How far they spread is not known either:
    each spread of `SPREADS` counts by how well it explains the reports (negative binomial), so a
    few groups that happen to look alike are not taken for the same.
    """
    # Half a report in a day at least: seconds of observation say nothing of a rate.
    common = max(float(reports.sum()), 0.5) / max(float(exposure.sum()), 1.0)
    shapes = 1 / SPREADS**2
    inverses = shapes / common
    fit = np.array(
        [
            scipy.stats.nbinom.logpmf(reports, shape, inverse / (inverse + exposure)).sum()
            for shape, inverse in zip(shapes, inverses, strict=True)
        ]
    )
    weights = np.exp(fit - fit.max())
    weights /= weights.sum()
    at = (np.arange(POINTS) + 0.5) / POINTS
    # (spreads, groups, points): quantiles of each gamma, which together are the mixture.
    points = scipy.stats.gamma.ppf(
        at, (shapes[:, None] + reports)[..., None],
        scale=1 / (inverses[:, None] + exposure)[..., None],
    )  # fmt: skip
    mean = (weights[:, None] * (shapes[:, None] + reports) / (inverses[:, None] + exposure)).sum(0)
    ends = []
    for group in range(len(reports)):
        values, share = points[:, group].ravel(), np.repeat(weights, POINTS) / POINTS
        order = np.argsort(values)
        below = np.cumsum(share[order])
        ends.append([values[order][np.searchsorted(below, q)] for q in (TAIL, 1 - TAIL)])
    lower, upper = np.array(ends).T
    return mean, lower, upper


def shown(rows: list[Reporting], title: Any) -> list[dict[str, Any]]:
    """Rows as the API gives them; `title` names a key."""
    return [
        {"area": row.key, "title": title(row.key)} | msgspec.structs.asdict(row) for row in rows
    ]


def _naive(at: int) -> dt.datetime:
    return moment(at).replace(tzinfo=None)
