"""Where 5G reaches: base stations, indoor distribution, drive tests."""

from __future__ import annotations

from xinji.model.title import Title
from xinji.system.declaration import Grade, System
from xinji.systems.network.coverage.api import ENDPOINTS
from xinji.systems.network.coverage.indicators import INDICATORS
from xinji.systems.network.coverage.kinds import KINDS
from xinji.systems.network.coverage.rules import CASE_CLASSES, RULES
from xinji.systems.network.coverage.service import Coverage
from xinji.systems.network.coverage.simulate import simulate

SYSTEM = System(
    name="network.coverage",
    title=Title("5G覆盖", "5G coverage"),
    tasks=(1,),
    grade=Grade.SILVER,
    kinds=KINDS,
    rules=RULES,
    case_classes=CASE_CLASSES,
    indicators=INDICATORS,
    routes=ENDPOINTS,
    service=Coverage,
    simulate=simulate,
)
