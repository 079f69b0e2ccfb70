"""一网统管: from a camera, a sensor, a call or a patrol to a closed case, re-checked by machine."""

from __future__ import annotations

from xinji.model.title import Title
from xinji.system.declaration import Grade, System
from xinji.systems.platforms.operations.api import ROUTES
from xinji.systems.platforms.operations.case_type import URBAN
from xinji.systems.platforms.operations.class_table import SEED
from xinji.systems.platforms.operations.indicators import INDICATORS
from xinji.systems.platforms.operations.service import Operations

SYSTEM = System(
    name="platforms.operations",
    title=Title("城市运行一网统管", "City operation"),
    tasks=(13,),
    grade=Grade.SILVER,
    case_types=(URBAN,),
    case_classes=tuple(known.case_class() for known in SEED),
    indicators=INDICATORS,
    routes=ROUTES,
    service=Operations,
)
