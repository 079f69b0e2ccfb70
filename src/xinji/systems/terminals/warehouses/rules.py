"""What becomes an event in the cold rooms."""

from __future__ import annotations

from xinji.model.cases import CaseClass
from xinji.model.rules import Rule, Severity, Silence, Threshold
from xinji.model.title import Title

SYSTEM = "terminals.warehouses"

# the upper end of the usual chilled range 0 to 8 Cel; an operating setting, not a tabled limit
CHILLED_MAXIMUM = 8.0

CASE_CLASSES = (
    CaseClass(
        name="cold-room-fault",
        title=Title("冷藏温度异常", "Cold room too warm"),
        type="device-fault",
        department="区商务委物流组",
        limit_seconds=2 * 3600,
    ),
)

RULES = (
    Rule(
        id="terminals.warehouses.too_warm",
        title=Title("冷藏温度高于8℃", "Cold room above 8 Cel"),
        kind="fresh-warehouse",
        property="temperature",
        condition=Threshold(op=">", limit=CHILLED_MAXIMUM, clear=7.0, hold_seconds=10),
        severity=Severity.MAJOR,
        case_class="cold-room-fault",
        system=SYSTEM,
    ),
    Rule(
        id="terminals.warehouses.sensor_silent",
        title=Title("冷藏测温失联", "Cold room sensor silent"),
        kind="fresh-warehouse",
        property="temperature",
        condition=Silence(seconds=90),
        severity=Severity.MINOR,
        case_class="cold-room-fault",
        system=SYSTEM,
    ),
)
