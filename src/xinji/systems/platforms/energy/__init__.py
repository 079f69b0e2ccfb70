"""The district platform for the energy use of large public buildings."""

from __future__ import annotations

from xinji.model.title import Title
from xinji.system.declaration import System
from xinji.systems.platforms.energy.indicators import INDICATORS
from xinji.systems.platforms.energy.kinds import KINDS
from xinji.systems.platforms.energy.rules import CASE_CLASSES, RULES
from xinji.systems.platforms.energy.simulate import simulate

SYSTEM = System(
    name="platforms.energy",
    title=Title("建筑能耗监测", "Building energy"),
    tasks=(14,),
    kinds=KINDS,
    rules=RULES,
    case_classes=CASE_CLASSES,
    indicators=INDICATORS,
    simulate=simulate,
)
