"""What 5G coverage registers and observes: stations and sectors, buildings, drive-test points."""

from __future__ import annotations

from xinji.model.things import Attribute, Kind, Property
from xinji.model.title import Title

OPERATORS = ("mobile", "telecom", "unicom")
SITE_TYPES = ("macro", "pole", "indoor")

UP_DOWN = (Title("中断", "down"), Title("正常", "up"))

BASE_STATION = Kind(
    name="base-station",
    title=Title("5G基站", "5G base station"),
    icon="base-station",
    attributes=(
        Attribute(name="type", title=Title("类型", "Type"), required=True, choices=SITE_TYPES),
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

RADIO_SECTOR = Kind(
    name="radio-sector",
    title=Title("5G扇区", "5G sector"),
    icon="base-station",
    reports=False,  # its residual comes from drive tests
    attributes=(
        Attribute(name="station", title=Title("所属基站", "Station"), required=True),
        Attribute(name="type", title=Title("类型", "Type"), required=True, choices=SITE_TYPES),
        Attribute(name="operator", title=Title("运营商", "Operator"), required=True),
        Attribute(
            name="height_m",
            title=Title("天线挂高", "Antenna height"),
            type="number",
            unit="m",
            required=True,
        ),
        Attribute(
            name="azimuth_deg",
            title=Title("方位角", "Azimuth"),
            type="number",
            unit="deg",
            required=True,
        ),
        Attribute(
            name="tilt_deg",
            title=Title("下倾角", "Down-tilt"),
            type="number",
            unit="deg",
            required=True,
        ),
        Attribute(
            name="eirp_dbm",
            title=Title("每资源元素EIRP", "EIRP per resource element"),
            type="number",
            unit="dB[mW]",
            required=True,
        ),
        Attribute(
            name="frequency_ghz",
            title=Title("中心频率", "Carrier centre"),
            type="number",
            unit="GHz",
            required=True,
        ),
        Attribute(name="pci", title=Title("物理小区标识", "PCI"), type="integer"),
        Attribute(name="mounted_on", title=Title("安装位置", "Mounted on")),
    ),
    properties=(
        Property(
            name="residual_db",
            title=Title("路测与预测之差（中位数）", "Measured minus predicted, median"),
            unit="dB",
            minimum=-100,
            maximum=100,
        ),
    ),
)

COVERAGE_AREA = Kind(
    name="coverage-area",
    title=Title("覆盖统计单元", "Coverage of an area"),
    icon="dot",
    reports=False,  # its shares are computed
    attributes=(
        Attribute(name="operator", title=Title("运营商", "Operator"), required=True),
        Attribute(name="code", title=Title("区域代码", "Area code"), required=True),
    ),
    properties=tuple(
        Property(name=name, title=title, unit=unit, minimum=0, maximum=maximum, decimals=decimals)
        for name, title, unit, maximum, decimals in (
            (
                "outdoor_share",
                Title("室外覆盖率（预测）", "Outdoor coverage, predicted"),
                "%",
                100,
                2,
            ),
            ("road_share", Title("道路覆盖率（预测）", "Road coverage, predicted"), "%", 100, 2),
            (
                "indoor_share",
                Title("楼宇覆盖率（预测）", "Buildings covered, predicted"),
                "%",
                100,
                2,
            ),
            (
                "mean_rate_mbps",
                Title("平均下载速率（预测）", "Mean download rate, predicted"),
                "Mbit/s",
                10_000,
                0,
            ),
            ("sectors", Title("在网扇区数", "Sectors in service"), "1", 1_000_000, 0),
        )
    ),
)

KINDS = (BASE_STATION, BUILDING, COVERAGE_PROBE, RADIO_SECTOR, COVERAGE_AREA)
