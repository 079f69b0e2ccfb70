"""Finds the systems and checks that their declarations fit together.

Systems are the sub-packages of the four family packages, and the entry points of the group
`xinji.systems`, so that an outside package adds a system without touching this repository. An
entry point names a `System` object: `[project.entry-points."xinji.systems"] noise = "pkg:SYSTEM"`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import pkgutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from xinji.loop.device_fault import DEVICE_DATA, DEVICE_FAULT, DEVICE_SILENT
from xinji.model.rules import Rule, Silence, Threshold
from xinji.model.things import Kind
from xinji.system.declaration import Grade, System

FAMILIES = ("network", "facilities", "platforms", "terminals")
"""The plan's four families, in the plan's order."""

ENTRY_POINT_GROUP = "xinji.systems"

TASKS = range(1, 24)
"""Numbers of the tasks of a plan with 23 tasks."""

SHARED_CASE_TYPES = frozenset({DEVICE_FAULT.name})
"""Case types that the loop declares for everyone."""

SHARED_CASE_CLASSES = frozenset({DEVICE_SILENT.name, DEVICE_DATA.name})
"""Case classes that the loop declares for everyone."""

OPERATORS = frozenset({">=", ">", "<=", "<"})


class DeclarationError(ValueError):
    """The declarations do not fit together; the message lists every fault found."""


def discover(*, entry_points: bool = True) -> tuple[System, ...]:
    """All systems, checked, in the order of families and names.

    Args:
        entry_points: also take the systems of other installed packages.

    Raises:
        DeclarationError: a declaration is not unique, refers to nothing, or misses its grade.
        ImportError: a system's package cannot be imported.
    """
    systems = list(_own_systems())
    if entry_points:
        systems += _outside_systems()
    faults = check(systems)
    if faults:
        raise DeclarationError("; ".join(faults))
    return tuple(sorted(systems, key=lambda s: (FAMILIES.index(s.family), s.name)))


def check(systems: Sequence[System]) -> list[str]:
    """What is wrong with the declarations, one sentence each; empty when they fit together."""
    faults = list(_repeated("system", (s.name for s in systems)))
    # its tables, its commands and its part of a case bear the package's name
    faults += _repeated("package", {s.name: s.package for s in systems}.values())
    faults += _repeated("kind", (k.name for s in systems for k in s.kinds))
    faults += _repeated("rule", (r.id for s in systems for r in s.rules))
    faults += _repeated("indicator", (i.id for s in systems for i in s.indicators))
    faults += _repeated("case class", (c.name for s in systems for c in s.case_classes))
    faults += _repeated("case type", (t.name for s in systems for t in s.case_types))
    kinds = {k.name: k for s in systems for k in s.kinds}
    classes = SHARED_CASE_CLASSES | {c.name for s in systems for c in s.case_classes}
    types = SHARED_CASE_TYPES | {t.name for s in systems for t in s.case_types}
    for system in systems:
        faults += _system_faults(system, types)
        for kind in system.kinds:
            faults += _kind_faults(system, kind)
        for rule in system.rules:
            faults += _rule_faults(system, rule, kinds, classes)
    return faults


def _own_systems() -> Iterator[System]:
    for family in FAMILIES:
        package = importlib.import_module(f"xinji.systems.{family}")
        for module in pkgutil.iter_modules(package.__path__):
            if not module.ispkg:
                continue
            name = f"{package.__name__}.{module.name}"
            system = getattr(importlib.import_module(name), "SYSTEM", None)
            if not isinstance(system, System):
                raise DeclarationError(f"{name} declares no SYSTEM")
            if system.name != f"{family}.{module.name}":
                raise DeclarationError(f"{name} calls itself {system.name}")
            yield system


def _outside_systems() -> list[System]:
    found = []
    for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP):
        system = point.load()
        if not isinstance(system, System):
            raise DeclarationError(f"entry point {point.name} ({point.value}) is not a System")
        found.append(system)
    return found


def _repeated(what: str, names: Iterable[str]) -> Iterator[str]:
    return (f"{what} {name} is declared {n} times" for name, n in Counter(names).items() if n > 1)


def _system_faults(system: System, types: frozenset[str] | set[str]) -> Iterator[str]:
    if system.family not in FAMILIES or system.name.count(".") != 1:
        yield f"{system.name}: a name is family.package, of the families {', '.join(FAMILIES)}"
    if not system.tasks:
        yield f"{system.name}: answers no task"
    for task in system.tasks:
        if task not in TASKS:
            yield f"{system.name}: task {task} is not in 1..{TASKS[-1]}"
    for case_class in system.case_classes:
        if case_class.type not in types:
            yield f"{system.name}: case class {case_class.name} has unknown type {case_class.type}"
    for indicator in system.indicators:
        if indicator.system != system.name:
            yield f"{system.name}: indicator {indicator.id} says system {indicator.system!r}"
        if "$asof" not in indicator.sql:
            yield f"{system.name}: indicator {indicator.id} does not use $asof"
    # every grade: what is observed is watched, and something is shown
    if not system.indicators:
        yield f"{system.name}: {system.grade} asks for an indicator"
    if system.kinds and not system.rules:
        yield f"{system.name}: {system.grade} asks for a rule on its kinds"
    if system.kinds and system.simulate is None:
        yield f"{system.name}: {system.grade} asks for a simulator of its kinds"
    if system.grade is Grade.GOLD and not system.routes:
        yield f"{system.name}: gold asks for routes of its own"


def _kind_faults(system: System, kind: Kind) -> Iterator[str]:
    yield from (
        f"{system.name}: kind {kind.name}: {fault}"
        for fault in _repeated("property", (p.name for p in kind.properties))
    )
    for p in kind.properties:
        if p.minimum is not None and p.maximum is not None and p.minimum >= p.maximum:
            yield f"{system.name}: {kind.name}.{p.name}: empty range {p.minimum}..{p.maximum}"
        if p.states and p.maximum is not None and p.maximum != len(p.states) - 1:
            yield f"{system.name}: {kind.name}.{p.name}: {len(p.states)} states up to {p.maximum}"


def _rule_faults(
    system: System, rule: Rule, kinds: dict[str, Kind], classes: frozenset[str]
) -> Iterator[str]:
    where = f"{system.name}: rule {rule.id}"
    if rule.system != system.name:
        yield f"{where}: says system {rule.system!r}"
    kind = kinds.get(rule.kind)
    if kind is None:
        yield f"{where}: unknown kind {rule.kind}"
        return
    found = next((p for p in kind.properties if p.name == rule.property), None)
    if found is None:
        yield f"{where}: kind {rule.kind} has no property {rule.property}"
    elif isinstance(rule.condition, Silence) and rule.condition.seconds <= (
        found.expected_seconds or 0.0
    ):
        yield f"{where}: silent before the next report is due ({found.expected_seconds} s)"
    if isinstance(rule.condition, Threshold) and rule.condition.op not in OPERATORS:
        yield f"{where}: unknown operator {rule.condition.op!r}"
    if rule.case_class and rule.case_class not in classes:
        yield f"{where}: unknown case class {rule.case_class}"
