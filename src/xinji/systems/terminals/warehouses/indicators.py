"""The figures of fresh-food logistics."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.system.counting import IN_SERVICE, count_in_service, rows_in_service

SYSTEM = "terminals.warehouses"
OWNER = "区商务委"
NEW = "(attributes->>'programme') = 'new-2020'"
REBUILT = "(attributes->>'programme') = 'rebuilt-2020'"
EITHER = f"({NEW} OR {REBUILT})"

# 3 + 4 built are reported as 116.67 % of the year's plan, hence a plan of 6
PLANNED_2020 = 6

INDICATORS = (
    Indicator(
        id="terminals.warehouses.new_2020",
        title=Title("2020年新增前置仓", "Warehouses new in 2020"),
        unit="1",
        sql=count_in_service("fresh-warehouse", NEW),
        rows_sql=rows_in_service("fresh-warehouse", NEW),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="terminals.warehouses.rebuilt_2020",
        title=Title("2020年改建前置仓", "Warehouses rebuilt in 2020"),
        unit="1",
        sql=count_in_service("fresh-warehouse", REBUILT),
        rows_sql=rows_in_service("fresh-warehouse", REBUILT),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="terminals.warehouses.completion_2020",
        title=Title("2020年前置仓完成度", "Completion of the 2020 warehouse plan"),
        unit="%",
        sql=f"SELECT 100.0 * nullif(count(id), 0) / {PLANNED_2020} AS value FROM things "
        f"WHERE kind = 'fresh-warehouse' AND {IN_SERVICE} AND {EITHER}",
        rows_sql=rows_in_service("fresh-warehouse", EITHER),
        owner=OWNER,
        system=SYSTEM,
        decimals=2,
    ),
)
