"""What becomes an event in the air and the rain; `thresholds.py` cites the limits."""

from __future__ import annotations

from xinji.model.cases import CaseClass
from xinji.model.rules import OutOfRange, Rule, Severity, Silence, Threshold
from xinji.model.title import Title
from xinji.systems.terminals.environment.thresholds import PM2_5_GRADES, RAIN_GRADES, grade

SYSTEM = "terminals.environment"

CASE_CLASSES = (
    CaseClass(
        name="environment-station-fault",
        title=Title("环境站故障", "Environment station fault"),
        type="device-fault",
        department="区生态环境局监测站",
        limit_seconds=24 * 3600,
    ),
)

_HEAVY_RAIN = grade(RAIN_GRADES, "heavy").lower
_TORRENTIAL_RAIN = grade(RAIN_GRADES, "torrential").lower
_LIGHT_PM2_5 = grade(PM2_5_GRADES, "light").lower
_HEAVY_PM2_5 = grade(PM2_5_GRADES, "heavy").lower

RULES = (
    Rule(
        id="terminals.environment.rain_heavy",
        title=Title("强降雨", "Heavy rain"),
        kind="environment-station",
        property="rain_mm_h",
        condition=Threshold(op=">=", limit=_HEAVY_RAIN, clear=0.7 * _HEAVY_RAIN, hold_seconds=60),
        severity=Severity.MINOR,
        system=SYSTEM,
    ),
    Rule(
        id="terminals.environment.rain_torrential",
        title=Title("短时暴雨", "Torrential rain"),
        kind="environment-station",
        property="rain_mm_h",
        condition=Threshold(
            op=">=", limit=_TORRENTIAL_RAIN, clear=0.7 * _TORRENTIAL_RAIN, hold_seconds=60
        ),
        severity=Severity.MAJOR,
        system=SYSTEM,
    ),
    Rule(
        id="terminals.environment.pm2_5_light",
        title=Title("PM2.5达轻度污染浓度", "PM2.5 at lightly polluted level"),
        kind="environment-station",
        property="pm2_5",
        condition=Threshold(op=">", limit=_LIGHT_PM2_5, clear=0.9 * _LIGHT_PM2_5, hold_seconds=600),
        severity=Severity.WARNING,
        system=SYSTEM,
    ),
    Rule(
        id="terminals.environment.pm2_5_heavy",
        title=Title("PM2.5达重度污染浓度", "PM2.5 at heavily polluted level"),
        kind="environment-station",
        property="pm2_5",
        condition=Threshold(op=">", limit=_HEAVY_PM2_5, clear=0.9 * _HEAVY_PM2_5, hold_seconds=600),
        severity=Severity.MAJOR,
        system=SYSTEM,
    ),
    Rule(
        id="terminals.environment.temperature_unlikely",
        title=Title("气温读数异常", "Temperature reading unlikely"),
        kind="environment-station",
        property="temperature",
        # beyond anything measured in Shanghai: the instrument, not the weather
        condition=OutOfRange(low=-15, high=45, hold_seconds=15),
        severity=Severity.MINOR,
        case_class="environment-station-fault",
        system=SYSTEM,
    ),
    Rule(
        id="terminals.environment.station_silent",
        title=Title("环境站失联", "Environment station silent"),
        kind="environment-station",
        property="pm2_5",
        condition=Silence(seconds=90),
        severity=Severity.MINOR,
        case_class="environment-station-fault",
        system=SYSTEM,
    ),
)
