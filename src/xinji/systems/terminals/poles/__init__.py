"""Shared poles: what they carry, what they can still carry, what feeds it."""

from __future__ import annotations

from xinji.model.title import Title
from xinji.system.declaration import System
from xinji.systems.terminals.poles.api import ENDPOINTS
from xinji.systems.terminals.poles.indicators import INDICATORS
from xinji.systems.terminals.poles.kinds import KINDS
from xinji.systems.terminals.poles.rules import CASE_CLASSES, RULES
from xinji.systems.terminals.poles.service import Poles
from xinji.systems.terminals.poles.simulate import simulate

SYSTEM = System(
    name="terminals.poles",
    title=Title("综合杆", "Shared poles"),
    tasks=(18,),
    kinds=KINDS,
    rules=RULES,
    case_classes=CASE_CLASSES,
    indicators=INDICATORS,
    routes=ENDPOINTS,
    service=Poles,
    simulate=simulate,
)
