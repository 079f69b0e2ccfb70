"""The supervision of the whole: which things are heard, and how cases are closed."""

from __future__ import annotations

from xinji.model.system import System
from xinji.model.title import Title
from xinji.systems.platforms.operations.indicators import INDICATORS

SYSTEM = System(
    name="platforms.operations",
    title=Title("城市运行一网统管", "City operation"),
    family="platforms",
    tasks=(13,),
    indicators=INDICATORS,
)
