"""The door of the loop: resolve, group commit, answer, then rules.

Everything that arrived during the last commit goes into the next one; no timer. A sender is
answered only after the commit that holds its rows, and after the record of its refused ones.
One thread, the keeper, does everything that writes observations and runs rules.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from xinji.access.scope import contains
from xinji.loop.clock import HouseClock
from xinji.model.observations import Reason, Receipt, Refusal
from xinji.store.database import Database, Prepared
from xinji.store.duck import DuckObservations
from xinji.store.observations import Appended, Int64, Rows, StoreError
from xinji.store.registry import Registry
from xinji.store.schema import refusals
from xinji.store.series import BAD_RANGE, BAD_TIME, FUTURE, NOT_FINITE, check
from xinji.store.space import FULL
from xinji.wire.inlet import Batch, Device

log = logging.getLogger(__name__)

FUTURE_LIMIT_SECONDS = 300
SMALL_ROWS = 8
"""Mean rows of a batch up to which batches are gathered as lists and not as arrays."""

EARLIEST = 0
"""1970: an earlier time is a device whose clock was never set."""

QUEUE_ROWS = 2_000_000
REFUSALS_KEPT_PER_BATCH = 20

SWITCH_SECONDS = 0.0005
"""A commit takes the interpreter lock some fifteen times; with Python's 5 ms a busy event loop made
it wait 80 ms."""

_REASONS = {
    NOT_FINITE: (Reason.NOT_FINITE, "value is not a finite number"),
    BAD_RANGE: (Reason.OUT_OF_RANGE, "value is outside the property's range"),
    FUTURE: (Reason.FUTURE, f"time is more than {FUTURE_LIMIT_SECONDS} s after the server's clock"),
    BAD_TIME: (Reason.BAD_TIME, "time is before 1970"),
}

NOTHING = 1 << 62
"""No moment: nothing waits."""

Waiting = tuple[Batch, Callable[[Receipt], None]]


class AfterCommit(Protocol):
    """What runs on the keeper thread after each commit, when its senders have been answered."""

    def __call__(self, appended: Appended, rows: Rows) -> None:
        """`rows` are those of the commit, in order of arrival."""
        ...


@dataclass(slots=True)
class Counters:
    """Totals since the start."""

    stored: int = 0
    repeated: int = 0
    refused: dict[Reason, int] = field(default_factory=dict)
    commits: int = 0
    failures: int = 0
    last_at: int = 0

    @property
    def refused_total(self) -> int:
        """All refused records."""
        return sum(self.refused.values())


class Ingest:
    """See `xinji.wire.inlet.Inlet`.

    Attributes:
        newest: time of the newest row stored since the start, microseconds, not after the clock.
    """

    def __init__(
        self,
        store: DuckObservations,
        registry: Registry,
        database: Database,
        clock: HouseClock,
        after_commit: AfterCommit,
    ) -> None:
        self._store = store
        self._registry = registry
        self._database = database
        self._clock = clock
        self._after_commit = after_commit
        self._waiting: list[Waiting] = []
        self._rows_waiting = 0
        self._wake = asyncio.Event()
        self._insert_refusal = Prepared(
            refusals.insert().values(at=0, sender="", reason="", detail=""), database.writer
        )
        self._states: dict[int, dict[str, float]] = {}
        self._units: dict[int, str] = {}
        self.keeper = ThreadPoolExecutor(1, thread_name_prefix="keeper")
        self.counters = Counters()
        self.stamped_to = 0
        self.newest = 0
        self._waiting_since = self._committing_since = NOTHING
        self.read_only = ""

    def resolve(self, device: Device, thing: str, name: str) -> int | Reason:
        """See `Inlet`."""
        if not device.may_write(thing):
            return Reason.NOT_PERMITTED
        if device.area:
            place = self._registry.things.get(thing)
            if place is None or not contains(device.area, place.area):
                return Reason.NOT_PERMITTED
        number = self._store.table.numbers.get((thing, name, device.source))
        if number is not None and number in self._states:
            return number
        if thing not in self._registry.things:
            return Reason.UNKNOWN_THING
        known = self._registry.property_of(thing, name)
        if known is None:
            return Reason.UNKNOWN_PROPERTY
        number = self._store.series_number(thing, name, device.source)
        self._store.table.limit(number, known.minimum, known.maximum)
        words = {}
        for value, title in enumerate(known.states):
            words[title.zh] = words[title.en] = float(value)
        self._states[number] = words
        self._units[number] = known.unit
        return number

    def states(self, series: int) -> dict[str, float] | None:
        """See `Inlet`."""
        return self._states.get(series) or None

    def unit(self, series: int) -> str:
        """See `Inlet`."""
        return self._units.get(series, "1")

    def submit(self, batch: Batch, done: Callable[[Receipt], None]) -> None:
        """See `Inlet`."""
        if not self._waiting:
            self._waiting_since = self._clock.now()
        self._waiting.append((batch, done))
        self._rows_waiting += len(batch.series) + len(batch.refused)
        self._wake.set()

    def put(self, device: Device, rows: Sequence[tuple[str, str, int, float]]) -> Receipt:
        """Store what a part of the house has computed: (thing, property, microseconds, value).

        Blocks until the commit; not for the event loop nor the keeper thread.

        Raises:
            ValueError: a thing or a property that is not known.
            StoreError: not stored.
        """
        series = []
        for thing, name, _, _ in rows:
            number = self.resolve(device, thing, name)
            if isinstance(number, Reason):
                raise ValueError(f"{thing}/{name}: {number.value}")
            series.append(number)
        batch = Batch(
            series=series,
            times=[row[2] for row in rows],
            values=[row[3] for row in rows],
            sender=device.name,
        )
        receipts: list[Receipt] = []
        self.keeper.submit(self._commit, [(batch, receipts.append)], None).result()
        if receipts[0].failure:
            raise StoreError(receipts[0].failure)
        return receipts[0]

    def look_for_room(self) -> None:
        """Say that nothing is taken while the disk is full, before the first sender finds out."""
        try:
            self._database.must_have_room()
        except StoreError as error:
            self.read_only = str(error)
        else:
            if self.read_only.endswith(FULL):
                self.read_only = ""

    def full(self) -> bool:
        """See `Inlet`."""
        return self._rows_waiting > QUEUE_ROWS

    def heard_to(self) -> int:
        """The moment up to which everything that came in has been judged, microseconds."""
        return min(self._clock.now(), self._waiting_since, self._committing_since)

    async def run(self) -> None:
        """Commit until cancelled; the last commit is finished first."""
        loop = asyncio.get_running_loop()
        sys.setswitchinterval(SWITCH_SECONDS)
        while True:
            await self._wake.wait()
            self._wake.clear()
            waiting, self._waiting = self._waiting, []
            self._committing_since, self._waiting_since = self._waiting_since, NOTHING
            try:
                if waiting:
                    work = loop.run_in_executor(self.keeper, self._commit_all, waiting, loop)
                    await asyncio.shield(work)
            finally:
                self._committing_since = NOTHING

    def _commit_all(self, waiting: list[Waiting], loop: asyncio.AbstractEventLoop) -> None:
        """On the keeper: one commit for all batches without a name, one for each with one."""
        groups = [[each] for each in waiting if each[0].batch_id]
        plain = [each for each in waiting if not each[0].batch_id]
        if plain:
            groups.insert(0, plain)
        for group in groups:
            try:
                self._commit(group, loop)
            except Exception:
                log.exception("a commit failed in an unforeseen way; its senders are told")
                self._answer(
                    group, [Receipt(failure="the server failed") for _ in group], loop, failed=True
                )

    def _commit(self, group: list[Waiting], loop: asyncio.AbstractEventLoop | None) -> None:
        now = self.stamped_to = max(self._clock.now(), self.stamped_to + 1)
        batches = [batch for batch, _ in group]
        lengths = [len(batch.series) for batch in batches]
        rows, owner = _gather(batches, lengths, now)
        self.stamped_to += len(rows)
        table = self._store.table
        codes = np.zeros(len(rows), np.uint8)
        latest = now + FUTURE_LIMIT_SECONDS * 1_000_000
        faults = check(
            rows.series, rows.times, rows.values, table.low, table.high, EARLIEST, latest, codes
        )
        refused = [list(batch.refused) for batch in batches]
        if faults:
            starts = np.cumsum([0, *lengths[:-1]])
            for at in np.flatnonzero(codes).tolist():
                which = int(owner[at])
                batch = batches[which]
                index = at - int(starts[which])
                reason, detail = _REASONS[int(codes[at])]
                shown = batch.indexes[index] if batch.indexes is not None else index
                name = self._store.table.names[int(rows.series[at])]
                refused[which].append(
                    Refusal(
                        int(shown), reason, f"{name[0]}/{name[1]} {rows.values[at]:g}: {detail}"
                    )
                )
            sound = codes == 0
            rows = Rows(
                rows.series[sound], rows.times[sound], rows.values[sound], rows.qualities[sound]
            )
            owner = owner[sound]
        try:
            self._database.must_have_room()
            appended = self._store.append(rows, batches[0].batch_id) if len(rows) else None
            self._record_refusals(batches, refused, now)
        except StoreError as error:
            log.error("not stored: %s", error)
            self.read_only = str(error)
            self._answer(group, [Receipt(failure=str(error)) for _ in group], loop, failed=True)
            return
        self.read_only = ""
        receipts = _receipts(batches, owner, appended, refused)
        self._count(receipts, now)
        self._answer(group, receipts, loop)
        if appended is not None and len(rows):
            # on a fast clock a hiccup of the machine is minutes: rows' own times say who was heard
            fast = self._clock.wanted != 1
            table.arrived[rows.series] = min(now, int(rows.times.max())) if fast else now
            connections = [table.connection_number(b.connection or b.sender) for b in batches]
            table.connection[rows.series] = np.array(connections, np.int32)[owner]
            self.newest = max(self.newest, min(now, int(rows.times.max())))
            try:
                self._after_commit(appended, rows)
            except StoreError as error:
                # The rows are safe; the rules catch up from the store at their next turn.
                log.error("rules are behind: %s", error)

    def _record_refusals(
        self, batches: list[Batch], refused: list[list[Refusal]], now: int
    ) -> None:
        """Write the refused records down before their sender is answered."""
        if not any(refused):
            return
        with self._database.writing():
            cursor = self._database.cursor()
            for batch, each in zip(batches, refused, strict=True):
                shown = each[:REFUSALS_KEPT_PER_BATCH]
                for refusal in shown:
                    self._insert_refusal(
                        cursor,
                        at=now,
                        sender=batch.sender[:64],
                        reason=refusal.reason.value,
                        detail=refusal.detail[:300],
                    )
                if len(each) > len(shown):
                    self._insert_refusal(
                        cursor,
                        at=now,
                        sender=batch.sender[:64],
                        reason=Reason.TOO_MANY.value,
                        detail=f"{len(each) - len(shown)} more refused records of the same batch",
                    )

    def _count(self, receipts: list[Receipt], now: int) -> None:
        counters = self.counters
        counters.commits += 1
        counters.last_at = now
        for receipt in receipts:
            counters.stored += receipt.stored
            counters.repeated += receipt.repeated
            for refusal in receipt.refused:
                counters.refused[refusal.reason] = counters.refused.get(refusal.reason, 0) + 1

    def _answer(
        self,
        group: list[Waiting],
        receipts: list[Receipt],
        loop: asyncio.AbstractEventLoop | None,
        *,
        failed: bool = False,
    ) -> None:
        if failed:
            self.counters.failures += len(group)

        def answer() -> None:
            for (batch, done), receipt in zip(group, receipts, strict=True):
                if loop is not None:
                    self._rows_waiting -= len(batch.series) + len(batch.refused)
                try:
                    done(receipt)
                except Exception:
                    log.exception("a sender could not be answered")

        if loop is None:
            answer()
        else:
            loop.call_soon_threadsafe(answer)


def _gather(
    batches: list[Batch], lengths: list[int], now: int
) -> tuple[Rows, np.ndarray[tuple[int], np.dtype[np.int32]]]:
    """All rows of some batches, and the batch that each belongs to."""
    owner = np.repeat(np.arange(len(batches), dtype=np.int32), lengths)
    if len(owner) <= SMALL_ROWS * len(batches):
        return _gather_small(batches, now), owner

    def column(name: str, dtype: type) -> Any:
        parts: list[Any] = [np.asarray(getattr(batch, name), dtype) for batch in batches]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    times = _stamped(column("times", np.int64), now)
    qualities = np.concatenate(
        [
            np.zeros(length, np.uint8)
            if batch.qualities is None
            else np.asarray(batch.qualities, np.uint8)
            for batch, length in zip(batches, lengths, strict=True)
        ]
    )
    rows = Rows(column("series", np.int32), times, column("values", np.float64), qualities)
    return rows, owner


def _gather_small(batches: list[Batch], now: int) -> Rows:
    """The same for batches of a few rows, where an array for each would cost more than its rows."""
    series: list[int] = []
    times: list[int] = []
    values: list[float] = []
    qualities: list[int] = []
    for batch in batches:
        series += batch.series
        times += batch.times
        values += batch.values
        qualities += [0] * len(batch.series) if batch.qualities is None else batch.qualities
    return Rows(
        np.array(series, np.int32),
        _stamped(np.array(times, np.int64), now),
        np.array(values, np.float64),
        np.array(qualities, np.uint8),
    )


def _stamped(times: Int64, now: int) -> Int64:
    """Times with `now` for 0, one microsecond apart: two values are two observations."""
    unstamped = np.flatnonzero(times == 0)
    if len(unstamped):
        times = times.copy()
        times[unstamped] = now + np.arange(len(unstamped))
    return times


def _receipts(
    batches: list[Batch],
    owner: np.ndarray[tuple[int], np.dtype[np.int32]],
    appended: Appended | None,
    refused: list[list[Refusal]],
) -> list[Receipt]:
    """What each sender is told. Repeated rows are counted for the commit, and shared out."""
    counts = np.bincount(owner, minlength=len(batches)).tolist()
    repeated = [0] * len(batches)
    if appended is not None and appended.repeated:
        if len(batches) == 1:
            repeated = [appended.repeated]
        else:
            late = np.bincount(owner[~appended.fresh], minlength=len(batches)).tolist()
            left = appended.repeated
            for i, n in enumerate(late):
                repeated[i] = min(left, n)
                left -= repeated[i]
    return [
        Receipt(stored=counts[i] - repeated[i], repeated=repeated[i], refused=tuple(refused[i]))
        for i in range(len(batches))
    ]
