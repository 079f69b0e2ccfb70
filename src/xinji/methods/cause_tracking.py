"""Signals as they come, turned into incidents with their members, and into single alarms.

A signal joins an incident that is open and explains it; otherwise it waits in a pool. Each turn
looks for nodes that explain what is in the pool. A signal that no node explains is told alone, at
once when its neighbours are well, after `HOLD` when it looks like the first of many. It stays in
the pool for `KEEP`, so that a cause found later takes it too: the slow reporters of a fallen
gateway are missed hours after the fast ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from xinji.methods.common_cause import MINIMUM, Observed, Relation, explain, fits, suspicious

SECOND = 1_000_000
HOLD = 60 * SECOND
KEEP = 2 * 3600 * SECOND
OPEN = 3 * 3600 * SECOND
"""How long after its last member a cause takes more; the slowest reporters are missed by then."""
SETTLE = 5 * SECOND
"""A cause is named when this has passed since its first signal: a circuit may be the first part of
an adapter."""
MOST_ASKED = 200
"""Signals of one turn that are looked at one by one; in a larger turn all wait for a cause."""


@dataclass(slots=True)
class Incident:
    """An open cause.

    Attributes:
        number: its own, 1, 2, 3 ...
        relation, key: which node fell.
        onset: when.
        joined: when the last member came.
        members: things that are in it and have not recovered.
    """

    number: int
    relation: str
    key: str
    onset: int
    joined: int
    members: set[int] = field(default_factory=set)


@dataclass(slots=True)
class Signal:
    """A thing that gave a signal and is in no incident: last heard, since when, told alone."""

    last: int
    since: int
    told: bool = False


@dataclass(frozen=True, slots=True)
class Decided:
    """What a turn decided.

    Attributes:
        opened: new incidents.
        joined: (thing, incident) of every signal that an incident took, those of new ones too.
        absorbed: (incident, into): an incident that was only the first part of a larger one.
        single: things to be told alone.
    """

    opened: list[Incident]
    joined: list[tuple[int, int]]
    absorbed: list[tuple[int, int]]
    single: list[int]


class Tracker:
    """The pool and the open incidents of one sort of signal."""

    def __init__(self) -> None:
        self.pool: dict[int, Signal] = {}
        self.incidents: dict[int, Incident] = {}
        self._count = 0

    def resume(self, relation: str, key: str, onset: int, members: Iterable[int], now: int) -> int:
        """Take up an incident that was open before a restart; its number."""
        return self._open(relation, key, onset, set(members), now).number

    def recover(self, things: Iterable[int]) -> list[int]:
        """Things that are well again; the incidents that have no member left."""
        ended = []
        gone = set(things)
        for thing in gone:
            self.pool.pop(thing, None)
        for number, incident in list(self.incidents.items()):
            if not incident.members.isdisjoint(gone):
                incident.members -= gone
                if not incident.members:
                    del self.incidents[number]
                    ended.append(number)
        return ended

    def turn(
        self,
        things: Sequence[int],
        last: Sequence[int],
        relations: Sequence[Relation],
        observed: Observed,
    ) -> Decided:
        """Take new signals (`last`: when each thing was last well) and decide what is ripe."""
        now = observed.now
        joined = self._join(things, last, relations, observed)
        taken = {thing for thing, _ in joined}
        for thing, heard in zip(things, last, strict=True):
            if thing not in taken:
                self.pool[thing] = Signal(heard, now)
        opened, more, absorbed, unripe = self._explain(relations, observed)
        joined += more
        single = self._single(relations, observed, unripe)
        for thing, signal in list(self.pool.items()):
            if signal.told and now - signal.since > KEEP:
                del self.pool[thing]
        return Decided(opened, joined, absorbed, single)

    def _join(
        self,
        things: Sequence[int],
        last: Sequence[int],
        relations: Sequence[Relation],
        observed: Observed,
    ) -> list[tuple[int, int]]:
        if not things or not self.incidents:
            return []
        numbers, heard = np.array(things, np.int64), np.array(last, np.int64)
        period = observed.period[numbers]
        free = np.ones(len(numbers), np.bool_)
        by_name = {relation.name: relation for relation in relations}
        joined: list[tuple[int, int]] = []
        for incident in self.incidents.values():
            relation = by_name.get(incident.relation)
            if relation is None or observed.now - incident.joined > OPEN:
                continue
            node = relation.node(incident.key)
            mine = free & (relation.codes[numbers] == node) if node >= 0 else ~free & free
            mine &= fits(incident.onset, heard, period, 2 * observed.slack)
            if mine.any():
                free &= ~mine
                incident.joined = observed.now
                for thing in numbers[mine].tolist():
                    incident.members.add(thing)
                    joined.append((thing, incident.number))
        return joined

    def _explain(
        self, relations: Sequence[Relation], observed: Observed
    ) -> tuple[list[Incident], list[tuple[int, int]], list[tuple[int, int]], set[int]]:
        """New incidents, their members, those they absorb; and what a cause not yet ripe holds."""
        unripe: set[int] = set()
        pool = np.fromiter(self.pool, np.int64, len(self.pool))
        last = np.array([self.pool[thing].last for thing in pool.tolist()], np.int64)
        since = np.array([self.pool[thing].since for thing in pool.tolist()], np.int64)
        told = np.array([self.pool[thing].told for thing in pool.tolist()], np.bool_)
        opened: list[Incident] = []
        joined: list[tuple[int, int]] = []
        absorbed: list[tuple[int, int]] = []
        if len(pool) < MINIMUM or told.all():
            return opened, joined, absorbed, unripe
        for cause in explain(pool, last, relations, observed):
            things = pool[cause.taken]
            waited = observed.now - int(
                since[cause.taken][~told[cause.taken]].min(initial=observed.now)
            )
            if waited < SETTLE + observed.slack:
                unripe.update(things.tolist())
                continue
            relation = relations[cause.relation]
            incident = self._open(
                relation.name,
                relation.keys[cause.node],
                cause.onset,
                set(things.tolist()),
                observed.now,
            )
            opened.append(incident)
            joined += [(thing, incident.number) for thing in incident.members]
            for thing in incident.members:
                del self.pool[thing]
            absorbed += self._absorb(incident, relation, cause.node, observed)
        return opened, joined, absorbed, unripe

    def _absorb(
        self, into: Incident, relation: Relation, node: int, observed: Observed
    ) -> list[tuple[int, int]]:
        """Earlier incidents that were only a part of this one."""
        found = []
        for other in list(self.incidents.values()):
            if other is into or abs(other.onset - into.onset) > 4 * observed.slack + HOLD:
                continue
            members = np.fromiter(other.members, np.int64, len(other.members))
            if not len(members) or np.mean(relation.codes[members] == node) < 0.9:
                continue
            into.members |= other.members
            del self.incidents[other.number]
            found.append((other.number, into.number))
        return found

    def _single(
        self, relations: Sequence[Relation], observed: Observed, unripe: set[int]
    ) -> list[int]:
        waiting = [(thing, signal) for thing, signal in self.pool.items() if not signal.told]
        single = []
        for thing, signal in waiting:
            age = observed.now - signal.since
            if age <= HOLD + 2 * observed.slack and (
                thing in unripe
                or len(waiting) > MOST_ASKED
                or (observed.misses and suspicious(thing, signal.last, relations, observed))
            ):
                continue
            signal.told = True
            single.append(thing)
        return single

    def _open(self, relation: str, key: str, onset: int, members: set[int], now: int) -> Incident:
        self._count += 1
        incident = Incident(self._count, relation, key, onset, now, members)
        self.incidents[self._count] = incident
        return incident
