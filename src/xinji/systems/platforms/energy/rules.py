"""What becomes an event in building energy."""

from __future__ import annotations

from xinji.model.cases import CaseClass
from xinji.model.rules import Deviation, Rule, Severity, Silence, Stuck
from xinji.model.title import Title

SYSTEM = "platforms.energy"

CASE_CLASSES = (
    CaseClass(
        name="energy-meter-fault",
        title=Title("能耗表计故障", "Energy meter fault"),
        type="device-fault",
        department="区发改委能耗监测组",
        limit_seconds=72 * 3600,
    ),
)

RULES = (
    Rule(
        id="platforms.energy.meter_silent",
        title=Title("能耗数据中断", "Energy data silent"),
        kind="public-building",
        property="power_kw",
        condition=Silence(seconds=300),
        severity=Severity.MINOR,
        case_class="energy-meter-fault",
        system=SYSTEM,
    ),
    Rule(
        id="platforms.energy.power_stuck",
        title=Title("用电功率读数不变", "Power reading stuck"),
        kind="public-building",
        property="power_kw",
        condition=Stuck(seconds=1800, tolerance=0.0),
        severity=Severity.WARNING,
        case_class="energy-meter-fault",
        system=SYSTEM,
    ),
    Rule(
        id="platforms.energy.power_unusual",
        title=Title("用电偏离上周同时段", "Power far from last week"),
        kind="public-building",
        property="power_kw",
        condition=Deviation(factor=5.0, least=100.0, hold_seconds=900),
        severity=Severity.WARNING,
        system=SYSTEM,
    ),
)
