"""Forward warehouses with cold rooms."""

from __future__ import annotations

from xinji.model.title import Title
from xinji.system.declaration import System
from xinji.systems.terminals.warehouses.indicators import INDICATORS
from xinji.systems.terminals.warehouses.kinds import KINDS
from xinji.systems.terminals.warehouses.rules import CASE_CLASSES, RULES
from xinji.systems.terminals.warehouses.simulate import simulate

SYSTEM = System(
    name="terminals.warehouses",
    title=Title("生鲜前置仓", "Fresh-food warehouses"),
    tasks=(22,),
    kinds=KINDS,
    rules=RULES,
    case_classes=CASE_CLASSES,
    indicators=INDICATORS,
    simulate=simulate,
)
