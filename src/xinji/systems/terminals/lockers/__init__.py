"""Meal lockers."""

from __future__ import annotations

from xinji.model.title import Title
from xinji.system.declaration import System
from xinji.systems.terminals.lockers.indicators import INDICATORS
from xinji.systems.terminals.lockers.kinds import KINDS
from xinji.systems.terminals.lockers.rules import CASE_CLASSES, RULES
from xinji.systems.terminals.lockers.simulate import simulate

SYSTEM = System(
    name="terminals.lockers",
    title=Title("末端配送", "Last-metre delivery"),
    tasks=(21,),
    kinds=KINDS,
    rules=RULES,
    case_classes=CASE_CLASSES,
    indicators=INDICATORS,
    simulate=simulate,
)
