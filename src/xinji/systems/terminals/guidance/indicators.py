"""The figures of parking guidance."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.system.counting import count_in_service, rows_in_service

SYSTEM = "terminals.guidance"
OWNER = "区建管委"

LEVELS = (
    (1, Title("一级诱导屏数", "Level-1 guidance screens")),
    (2, Title("二级诱导屏数", "Level-2 guidance screens")),
    (3, Title("三级诱导屏数", "Level-3 guidance screens")),
)

INDICATORS = tuple(
    Indicator(
        id=f"terminals.guidance.screens_level_{level}",
        title=title,
        unit="1",
        sql=count_in_service("guidance-screen", f"(attributes->>'level') = '{level}'"),
        rows_sql=rows_in_service("guidance-screen", f"(attributes->>'level') = '{level}'"),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    )
    for level, title in LEVELS
)
