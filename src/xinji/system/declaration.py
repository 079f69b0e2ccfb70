"""A system: one package that declares everything the loop needs to run it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from xinji.model.cases import CaseClass, CaseType
from xinji.model.indicators import Indicator
from xinji.model.rules import Rule
from xinji.model.things import Kind
from xinji.model.title import Title
from xinji.system.simulation import Fleet, Ground

if TYPE_CHECKING:  # reading a declaration loads neither the loop nor the web
    from xinji.api.call import Endpoint
    from xinji.loop.declarations import MakeService


class Grade(StrEnum):
    """How far a system has come; docs/adding-a-system.md says what each grade asks."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"


Simulate = Callable[[Ground, np.random.Generator], tuple[Fleet, ...]]
"""A system's devices in the simulated district: a pure function of the ground and the generator."""


@dataclass(frozen=True, kw_only=True)
class System:
    """The declaration of a system: all that the rest of the program will ever know of it.

    A hook that is not a field here, or a method of its service, does not exist.

    Attributes:
        name: `family.package`, for example `terminals.parking`.
        tasks: numbers of the plan's tasks that it answers.
        grade: how far it has come.
        kinds, rules, case_types, case_classes, indicators: what it adds to the loop.
        routes: its own endpoints, with their full paths.
        service: what of it runs: makes its `Service` from the house.
        simulate: its devices in the simulated district.
    """

    name: str
    title: Title
    tasks: tuple[int, ...]
    grade: Grade = Grade.BRONZE
    kinds: tuple[Kind, ...] = ()
    rules: tuple[Rule, ...] = ()
    case_types: tuple[CaseType, ...] = ()
    case_classes: tuple[CaseClass, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    routes: tuple[Endpoint, ...] = ()
    service: MakeService | None = field(default=None, compare=False)
    simulate: Simulate | None = field(default=None, compare=False)

    @property
    def family(self) -> str:
        """The plan's family, the first part of its name."""
        return self.name.partition(".")[0]

    @property
    def package(self) -> str:
        """The name of its folder, the last part of its name; unique among all systems."""
        return self.name.rpartition(".")[2]
