"""What a listener needs from the house: who a device is, and where its records go.

A listener decodes bytes into parallel columns, resolves names to series once, submits a batch, and
acknowledges to its sender only when `done` is called with a receipt that has no `failure`.
`xinji.loop.ingest.Ingest` is the inlet of a running house.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from xinji.model.observations import Reason, Receipt, Refusal, Source


@dataclass(frozen=True, slots=True)
class Device:
    """An authenticated sender.

    `things` are id prefixes the credential may write to (`("",)` is every thing); `source` is what
    its observations are stored as, fixed by the credential so that a sender cannot claim another;
    `area` holds every thing that it may write to, "" is the whole district.
    """

    name: str
    things: tuple[str, ...] = ("",)
    source: Source = Source.MEASURED
    area: str = ""

    def may_write(self, thing: str) -> bool:
        """True when one of the credential's prefixes holds `thing`."""
        return thing.startswith(self.things)


@dataclass(slots=True)
class Batch:
    """Resolved observations as parallel columns of equal length.

    Attributes:
        series: series numbers from `Inlet.resolve`.
        times: Unix microseconds UTC; 0 stands for "now", filled in by the inlet.
        values: floats.
        qualities: `Quality` numbers, or None when all are good.
        indexes: position of each row in the sender's message, or None when it is 0, 1, 2 ...
        refused: rows that the codec or `resolve` refused already; they are recorded with the batch.
        sender: the device, for the refusal table.
        batch_id: a name under which the batch is stored at most once, or empty.
        connection: the connection that it came over, where a sender has several; else empty.
    """

    series: Sequence[int]
    times: Sequence[int]
    values: Sequence[float]
    sender: str
    qualities: Sequence[int] | None = None
    indexes: Sequence[int] | None = None
    refused: list[Refusal] = field(default_factory=list)
    batch_id: str = ""
    connection: str = ""


class Inlet(Protocol):
    """The door of the loop."""

    def resolve(self, device: Device, thing: str, name: str) -> int | Reason:
        """The series number of (thing, property `name`, device.source), or why there is none.

        O(1); a listener may cache a number for as long as the connection lives, but not a reason
        (the thing may be registered in the meantime).
        """
        ...

    def states(self, series: int) -> dict[str, float] | None:
        """For a property with named states: state name (either language) -> value; else None."""
        ...

    def unit(self, series: int) -> str:
        """UCUM code of the property's unit."""
        ...

    def submit(self, batch: Batch, done: Callable[[Receipt], None]) -> None:
        """Queue a batch for the next group commit. `done` runs on the event loop after it."""
        ...

    def full(self) -> bool:
        """True when the queue is at its cap: stop reading from sockets until `done` is called."""
        ...


class Gate(Protocol):
    """Who may connect."""

    def authenticate(self, username: str, password: bytes) -> Device | None:
        """The device of a credential, or None. Constant time; fit for 10,000 calls a second."""
        ...
