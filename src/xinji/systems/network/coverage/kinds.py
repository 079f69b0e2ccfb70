"""What 5G coverage registers and observes: base stations, indoor buildings, drive-test points."""

from __future__ import annotations

from xinji.model.things import Attribute, Kind, Property
from xinji.model.title import Title

OPERATORS = ("mobile", "telecom", "unicom")

UP_DOWN = (Title("中断", "down"), Title("正常", "up"))

BASE_STATION = Kind(
    name="base-station",
    title=Title("5G基站", "5G base station"),
    icon="base-station",
    attributes=(
        Attribute(
            name="type", title=Title("类型", "Type"), required=True, choices=("macro", "pole")
        ),
        Attribute(name="operator", title=Title("运营商", "Operator"), choices=OPERATORS),
    ),
    properties=(
        Property(
            name="availability",
            title=Title("可用状态", "Availability"),
            states=UP_DOWN,
            minimum=0,
            maximum=1,
            expected_seconds=10,
            decimals=0,
        ),
        Property(
            name="traffic_mbps",
            title=Title("业务流量", "Traffic"),
            unit="Mbit/s",
            minimum=0,
            maximum=20_000,
            expected_seconds=60,
        ),
        Property(
            name="users",
            title=Title("在线用户数", "Connected users"),
            minimum=0,
            maximum=10_000,
            expected_seconds=60,
            decimals=0,
        ),
        Property(
            name="temperature",
            title=Title("机柜温度", "Cabinet temperature"),
            unit="Cel",
            minimum=-40,
            maximum=120,
            expected_seconds=120,
        ),
    ),
)

BUILDING = Kind(
    name="building",
    title=Title("室内分布楼宇", "Building with indoor distribution"),
    icon="building",
    attributes=(
        Attribute(
            name="indoor_5g",
            title=Title("5G室分", "5G indoor distribution"),
            type="boolean",
            required=True,
        ),
        Attribute(name="use", title=Title("用途", "Use")),
        Attribute(name="floors", title=Title("层数", "Floors"), type="integer"),
    ),
    properties=(
        Property(
            name="indoor_system",
            title=Title("室分系统状态", "Indoor system"),
            states=UP_DOWN,
            minimum=0,
            maximum=1,
            expected_seconds=60,
            decimals=0,
        ),
    ),
)

COVERAGE_PROBE = Kind(
    name="coverage-probe",
    title=Title("道路测试点", "Drive-test point"),
    icon="dot",
    attributes=(Attribute(name="road", title=Title("道路", "Road")),),
    properties=(
        Property(
            name="covered",
            title=Title("5G室外有信号", "Outdoor 5G signal"),
            states=(Title("无信号", "no signal"), Title("有信号", "signal")),
            minimum=0,
            maximum=1,
            expected_seconds=300,
            decimals=0,
        ),
        Property(
            name="download_mbps",
            title=Title("下载速率", "Download rate"),
            unit="Mbit/s",
            minimum=0,
            maximum=10_000,
            expected_seconds=300,
        ),
    ),
)

KINDS = (BASE_STATION, BUILDING, COVERAGE_PROBE)
