"""Guidance screens of three levels."""

from __future__ import annotations

from xinji.model.title import Title
from xinji.system.declaration import System
from xinji.systems.terminals.guidance.indicators import INDICATORS
from xinji.systems.terminals.guidance.kinds import KINDS
from xinji.systems.terminals.guidance.rules import CASE_CLASSES, RULES
from xinji.systems.terminals.guidance.simulate import simulate

SYSTEM = System(
    name="terminals.guidance",
    title=Title("停车诱导", "Parking guidance"),
    tasks=(20,),
    kinds=KINDS,
    rules=RULES,
    case_classes=CASE_CLASSES,
    indicators=INDICATORS,
    simulate=simulate,
)
