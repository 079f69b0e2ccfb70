"""From systems to a district that runs: their declarations laid flat, a house made of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from xinji.api.call import Endpoint
from xinji.loop.clock import HouseClock
from xinji.loop.declarations import Declarations, SystemSummary
from xinji.loop.house import House, Policy
from xinji.model.cases import CaseClass, CaseType
from xinji.model.locality import Locality
from xinji.system.declaration import System


def declarations(
    systems: Sequence[System],
    *,
    case_types: Iterable[CaseType] = (),
    case_classes: Iterable[CaseClass] = (),
) -> Declarations:
    """The flat declarations of some systems, in their order.

    Args:
        case_types, case_classes: those that belong to no system (supervision of the plan).
    """
    return Declarations(
        systems=tuple(summary(each) for each in systems),
        kinds=tuple(kind for each in systems for kind in each.kinds),
        rules=tuple(rule for each in systems for rule in each.rules),
        case_types=(*case_types, *(kind for each in systems for kind in each.case_types)),
        case_classes=(*case_classes, *(known for each in systems for known in each.case_classes)),
        indicators=tuple(indicator for each in systems for indicator in each.indicators),
        services=tuple((each.package, each.service) for each in systems if each.service),
    )


def summary(system: System) -> SystemSummary:
    """What lists and menus show of a system."""
    return SystemSummary(
        name=system.name,
        title=system.title,
        family=system.family,
        tasks=system.tasks,
        grade=system.grade.value,
        kinds=tuple(kind.name for kind in system.kinds),
    )


def routes_of(systems: Sequence[System]) -> tuple[Endpoint, ...]:
    """The endpoints of some systems, in their order."""
    return tuple(endpoint for system in systems for endpoint in system.routes)


def assemble(
    data: Path,
    systems: Sequence[System],
    *,
    case_types: Iterable[CaseType] = (),
    case_classes: Iterable[CaseClass] = (),
    locality: Locality | None = None,
    policy: Policy | None = None,
    database_url: str = "",
    clock: HouseClock | None = None,
) -> House:
    """The house of a data folder with some systems (`discovery.discover`) in it.

    Raises:
        FolderError, StoreError: the folder is in use, or a file in it is not ours.
    """
    return House(
        data,
        declarations(systems, case_types=case_types, case_classes=case_classes),
        locality=locality,
        policy=policy,
        database_url=database_url,
        clock=clock,
    )
