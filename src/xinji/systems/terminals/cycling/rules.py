"""What becomes an event at the no-parking points."""

from __future__ import annotations

from xinji.model.cases import CaseClass
from xinji.model.rules import Rule, Severity, Silence, Threshold
from xinji.model.title import Title

SYSTEM = "terminals.cycling"

CASE_CLASSES = (
    CaseClass(
        name="bike-sniffer-fault",
        title=Title("单车嗅探设备故障", "Bike sniffer fault"),
        type="device-fault",
        department="区建管委非机动车组",
        limit_seconds=48 * 3600,
    ),
)

RULES = (
    Rule(
        id="terminals.cycling.bikes_piled",
        title=Title("禁停点单车堆积", "Bikes piled up at a no-parking point"),
        kind="bike-point",
        property="parked_bikes",
        # an operating setting of the district, not a standard's figure
        condition=Threshold(op=">=", limit=60, clear=40, hold_seconds=300),
        severity=Severity.MINOR,
        system=SYSTEM,
    ),
    Rule(
        id="terminals.cycling.sniffer_silent",
        title=Title("嗅探设备失联", "Sniffer silent"),
        kind="bike-point",
        property="parked_bikes",
        condition=Silence(seconds=120),
        severity=Severity.MINOR,
        case_class="bike-sniffer-fault",
        system=SYSTEM,
    ),
)
