"""Water on the road at low points."""

from __future__ import annotations

from xinji.model.title import Title
from xinji.system.declaration import System
from xinji.systems.terminals.flooding.indicators import INDICATORS
from xinji.systems.terminals.flooding.kinds import KINDS
from xinji.systems.terminals.flooding.rules import CASE_CLASSES, RULES
from xinji.systems.terminals.flooding.simulate import simulate

SYSTEM = System(
    name="terminals.flooding",
    title=Title("道路积水", "Road flooding"),
    tasks=(20,),
    kinds=KINDS,
    rules=RULES,
    case_classes=CASE_CLASSES,
    indicators=INDICATORS,
    simulate=simulate,
)
