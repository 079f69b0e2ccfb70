"""Writes what the rules find: events, the cases they open or join, the state of things.

An event's id is made from rule, thing and onset, so finding the same episode again after a crash
changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

import sqlalchemy as sa

from xinji.access.chain import sm3
from xinji.loop.cases import CaseEngine
from xinji.loop.clock import HouseClock
from xinji.loop.incidents import Incidents
from xinji.loop.rules import Found
from xinji.model.observations import Source
from xinji.model.rules import Rule, Silence
from xinji.model.title import Title
from xinji.store.database import Database, Prepared
from xinji.store.registry import Registry
from xinji.store.schema import events, things

STALE_US = 3600 * 1_000_000
"""An episode that was found more than this after it happened is recorded but makes no work."""


def event_id(found: Found) -> str:
    """The id of an episode: the same one whenever and however often it is found."""
    return sm3(f"{found.rule.id}|{found.subject}|{found.source}|{found.onset}".encode())[:24]


Ended = tuple[str, str, int, float | None]
"""An event that is over: its id, its thing, when (microseconds), the extreme value."""

Door = Callable[[Found, str, str], str]
"""How a case type takes an event in: (found, event id, source word) -> case id."""


class EventWriter:
    """Used on the keeper thread.

    Args:
        incidents: decides which events share a case; it is told here how one gets a case alone.

    Attributes:
        doors: by case type, for those that do not take one case per thing and class.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        engine: CaseEngine,
        clock: HouseClock,
        incidents: Incidents,
    ) -> None:
        self._database, self._registry, self._engine = database, registry, engine
        self._clock = clock
        self.incidents = incidents
        incidents.single = self._case_of_one
        # cases whose set of events changed in the open transaction
        self._touched = incidents.touched
        e = events.c
        self._known = Prepared(
            sa.select(e.case_id).where(e.id == sa.bindparam("event")), database.writer
        )
        self._insert = Prepared(sa.insert(events), database.writer)
        self._end = Prepared(
            sa.update(events)
            .where(e.id == sa.bindparam("event"), e.ended_at.is_(None))
            .values(
                ended_at=sa.bindparam("ended"),
                extreme=sa.bindparam("worst"),
                revision=sa.bindparam("new_revision"),
            ),
            database.writer,
        )
        self._set_state = Prepared(
            sa.update(things)
            .where(things.c.id == sa.bindparam("thing"))
            .values(state=sa.bindparam("new_state"), revision=sa.bindparam("new_revision")),
            database.writer,
        )
        self._rules: dict[str, Rule] = {}
        self._silence_rules: set[str] = set()
        self.doors: dict[str, Door] = {}
        self._load()

    def _load(self) -> None:
        """Open events, and the things heard so far, from the database."""
        self._open: dict[str, dict[str, str]] = defaultdict(dict)
        with self._database.reading() as connection:
            for row in connection.execute(
                sa.select(events.c.id, events.c.thing, events.c.rule).where(
                    events.c.ended_at.is_(None)
                )
            ):
                self._open[row.thing][row.id] = row.rule
            self._heard = set(
                connection.execute(
                    sa.select(things.c.id).where(things.c.state != "no data")
                ).scalars()
            )

    def set_rules(self, rules: Iterable[Rule]) -> None:
        """Know the rules: which mean silence, and whose events are still to get a case."""
        self._rules = {rule.id: rule for rule in rules}
        self._silence_rules = {
            rule.id for rule in self._rules.values() if isinstance(rule.condition, Silence)
        }

    def resume(self) -> None:
        """Take up open incidents, and events that a kill left without a case."""
        self.incidents.reload(self._rules, self._is_grouped)

    def _is_grouped(self, rule: Rule, detected: int) -> bool:
        """Whether an event gets a case by `incidents`: it is fresh and no door takes it."""
        known = self._engine.classes.get(rule.case_class)
        fresh = self._clock.now() - detected <= STALE_US
        return known is not None and known.type not in self.doors and fresh

    def first(self, thing: str) -> bool:
        """True when nothing was ever received from a thing."""
        return thing not in self._heard

    def write(
        self,
        found: Iterable[Found],
        heard: Iterable[str] = (),
        *,
        ended: Iterable[Ended] = (),
        now: int = 0,
        decide: bool = True,
    ) -> None:
        """Record transitions, and things heard for the first time, in one transaction.

        Args:
            ended: events that are over without the rule that found them.
            now: the moment up to which everything that came in is known; default the clock's.
            decide: give the events that are ripe their cases; False when more come at once.

        Raises:
            StoreFull: nothing was recorded; memory is as on disk again.
        """
        try:
            with self._database.writing():
                for each in found:
                    if each.opens:
                        self._begin(each)
                    else:
                        self._finish(each)
                for each_ended in ended:
                    self._end_event(*each_ended)
                for thing in heard:
                    self._heard.add(thing)
                    self._state(thing)
                if decide:
                    self.incidents.decide(now or self._clock.now())
                # once for all events of a case: an incident has thousands
                # a case that still takes its events is told when it has them all
                held = self.incidents.taking()
                while ready := self._touched - held:
                    self._touched -= ready
                    for case in ready:
                        self._engine.signal(case)
        except Exception:
            self._touched.clear()
            self._load()
            self._engine.reload()
            self.resume()
            raise

    def _begin(self, found: Found) -> None:
        rule = found.rule
        number = event_id(found)
        cursor = self._database.cursor()
        if self._known(cursor, event=number).fetchone() is not None:
            return
        now = self._clock.now()
        source = Source(found.source).word
        self._insert(
            cursor,
            id=number,
            rule=rule.id,
            thing=found.thing,
            area=found.area,
            started_at=found.onset,
            detected_at=found.detected,
            ended_at=None,
            severity=rule.severity.value,
            value=found.value,
            extreme=found.extreme,
            limit=found.bound,
            source=source,
            case_id=None,
            revision=self._database.changed("events", number),
        )
        self._open[found.thing][number] = rule.id
        self._state(found.thing)
        if rule.case_class and now - found.detected <= STALE_US:
            self._make_work(found, number, source)

    def _make_work(self, found: Found, number: str, source: str) -> None:
        """A case for an event: the door's, the thing's open one, or what `incidents` decides."""
        rule = found.rule
        known = self._engine.classes.get(rule.case_class)
        door = self.doors.get(known.type) if known else None
        if door is not None:
            self._join(number, door(found, number, source))
        elif not found.thing or self._engine.open_case(found.subject, rule.case_class):
            self._case_of_one(found, number, source)
        else:
            self.incidents.add(found, number, source)

    def _case_of_one(self, found: Found, number: str, source: str) -> str:
        """Attach an event to the open case of the same subject and class, or to a new one."""
        rule = found.rule
        case = self._engine.open_case(found.subject, rule.case_class)
        if case is None:
            place = self._registry.things.get(found.thing)
            subject = Title(place.name, place.name) if place else self._area_title(found.area)
            case = self._engine.open(
                rule.case_class,
                title=Title(f"{subject.zh} · {rule.title.zh}", f"{subject.en} · {rule.title.en}"),
                thing=found.thing,
                area=found.area,
                severity=rule.severity.value,
                source=source,
                indicator=found.indicator or None,
                evidence={
                    "event": number,
                    "rule": rule.id,
                    "value": found.value,
                    "limit": found.bound,
                },
            )
        self._join(number, case)
        return case

    def _join(self, number: str, case: str) -> None:
        with self._database.writing() as connection:
            connection.execute(sa.update(events).where(events.c.id == number).values(case_id=case))
        self._touched.add(case)

    def _area_title(self, code: str) -> Title:
        area = self._registry.areas.get(code)
        return area.title if area else Title(code, code)

    def _finish(self, found: Found) -> None:
        self._end_event(event_id(found), found.thing, found.at, found.extreme)

    def _end_event(self, number: str, thing: str, at: int, extreme: float | None) -> None:
        cursor = self._database.cursor()
        done = self._end(
            cursor,
            event=number,
            ended=at,
            worst=extreme,
            new_revision=self._database.changed("events", number),
        )
        if not done.rowcount:
            return
        self._open[thing].pop(number, None)
        self._state(thing)
        self.incidents.ended(number)
        case = self._known(cursor, event=number).fetchone()[0]
        if case is not None:
            self._touched.add(case)

    def _state(self, thing: str) -> None:
        """Write a thing's state from its open events."""
        if thing not in self._registry.things:
            return
        rules = self._open[thing].values()
        if any(rule in self._silence_rules for rule in rules):
            state = "silent"
        elif rules:
            state = "alarm"
        else:
            state = "good"
        self._set_state(
            self._database.cursor(),
            thing=thing,
            new_state=state,
            new_revision=self._database.changed("things", thing),
        )

    def open_events(self) -> list[tuple[str, str, str]]:
        """(id, thing, rule) of every open event."""
        return [(n, thing, rule) for thing, each in self._open.items() for n, rule in each.items()]
