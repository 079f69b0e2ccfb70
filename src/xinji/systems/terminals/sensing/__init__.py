"""Cameras and their streams, with the AI vision hub."""

from __future__ import annotations

from xinji.model.title import Title
from xinji.system.declaration import System
from xinji.systems.terminals.sensing.indicators import INDICATORS
from xinji.systems.terminals.sensing.kinds import KINDS
from xinji.systems.terminals.sensing.rules import CASE_CLASSES, RULES
from xinji.systems.terminals.sensing.service import Sensing
from xinji.systems.terminals.sensing.simulate import simulate

SYSTEM = System(
    name="terminals.sensing",
    title=Title("神经元感知网络", "Sensing network"),
    tasks=(13, 18),
    kinds=KINDS,
    rules=RULES,
    case_classes=CASE_CLASSES,
    indicators=INDICATORS,
    simulate=simulate,
    service=Sensing,
)
