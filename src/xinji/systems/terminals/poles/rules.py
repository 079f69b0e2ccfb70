"""What becomes an event of shared poles."""

from __future__ import annotations

from xinji.model.cases import CaseClass
from xinji.model.rules import Rule, Severity, Silence, Threshold
from xinji.model.title import Title
from xinji.systems.terminals.poles.kinds import BOX, CIRCUITS, POLE, POWER_BOX

SYSTEM = "terminals.poles"

CASE_CLASSES = (
    CaseClass(
        name="pole-conflict",
        title=Title("综合杆搭载冲突", "Conflict in a pole's ledger"),
        type="device-fault",
        department="区市政管理中心",
        limit_seconds=7 * 24 * 3600,
    ),
    CaseClass(
        name="pole-circuit",
        title=Title("综合电源箱回路异常", "Circuit of a power box"),
        type="device-fault",
        department="区市政管理中心",
        limit_seconds=24 * 3600,
    ),
    CaseClass(
        name="pole-structure",
        title=Title("综合杆（箱）异常", "Pole or box out of order"),
        type="device-fault",
        department="区市政管理中心",
        limit_seconds=24 * 3600,
    ),
)

# limits unverified: the texts of GB/T 40994 and DG/TJ 08-2362 were not read
OVERLOAD = Threshold(op=">", limit=90, clear=80, hold_seconds=300, clear_hold_seconds=120)

RULES = (
    *(
        Rule(
            id=f"{SYSTEM}.conflict_{kind.replace('-', '_')}",
            title=title,
            kind=kind,
            property="conflicts",
            condition=Threshold(op=">=", limit=1),
            severity=Severity.MAJOR,
            case_class="pole-conflict",
            system=SYSTEM,
        )
        for kind, title in (
            (POLE, Title("综合杆搭载冲突", "Conflict on a pole")),
            (BOX, Title("综合设备箱台账冲突", "Conflict in an equipment box")),
            (POWER_BOX, Title("综合电源箱台账冲突", "Conflict in a power box")),
        )
    ),
    *(
        Rule(
            id=f"{SYSTEM}.circuit_{number}_overload",
            title=Title(f"回路{number}过载", f"Circuit {number} overloaded"),
            kind=POWER_BOX,
            property=f"circuit_{number}_load",
            condition=OVERLOAD,
            severity=Severity.MAJOR,
            case_class="pole-circuit",
            system=SYSTEM,
        )
        for number in range(1, CIRCUITS + 1)
    ),
    Rule(
        id=f"{SYSTEM}.power_silent",
        title=Title("综合电源箱失联", "Power box silent"),
        kind=POWER_BOX,
        property="circuit_1_load",
        condition=Silence(seconds=300),
        severity=Severity.MAJOR,
        case_class="pole-circuit",
        system=SYSTEM,
    ),
    Rule(
        id=f"{SYSTEM}.tilted",
        title=Title("杆体倾斜", "Pole tilted"),
        kind=POLE,
        property="tilt_deg",
        condition=Threshold(op=">", limit=3, clear=2, hold_seconds=600),
        severity=Severity.CRITICAL,
        case_class="pole-structure",
        system=SYSTEM,
    ),
    Rule(
        id=f"{SYSTEM}.door_open",
        title=Title("设备箱门未关", "Door of an equipment box open"),
        kind=BOX,
        property="door",
        condition=Threshold(op=">", limit=0.5, hold_seconds=600),
        severity=Severity.MINOR,
        case_class="pole-structure",
        system=SYSTEM,
    ),
    Rule(
        id=f"{SYSTEM}.box_silent",
        title=Title("设备箱失联", "Equipment box silent"),
        kind=BOX,
        property="box_temperature",
        condition=Silence(seconds=600),
        severity=Severity.MINOR,
        case_class="pole-structure",
        system=SYSTEM,
    ),
)
