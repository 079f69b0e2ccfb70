"""What becomes an event when water stands on the road."""

from __future__ import annotations

from xinji.model.cases import CaseClass
from xinji.model.rules import CountInArea, Rule, Severity, Silence, Threshold
from xinji.model.title import Title

SYSTEM = "terminals.flooding"

# 15 cm is the depth that design practice calls ponding (GB 50014-2021, unverified)
PONDING_CM = 15.0

CASE_CLASSES = (
    CaseClass(
        name="road-ponding",
        title=Title("道路积水", "Road ponding"),
        type="device-fault",
        department="区防汛办",
        limit_seconds=4 * 3600,
    ),
    CaseClass(
        name="ponding-sensor-fault",
        title=Title("积水监测设备故障", "Ponding sensor fault"),
        type="device-fault",
        department="区防汛办",
        limit_seconds=24 * 3600,
    ),
)

RULES = (
    Rule(
        id="terminals.flooding.ponding",
        title=Title("道路积水超过15厘米", "Water deeper than 15 cm"),
        kind="ponding-sensor",
        property="water_depth_cm",
        condition=Threshold(op=">", limit=PONDING_CM, clear=10.0, hold_seconds=60),
        severity=Severity.MAJOR,
        case_class="road-ponding",
        system=SYSTEM,
    ),
    Rule(
        id="terminals.flooding.area_ponding",
        title=Title("街镇多点积水（3处以上）", "Ponding at 3 or more points of a sub-district"),
        kind="ponding-sensor",
        property="water_depth_cm",
        condition=CountInArea(op=">", limit=PONDING_CM, least=3),
        severity=Severity.CRITICAL,
        system=SYSTEM,
    ),
    Rule(
        id="terminals.flooding.sensor_silent",
        title=Title("积水监测失联", "Ponding sensor silent"),
        kind="ponding-sensor",
        property="water_depth_cm",
        condition=Silence(seconds=90),
        severity=Severity.MINOR,
        case_class="ponding-sensor-fault",
        system=SYSTEM,
    ),
)
