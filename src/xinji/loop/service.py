"""What of a system runs in a district: its service, and every hook that the loop calls.

A hook that is not here does not exist. The defaults do nothing, so that a service states only what
it needs. `House` makes the services once it is put together, before rules and events catch up.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the vision hub is a process of its own, and reads a declaration without a loop
    from xinji.loop.case_row import CaseRow
    from xinji.loop.cases import AfterAction, Prepare
    from xinji.loop.events import Door
    from xinji.store.photos import Screen


@dataclass(frozen=True, slots=True, kw_only=True)
class Periodic:
    """A task of a running district.

    Attributes:
        run: what is done; it must leave the event loop to others (`asyncio.to_thread`).
        seconds: from the end of one run to the next; with `shortest`, by the district's clock, but
            never less than `shortest` real seconds.
        first: real seconds after the start.
    """

    run: Callable[[], Awaitable[None]]
    seconds: float
    first: float
    shortest: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CaseHooks:
    """What a system adds to a case type of its own.

    Attributes:
        from_event: how the type takes an event in, instead of one case per thing and class.
        prepare: completes or refuses an action before it is applied; in its transaction.
        after: follows an action; in its transaction.
    """

    from_event: Door | None = None
    prepare: Prepare | None = None
    after: AfterAction | None = None


class Service:
    """A system's running part."""

    async def start(self) -> None:
        """The district begins to turn; called in the order of the systems."""

    async def stop(self) -> None:
        """The district stops; called in the opposite order, before the stores close."""

    def periodic(self) -> Iterable[Periodic]:
        """Its tasks, asked once before the start."""
        return ()

    def case_hooks(self) -> Mapping[str, CaseHooks]:
        """Its hooks, by the name of one of its own case types."""
        return {}

    def case_details(self, row: CaseRow) -> dict[str, Any]:
        """What it adds to the page of a case, under its own name; {} for what is not its own."""
        return {}

    def photo_screen(self) -> Screen | None:
        """Blurs faces and plates of a photo before it is stored; one service at most brings it."""
        return None

    def rolled_back(self) -> None:
        """A transaction was undone: what was kept in memory of it is read again."""
