"""Public car parks and roadside bays."""

from __future__ import annotations

from xinji.model.title import Title
from xinji.system.declaration import System
from xinji.systems.terminals.parking.indicators import INDICATORS
from xinji.systems.terminals.parking.kinds import KINDS
from xinji.systems.terminals.parking.rules import CASE_CLASSES, RULES
from xinji.systems.terminals.parking.simulate import simulate

SYSTEM = System(
    name="terminals.parking",
    title=Title("智慧停车", "Parking"),
    tasks=(20,),
    kinds=KINDS,
    rules=RULES,
    case_classes=CASE_CLASSES,
    indicators=INDICATORS,
    simulate=simulate,
)
