"""What becomes an event in parking guidance."""

from __future__ import annotations

from xinji.model.cases import CaseClass
from xinji.model.rules import Rule, Severity, Silence, Threshold
from xinji.model.title import Title

SYSTEM = "terminals.guidance"

CASE_CLASSES = (
    CaseClass(
        name="guidance-screen-fault",
        title=Title("诱导屏故障", "Guidance screen fault"),
        type="device-fault",
        department="区交通管理中心",
        limit_seconds=24 * 3600,
    ),
)

RULES = (
    Rule(
        id="terminals.guidance.screen_off",
        title=Title("诱导屏关闭", "Screen off"),
        kind="guidance-screen",
        property="screen",
        condition=Threshold(op="<", limit=0.5, hold_seconds=10),
        severity=Severity.MINOR,
        case_class="guidance-screen-fault",
        system=SYSTEM,
    ),
    Rule(
        id="terminals.guidance.screen_silent",
        title=Title("诱导屏失联", "Screen silent"),
        kind="guidance-screen",
        property="screen",
        condition=Silence(seconds=90),
        severity=Severity.MINOR,
        case_class="guidance-screen-fault",
        system=SYSTEM,
    ),
)
