"""What becomes an event in charging."""

from __future__ import annotations

from xinji.model.cases import CaseClass
from xinji.model.rules import Rule, Severity, Silence, Threshold
from xinji.model.title import Title

SYSTEM = "terminals.charging"

CASE_CLASSES = (
    CaseClass(
        name="charging-pile-fault",
        title=Title("充电桩故障", "Charging pile fault"),
        type="device-fault",
        department="区发改委新能源组",
        limit_seconds=24 * 3600,
    ),
)

RULES = (
    Rule(
        id="terminals.charging.pile_faulted",
        title=Title("充电桩故障", "Pile faulted"),
        kind="charging-pile",
        property="pile",
        condition=Threshold(op="<", limit=0.5, hold_seconds=10),
        severity=Severity.MAJOR,
        case_class="charging-pile-fault",
        system=SYSTEM,
    ),
    Rule(
        id="terminals.charging.pile_silent",
        title=Title("充电桩离线", "Pile silent"),
        kind="charging-pile",
        property="pile",
        condition=Silence(seconds=120),
        severity=Severity.MINOR,
        case_class="charging-pile-fault",
        system=SYSTEM,
    ),
    Rule(
        id="terminals.charging.site_silent",
        title=Title("充电站数据中断", "Charging site silent"),
        kind="charging-site",
        property="site_power_kw",
        condition=Silence(seconds=180),
        severity=Severity.MINOR,
        case_class="charging-pile-fault",
        system=SYSTEM,
    ),
)
