"""A running house: the parts put together, started, kept turning, and stopped in order."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
import sqlalchemy as sa

from xinji.access.audit import Audit
from xinji.access.credentials import Credentials
from xinji.access.identity import Identity
from xinji.loop import district_time
from xinji.loop.calendars import Calendars
from xinji.loop.cases import CaseEngine
from xinji.loop.chores import Chores
from xinji.loop.clock import HouseClock
from xinji.loop.declarations import Declarations
from xinji.loop.device_fault import DEVICE_DATA, DEVICE_FAULT, DEVICE_GROUP, DEVICE_SILENT
from xinji.loop.events import EventWriter
from xinji.loop.findings import Findings
from xinji.loop.incidents import Incidents
from xinji.loop.indicators import Figures
from xinji.loop.indicators import check as check_indicator
from xinji.loop.ingest import Ingest
from xinji.loop.jobs import Jobs
from xinji.loop.listening import Listening
from xinji.loop.rules import RuleEngine
from xinji.loop.service import Service
from xinji.model.locality import Locality
from xinji.model.observations import Source
from xinji.model.rules import Rule, Silence
from xinji.model.title import Title
from xinji.store.database import Database
from xinji.store.duck import DuckObservations
from xinji.store.folder import Folder
from xinji.store.holdings import Holdings
from xinji.store.mirror import Mirror
from xinji.store.observations import Appended, Rows, StoreError
from xinji.store.photos import Photos
from xinji.store.registry import Registry
from xinji.store.schema import cases, events, refusals, things
from xinji.store.schema import rules as rules_table
from xinji.store.series import warm
from xinji.store.space import Space
from xinji.wire.kept_running import note_fault

log = logging.getLogger(__name__)

S = TypeVar("S", bound=Service)

DAY_US = 86_400 * 1_000_000
ON_THE_WAY_SECONDS = 20.0
"""Real seconds that a thing may be behind its like before it is silent on a fast clock."""
HOUR_US = 3_600 * 1_000_000
BEAT_SECONDS = 0.25
FINDINGS_SECONDS = 0.1
"""Real seconds of writing what was found before the keeper does what else waits for it."""
TIMERS_A_TURN = 50
"""Timers of cases that fire in one turn; the rest in the next ones."""
EASY_SECONDS, HARD_SECONDS = 4.0, 16.0
"""Real seconds behind up to which a fast clock keeps its speed, and by which more it is stopped
down to real time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How long data are kept, and in how much memory they are read.

    Raw rows are folded to hours before they go. `memory` is the limit of the observations' engine,
    which keeps what it has read until then.
    """

    raw_days: int = 400
    hourly_days: int = 3_650
    refusals: int = 100_000
    memory: str = "2GB"


class House:
    """Everything of one district, on one data folder.

    Args:
        data: the folder; made when missing.
        declared: what it is to hold (`xinji.system.assembly`).
        locality: its district, for pages and texts.
        clock: the house's clock; by default the one that it had before, or the system's.

    Raises:
        FolderError, StoreError: the folder is in use, or a file in it is not ours.
    """

    def __init__(
        self,
        data: Path,
        declared: Declarations,
        *,
        locality: Locality | None = None,
        policy: Policy | None = None,
        database_url: str = "",
        clock: HouseClock | None = None,
    ) -> None:
        self.declared = declared
        self.locality = locality or Locality()
        self.policy = policy or Policy()
        self.folder = Folder(data)
        opened: list[Database | DuckObservations] = []
        try:
            self.space = Space(data)
            self.holdings = Holdings(data, own_registry=not database_url)
            self.database = Database(database_url or f"sqlite:///{self.folder.registry}")
            opened.append(self.database)
            self.store = DuckObservations(self.folder.observations, memory=self.policy.memory)
            opened.append(self.store)
            self.holdings.settle(self.database, self.store)
        except BaseException:
            for each in opened:
                each.close()
            self.folder.close()
            raise
        self.clock = district_time.resume(self.database, self.store, clock)
        self.registry = Registry(self.database, declared.kinds)
        self.audit = Audit(self.database, self.folder.checkpoints)
        self.audit.adopt()
        # Sessions end by real time, however fast a simulated district's clock runs.
        seconds = time.time if self.clock.free else self.clock.seconds
        self.identity = Identity(self.database, self.audit, seconds)
        self.credentials = Credentials(self.database, self.audit)
        self.calendars = Calendars(self.database)
        self.cases = CaseEngine(
            self.database,
            self.audit,
            self.clock,
            self.calendars,
            [DEVICE_FAULT, *declared.case_types],
            [DEVICE_SILENT, DEVICE_DATA, DEVICE_GROUP, *declared.case_classes],
        )
        self.photos = Photos(self.database, self.folder.photos)
        self.jobs = Jobs()
        self.mirror = Mirror(self.database, self.store)
        for indicator in declared.indicators:
            check_indicator(indicator)
        self.figures = Figures(self.store, self.mirror, self.clock, declared.indicators)
        self.rules = RuleEngine(self.registry, self.store.table)
        known = (self.database, self.registry, self.cases, self.clock)
        incidents = Incidents(*known, lambda: self.store.table, self.rules.watched)
        self.writer = EventWriter(*known, incidents)
        self.findings = Findings(self.writer)
        self.listening = Listening()
        self.ingest = Ingest(
            self.store, self.registry, self.database, self.clock, self._after_commit
        )
        self._listening: list[Callable[[Rows], None]] = []
        self._saved_commit = -1
        self._behind = self._going_on = False
        self.other_titles: dict[str, Title] = {}
        self._attached = 0
        self._rate = 0.0
        self._stored_before = 0
        self.chores = Chores(self.clock)
        self.every = self.chores.every
        self.services: dict[str, Service] = {}
        self._hooked: dict[str, str] = {}
        warm(self.store.table)
        for package, make in declared.services:
            self._join(package, make(self))
        self.set_rules()
        self.rules.warm()
        self.writer.resume()
        self._catch_up()

    # -- services ---------------------------------------------------------------------------

    def _join(self, package: str, service: Service) -> None:
        """Let the loop call the hooks of a service. Raises ValueError: somebody else has one."""
        self.services[package] = service
        for name, hooks in service.case_hooks().items():
            if name in self._hooked:
                raise ValueError(f"{package}: case type {name} is hooked by {self._hooked[name]}")
            self._hooked[name] = package
            if hooks.from_event:
                self.writer.doors[name] = hooks.from_event
            if hooks.prepare:
                self.cases.prepare[name] = hooks.prepare
            if hooks.after:
                self.cases.after[name] = hooks.after
        if screen := service.photo_screen():
            if self.photos.screen:
                raise ValueError(f"{package}: photos are screened by another system")
            self.photos.screen = screen
        self.database.rollbacks.append(service.rolled_back)
        for task in service.periodic():
            self.every(task.seconds, task.run, task.first, shortest=task.shortest)

    def service(self, of: type[S]) -> S:
        """The service of a class. Raises LookupError: its system is not in this district."""
        for service in self.services.values():
            if isinstance(service, of):
                return service
        raise LookupError(f"{of.__name__}: its system is not in this district")

    # -- rules ------------------------------------------------------------------------------

    def all_rules(self) -> list[Rule]:
        """Rules declared by systems, with an operator's stored ones over them (same id wins)."""
        known = {rule.id: rule for rule in self.declared.rules}
        with self.database.reading() as connection:
            for definition in connection.execute(sa.select(rules_table.c.definition)).scalars():
                rule = msgspec.convert(definition, Rule)
                known[rule.id] = rule
        return list(known.values())

    def rule_titles(self) -> dict[str, Title]:
        """Titles of all rules, and of those that are not compiled (`other_titles`)."""
        return self.other_titles | {rule.id: rule.title for rule in self.rules.rules}

    def set_rules(self) -> None:
        """Compile the rules; on the keeper thread once the house runs."""
        rules = self.all_rules()
        self.rules.set_rules(rules)
        self.writer.set_rules(rules)

    def recompile(self) -> None:
        """Take over a changed rule; on the keeper thread."""
        self.set_rules()
        self.findings.keep_of(self.rules.rules)
        if self.rules.changed:
            self._close_orphans(self.rules.changed)
            self._write_findings()

    def _catch_up(self) -> None:
        """Bring rules and events up to the last commit: snapshot, then the rows after it."""
        self.rules.table = self.store.table
        self.findings.clear()
        commit = self.rules.load(self.folder.rule_state)
        if commit > self.store.commit:
            log.warning("rule state is ahead of the store; it is rebuilt")
            self.rules.forget()
            commit = 0
        for batch in self.store.since(commit):
            found = self.rules.observe(
                batch.column("series").to_numpy().astype(np.int32, copy=False),
                batch.column("time").to_numpy(),
                batch.column("value").to_numpy(),
            )
            self.findings.put(found, self._heard())
            self.findings.write(self.clock.now())
        self.rules.resume_silence(self.clock.now(), self._open_silences())
        self._close_orphans()
        self.findings.write(self.clock.now())
        self._behind = False

    def _open_silences(self) -> dict[tuple[str, str, int], int]:
        silence = {r.id for r in self.rules.rules if isinstance(r.condition, Silence)}
        with self.database.reading() as connection:
            rows = connection.execute(
                sa.select(
                    events.c.rule, events.c.thing, events.c.source, events.c.started_at
                ).where(events.c.ended_at.is_(None))
            )
            return {(r[0], r[1], int(Source.of(r[2]))): r[3] for r in rows if r[0] in silence}

    def _close_orphans(self, changed: set[str] | None = None) -> None:
        """End open events that no rule holds open any more (rule removed or changed)."""
        active = self.rules.active(changed)
        now = self.clock.now()
        concerned = sa.true() if changed is None else events.c.rule.in_(changed)
        with self.database.reading() as connection:
            rows = connection.execute(
                sa.select(events).where(
                    events.c.ended_at.is_(None), ~events.c.rule.like("plan.%"), concerned
                )
            ).all()
        over = [
            (row.id, row.thing, now, row.extreme)
            for row in rows
            if (row.rule, row.thing, "" if row.thing else row.area, int(Source.of(row.source)))
            not in active
        ]
        self.findings.put((), ended=over)

    def _heard(self) -> list[str]:
        """Things whose first row is among the series attached since the last call."""
        names = self.store.table.names
        first, self._attached = self._attached, len(names)
        return [thing for thing in {name[0] for name in names[first:]} if self.writer.first(thing)]

    def _after_commit(self, appended: Appended, rows: Rows) -> None:
        if self._behind:
            self._catch_up()
        else:
            found = self.rules.observe(rows.series, rows.times, rows.values)
            self.findings.put(found, self._heard())
            self._write_findings()
        for listener in self._listening:
            listener(rows)

    def _write_findings(self) -> None:
        """Write for a moment; what is left is written behind what waits for the keeper by then.

        Raises StoreError: not written; it is found again, from the store.
        """
        try:
            if not self.findings.write(self.ingest.heard_to(), FINDINGS_SECONDS):
                self._go_on()
        except StoreError:
            self._behind = True
            raise

    def _go_on(self) -> None:
        if self._going_on:
            return

        def more() -> None:
            self._going_on = False
            try:
                if not self._behind:
                    self._write_findings()
            except StoreError as error:
                log.error("put off: %s", error)

        with suppress(RuntimeError):  # the house is being closed
            self.ingest.keeper.submit(more)
            self._going_on = True

    def changed_at(self, tables: Iterable[str]) -> int:
        """Newest change of some registry tables, Unix microseconds, as far as it is recorded."""
        c, e, t = cases.c, events.c, things.c
        columns: dict[str, list[Any]] = {
            "cases": [c.opened_at, c.closed_at],
            "events": [e.detected_at],
            "things": [t.in_service_since, t.retired_at],
        }
        wanted = [column for table in tables for column in columns.get(table, ())]
        with self.database.reading() as connection:
            found = [connection.execute(sa.select(sa.func.max(each))).scalar() for each in wanted]
        return max((int(each) for each in found if each), default=0)

    def rate(self) -> float:
        """Observations stored per second, over about the last ten seconds."""
        return round(self._rate, 1)

    def _measure_rate(self) -> None:
        stored = self.ingest.counters.stored
        ticks = min(self.clock.speed, 10.0)
        self._rate += ((stored - self._stored_before) * ticks - self._rate) * 0.2 / ticks
        self._stored_before = stored

    def listen(self, listener: Callable[[Rows], None]) -> None:
        """Call `listener` on the keeper thread with the rows of every commit."""
        self._listening.append(listener)

    # -- turning ----------------------------------------------------------------------------

    async def start(self) -> None:
        """Start turning."""
        self.space.keep_back()
        # what a start has to write may use the room kept back; from here on it is for signing in
        self.database.space = self.space
        self.ingest.look_for_room()
        self.every(1.0, self._tick, 1.0, shortest=0.1)
        self.every(15.0, self._save, 15.0)
        self.every(15.0, self._keep_time, 15.0)
        self.every(60.0, self._checkpoint, 60.0)
        self.every(86_400.0, self._retain, 3_600.0)
        self.chores.work(self.ingest.run)
        self.chores.work(self._beat)
        self.chores.start()
        for service in self.services.values():
            await service.start()

    async def _on_keeper(self, work: Callable[[], Any]) -> None:
        await asyncio.get_running_loop().run_in_executor(self.ingest.keeper, work)

    async def _tick(self) -> None:
        self._measure_rate()
        self.clock.keep_up(1.0 - (self.behind_seconds() - EASY_SECONDS) / HARD_SECONDS)
        self.ingest.look_for_room()
        await self._on_keeper(self.turn)

    async def _beat(self) -> None:
        """Runs while the loop reads its sockets; a pause of it is nobody's silence."""
        while True:
            self.listening.beat(self.clock.now(), BEAT_SECONDS, self.clock.speed)
            await asyncio.sleep(BEAT_SECONDS)

    def judged_to(self) -> int:
        """The moment up to which the district is known, Unix microseconds.

        A fast clock belongs to a simulated district, whose devices go by it: when all their values
        are old, it is the machine that is late.
        """
        heard_to = self.ingest.heard_to()
        if self.clock.wanted != 1 and self.ingest.newest:
            return min(heard_to, self.ingest.newest)
        return heard_to

    def behind_seconds(self) -> float:
        """Real seconds that what came in waits for its commit; on a fast clock, its sender too."""
        return (self.clock.now() - self.judged_to()) / 1e6 / max(self.clock.wanted, 1.0)

    def turn(self) -> None:
        """Silence and timers, on the keeper thread; once a second while the house runs."""
        if self._behind:
            self._catch_up()
        fast = self.clock.wanted
        way = int(ON_THE_WAY_SECONDS * fast * 1e6) if fast != 1 else None
        heard_to = self.ingest.heard_to()
        self.findings.put(self.rules.listen(heard_to, way, self.listening.lost))
        if self.findings:
            self._write_findings()
        elif self.writer.incidents.undecided():
            self.writer.write((), now=heard_to)
            if self.writer.incidents.joining():
                self._go_on()
        self.cases.run_timers(TIMERS_A_TURN)

    async def _save(self) -> None:
        await self._on_keeper(self.space.keep_back)
        await self._on_keeper(self.save)

    def save(self) -> None:
        """Write the rules' snapshot when rows came since the last."""
        self._mark()
        # what is found but not written is found again from the last snapshot
        if self._behind or self.findings or self.store.commit == self._saved_commit:
            return
        try:
            self.rules.save(self.folder.rule_state, self.store.commit)
        except OSError as error:
            log.warning("rule state not saved: %s", error)
            return
        self._saved_commit = self.store.commit

    def _mark(self) -> None:
        """Write down how far the databases have come."""
        try:
            self.holdings.mark(self.database, self.store)
        except OSError as error:
            log.warning("how far the files have come is not written down: %s", error.strerror)

    async def _checkpoint(self) -> None:
        await self._on_keeper(self.audit.record_denials)
        await self._on_keeper(self.audit.checkpoint)

    async def _keep_time(self) -> None:
        await self._on_keeper(lambda: district_time.keep(self.database, self.clock))

    async def _retain(self) -> None:
        await self._on_keeper(self.retain)

    def retain(self) -> None:
        """Apply the policy: fold old raw rows to hours, drop old hours and old refusals."""
        now = self.clock.now()
        self.save()
        before = (now - self.policy.raw_days * DAY_US) // HOUR_US * HOUR_US
        self.store.fold(before)
        self.store.forget_hourly(now - self.policy.hourly_days * DAY_US)
        with self.database.writing() as connection:
            newest = connection.execute(sa.select(sa.func.max(refusals.c.id))).scalar() or 0
            connection.execute(
                sa.delete(refusals).where(refusals.c.id <= newest - self.policy.refusals)
            )

    async def stop(self) -> None:
        """Stop turning, write what is in memory, give the folder back."""
        for package, service in reversed(self.services.items()):
            try:
                await service.stop()
            except Exception as error:
                note_fault(f"{package}.stop", error)
        await self.chores.stop()
        await self._on_keeper(self.save)
        self.close()

    def close(self) -> None:
        """Close the files of a house that does not turn (any more)."""
        self.jobs.close()
        self.ingest.keeper.shutdown(wait=True)
        try:
            self.audit.record_denials()
            self.audit.checkpoint()
            district_time.keep(self.database, self.clock)
        except (StoreError, OSError) as error:
            log.warning("no last checkpoint: %s", error)
        self._mark()
        self.store.close()
        self.database.close()
        self.folder.close()
