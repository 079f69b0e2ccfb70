"""A system: one package that declares everything the loop needs to run it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from xinji.model.cases import CaseClass, CaseType
from xinji.model.indicators import Indicator
from xinji.model.rules import Rule
from xinji.model.things import Kind
from xinji.model.title import Title


class Grade(StrEnum):
    """How far a system has come; docs/adding-a-system.md says what each grade asks."""

    BRONZE = "bronze"
    SILVER = "silver"
    GOLD = "gold"


@dataclass(frozen=True, kw_only=True)
class System:
    """The declaration of a system; the whole plug-in surface of the house.

    Attributes:
        name: `family.package`, for example `terminals.parking`.
        tasks: numbers of the plan's tasks that it answers.
        kinds, rules, case_types, case_classes, indicators: its declarations.
        routes: its own endpoints (`xinji.api.call.Endpoint`), with their full paths.
        part: what of it must run: a callable that takes the house, once it is put together, and
            returns its part (`house.parts[name]`); it may add chores, doors and case details.
        simulate: its devices in the simulated district (`xinji.district.simulate`): a callable
            that takes a `District` and a random generator and returns its simulated devices.
    """

    name: str
    title: Title
    family: str
    tasks: tuple[int, ...]
    grade: Grade = Grade.BRONZE
    kinds: tuple[Kind, ...] = ()
    rules: tuple[Rule, ...] = ()
    case_types: tuple[CaseType, ...] = ()
    case_classes: tuple[CaseClass, ...] = ()
    indicators: tuple[Indicator, ...] = ()
    routes: tuple[Any, ...] = ()
    part: Callable[[Any], Any] | None = field(default=None, compare=False)
    simulate: Callable[..., Any] | None = field(default=None, compare=False)
