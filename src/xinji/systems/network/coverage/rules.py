"""What becomes an event in the radio network, and of which case class."""

from __future__ import annotations

from xinji.model.cases import CaseClass
from xinji.model.rules import OutOfRange, Rule, Severity, Silence, Threshold
from xinji.model.title import Title

SYSTEM = "network.coverage"

CASE_CLASSES = (
    CaseClass(
        name="base-station-fault",
        title=Title("基站故障", "Base station fault"),
        type="device-fault",
        department="区科委网络保障组",
        limit_seconds=4 * 3600,
    ),
    CaseClass(
        name="indoor-system-fault",
        title=Title("室分系统故障", "Indoor system fault"),
        type="device-fault",
        department="区科委网络保障组",
        limit_seconds=24 * 3600,
    ),
    CaseClass(
        name="sector-degraded",
        title=Title("扇区覆盖劣化", "Sector below prediction"),
        type="device-fault",
        department="区科委网络保障组",
        limit_seconds=5 * 86_400,
    ),
)

RULES = (
    Rule(
        id="network.coverage.station_down",
        title=Title("基站中断", "Base station down"),
        kind="base-station",
        property="availability",
        condition=Threshold(op="<", limit=0.5, hold_seconds=5),
        severity=Severity.MAJOR,
        case_class="base-station-fault",
        system=SYSTEM,
    ),
    Rule(
        id="network.coverage.station_silent",
        title=Title("基站失联", "Base station silent"),
        kind="base-station",
        property="availability",
        condition=Silence(seconds=90),
        severity=Severity.MAJOR,
        case_class="base-station-fault",
        system=SYSTEM,
    ),
    Rule(
        id="network.coverage.station_hot",
        title=Title("机柜温度异常", "Cabinet temperature out of range"),
        kind="base-station",
        property="temperature",
        # the usual operating range of outdoor cabinets, as an operating setting
        condition=OutOfRange(low=-20, high=65, hold_seconds=60, clear_hold_seconds=60),
        severity=Severity.MINOR,
        case_class="base-station-fault",
        system=SYSTEM,
    ),
    Rule(
        id="network.coverage.indoor_down",
        title=Title("室分系统中断", "Indoor system down"),
        kind="building",
        property="indoor_system",
        condition=Threshold(op="<", limit=0.5, hold_seconds=60),
        severity=Severity.MINOR,
        case_class="indoor-system-fault",
        system=SYSTEM,
    ),
    Rule(
        id="network.coverage.indoor_silent",
        title=Title("室分系统失联", "Indoor system silent"),
        kind="building",
        property="indoor_system",
        condition=Silence(seconds=300),
        severity=Severity.WARNING,
        system=SYSTEM,
    ),
    Rule(
        id="network.coverage.sector_degraded",
        title=Title("扇区实测明显低于预测", "Sector measured well below prediction"),
        kind="radio-sector",
        property="residual_db",
        # two standard deviations of shadow fading of a street's median, as an operating setting
        condition=Threshold(op="<", limit=-12, clear=-8),
        severity=Severity.MINOR,
        case_class="sector-degraded",
        system=SYSTEM,
    ),
)
