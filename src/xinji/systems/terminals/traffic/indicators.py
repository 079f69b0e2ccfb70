"""The figures of traffic observation."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.system.counting import (
    IN_SERVICE,
    count_in_service,
    mean_observed,
    rows_in_service,
    rows_observed,
)

SYSTEM = "terminals.traffic"
OWNER = "公安长宁分局"

INDICATORS = (
    Indicator(
        id="terminals.traffic.checkpoint_lanes",
        title=Title("环保卡口车道数", "Checkpoint lanes"),
        unit="1",
        sql=count_in_service("traffic-lane"),
        rows_sql=rows_in_service("traffic-lane"),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="terminals.traffic.checkpoint_sections",
        title=Title("环保卡口断面数", "Checkpoint sections"),
        unit="1",
        sql="SELECT nullif(count(DISTINCT (attributes->>'section')), 0) AS value FROM things "
        f"WHERE kind = 'traffic-lane' AND {IN_SERVICE}",
        rows_sql="SELECT (attributes->>'section') AS section, count(id) AS lanes, "
        "max(source) AS source FROM things "
        f"WHERE kind = 'traffic-lane' AND {IN_SERVICE} GROUP BY section ORDER BY section",
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="terminals.traffic.checkpoint_cameras",
        title=Title("卡口抓拍摄像机数", "Checkpoint cameras"),
        unit="1",
        sql="SELECT sum(CAST((attributes->>'cameras') AS DOUBLE)) AS value FROM things "
        f"WHERE kind = 'traffic-lane' AND {IN_SERVICE}",
        rows_sql="SELECT (attributes->>'section') AS section, "
        "sum(CAST((attributes->>'cameras') AS DOUBLE)) AS cameras, "
        "max(source) AS source FROM things "
        f"WHERE kind = 'traffic-lane' AND {IN_SERVICE} GROUP BY section ORDER BY section",
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="terminals.traffic.mean_speed",
        title=Title("断面平均车速（1小时）", "Mean speed at the sections, 1 h"),
        unit="km/h",
        sql=mean_observed("traffic-lane", "mean_speed", "1 HOUR"),
        rows_sql=rows_observed("traffic-lane", "mean_speed", "1 HOUR"),
        owner=OWNER,
        system=SYSTEM,
    ),
)
