"""What becomes an event in parking. A full car park is an event, not work: it has no case class."""

from __future__ import annotations

from xinji.model.cases import CaseClass
from xinji.model.rules import CountInArea, Rule, Severity, Silence, Threshold
from xinji.model.title import Title

SYSTEM = "terminals.parking"

CASE_CLASSES = (
    CaseClass(
        name="car-park-data-fault",
        title=Title("停车数据中断", "Car park data fault"),
        type="device-fault",
        department="区交通管理中心",
        limit_seconds=24 * 3600,
    ),
    CaseClass(
        name="parking-bay-fault",
        title=Title("地磁泊位故障", "Roadside bay fault"),
        type="device-fault",
        department="区交通管理中心",
        limit_seconds=72 * 3600,
    ),
)

RULES = (
    Rule(
        id="terminals.parking.car_park_full",
        title=Title("停车场满位", "Car park full"),
        kind="car-park",
        property="occupancy",
        condition=Threshold(op=">=", limit=0.98, clear=0.95, hold_seconds=60),
        severity=Severity.WARNING,
        system=SYSTEM,
    ),
    Rule(
        id="terminals.parking.area_full",
        title=Title(
            "街镇停车紧张（5处以上将满）", "Parking scarce: 5 or more car parks nearly full"
        ),
        kind="car-park",
        property="occupancy",
        condition=CountInArea(op=">=", limit=0.95, least=5),
        severity=Severity.MINOR,
        system=SYSTEM,
    ),
    Rule(
        id="terminals.parking.car_park_silent",
        title=Title("停车场数据中断", "Car park silent"),
        kind="car-park",
        property="occupancy",
        condition=Silence(seconds=120),
        severity=Severity.MINOR,
        case_class="car-park-data-fault",
        system=SYSTEM,
    ),
    Rule(
        id="terminals.parking.bay_silent",
        title=Title("地磁失联", "Bay sensor silent"),
        kind="parking-bay",
        property="occupied",
        condition=Silence(seconds=120),
        severity=Severity.MINOR,
        case_class="parking-bay-fault",
        system=SYSTEM,
    ),
    Rule(
        id="terminals.parking.bay_battery_low",
        title=Title("地磁电量低", "Bay battery low"),
        kind="parking-bay",
        property="battery",
        condition=Threshold(op="<", limit=10, clear=20),
        severity=Severity.WARNING,
        case_class="parking-bay-fault",
        system=SYSTEM,
    ),
)
