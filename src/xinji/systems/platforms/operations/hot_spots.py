"""Where more is reported than that place's own past lets expect.

Cells are H3 hexagons of resolution 9 (about 0.1 km²). A cell's history is its count over the weeks
before the window, each day weighted by what the district reports on that weekday (the window holds
whole days, so hours of the day cancel). Counts of a cell are Poisson with a rate of its own; the
rates of all cells give the gamma prior (method of moments), so a cell without a past is judged by
its neighbours and not by zero. The tail is that of the negative binomial that follows. All cells
with cases are tested at once: `q` is the false discovery rate of Benjamini and Hochberg (1995).
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import h3
import numpy as np
import scipy  # its parts are loaded where they are first used: stats takes 0.3 CPU-seconds
from numpy.typing import NDArray

from xinji.loop.calendars import DISTRICT_TIME
from xinji.loop.house import House
from xinji.store.observations import moment

RESOLUTION = 9
HISTORY_WEEKS = 8
DAY_US = 86_400 * 1_000_000
MOST_SCORE = 9.0

QUERY = """
select longitude, latitude, opened_at from cases
where type = 'urban' and outcome is distinct from 'merged' and outcome is distinct from 'void'
  and longitude is not null and latitude is not null and starts_with(area, $scope)
  and opened_at >= $from and opened_at < $to
"""


def hot_spots(house: House, days: int, *, scope: str = "") -> dict[str, Any]:
    """GeoJSON hexagons with `cases`, `expected`, `score`, `p`, `q`; the highest score first."""
    house.mirror.refresh()
    now = house.clock.now()
    begin = now - days * DAY_US
    table = house.store.sql(
        QUERY,
        {"scope": scope, "from": _naive(begin - HISTORY_WEEKS * 7 * DAY_US), "to": _naive(now)},
    )
    times = table.column("opened_at").to_numpy().astype("datetime64[us]").astype(np.int64)
    places = zip(
        table.column("latitude").to_pylist(), table.column("longitude").to_pylist(), strict=True
    )
    cells = [h3.latlng_to_cell(latitude, longitude, RESOLUTION) for latitude, longitude in places]
    names, index = np.unique(np.asarray(cells, dtype=object), return_inverse=True)
    recent = times >= begin
    weights = windows_of_history(times[~recent], begin, days)
    counts = np.bincount(index[recent], minlength=len(names))
    past = np.bincount(index[~recent], minlength=len(names))
    known_us = begin - int(times.min()) if len(times) else 0
    windows = weights * min(1.0, known_us / (HISTORY_WEEKS * 7 * DAY_US))
    expected, p = surprise(counts, past, windows)
    q = false_discovery(p, counts > 0)
    score = np.clip(scipy.stats.norm.isf(np.clip(p, 1e-18, 1.0)), 0.0, MOST_SCORE)
    features = [
        {
            "type": "Feature",
            "geometry": {
                "type": "Polygon",
                "coordinates": [_ring(str(names[at]))],
            },
            "properties": {
                "cell": names[at],
                "cases": int(counts[at]),
                "expected": round(float(expected[at]), 2),
                "score": round(float(score[at]), 2),
                "p": float(f"{p[at]:.3g}"),
                "q": float(f"{q[at]:.3g}"),
            },
        }
        for at in np.argsort(-score, kind="stable")
        if counts[at] > 0
    ]
    return {"type": "FeatureCollection", "features": features}


def windows_of_history(times: NDArray[np.int64], begin: int, days: int) -> float:
    """How many windows like this one the history holds, by what the district reports on weekdays.

    times: Unix microseconds of the history's cases; the window is [begin, begin + days).
    Example: a window of one Sunday, on which half as much is reported as on other days, after 8
    weeks: 8 × 6.5 / 0.5 = 104 windows.
    """
    if not len(times):
        return HISTORY_WEEKS * 7 / days
    offset = int(DISTRICT_TIME.utcoffset(None) / dt.timedelta(microseconds=1))
    weekday = ((times + offset) // DAY_US + 3) % 7
    # One case more for each weekday: a day without any is rare, not impossible.
    rate = (np.bincount(weekday, minlength=7) + 1.0) / HISTORY_WEEKS
    first = ((begin + offset) // DAY_US + 3) % 7
    window = rate[(first + np.arange(days)) % 7].sum()
    return float(HISTORY_WEEKS * rate.sum() / window)


def surprise(
    counts: NDArray[np.int64], past: NDArray[np.int64], windows: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Expected count and P(at least the count) of each cell.

    counts: in the window; past: in a history of `windows` such windows. Shapes (cells,).
    """
    if not len(counts):
        return np.zeros(0), np.zeros(0)
    if windows <= 0 or not past.any():
        # No past at all: every cell is expected to be as the others.
        mean = np.full(len(counts), max(counts.mean(), 1e-9))
        return mean, scipy.stats.poisson.sf(counts - 1, mean)
    rate = past / windows
    mean = rate.mean()
    between = max(rate.var() - mean / windows, 1e-3 * mean**2)
    shape, inverse = mean**2 / between, mean / between
    alpha, beta = shape + past, inverse + windows
    return alpha / beta, scipy.stats.nbinom.sf(counts - 1, alpha, beta / (beta + 1))


def false_discovery(p: NDArray[np.float64], tested: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Benjamini-Hochberg q of the tested; 1 for the others. Shape (cells,)."""
    q = np.ones(len(p))
    if tested.any():
        q[tested] = scipy.stats.false_discovery_control(p[tested], method="bh")
    return q


def _ring(cell: str) -> list[list[float]]:
    ring = [[round(lng, 6), round(lat, 6)] for lat, lng in h3.cell_to_boundary(cell)]
    return [*ring, ring[0]]


def _naive(at: int) -> dt.datetime:
    return moment(at).replace(tzinfo=None)
