"""Rules compiled to slots, fed with committed rows, kept over restarts.

A slot is one rule on one series. Finding the slots of a new series is a look-up by (kind,
property); running a row costs its own slots only. State is a snapshot file plus the rows since:
after kill -9 the engine reads the snapshot, replays the rows of later commits from the store, and
comes to the same transitions with the same event ids.
"""

from __future__ import annotations

import logging
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from xinji.loop import rule_kernel as kernel
from xinji.loop.rule_slots import Slots
from xinji.model.rules import (
    CountInArea,
    Rule,
    Silence,
)
from xinji.store.observations import Float64, Int32, Int64
from xinji.store.registry import Registry
from xinji.store.series import SeriesTable

log = logging.getLogger(__name__)

DEFAULT_PERIOD_SECONDS = 60.0
"""How often a property reports that does not say how often."""


@dataclass(frozen=True, slots=True)
class Found:
    """A transition: an episode of a rule begins or ends.

    `thing` is empty for a rule over an area. `at` is the onset (or the end), `detected` the time of
    the observation that showed it; both Unix microseconds.
    """

    rule: Rule
    opens: bool
    thing: str
    area: str
    source: int
    onset: int
    at: int
    detected: int
    value: float
    extreme: float
    bound: float
    indicator: str = ""

    @property
    def subject(self) -> str:
        """What the episode is about: a thing, an indicator of the plan, or an area."""
        return self.thing or self.indicator or self.area


class RuleEngine:
    """All rules of a house and their state. Used on the keeper thread only.

    Attributes:
        rules: those that are compiled.
        changed: ids of those whose state was lost when they were compiled last.
    """

    def __init__(self, registry: Registry, table: SeriesTable) -> None:
        self._registry = registry
        self.table = table
        self.rules: list[Rule] = []
        self.changed: set[str] = set()
        self._compiled = Slots(())
        self._newest = np.zeros(len(table.last_time), np.int64)
        self._silence = Silences()
        self._forget_series()
        self.set_rules(())

    def _forget_series(self) -> None:
        self._series_of: dict[tuple[str, str], list[int]] = defaultdict(list)
        self._attached, self._version = 0, self._registry.version

    def set_rules(self, rules: Iterable[Rule]) -> None:
        """Compile rules; state of rules that did not change is kept."""
        before, silent_before, rules_before = self._compiled, self._silence, self.rules
        self.rules = [rule for rule in rules if rule.enabled]
        self._by_property: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, rule in enumerate(self.rules):
            self._by_property[rule.kind, rule.property].append(number)
        self._out = np.zeros(16_384, kernel.TRANSITION)
        self._compiled = Slots([_key(rule) for rule in self.rules])
        self._silence = Silences()
        if self._version != self._registry.version:
            # a thing may have another kind or area by now
            self._forget_series()
        else:
            self._compiled.reach(self._attached)
            for name, series in self._series_of.items():
                self._add(name, series)
        self.attach()
        self._compiled.take_state(before)
        self._silence.take_state(self.rules, silent_before, rules_before)
        known = {_key(rule) for rule in self.rules}
        self.changed = {rule.id for rule in rules_before if _key(rule) not in known}

    def attach(self) -> None:
        """Give the series that are new in the table their slots. O(new series)."""
        names, things = self.table.names, self._registry.things
        begin, count = self._attached, len(names)
        if begin == count:
            return
        self._compiled.reach(count)
        new: dict[tuple[str, str], list[int]] = defaultdict(list)
        for series in range(begin, count):
            thing, name, _ = names[series]
            place = things.get(thing)
            if place is not None:
                new[place.kind, name].append(series)
        for known, found in new.items():
            self._series_of[known] += found
            self._add(known, found)
        self._attached = count

    def _add(self, name: tuple[str, str], series: list[int]) -> None:
        """Slots of the rules on a property of a kind, for some of its series."""
        for number in self._by_property.get(name, ()):
            rule = self.rules[number]
            if rule.area or rule.things:
                inside = [each for each in series if self._concerns(rule, each)]
            else:
                inside = series
            found = np.array(inside, np.int32)
            if isinstance(rule.condition, Silence):
                self._silence.add(number, found, int(rule.condition.seconds * 1e6))
            elif isinstance(rule.condition, CountInArea):
                groups = [self._group(number, rule.condition, each) for each in inside]
                self._compiled.add(number, rule, found, np.array(groups, np.int32))
            else:
                self._compiled.add(number, rule, found)

    def _concerns(self, rule: Rule, series: int) -> bool:
        thing = self.table.names[series][0]
        if rule.things and thing not in rule.things:
            return False
        return self._registry.things[thing].area.startswith(rule.area)

    def _group(self, number: int, condition: CountInArea, series: int) -> int:
        thing, _, source = self.table.names[series]
        area = self._registry.things[thing].area
        code = next(
            (
                each.code
                for each in self._registry.areas.values()
                if each.level == condition.level and area.startswith(each.code)
            ),
            "",
        )
        return self._compiled.group((number, code, source), condition.least)

    def warm(self) -> None:
        """Compile (or load) the kernel now rather than in the first commit."""
        none = np.zeros(0, np.int64)
        self._run(0, none.astype(np.int32), none, none.astype(np.float64))

    def observe(self, series: Int32, times: Int64, values: Float64) -> list[Found]:
        """Run rows in order of arrival; returns the transitions."""
        self.attach()
        found: list[Found] = []
        begin = 0
        while begin < len(series):
            begin, written = self._run(begin, series, times, values)
            found.extend(self._read(self._out[:written]))
        return found

    def _run(self, begin: int, series: Int32, times: Int64, values: Float64) -> tuple[int, int]:
        c = self._compiled
        begin, written = kernel.run(
            begin, series, times, values, self._newest, c.first, c.following,
            c.slots, c.groups, c.rings, c.means, c.weeks, self._out,
        )  # fmt: skip
        return int(begin), int(written)

    def _read(self, transitions: NDArray[np.void]) -> Iterator[Found]:
        for row in transitions:
            what = int(row["what"])
            if what in (kernel.GROUP_OPEN, kernel.GROUP_CLOSE):
                number, area, source = self._compiled.group_keys[row["slot"]]
                thing, opens = "", what == kernel.GROUP_OPEN
            else:
                slot = self._compiled.slots[row["slot"]]
                number = int(slot["rule"])
                thing, _, source = self.table.names[slot["series"]]
                area, opens = self._registry.things[thing].area, what == kernel.OPEN
            yield Found(
                rule=self.rules[number],
                opens=opens,
                thing=thing,
                area=area,
                source=source,
                onset=int(row["onset"]),
                at=int(row["at"]),
                detected=int(row["detected"]),
                value=float(row["value"]),
                extreme=float(row["extreme"]),
                bound=float(row["bound"]),
            )

    def watched(self, rule: Rule | None) -> tuple[Int32, Int64]:
        """The series that a rule watches, and how often each reports (microseconds).

        None is silence: all its rules together. A thing is missed after three periods.
        """
        self.attach()
        if rule is None:
            return self._silence.series, self._silence.limits // 3
        compiled = self._compiled
        slots = compiled.slots[: compiled.count]
        number = next((n for n, known in enumerate(self.rules) if known.id == rule.id), -1)
        found = slots["series"][slots["rule"] == number].astype(np.int32)
        known = self._registry.properties[rule.kind, rule.property]
        period = known.expected_seconds or DEFAULT_PERIOD_SECONDS
        return found, np.full(len(found), int(period * 1e6), np.int64)

    def listen(
        self,
        now: int,
        on_the_way: int | None = None,
        lost: Callable[[Int64, int], Int64] | None = None,
    ) -> list[Found]:
        """Silence by the house clock: who fell silent, and who is heard again.

        On a fast clock a hiccup of the machine is minutes of everybody's time. With `on_the_way`
        (microseconds) a thing is silent only by that much behind the last one that the same rule
        heard, so that a carrier that lags as a whole makes nobody silent. `lost` tells how much of
        the time since some moments the house could hear nobody (`Listening.lost`).
        """
        self.attach()
        silence = self._silence
        if not len(silence.series):
            return []
        arrived = self.table.arrived[silence.series]
        until: Int64 | int = now
        if on_the_way is not None:
            heard = np.zeros(len(self.rules), np.int64)
            np.maximum.at(heard, silence.rules, arrived)
            until = np.minimum(now, heard[silence.rules] - on_the_way)
        missed = until - arrived
        if lost is not None:
            missed = missed - lost(arrived, now)
        silent = (arrived > 0) & (missed > silence.limits)
        begins = np.flatnonzero(silent & (silence.since == 0))
        ends = np.flatnonzero(~silent & (silence.since > 0))
        silence.since[begins] = arrived[begins]
        found = [
            self._silence_found(at, opens=True, at=int(arrived[at]), now=now)
            for at in begins.tolist()
        ]
        found += [
            self._silence_found(at, opens=False, at=int(arrived[at]), now=now)
            for at in ends.tolist()
        ]
        silence.since[ends] = 0
        return found

    def _silence_found(self, slot: int, *, opens: bool, at: int, now: int) -> Found:
        silence = self._silence
        onset = int(silence.since[slot])
        thing, _, source = self.table.names[silence.series[slot]]
        return Found(
            rule=self.rules[silence.rules[slot]],
            opens=opens,
            thing=thing,
            area=self._registry.things[thing].area,
            source=source,
            onset=onset,
            at=at,
            detected=now,
            value=(now - onset) / 1e6,
            extreme=(at - onset) / 1e6 if not opens else (now - at) / 1e6,
            bound=int(silence.limits[slot]) / 1e6,
        )

    def resume_silence(self, now: int, open_events: dict[tuple[str, str, int], int]) -> None:
        """After a restart: a full period of grace for all, but open silences stay open.

        `open_events` maps (rule, thing, source) to the onset of the open event. Who was heard
        since is well: the next `listen` ends the event.
        """
        self.attach()
        silence, arrived = self._silence, self.table.arrived
        silence.since[:] = 0
        unheard = (arrived[silence.series] == 0) & (self.table.last_time[silence.series] != 0)
        places: dict[tuple[str, str, int], int] = {}
        if open_events:
            for at, (number, series) in enumerate(
                zip(silence.rules.tolist(), silence.series.tolist(), strict=True)
            ):
                thing, _, source = self.table.names[series]
                places[self.rules[number].id, thing, source] = at
        for key, onset in open_events.items():
            at = places.get(key, -1)
            if at < 0:
                continue
            silence.since[at] = onset
            series = silence.series[at]
            if arrived[series] == 0:
                arrived[series] = min(onset, now - int(silence.limits[at]) - 1)
            unheard[at] = False
        arrived[silence.series[unheard]] = now

    def forget(self) -> None:
        """Drop all state; the next rows are the first."""
        rules = self.rules
        self._compiled, self._silence = Slots(()), Silences()
        self._newest[:] = 0
        self.rules = []
        self._forget_series()
        self.set_rules(rules)

    def active(self, only: set[str] | None = None) -> set[tuple[str, str, str, int]]:
        """(rule, thing, area, source) of every open episode, or of those of some rules."""
        found = set()
        names, compiled = self.table.names, self._compiled
        numbers = [n for n, rule in enumerate(self.rules) if only is None or rule.id in only]
        slots = compiled.slots[: compiled.count]
        open_ = np.isin(slots["phase"], (kernel.ACTIVE, kernel.CLEARING))
        open_ &= (slots["type"] != kernel.COUNT) & np.isin(slots["rule"], numbers)
        for slot in slots[open_]:
            thing, _, source = names[slot["series"]]
            found.add((self.rules[slot["rule"]].id, thing, "", source))
        for at, (number, area, source) in enumerate(compiled.group_keys):
            if compiled.groups[at]["active"]:
                found.add((self.rules[number].id, "", area, source))
        silence = self._silence
        silent = (silence.since > 0) & np.isin(silence.rules, numbers)
        for at in np.flatnonzero(silent).tolist():
            thing, _, source = names[silence.series[at]]
            found.add((self.rules[silence.rules[at]].id, thing, "", source))
        return found

    def save(self, path: Path, commit: int) -> None:
        """Write the snapshot as of `commit`; the old one stays until the new one is on disk."""
        temporary = path.with_suffix(".new")
        with temporary.open("wb") as file:
            arrays: dict[str, Any] = self._compiled.saved()
            arrays |= {"commit": np.int64(commit), "newest": self._newest[: self._attached]}
            np.savez(file, **arrays)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)

    def load(self, path: Path) -> int:
        """Take the state of a snapshot; returns its commit, 0 when there is none to be had."""
        self.forget()
        self.attach()
        try:
            with np.load(path, allow_pickle=False) as saved:
                newest, commit = saved["newest"], int(saved["commit"])
                self._compiled.take_state(Slots.of_saved(saved))
                self._newest[: len(newest)] = newest
        except FileNotFoundError:
            return 0
        except Exception as error:
            # a flipped byte reaches zipfile, zlib, the header's parser or the allocator
            what = f"{type(error).__name__}: {error}"[:200]
            log.warning("%s: unreadable (%s); the rules are rebuilt from the store", path, what)
            self.forget()
            return 0
        return commit


class Silences:
    """The silence rules on their series, as arrays of one length.

    Attributes:
        rules, series: which rule watches which series.
        limits: after how many microseconds it is missed.
        since: onset of the silence that is open, 0 for none.
    """

    def __init__(self) -> None:
        self.rules: Int32 = np.zeros(0, np.int32)
        self.series: Int32 = np.zeros(0, np.int32)
        self.limits: Int64 = np.zeros(0, np.int64)
        self.since: Int64 = np.zeros(0, np.int64)

    def add(self, number: int, series: Int32, limit: int) -> None:
        """Watch some series by a rule."""
        count = len(series)
        self.rules = np.concatenate([self.rules, np.full(count, number, np.int32)])
        self.series = np.concatenate([self.series, series])
        self.limits = np.concatenate([self.limits, np.full(count, limit, np.int64)])
        self.since = np.concatenate([self.since, np.zeros(count, np.int64)])

    def take_state(self, rules: list[Rule], other: Silences, its_rules: list[Rule]) -> None:
        """What was silent for a rule of the same id is not found a second time."""
        open_ = np.flatnonzero(other.since)
        if not len(open_) or not len(self.series):
            return
        numbers = {rule.id: number for number, rule in enumerate(rules)}
        now = np.array([numbers.get(rule.id, -1) for rule in its_rules], np.int64)
        rule = now[other.rules[open_]]
        wanted = rule << 32 | other.series[open_]
        have = self.rules.astype(np.int64) << 32 | self.series
        order = np.argsort(have)
        place = np.searchsorted(have[order], wanted)
        there = np.flatnonzero((rule >= 0) & (place < len(have)))
        of = there[have[order[place[there]]] == wanted[there]]
        self.since[order[place[of]]] = other.since[open_][of]


def _key(rule: Rule) -> str:
    """A rule with everything that its state depends on."""
    parts = (rule.id, rule.kind, rule.property, rule.condition, rule.area, rule.things)
    return msgspec.json.encode(parts).decode()
