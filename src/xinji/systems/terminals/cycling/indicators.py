"""The figures of shared cycling."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.system.counting import (
    count_in_service,
    mean_observed,
    rows_in_service,
    rows_observed,
)

SYSTEM = "terminals.cycling"
OWNER = "区建管委"

INDICATORS = (
    Indicator(
        id="terminals.cycling.no_parking_points",
        title=Title("单车禁停嗅探点位数", "Sensed bike no-parking points"),
        unit="1",
        sql=count_in_service("bike-point"),
        rows_sql=rows_in_service("bike-point"),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="terminals.cycling.mean_parked_bikes",
        title=Title("禁停点平均停放数（24小时）", "Mean bikes at no-parking points, 24 h"),
        unit="1",
        direction="down",
        sql=mean_observed("bike-point", "parked_bikes", "24 HOUR"),
        rows_sql=rows_observed("bike-point", "parked_bikes", "24 HOUR"),
        owner=OWNER,
        system=SYSTEM,
    ),
)
