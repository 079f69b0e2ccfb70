"""What the loop is told of its systems: flat lists. No module of the kernel sees a system."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from xinji.loop.service import Service
from xinji.model.cases import CaseClass, CaseType
from xinji.model.indicators import Indicator
from xinji.model.rules import Rule
from xinji.model.things import Kind
from xinji.model.title import Title

if TYPE_CHECKING:
    from xinji.loop.house import House

MakeService = Callable[["House"], Service]
"""Makes the service of a system; called once, before rules and events catch up."""


class SystemSummary(msgspec.Struct, frozen=True, kw_only=True):
    """What lists and menus show of a system.

    Attributes:
        name: `family.package`. family: the plan's family. tasks: numbers of the plan's tasks.
        grade: bronze, silver or gold. kinds: names of the kinds that it registers.
    """

    name: str
    title: Title
    family: str
    tasks: tuple[int, ...] = ()
    grade: str = "bronze"
    kinds: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Declarations:
    """Everything that a district is declared to hold.

    Attributes:
        services: by the package of their system, in the order in which they start.
    """

    systems: tuple[SystemSummary, ...] = ()
    kinds: tuple[Kind, ...] = ()
    rules: tuple[Rule, ...] = ()
    case_types: tuple[CaseType, ...] = ()
    case_classes: tuple[CaseClass, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    services: tuple[tuple[str, MakeService], ...] = ()
