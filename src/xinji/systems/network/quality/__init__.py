"""What users get from the network: perceived rate on mobile and fixed lines, IPv6."""

from __future__ import annotations

from xinji.model.title import Title
from xinji.system.declaration import System
from xinji.systems.network.quality.indicators import INDICATORS
from xinji.systems.network.quality.kinds import KINDS
from xinji.systems.network.quality.rules import CASE_CLASSES, RULES
from xinji.systems.network.quality.simulate import simulate

SYSTEM = System(
    name="network.quality",
    title=Title("网络质量", "Network quality"),
    tasks=(1,),
    kinds=KINDS,
    rules=RULES,
    case_classes=CASE_CLASSES,
    indicators=INDICATORS,
    simulate=simulate,
)
