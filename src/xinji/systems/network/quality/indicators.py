"""The figures of network quality."""

from __future__ import annotations

from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.system.counting import mean_observed, rows_observed

SYSTEM = "network.quality"
OWNER = "区科委"
MOBILE = "(t.attributes->>'access') = 'mobile'"
FIXED = "(t.attributes->>'access') = 'fixed'"

INDICATORS = (
    Indicator(
        id="network.quality.mobile_rate_mbps",
        title=Title("移动用户平均感知速率", "Mean perceived mobile rate"),
        unit="Mbit/s",
        sql=mean_observed("speed-probe", "perceived_rate_mbps", "30 DAY", MOBILE),
        rows_sql=rows_observed("speed-probe", "perceived_rate_mbps", "30 DAY", MOBILE),
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="network.quality.fixed_rate_mbps",
        title=Title("固定宽带用户平均感知速率", "Mean perceived fixed rate"),
        unit="Mbit/s",
        sql=mean_observed("speed-probe", "perceived_rate_mbps", "30 DAY", FIXED),
        rows_sql=rows_observed("speed-probe", "perceived_rate_mbps", "30 DAY", FIXED),
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="network.quality.ipv6_active_share",
        title=Title("IPv6活跃用户占比", "IPv6 active users"),
        unit="%",
        sql=mean_observed("ipv6-monitor", "ipv6_active_share", "30 DAY"),
        rows_sql=rows_observed("ipv6-monitor", "ipv6_active_share", "30 DAY"),
        owner=OWNER,
        system=SYSTEM,
    ),
    Indicator(
        id="network.quality.ipv6_equipment_share",
        title=Title("骨干与城域网设备IPv6支持率", "Backbone and metro equipment supporting IPv6"),
        unit="%",
        sql=mean_observed("ipv6-monitor", "ipv6_equipment_share", "30 DAY"),
        rows_sql=rows_observed("ipv6-monitor", "ipv6_equipment_share", "30 DAY"),
        owner=OWNER,
        system=SYSTEM,
    ),
)
