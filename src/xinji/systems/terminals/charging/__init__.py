"""Charging demonstration stations, communities and their piles."""

from __future__ import annotations

from xinji.model.title import Title
from xinji.system.declaration import System
from xinji.systems.terminals.charging.indicators import INDICATORS
from xinji.systems.terminals.charging.kinds import KINDS
from xinji.systems.terminals.charging.rules import CASE_CLASSES, RULES
from xinji.systems.terminals.charging.simulate import simulate

SYSTEM = System(
    name="terminals.charging",
    title=Title("新能源充电", "Charging"),
    tasks=(19,),
    kinds=KINDS,
    rules=RULES,
    case_classes=CASE_CLASSES,
    indicators=INDICATORS,
    simulate=simulate,
)
