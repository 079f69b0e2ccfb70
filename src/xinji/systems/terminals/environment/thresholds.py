"""Thresholds of air and rain, as versioned data with their citations.

`verified` is False for a figure that was not read in the standard's own text.
"""

from __future__ import annotations

from dataclasses import dataclass

from xinji.model.title import Title


@dataclass(frozen=True, kw_only=True)
class TabledLimit:
    """A grade that begins at `lower` in `unit` (UCUM), from `citation`."""

    name: str
    title: Title
    lower: float
    unit: str
    citation: str
    verified: bool


VERSION = "2026-1"

# 24-h means; applied to near-real-time values they are an indication, not an official grade
PM2_5_GRADES = tuple(
    TabledLimit(
        name=name,
        title=title,
        lower=lower,
        unit="ug/m3",
        citation="HJ 633-2012 table 1 with GB 3095-2012 table 1 (24-h mean)",
        verified=False,
    )
    for name, title, lower in (
        ("light", Title("轻度污染", "lightly polluted"), 75.0),
        ("moderate", Title("中度污染", "moderately polluted"), 115.0),
        ("heavy", Title("重度污染", "heavily polluted"), 150.0),
    )
)

# the standard grades 12-h and 24-h totals; the hourly limits follow meteorological practice
RAIN_GRADES = tuple(
    TabledLimit(
        name=name,
        title=title,
        lower=lower,
        unit="mm/h",
        citation="GB/T 28592-2012 grades by 12-h and 24-h totals; hourly limit by practice",
        verified=False,
    )
    for name, title, lower in (
        ("heavy", Title("强降雨", "heavy rain"), 10.0),
        ("torrential", Title("短时暴雨", "torrential rain"), 30.0),
    )
)


def grade(grades: tuple[TabledLimit, ...], name: str) -> TabledLimit:
    """The grade of that name. Raises KeyError."""
    for one in grades:
        if one.name == name:
            return one
    raise KeyError(name)
