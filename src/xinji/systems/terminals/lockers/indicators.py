"""The figures of last-metre delivery."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.system.counting import count_in_service, rows_in_service

SYSTEM = "terminals.lockers"

INDICATORS = (
    Indicator(
        id="terminals.lockers.meal_lockers",
        title=Title("智能取餐柜数", "Meal lockers"),
        unit="1",
        sql=count_in_service("meal-locker"),
        rows_sql=rows_in_service("meal-locker"),
        owner="区商务委",
        system=SYSTEM,
        decimals=0,
    ),
)
