"""What network quality registers and observes: speed probes and IPv6 monitors."""

from __future__ import annotations

from xinji.model.things import Attribute, Kind, Property
from xinji.model.title import Title

SPEED_PROBE = Kind(
    name="speed-probe",
    title=Title("网速测试点", "Speed probe"),
    icon="dot",
    attributes=(
        Attribute(
            name="access",
            title=Title("接入方式", "Access"),
            required=True,
            choices=("mobile", "fixed"),
        ),
        Attribute(name="operator", title=Title("运营商", "Operator")),
    ),
    properties=(
        Property(
            name="perceived_rate_mbps",
            title=Title("用户感知速率", "Perceived rate"),
            unit="Mbit/s",
            minimum=0,
            maximum=10_000,
            expected_seconds=60,
        ),
        Property(
            name="latency_ms",
            title=Title("时延", "Latency"),
            unit="ms",
            minimum=0,
            maximum=10_000,
            expected_seconds=60,
        ),
    ),
)

IPV6_MONITOR = Kind(
    name="ipv6-monitor",
    title=Title("IPv6监测点", "IPv6 monitor"),
    icon="dot",
    attributes=(Attribute(name="operator", title=Title("运营商", "Operator"), required=True),),
    properties=(
        Property(
            name="ipv6_active_share",
            title=Title("IPv6活跃用户占比", "IPv6 active users"),
            unit="%",
            minimum=0,
            maximum=100,
            expected_seconds=300,
        ),
        Property(
            name="ipv6_equipment_share",
            title=Title("设备IPv6支持率", "Equipment supporting IPv6"),
            unit="%",
            minimum=0,
            maximum=100,
            expected_seconds=300,
        ),
    ),
)

KINDS = (SPEED_PROBE, IPV6_MONITOR)
