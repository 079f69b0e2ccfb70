"""What becomes an event in network quality."""

from __future__ import annotations

from xinji.model.cases import CaseClass
from xinji.model.rules import Rule, Severity, Silence, Threshold
from xinji.model.title import Title

SYSTEM = "network.quality"

CASE_CLASSES = (
    CaseClass(
        name="speed-probe-fault",
        title=Title("测速点故障", "Speed probe fault"),
        type="device-fault",
        department="区科委网络保障组",
        limit_seconds=48 * 3600,
    ),
)

RULES = (
    Rule(
        id="network.quality.probe_silent",
        title=Title("测速点失联", "Speed probe silent"),
        kind="speed-probe",
        property="perceived_rate_mbps",
        condition=Silence(seconds=300),
        severity=Severity.WARNING,
        case_class="speed-probe-fault",
        system=SYSTEM,
    ),
    Rule(
        id="network.quality.rate_low",
        title=Title("感知速率偏低", "Perceived rate low"),
        kind="speed-probe",
        property="perceived_rate_mbps",
        condition=Threshold(op="<", limit=20, clear=40, hold_seconds=600),
        severity=Severity.MINOR,
        system=SYSTEM,
    ),
)
