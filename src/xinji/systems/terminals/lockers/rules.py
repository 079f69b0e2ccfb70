"""What becomes an event at the lockers."""

from __future__ import annotations

from xinji.model.cases import CaseClass
from xinji.model.rules import Rule, Severity, Silence, Threshold
from xinji.model.title import Title

SYSTEM = "terminals.lockers"

CASE_CLASSES = (
    CaseClass(
        name="meal-locker-fault",
        title=Title("取餐柜故障", "Meal locker fault"),
        type="device-fault",
        department="区商务委终端组",
        limit_seconds=24 * 3600,
    ),
)

RULES = (
    Rule(
        id="terminals.lockers.locker_offline",
        title=Title("取餐柜离线", "Locker offline"),
        kind="meal-locker",
        property="locker",
        condition=Threshold(op="<", limit=0.5, hold_seconds=30),
        severity=Severity.MINOR,
        case_class="meal-locker-fault",
        system=SYSTEM,
    ),
    Rule(
        id="terminals.lockers.locker_silent",
        title=Title("取餐柜失联", "Locker silent"),
        kind="meal-locker",
        property="locker",
        condition=Silence(seconds=120),
        severity=Severity.MINOR,
        case_class="meal-locker-fault",
        system=SYSTEM,
    ),
)
