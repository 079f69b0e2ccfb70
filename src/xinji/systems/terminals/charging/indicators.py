"""The figures of charging."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.system.counting import count_in_service, rows_in_service

SYSTEM = "terminals.charging"
OWNER = "区发改委"
TAXI = "(attributes->>'programme') = 'taxi-station'"
COMMUNITY = "(attributes->>'programme') = 'community'"
PILE_STATES = """kind = 'charging-pile' AND property = 'pile' AND quality < 2
AND time <= $asof AND time > $asof - INTERVAL 24 HOUR"""

INDICATORS = (
    Indicator(
        id="terminals.charging.taxi_stations",
        title=Title("出租车充电示范站", "Taxi charging demonstration stations"),
        unit="1",
        sql=count_in_service("charging-site", TAXI),
        rows_sql=rows_in_service("charging-site", TAXI),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="terminals.charging.communities",
        title=Title("充电桩示范小区", "Charging demonstration communities"),
        unit="1",
        sql=count_in_service("charging-site", COMMUNITY),
        rows_sql=rows_in_service("charging-site", COMMUNITY),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="terminals.charging.pile_availability",
        title=Title("充电桩完好率（24小时）", "Piles not faulted, 24 h"),
        unit="%",
        sql=f"""SELECT 100.0 * count(value) FILTER (WHERE value > 0.5)
  / nullif(count(value), 0) AS value FROM observations WHERE {PILE_STATES}""",
        rows_sql=f"""SELECT thing, area, avg(CAST(value > 0.5 AS DOUBLE)) AS share,
  max(time) AS last, max(source) AS source
FROM observations WHERE {PILE_STATES} GROUP BY thing, area ORDER BY share""",
        owner=OWNER,
        system=SYSTEM,
    ),
)
