"""The figures of the environment."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.system.counting import (
    count_in_service,
    mean_observed,
    rows_in_service,
    rows_observed,
)

SYSTEM = "terminals.environment"
OWNER = "区生态环境局"

INDICATORS = (
    Indicator(
        id="terminals.environment.stations",
        title=Title("环境监测站数", "Environment stations"),
        unit="1",
        sql=count_in_service("environment-station"),
        rows_sql=rows_in_service("environment-station"),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="terminals.environment.pm2_5_mean",
        title=Title("PM2.5平均浓度（24小时）", "Mean PM2.5, 24 h"),
        unit="ug/m3",
        direction="down",
        sql=mean_observed("environment-station", "pm2_5", "24 HOUR"),
        rows_sql=rows_observed("environment-station", "pm2_5", "24 HOUR"),
        owner=OWNER,
        system=SYSTEM,
    ),
)
