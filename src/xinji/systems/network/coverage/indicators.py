"""The figures of 5G coverage."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.system.counting import (
    count_in_service,
    mean_observed,
    rows_in_service,
    rows_observed,
    share_in_service,
)

SYSTEM = "network.coverage"
OWNER = "区科委"
MACRO = "(attributes->>'type') = 'macro'"
POLE = "(attributes->>'type') = 'pole'"
INDOOR_5G = "(attributes->>'indoor_5g') = 'true'"

DISTRICT = "(t.attributes->>'code') NOT IN (SELECT code FROM areas WHERE parent IS NOT NULL)"
"""The whole district of an operator, among the things of kind `coverage-area`."""


def _newest(name: str) -> str:
    """The newest computed figure of each operator's whole district at `$asof`."""
    return (
        "SELECT t.id, t.name, arg_max(o.value, o.time) AS value, max(o.time) AS last, "
        "max(o.source) AS source FROM observations o JOIN things t ON t.id = o.thing "
        f"WHERE o.kind = 'coverage-area' AND o.property = '{name}' AND o.time <= $asof "
        f"AND {DISTRICT} GROUP BY t.id, t.name"
    )


def _latest_of_district(name: str) -> str:
    """SQL for the mean over the operators."""
    return f"SELECT avg(value) AS value FROM ({_newest(name)})"


def _rows_of_district(name: str) -> str:
    """SQL for the operators behind it."""
    return f"{_newest(name)} ORDER BY t.id"


INDICATORS = (
    Indicator(
        id="network.coverage.outdoor_5g_share",
        title=Title("5G室外覆盖率", "Outdoor 5G coverage"),
        unit="%",
        sql=mean_observed("coverage-probe", "covered", "30 DAY", scale="100.0 * "),
        rows_sql=rows_observed("coverage-probe", "covered", "30 DAY"),
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="network.coverage.mean_download_mbps",
        title=Title("5G平均下载速率", "Mean 5G download rate"),
        unit="Mbit/s",
        sql=mean_observed("coverage-probe", "download_mbps", "30 DAY"),
        rows_sql=rows_observed("coverage-probe", "download_mbps", "30 DAY"),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="network.coverage.macro_stations",
        title=Title("5G宏基站数", "5G macro stations"),
        unit="1",
        sql=count_in_service("base-station", MACRO),
        rows_sql=rows_in_service("base-station", MACRO),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="network.coverage.pole_stations",
        title=Title("综合杆5G微基站数", "5G micro stations on poles"),
        unit="1",
        sql=count_in_service("base-station", POLE),
        rows_sql=rows_in_service("base-station", POLE),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="network.coverage.indoor_5g_share",
        title=Title("室分楼宇5G覆盖率", "Indoor-distribution buildings with 5G"),
        unit="%",
        sql=share_in_service("building", INDOOR_5G),
        rows_sql=rows_in_service("building"),
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="network.coverage.indoor_5g_buildings",
        title=Title("5G室分楼宇数", "Buildings with 5G indoors"),
        unit="1",
        sql=count_in_service("building", INDOOR_5G),
        rows_sql=rows_in_service("building", INDOOR_5G),
        owner=OWNER,
        system=SYSTEM,
        decimals=0,
    ),
    Indicator(
        id="network.coverage.availability",
        title=Title("基站可用率（24小时）", "Station availability, 24 h"),
        unit="%",
        sql=mean_observed("base-station", "availability", "24 HOUR", scale="100.0 * "),
        rows_sql=rows_observed("base-station", "availability", "24 HOUR"),
        owner=OWNER,
        system=SYSTEM,
        decimals=2,
    ),
    *(
        Indicator(
            id=f"network.coverage.predicted_{name}",
            title=title,
            unit=unit,
            sql=_latest_of_district(name),
            rows_sql=_rows_of_district(name),
            owner=OWNER,
            system=SYSTEM,
            decimals=decimals,
        )
        for name, title, unit, decimals in (
            ("outdoor_share", Title("5G室外覆盖率（预测）", "Outdoor coverage, predicted"), "%", 2),
            ("road_share", Title("5G道路覆盖率（预测）", "Road coverage, predicted"), "%", 2),
            ("indoor_share", Title("楼宇5G覆盖率（预测）", "Buildings covered, predicted"), "%", 2),
            (
                "mean_rate_mbps",
                Title("5G平均下载速率（预测）", "Mean download rate, predicted"),
                "Mbit/s",
                0,
            ),
        )
    ),
)
