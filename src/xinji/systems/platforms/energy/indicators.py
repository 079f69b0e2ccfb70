"""The figures of building energy."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.system.counting import IN_SERVICE, count_in_service, rows_in_service

SYSTEM = "platforms.energy"
OWNER = "区发改委"

HEARD = """SELECT thing, max(source) AS source FROM observations
WHERE kind = 'public-building' AND property = 'power_kw'
  AND time <= $asof AND time > $asof - INTERVAL 24 HOUR GROUP BY thing"""

POWER_AND_AREA = f"""mean_power AS (
  SELECT thing, avg(value) AS kw, max(source) AS source FROM observations
  WHERE kind = 'public-building' AND property = 'power_kw' AND quality < 2
    AND time <= $asof AND time > $asof - INTERVAL 24 HOUR GROUP BY thing),
buildings AS (
  SELECT id, CAST((attributes->>'floor_area_m2') AS DOUBLE) AS m2 FROM things
  WHERE kind = 'public-building' AND {IN_SERVICE})"""

INDICATORS = (
    Indicator(
        id="platforms.energy.coverage_share",
        title=Title("公共建筑能耗监测覆盖率", "Large public buildings monitored"),
        unit="%",
        sql=f"""SELECT 100.0 * nullif(count(heard.thing), 0) / nullif(count(t.id), 0) AS value
FROM things t LEFT JOIN ({HEARD}) heard ON heard.thing = t.id
WHERE t.kind = 'public-building' AND t.in_service_since <= $asof
  AND (t.retired_at IS NULL OR t.retired_at > $asof)""",
        rows_sql=f"""SELECT t.id, t.name, t.area, heard.thing IS NOT NULL AS monitored,
  coalesce(heard.source, t.source) AS source
FROM things t LEFT JOIN ({HEARD}) heard ON heard.thing = t.id
WHERE t.kind = 'public-building' AND t.in_service_since <= $asof
  AND (t.retired_at IS NULL OR t.retired_at > $asof) ORDER BY t.id""",
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="platforms.energy.buildings",
        title=Title("接入公共建筑数", "Connected public buildings"),
        unit="1",
        sql=count_in_service("public-building"),
        rows_sql=rows_in_service("public-building"),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="platforms.energy.power_intensity",
        title=Title("公共建筑平均用电强度（24小时）", "Mean power per floor area, 24 h"),
        unit="W/m2",
        direction="down",
        sql=f"""WITH {POWER_AND_AREA}
SELECT 1000.0 * sum(kw) / nullif(sum(m2), 0) AS value
FROM mean_power JOIN buildings ON buildings.id = mean_power.thing""",
        rows_sql=f"""WITH {POWER_AND_AREA}
SELECT thing, kw, m2, source FROM mean_power JOIN buildings ON buildings.id = mean_power.thing
ORDER BY thing""",
        owner=OWNER,
        system=SYSTEM,
    ),
)
