"""A house of memory behind the listeners: what `xinji.wire.inlet` asks for, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from xinji.model.observations import Reason, Receipt, Refusal, Source
from xinji.wire.inlet import Batch, Device

SECRET = b"secret-of-the-meter"


class House:
    """Inlet and Gate in one.

    `held`: receipts wait until `release` is called. `failure`: nothing is stored. `is_full`: the
    queue is at its cap. A `temperature` outside -40 .. 60 is refused.
    """

    def __init__(self) -> None:
        self.properties = {"temperature": None, "door": {"closed": 0.0, "关": 0.0, "open": 1.0}}
        self.things = {f"thing:{number}" for number in range(100)}
        self.series: dict[tuple[str, str], int] = {}
        self.names: list[tuple[str, str]] = []
        self.batches: list[Batch] = []
        self.rows: list[tuple[str, str, int, float]] = []
        self.refused: list[Refusal] = []
        self.held = False
        self.waiting: list[tuple[Batch, Callable[[Receipt], None]]] = []
        self.failure: str | None = None
        self.is_full = False
        self.authentications = 0

    def authenticate(self, username: str, password: bytes) -> Device | None:
        self.authentications += 1
        if password != SECRET:
            return None
        if username.startswith("meter"):
            return Device(username, ("thing:",), Source.MEASURED)
        return None

    def resolve(self, device: Device, thing: str, name: str) -> int | Reason:
        if thing.startswith("other:"):
            return Reason.NOT_PERMITTED
        if thing not in self.things:
            return Reason.UNKNOWN_THING
        if name not in self.properties:
            return Reason.UNKNOWN_PROPERTY
        number = self.series.setdefault((thing, name), len(self.series))
        if number == len(self.names):
            self.names.append((thing, name))
        return number

    def states(self, series: int) -> dict[str, float] | None:
        return self.properties[self.names[series][1]]

    def unit(self, series: int) -> str:
        return "Cel" if self.names[series][1] == "temperature" else "1"

    def submit(self, batch: Batch, done: Callable[[Receipt], None]) -> None:
        self.waiting.append((batch, done))
        if not self.held and len(self.waiting) == 1:
            asyncio.get_running_loop().call_soon(self.release)

    def release(self) -> None:
        waiting, self.waiting = self.waiting, []
        for batch, done in waiting:
            done(self.store(batch))

    def store(self, batch: Batch) -> Receipt:
        if self.failure is not None:
            return Receipt(failure=self.failure)
        self.batches.append(batch)
        refused = list(batch.refused)
        indexes = batch.indexes if batch.indexes is not None else range(len(batch.series))
        stored = 0
        rows = zip(indexes, batch.series, batch.times, batch.values, strict=True)
        for index, series, time, value in rows:
            thing, name = self.names[series]
            if name == "temperature" and not -40 <= value <= 60:
                refused.append(Refusal(index, Reason.OUT_OF_RANGE, f"{value} is not in -40 .. 60"))
                continue
            stored += 1
            self.rows.append((thing, name, time, value))
        self.refused += refused
        return Receipt(stored=stored, refused=tuple(refused))

    def full(self) -> bool:
        return self.is_full
