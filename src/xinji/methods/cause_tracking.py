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

from xinji.methods.common_cause import (
    MINIMUM,
    Ints,
    Observed,
    Relation,
    explain,
    fits,
    suspicious,
)

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


class Pool:
    """Things that gave a signal and are in no incident; arrays by the number of the thing.

    Attributes:
        here: whether a thing is in the pool; what the other arrays hold of others means nothing.
        told: whether it was told alone.
        last: when it was last heard and well.
        since: when its signal came.
    """

    def __init__(self) -> None:
        self.here, self.told = np.zeros(0, np.bool_), np.zeros(0, np.bool_)
        self.last, self.since = np.zeros(0, np.int64), np.zeros(0, np.int64)

    def __len__(self) -> int:
        return int(np.count_nonzero(self.here))

    def things(self) -> Ints:
        """Everything in the pool, ascending."""
        return np.flatnonzero(self.here)

    def untold(self) -> Ints:
        """What was not told alone, ascending."""
        return np.flatnonzero(self.here & ~self.told)

    def put(self, things: Ints, last: Ints, now: int) -> None:
        """Signals that come at `now`."""
        if not len(things):
            return
        more = int(things.max()) + 1 - len(self.here)
        if more > 0:
            more = max(more, len(self.here))
            self.here, self.told = (np.pad(each, (0, more)) for each in (self.here, self.told))
            self.last, self.since = (np.pad(each, (0, more)) for each in (self.last, self.since))
        self.here[things], self.told[things] = True, False
        self.last[things], self.since[things] = last, now

    def drop(self, things: Ints) -> None:
        """Take things out; one that is not there is passed over."""
        self.here[things[things < len(self.here)]] = False


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
        self.pool = Pool()
        self.incidents: dict[int, Incident] = {}
        self._count = 0

    def resume(self, relation: str, key: str, onset: int, members: Iterable[int], now: int) -> int:
        """Take up an incident that was open before a restart; its number."""
        return self._open(relation, key, onset, set(members), now).number

    def recover(self, things: Iterable[int]) -> list[int]:
        """Things that are well again; the incidents that have no member left."""
        ended = []
        gone = set(things)
        self.pool.drop(np.fromiter(gone, np.int64, len(gone)))
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
        self.pool.put(np.array(things, np.int64), np.array(last, np.int64), now)
        self.pool.drop(np.array([thing for thing, _ in joined], np.int64))
        opened, more, absorbed, unripe = self._explain(relations, observed)
        joined += more
        single = self._single(relations, observed, unripe)
        pool = self.pool
        pool.here &= ~(pool.told & (now - pool.since > KEEP))
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
                members = numbers[mine].tolist()
                incident.members.update(members)
                joined += [(thing, incident.number) for thing in members]
        return joined

    def _explain(
        self, relations: Sequence[Relation], observed: Observed
    ) -> tuple[list[Incident], list[tuple[int, int]], list[tuple[int, int]], set[int]]:
        """New incidents, their members, those they absorb; and what a cause not yet ripe holds."""
        unripe: set[int] = set()
        opened: list[Incident] = []
        joined: list[tuple[int, int]] = []
        absorbed: list[tuple[int, int]] = []
        untold = self.pool.untold()
        if not len(untold):
            return opened, joined, absorbed, unripe
        ripe = observed.now - SETTLE - observed.slack
        if len(untold) > MOST_ASKED and self.pool.since[untold].min() > ripe:
            # no cause can be named yet, and all wait for one
            return opened, joined, absorbed, unripe
        pool = self.pool.things()
        last, since, told = self.pool.last[pool], self.pool.since[pool], self.pool.told[pool]
        if len(pool) < MINIMUM:
            return opened, joined, absorbed, unripe
        for cause in explain(pool, last, relations, observed):
            things = pool[cause.taken]
            begun = since[cause.taken][~told[cause.taken]].min(initial=observed.now)
            if begun > ripe:
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
            self.pool.drop(things)
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
        untold, pool = self.pool.untold(), self.pool
        old = pool.since[untold] < observed.now - HOLD - 2 * observed.slack
        single: list[int] = untold[old].tolist()
        if len(untold) <= MOST_ASKED:
            for thing in untold[~old].tolist():
                if thing in unripe or (
                    observed.misses
                    and suspicious(thing, int(pool.last[thing]), relations, observed)
                ):
                    continue
                single.append(thing)
        pool.told[single] = True
        return single

    def _open(self, relation: str, key: str, onset: int, members: set[int], now: int) -> Incident:
        self._count += 1
        incident = Incident(self._count, relation, key, onset, now, members)
        self.incidents[self._count] = incident
        return incident
