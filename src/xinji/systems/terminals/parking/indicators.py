"""The figures of parking."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.system.counting import (
    count_in_service,
    mean_observed,
    rows_in_service,
    rows_observed,
)

SYSTEM = "terminals.parking"
OWNER = "区建管委"

INDICATORS = (
    Indicator(
        id="terminals.parking.connected_car_parks",
        title=Title("接入公共停车场（库）数", "Connected public car parks"),
        unit="1",
        sql=count_in_service("car-park"),
        rows_sql=rows_in_service("car-park"),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="terminals.parking.sensed_bays",
        title=Title("地磁道路泊位数", "Roadside bays with sensors"),
        unit="1",
        sql=count_in_service("parking-bay"),
        rows_sql=rows_in_service("parking-bay"),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="terminals.parking.mean_occupancy",
        title=Title("停车场平均占用率（1小时）", "Mean car park occupancy, 1 h"),
        unit="%",
        sql=mean_observed("car-park", "occupancy", "1 HOUR", scale="100.0 * "),
        rows_sql=rows_observed("car-park", "occupancy", "1 HOUR"),
        owner=OWNER,
        system=SYSTEM,
    ),
)
