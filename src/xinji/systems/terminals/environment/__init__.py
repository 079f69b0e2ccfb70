"""Air, weather and rain at the environment stations."""

from __future__ import annotations

from xinji.model.title import Title
from xinji.system.declaration import System
from xinji.systems.terminals.environment.indicators import INDICATORS
from xinji.systems.terminals.environment.kinds import KINDS
from xinji.systems.terminals.environment.rules import CASE_CLASSES, RULES
from xinji.systems.terminals.environment.simulate import simulate

SYSTEM = System(
    name="terminals.environment",
    title=Title("环境感知", "Environment"),
    tasks=(17, 18),
    kinds=KINDS,
    rules=RULES,
    case_classes=CASE_CLASSES,
    indicators=INDICATORS,
    simulate=simulate,
)
