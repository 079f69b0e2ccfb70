"""The figures of flooding."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.system.counting import count_in_service, rows_in_service

SYSTEM = "terminals.flooding"
OWNER = "区建管委"

PONDED = """kind = 'ponding-sensor' AND property = 'water_depth_cm' AND quality < 2
AND time <= $asof AND time > $asof - INTERVAL 24 HOUR"""

INDICATORS = (
    Indicator(
        id="terminals.flooding.sensors",
        title=Title("积水监测点数", "Ponding sensors"),
        unit="1",
        sql=count_in_service("ponding-sensor"),
        rows_sql=rows_in_service("ponding-sensor"),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="terminals.flooding.deepest_cm",
        title=Title("最大积水深度（24小时）", "Deepest water, 24 h"),
        unit="cm",
        direction="down",
        sql=f"SELECT max(value) AS value FROM observations WHERE {PONDED}",
        rows_sql="SELECT thing, area, max(value) AS deepest, max(source) AS source "
        "FROM observations "
        f"WHERE {PONDED} GROUP BY thing, area ORDER BY deepest DESC",
        owner=OWNER,
        system=SYSTEM,
    ),
)
