"""Alarms become incidents: one cause, one case, with all the alarms that it explains.

What a rule finds is an event whatever else is going on, and a thing's state follows its own
events. Only the work is grouped: an event that needs a case goes through `add`, and `decide` gives
it a case of its own or that of an incident. A case of an incident is good when its last event has
ended.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import sqlalchemy as sa

from xinji.loop.case_row import CaseError
from xinji.loop.cases import CaseEngine
from xinji.loop.clock import HouseClock
from xinji.loop.device_fault import DEVICE_GROUP
from xinji.loop.relations import Relations
from xinji.loop.rules import DEFAULT_PERIOD_SECONDS, Found
from xinji.methods.cause_tracking import Decided, Tracker
from xinji.methods.common_cause import Observed, Relation
from xinji.model.observations import Source
from xinji.model.rules import Rule, Silence
from xinji.model.title import Title
from xinji.store.database import Database
from xinji.store.registry import Registry
from xinji.store.schema import events, incidents
from xinji.store.series import SeriesTable

log = logging.getLogger(__name__)

SILENCE = "silence"
SLACK_SECONDS = 10.0
"""What lines and clocks add to the time of a value."""
DELIVERY_SECONDS = 2.0
"""Real seconds that a value may be on its way; on a fast clock they are minutes."""
FAILS_EVERY_DAYS = 120.0
"""A thing fails by itself about so often, as long as nothing else was seen."""
DAY_US = 86_400 * 1_000_000
SEVERITIES = ("warning", "minor", "major", "critical")
BATCH = 400
"""Events whose case is set by one statement."""
MOST_TAKEN = 1_000
"""Things whose events one transaction puts into the case of their incident, some 10 ms; the rest
wait for the next ones, so that nobody waits for an incident of a hundred thousand."""


@dataclass(slots=True)
class Waiting:
    """An event that needs a case: what was found, its id, the word of its source."""

    found: Found
    event: str
    source: str


@dataclass(slots=True)
class Sort:
    """Everything of one sort of signal: silence, or the alarms of one rule.

    Attributes:
        fresh: thing -> when it was last well, of the signals that came since the last decision.
        waiting: thing -> its events that have no case yet.
        alone: thing -> the case that it got for itself.
        cases: incident of the tracker -> its case.
        joining: thing -> the incident's case that its events are still to be put into.
        open: thing -> its open events; a thing is well again when there is none.
    """

    tracker: Tracker = field(default_factory=Tracker)
    fresh: dict[int, int] = field(default_factory=dict)
    waiting: dict[int, list[Waiting]] = field(default_factory=lambda: defaultdict(list))
    alone: dict[int, str] = field(default_factory=dict)
    cases: dict[int, str] = field(default_factory=dict)
    joining: dict[int, str] = field(default_factory=dict)
    open: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))


Slots = tuple[np.ndarray[Any, np.dtype[np.int32]], np.ndarray[Any, np.dtype[np.int64]]]
"""Series of a sort of signal, and the period of each in microseconds."""


class Incidents:
    """Groups of alarms. Used on the keeper thread, `add` to `decide` in one transaction.

    Args:
        table: the series table of the store, as it is now.
        slots: series and periods that a rule (or, for None, silence) watches.

    Attributes:
        single: opens or joins the case of one event, and returns its id; set by the event writer.
        touched: cases whose set of events changed, for who tells them.
    """

    single: Callable[[Found, str, str], str]

    def __init__(
        self,
        database: Database,
        registry: Registry,
        engine: CaseEngine,
        clock: HouseClock,
        table: Callable[[], SeriesTable],
        slots: Callable[[Rule | None], Slots],
    ) -> None:
        self._database, self._registry, self._engine = database, registry, engine
        self._clock, self._table, self._slots = clock, table, slots
        self.relations = Relations(registry)
        self._sorts: dict[str, Sort] = defaultdict(Sort)
        self._rules: dict[str, Rule] = {}
        self._of_event: dict[str, tuple[str, int]] = {}
        self._told: list[int] = []
        self._asked: tuple[Any, Any] = (None, None)
        self.touched: set[str] = set()

    # -- what comes in ------------------------------------------------------------------------

    def add(self, found: Found, event: str, source: str) -> None:
        """An event that needs a case; decided by the next `decide`."""
        thing = self.relations.number(found.thing)
        name = self._follow(found.rule, event, thing)
        sort = self._sorts[name]
        if thing not in sort.waiting:
            sort.fresh[thing] = found.onset
        sort.waiting[thing].append(Waiting(found, event, source))

    def _follow(self, rule: Rule, event: str, thing: int) -> str:
        name = SILENCE if isinstance(rule.condition, Silence) else rule.id
        self._rules[rule.id] = rule
        self._sorts[name].open[thing].add(event)
        self._of_event[event] = (name, thing)
        return name

    def ended(self, event: str) -> None:
        """An event is over."""
        name, thing = self._of_event.pop(event, ("", -1))
        if thing < 0:
            return
        sort = self._sorts[name]
        if thing in sort.fresh:
            # over before it was ever looked at: work of its own, as if it had come alone
            self._alone(sort, thing)
        if case := sort.joining.pop(thing, ""):
            self._take(sort, case, [thing])
        left = [each for each in sort.waiting.pop(thing, []) if each.event != event]
        if left:
            sort.waiting[thing] = left
        sort.open[thing].discard(event)
        if sort.open[thing]:
            return
        del sort.open[thing]
        sort.alone.pop(thing, None)
        for number in sort.tracker.recover([thing]):
            case = sort.cases.pop(number)
            with self._database.writing() as connection:
                connection.execute(
                    sa.update(incidents)
                    .where(incidents.c.case_id == case)
                    .values(ended_at=self._clock.now())
                )

    # -- decisions ----------------------------------------------------------------------------

    def undecided(self) -> bool:
        """True while an event waits for a case."""
        return any(sort.waiting for sort in self._sorts.values())

    def taking(self) -> set[str]:
        """The cases that events are still to be put into."""
        return {case for sort in self._sorts.values() for case in sort.joining.values()}

    def joining(self) -> bool:
        """True while the events of an incident are still to be put into its case."""
        return any(sort.joining for sort in self._sorts.values())

    def decide(self, now: int) -> None:
        """Give what waits its case, as far as it is ripe; in the open transaction.

        Args:
            now: the moment up to which everything that came in is known, microseconds.
        """
        for name, sort in list(self._sorts.items()):
            if sort.joining:
                self._take_some(sort)
            if not sort.waiting or sort.joining:
                continue
            relations, observed = self._observed(name, now)
            fresh, sort.fresh = sort.fresh, {}
            decided = sort.tracker.turn(list(fresh), list(fresh.values()), relations, observed)
            self._carry_out(name, sort, decided)

    def _observed(self, name: str, now: int) -> tuple[list[Relation], Observed]:
        """Relations, and when each thing was last heard and well, for one sort of signal."""
        table = self._table()
        rule = None if name == SILENCE else self._rules[name]
        series, period = self._slots(rule)
        relations = self.relations.of(table)
        things = self._things_of(series, table)
        size = len(self.relations.names)
        heard = np.zeros(size, np.int64)
        every = np.full(size, int(DEFAULT_PERIOD_SECONDS * 1e6), np.int64)
        np.maximum.at(heard, things, table.arrived[series])
        every[things] = period
        if rule is not None:
            # whoever gives the same alarm is heard, but is not well
            heard[list(self._sorts[name].open)] = 0
        fast = self._clock.wanted if self._clock.wanted > 1 else 0.0
        slack = SLACK_SECONDS + DELIVERY_SECONDS * fast
        self._told = [at for at in self._told if now - at < DAY_US]
        seen = len(self._told) / max(int(np.count_nonzero(heard)), 1) / DAY_US
        return relations, Observed(
            now=now,
            heard=heard,
            period=every,
            slack=int(slack * 1e6),
            rate=max(seen, 1.0 / (FAILS_EVERY_DAYS * DAY_US)),
            misses=rule is None,
        )

    def _things_of(self, series: np.ndarray[Any, Any], table: SeriesTable) -> Any:
        """The numbers of the things of some series; the last answer is kept."""
        if self._asked[0] is not series:
            names = table.names
            numbers = [self.relations.number(names[each][0]) for each in series.tolist()]
            self._asked = (series, np.array(numbers, np.int64))
        return self._asked[1]

    def _carry_out(self, name: str, sort: Sort, decided: Decided) -> None:
        members: dict[int, list[int]] = defaultdict(list)
        for thing, number in decided.joined:
            members[number].append(thing)
        for incident in decided.opened:
            sort.cases[incident.number] = self._open(
                name,
                incident.relation,
                incident.key,
                incident.onset,
                sort,
                members[incident.number],
            )
        for smaller, into in decided.absorbed:
            self._absorb(sort.cases.pop(smaller), sort.cases[into])
            members[into] += members.pop(smaller, [])
        for number, things in members.items():
            sort.joining |= dict.fromkeys(things, sort.cases[number])
        self._take_some(sort)
        for thing in decided.single:
            self._alone(sort, thing)

    def _alone(self, sort: Sort, thing: int) -> None:
        """Give a thing's events a case of their own."""
        sort.fresh.pop(thing, None)
        for each in sort.waiting.pop(thing, []):
            sort.alone[thing] = self.single(each.found, each.event, each.source)
        self._told.append(self._clock.now())

    def _open(
        self, name: str, relation: str, key: str, onset: int, sort: Sort, things: list[int]
    ) -> str:
        """The case of a new incident; returns its id."""
        known = [each for thing in things for each in sort.waiting.get(thing, [])]
        kind, node = self.relations.title(relation, key)
        what = Title("成批失联", "silent together") if name == SILENCE else self._rules[name].title
        areas = {each.found.area for each in known}
        severity = max({each.found.rule.severity.value for each in known}, key=SEVERITIES.index)
        case = self._engine.open(
            DEVICE_GROUP.name,
            title=Title(f"{node.zh} · {what.zh}", f"{node.en} · {what.en}"),
            area=self._area(areas),
            severity=max(severity, "major", key=SEVERITIES.index),
            # the weakest source of its alarms is the source of the incident
            source=max({each.source for each in known}, key=Source.of),
            evidence={
                "relation": {"zh": kind.zh, "en": kind.en},
                "node": {"zh": node.zh, "en": node.en},
                "members": len(things),
            },
        )
        with self._database.writing() as connection:
            connection.execute(
                sa.insert(incidents).values(
                    case_id=case,
                    signal=name,
                    relation=relation,
                    node=key,
                    onset=onset,
                    opened_at=self._clock.now(),
                )
            )
        log.info("incident %s: %d things by %s %s", case, len(things), relation, key)
        return case

    def _area(self, codes: Collection[str]) -> str:
        """The smallest area that holds all of some areas."""
        first, last = min(codes), max(codes)
        size = next(
            (n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), len(first)
        )
        while size and first[:size] not in self._registry.areas:
            size -= 1
        return first[:size]

    def _take_some(self, sort: Sort) -> None:
        """Put what joins incidents into their cases, `MOST_TAKEN` things at most."""
        by_case: dict[str, list[int]] = defaultdict(list)
        for thing in list(islice(sort.joining, MOST_TAKEN)):
            by_case[sort.joining.pop(thing)].append(thing)
        for case, things in by_case.items():
            self._take(sort, case, things)

    def _take(self, sort: Sort, case: str, things: list[int]) -> None:
        """Put the events of some things into an incident's case."""
        taken: list[str] = []
        for thing in things:
            taken += [each.event for each in sort.waiting.pop(thing, [])]
            alone = sort.alone.pop(thing, None)
            if alone is not None and self._merge(alone, case):
                taken += sort.open[thing]
        self._assign(taken, case)
        self.touched.add(case)

    def _assign(self, ids: list[str], case: str) -> None:
        with self._database.writing() as connection:
            for begin in range(0, len(ids), BATCH):
                part = ids[begin : begin + BATCH]
                revision = self._database.changed("events", part[-1])
                connection.execute(
                    sa.update(events)
                    .where(events.c.id.in_(part))
                    .values(case_id=case, revision=revision)
                )

    def _merge(self, case: str, into: str) -> bool:
        """Close a case that nobody has taken up; False when somebody has."""
        try:
            self._engine.act(case, "merge", actor="rule", role="rule", fields={"parent": into})
        except CaseError:
            return False
        return True

    def _absorb(self, case: str, into: str) -> None:
        """An incident that was only the first part of a larger one."""
        with self._database.writing() as connection:
            if self._merge(case, into):
                connection.execute(
                    sa.update(events)
                    .where(events.c.case_id == case)
                    .values(case_id=into, revision=self._database.changed("events", case))
                )
            connection.execute(
                sa.update(incidents)
                .where(incidents.c.case_id == case)
                .values(ended_at=self._clock.now())
            )
        self.touched.add(into)

    # -- after a start or a rollback ----------------------------------------------------------

    def reload(self, rules: dict[str, Rule], needs_case: Callable[[Rule, int], bool]) -> None:
        """What memory holds is what is on disk: open incidents, and events without a case.

        Args:
            rules: by id, those that run.
            needs_case: whether an open event of a rule, detected then, is still to get a case.
        """
        self._sorts.clear()
        self._of_event.clear()
        e, i = events.c, incidents.c
        with self._database.reading() as connection:
            grouped = {
                row.case_id: row
                for row in connection.execute(sa.select(incidents).where(i.ended_at.is_(None)))
            }
            rows = connection.execute(sa.select(events).where(e.ended_at.is_(None))).all()
        members: dict[str, list[int]] = defaultdict(list)
        for row in rows:
            rule = rules.get(row.rule)
            if rule is None or not row.thing:
                continue
            thing = self.relations.number(row.thing)
            if row.case_id in grouped:
                self._follow(rule, row.id, thing)
                members[row.case_id].append(thing)
            elif row.case_id is None and needs_case(rule, row.detected_at):
                self.add(_found(row, rule), row.id, row.source)
        for case, things in members.items():
            row = grouped[case]
            sort = self._sorts[row.signal]
            number = sort.tracker.resume(row.relation, row.node, row.onset, things, row.opened_at)
            sort.cases[number] = case


def _found(row: Any, rule: Rule) -> Found:
    """What a rule found, from the event that was written of it."""
    return Found(
        rule=rule,
        opens=True,
        thing=row.thing,
        area=row.area,
        source=int(Source.of(row.source)),
        onset=row.started_at,
        at=row.started_at,
        detected=row.detected_at,
        value=row.value,
        extreme=row.extreme,
        bound=row.limit,
    )
