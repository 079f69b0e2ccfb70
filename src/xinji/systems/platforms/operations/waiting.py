"""How long people wait, from the report to the work done, and whether areas wait alike.

The plain figure is an area's median over the district's. An area with harder classes would look
slow by it, so `ratio` compares each case with the median of its class in the whole district: the
median of these shares, with a bootstrap interval. Whether areas differ at all is asked once, by the
rank test of Kruskal and Wallis on the shares. Cases that are still open are counted, not guessed.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy  # its parts are loaded where they are first used: stats takes 0.3 CPU-seconds
from numpy.typing import NDArray

from xinji.loop.house import House
from xinji.store.observations import moment
from xinji.systems.platforms.operations.evaluation import AREA_DIGITS

DAY_US = 86_400 * 1_000_000
RESAMPLES = 400
FEWEST = 5
"""Cases of an area below which it has no interval and no part in the test."""
SEED = 20_261_122

QUERY = """
select area, case_class,
    (epoch_us(coalesce(done_at, closed_at)) - epoch_us(opened_at)) / 3.6e9 as hours
from cases
where type = 'urban' and opened_at >= $from and starts_with(area, $scope)
  and (outcome is null or outcome not in ('merged', 'void', 'refused'))
"""


def waiting(
    house: House, days: int, *, scope: str = "", level: str = "street"
) -> tuple[list[dict[str, Any]], float | None]:
    """Rows by area, longest first, and the p-value of the test that areas wait alike."""
    house.mirror.refresh()
    begin = moment(house.clock.now() - days * DAY_US).replace(tzinfo=None)
    table = house.store.sql(QUERY, {"from": begin, "scope": scope})
    digits = AREA_DIGITS[level]
    areas = np.array([each[:digits] for each in table.column("area").to_pylist()], dtype=object)
    classes = np.array(table.column("case_class").to_pylist(), dtype=object)
    hours = np.array(
        [np.nan if each is None else each for each in table.column("hours").to_pylist()]
    )
    return compared(areas, classes, hours)


def compared(
    areas: NDArray[np.object_], classes: NDArray[np.object_], hours: NDArray[np.float64]
) -> tuple[list[dict[str, Any]], float | None]:
    """Rows and p-value of cases; shapes (cases,), `hours` is nan while a case is open."""
    done = ~np.isnan(hours)
    district = float(np.median(hours[done])) if done.any() else None
    share = np.full(len(hours), np.nan)
    for name in set(classes[done]):
        same = done & (classes == name)
        share[same] = hours[same] / max(float(np.median(hours[same])), 1e-6)
    generator = np.random.default_rng(SEED)
    rows, groups = [], []
    for area in sorted(set(areas)):
        mine = areas == area
        own, part = hours[mine & done], share[mine & done]
        row: dict[str, Any] = {
            "area": area, "cases": int(mine.sum()), "open": int((mine & ~done).sum()),
            "median_hours": None, "p90_hours": None, "ratio": None, "plain_ratio": None,
            "lower": None, "upper": None,
        }  # fmt: skip
        if len(own):
            row["median_hours"] = round(float(np.median(own)), 2)
            row["p90_hours"] = round(float(np.quantile(own, 0.9)), 2)
            row["ratio"] = round(float(np.median(part)), 3)
            row["plain_ratio"] = round(float(np.median(own)) / district, 3) if district else None
        if len(own) >= FEWEST:
            drawn = generator.integers(0, len(part), (RESAMPLES, len(part)))
            low, high = np.quantile(np.median(part[drawn], axis=1), (0.025, 0.975))
            row["lower"], row["upper"] = round(float(low), 3), round(float(high), 3)
            groups.append(part)
        rows.append(row)
    rows.sort(key=lambda row: -(row["median_hours"] or 0.0))
    if len(groups) < 2 or len(set(np.concatenate(groups))) < 2:
        return rows, None
    return rows, float(f"{scipy.stats.kruskal(*groups).pvalue:.3g}")
