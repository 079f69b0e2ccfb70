"""Shared bikes at no-parking points, counted by Bluetooth sniffers."""

from __future__ import annotations

from xinji.model.title import Title
from xinji.system.declaration import System
from xinji.systems.terminals.cycling.indicators import INDICATORS
from xinji.systems.terminals.cycling.kinds import KINDS
from xinji.systems.terminals.cycling.rules import CASE_CLASSES, RULES
from xinji.systems.terminals.cycling.simulate import simulate

SYSTEM = System(
    name="terminals.cycling",
    title=Title("共享单车监管", "Shared cycling"),
    tasks=(20,),
    kinds=KINDS,
    rules=RULES,
    case_classes=CASE_CLASSES,
    indicators=INDICATORS,
    simulate=simulate,
)
