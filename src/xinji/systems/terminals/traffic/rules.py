"""What becomes an event on the road. Congestion is an event; a broken detector is work."""

from __future__ import annotations

from xinji.model.cases import CaseClass
from xinji.model.rules import CountInArea, Rule, Severity, Silence, Stuck, Threshold
from xinji.model.title import Title

SYSTEM = "terminals.traffic"

CASE_CLASSES = (
    CaseClass(
        name="checkpoint-fault",
        title=Title("卡口设备故障", "Checkpoint fault"),
        type="device-fault",
        department="公安长宁分局科技科",
        limit_seconds=24 * 3600,
    ),
)

RULES = (
    Rule(
        id="terminals.traffic.lane_congested",
        title=Title("车道拥堵", "Lane congested"),
        kind="traffic-lane",
        property="mean_speed",
        # an operating setting of the district, not a standard's figure
        condition=Threshold(op="<", limit=12, clear=18, hold_seconds=120),
        severity=Severity.WARNING,
        system=SYSTEM,
    ),
    Rule(
        id="terminals.traffic.area_congested",
        title=Title("街镇多点拥堵", "Congestion at many lanes of a sub-district"),
        kind="traffic-lane",
        property="mean_speed",
        condition=CountInArea(op="<", limit=15, least=6),
        severity=Severity.MINOR,
        system=SYSTEM,
    ),
    Rule(
        id="terminals.traffic.lane_silent",
        title=Title("卡口数据中断", "Checkpoint silent"),
        kind="traffic-lane",
        property="flow",
        condition=Silence(seconds=90),
        severity=Severity.MINOR,
        case_class="checkpoint-fault",
        system=SYSTEM,
    ),
    Rule(
        id="terminals.traffic.speed_stuck",
        title=Title("车速读数不变", "Speed reading stuck"),
        kind="traffic-lane",
        property="mean_speed",
        condition=Stuck(seconds=600, tolerance=0.0),
        severity=Severity.MINOR,
        case_class="checkpoint-fault",
        system=SYSTEM,
    ),
)
