"""Flow and speed at the checkpoint sections."""

from __future__ import annotations

from xinji.model.title import Title
from xinji.system.declaration import System
from xinji.systems.terminals.traffic.indicators import INDICATORS
from xinji.systems.terminals.traffic.kinds import KINDS
from xinji.systems.terminals.traffic.rules import CASE_CLASSES, RULES
from xinji.systems.terminals.traffic.simulate import simulate

SYSTEM = System(
    name="terminals.traffic",
    title=Title("道路交通", "Road traffic"),
    tasks=(20,),
    kinds=KINDS,
    rules=RULES,
    case_classes=CASE_CLASSES,
    indicators=INDICATORS,
    simulate=simulate,
)
