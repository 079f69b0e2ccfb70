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
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from xinji.loop import rule_kernel as kernel
from xinji.model.rules import (
    CountInArea,
    Deviation,
    OutOfRange,
    RateOfChange,
    Rule,
    Silence,
    Stuck,
    Threshold,
)
from xinji.store.observations import Float64, Int32, Int64
from xinji.store.registry import Registry
from xinji.store.series import SeriesTable

log = logging.getLogger(__name__)

_STATE = ("phase", "since", "onset", "value", "extreme", "reference", "reference_time", "spread",
          "seen", "bound")  # fmt: skip


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
    """All rules of a house and their state. Used on the keeper thread only."""

    def __init__(self, registry: Registry, table: SeriesTable) -> None:
        self._registry = registry
        self.table = table
        self.rules: list[Rule] = []
        self._saved: dict[tuple[str, int], tuple[Any, Any]] = {}
        self._saved_groups: dict[tuple[str, str, int], Any] = {}
        self.set_rules(())

    def set_rules(self, rules: Iterable[Rule]) -> None:
        """Compile rules; state of rules that did not change is kept."""
        if self.rules:
            self._remember()
        self.rules = [rule for rule in rules if rule.enabled]
        self._by_property: dict[tuple[str, str], list[int]] = defaultdict(list)
        for number, rule in enumerate(self.rules):
            self._by_property[rule.kind, rule.property].append(number)
        self._slots = np.zeros(0, kernel.SLOT)
        self._following = np.zeros(0, np.int32)
        self._first = np.zeros(0, np.int32)
        self._groups = np.zeros(0, kernel.GROUP)
        self._group_keys: list[tuple[int, str, int]] = []
        self._group_numbers: dict[tuple[int, str, int], int] = {}
        self._rings = np.zeros(1, kernel.RING)
        self._means = np.zeros((1, kernel.HOURS))
        self._weeks = np.zeros((1, kernel.HOURS), np.int64)
        self._slot_count = self._ring_count = 0
        self._attached = 0
        self._newest = np.zeros(len(self.table.last_time), np.int64)
        self._out = np.zeros(16_384, kernel.TRANSITION)
        # Rule, series, limit in microseconds, of every silence slot.
        self._silence: list[tuple[int, int, int]] = []
        self._silence_arrays: tuple[Int32, Int64] | None = None
        self._silent: dict[int, int] = {}

    def _remember(self) -> None:
        """Keep state by name, for the slots that come back after a recompile or a restart."""
        for slot in self._slots[: self._slot_count]:
            rule = self.rules[slot["rule"]]
            ring = None
            if slot["type"] == kernel.DEVIATION:
                k = slot["ring"]
                ring = (self._rings[k].copy(), self._means[k].copy(), self._weeks[k].copy())
            self._saved[_key(rule), int(slot["series"])] = (slot.copy(), ring)
        for number, (rule_number, area, source) in enumerate(self._group_keys):
            key = (_key(self.rules[rule_number]), area, source)
            self._saved_groups[key] = self._groups[number].copy()

    def attach(self) -> None:
        """Give the series that are new in the table their slots. O(new series)."""
        names = self.table.names
        count = len(names)
        if self._attached == count:
            return
        if count > len(self._first):
            size = max(1024, 1 << (count - 1).bit_length())
            grown = np.full(size, -1, np.int32)
            grown[: len(self._first)] = self._first
            self._first = grown
        for series in range(self._attached, count):
            thing, name, source = names[series]
            place = self._registry.things.get(thing)
            if place is None:
                continue
            for number in self._by_property.get((place.kind, name), ()):
                rule = self.rules[number]
                if rule.area and not place.area.startswith(rule.area):
                    continue
                if rule.things and thing not in rule.things:
                    continue
                if isinstance(rule.condition, Silence):
                    self._silence.append((number, series, int(rule.condition.seconds * 1e6)))
                    self._silence_arrays = None
                else:
                    self._add_slot(number, rule, series, place.area, source)
        self._attached = count

    def _add_slot(self, number: int, rule: Rule, series: int, area: str, source: int) -> None:
        at = self._slot_count
        if at == len(self._slots):
            size = max(1024, 2 * at)
            self._slots = np.concatenate([self._slots, np.zeros(size - at, kernel.SLOT)])
            self._following = np.concatenate([self._following, np.full(size - at, -1, np.int32)])
        slot = self._slots[at]
        slot["rule"], slot["series"], slot["ring"], slot["group"] = number, series, -1, -1
        _parameters(slot, rule)
        if isinstance(rule.condition, CountInArea):
            slot["group"] = self._group(number, rule.condition, area, source)
        if isinstance(rule.condition, Deviation):
            slot["ring"] = self._ring()
        state, ring = self._saved.pop((_key(rule), series), (None, None))
        if state is not None:
            for field in _STATE:
                slot[field] = state[field]
            if ring is not None:
                k = slot["ring"]
                self._rings[k], self._means[k], self._weeks[k] = ring
        self._following[at] = self._first[series]
        self._first[series] = at
        self._slot_count += 1

    def _group(self, number: int, condition: CountInArea, area: str, source: int) -> int:
        code = next(
            (
                each.code
                for each in self._registry.areas.values()
                if each.level == condition.level and area.startswith(each.code)
            ),
            "",
        )
        key = (number, code, source)
        found = self._group_numbers.get(key)
        if found is not None:
            return found
        group = len(self._group_keys)
        if group == len(self._groups):
            self._groups = np.concatenate([self._groups, np.zeros(max(16, group), kernel.GROUP)])
        saved = self._saved_groups.pop((_key(self.rules[number]), code, source), None)
        if saved is not None:
            self._groups[group] = saved
        self._groups[group]["rule"] = number
        self._groups[group]["least"] = condition.least
        self._group_keys.append(key)
        self._group_numbers[key] = group
        return group

    def _ring(self) -> int:
        at = self._ring_count
        if at == len(self._rings):
            more = len(self._rings)
            self._rings = np.concatenate([self._rings, np.zeros(more, kernel.RING)])
            self._means = np.concatenate([self._means, np.zeros((more, kernel.HOURS))])
            self._weeks = np.concatenate([self._weeks, np.zeros((more, kernel.HOURS), np.int64)])
        self._weeks[at] = -kernel.HOURS
        self._rings[at]["hour"] = -1
        self._ring_count += 1
        return at

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
        begin, written = kernel.run(
            begin, series, times, values, self._newest, self._first, self._following,
            self._slots, self._groups, self._rings, self._means, self._weeks, self._out,
        )  # fmt: skip
        return int(begin), int(written)

    def _read(self, transitions: NDArray[np.void]) -> Iterator[Found]:
        for row in transitions:
            what = int(row["what"])
            if what in (kernel.GROUP_OPEN, kernel.GROUP_CLOSE):
                number, area, source = self._group_keys[row["slot"]]
                thing, opens = "", what == kernel.GROUP_OPEN
            else:
                slot = self._slots[row["slot"]]
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

    def listen(self, now: int, on_the_way: int | None = None) -> list[Found]:
        """Silence by the house clock: who fell silent, and who is heard again.

        On a fast clock a hiccup of the machine is minutes of everybody's time. With `on_the_way`
        (microseconds) a thing is silent only by that much behind the last one that the same rule
        heard, so that a carrier that lags as a whole makes nobody silent.
        """
        self.attach()
        if not self._silence:
            return []
        if self._silence_arrays is None:
            self._silence_arrays = (
                np.array([series for _, series, _ in self._silence], np.int32),
                np.array([limit for _, _, limit in self._silence], np.int64),
            )
        series, limits = self._silence_arrays
        arrived = self.table.arrived[series]
        until: Int64 | int = now
        if on_the_way is not None:
            rules = np.array([number for number, _, _ in self._silence], np.int32)
            heard = np.zeros(len(self.rules), np.int64)
            np.maximum.at(heard, rules, arrived)
            until = np.minimum(now, heard[rules] - on_the_way)
        silent = (arrived > 0) & (until - arrived > limits)
        found = []
        for at in np.flatnonzero(silent).tolist():
            if at not in self._silent:
                self._silent[at] = int(arrived[at])
                found.append(self._silence_found(at, opens=True, at=int(arrived[at]), now=now))
        for at in [at for at in self._silent if not silent[at]]:
            found.append(self._silence_found(at, opens=False, at=int(arrived[at]), now=now))
            del self._silent[at]
        return found

    def _silence_found(self, slot: int, *, opens: bool, at: int, now: int) -> Found:
        number, series, limit = self._silence[slot]
        thing, _, source = self.table.names[series]
        return Found(
            rule=self.rules[number],
            opens=opens,
            thing=thing,
            area=self._registry.things[thing].area,
            source=source,
            onset=self._silent[slot],
            at=at,
            detected=now,
            value=(now - self._silent[slot]) / 1e6,
            extreme=(at - self._silent[slot]) / 1e6 if not opens else (now - at) / 1e6,
            bound=limit / 1e6,
        )

    def resume_silence(self, now: int, open_events: dict[tuple[str, str, int], int]) -> None:
        """After a restart: a full period of grace for all, but open silences stay open.

        `open_events` maps (rule, thing, source) to the onset of the open event.
        """
        self.attach()
        for at, (number, series, limit) in enumerate(self._silence):
            thing, _, source = self.table.names[series]
            onset = open_events.get((self.rules[number].id, thing, source))
            if onset is not None:
                self._silent[at] = onset
                self.table.arrived[series] = min(onset, now - limit - 1)
            elif self.table.arrived[series] == 0 and self.table.last_time[series]:
                self.table.arrived[series] = now

    def forget(self) -> None:
        """Drop all state; the next rows are the first."""
        self._saved.clear()
        self._saved_groups.clear()
        rules, self.rules = self.rules, []
        self.set_rules(rules)

    def active(self) -> set[tuple[str, str, str, int]]:
        """(rule, thing, area, source) of every open episode."""
        found = set()
        for slot in self._slots[: self._slot_count]:
            if slot["phase"] in (kernel.ACTIVE, kernel.CLEARING) and slot["type"] != kernel.COUNT:
                thing, _, source = self.table.names[slot["series"]]
                found.add((self.rules[slot["rule"]].id, thing, "", source))
        for at, (number, area, source) in enumerate(self._group_keys):
            if self._groups[at]["active"]:
                found.add((self.rules[number].id, "", area, source))
        for slot_number in self._silent:
            number, series, _ = self._silence[slot_number]
            thing, _, source = self.table.names[series]
            found.add((self.rules[number].id, thing, "", source))
        return found

    def save(self, path: Path, commit: int) -> None:
        """Write the snapshot as of `commit`; the old one stays until the new one is on disk."""
        temporary = path.with_suffix(".new")
        with temporary.open("wb") as file:
            np.savez(
                file,
                commit=np.int64(commit),
                rules=np.array([_key(rule) for rule in self.rules], dtype=np.str_),
                slots=self._slots[: self._slot_count],
                groups=self._groups[: len(self._group_keys)],
                group_areas=np.array([area for _, area, _ in self._group_keys], dtype=np.str_),
                group_sources=np.array([s for _, _, s in self._group_keys], np.int64),
                rings=self._rings[: self._ring_count],
                means=self._means[: self._ring_count],
                weeks=self._weeks[: self._ring_count],
                newest=self._newest[: self._attached],
            )
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)

    def load(self, path: Path) -> int:
        """Take the state of a snapshot; returns its commit, 0 when there is none to be had."""
        self.forget()
        try:
            with np.load(path, allow_pickle=False) as saved:
                names = saved["rules"].tolist()
                for part, ours in (("slots", self._slots), ("groups", self._groups)):
                    if saved[part].dtype != ours.dtype:
                        raise ValueError(f"{part} of another version")
                for part, rings in (
                    ("rings", self._rings),
                    ("means", self._means),
                    ("weeks", self._weeks),
                ):
                    if saved[part].shape[1:] != rings.shape[1:]:
                        raise ValueError(f"{part} of another version")
                for slot in saved["slots"]:
                    ring = None
                    if slot["ring"] >= 0:
                        k = slot["ring"]
                        ring = (saved["rings"][k], saved["means"][k], saved["weeks"][k])
                    self._saved[names[slot["rule"]], int(slot["series"])] = (slot, ring)
                for group, area, source in zip(
                    saved["groups"], saved["group_areas"], saved["group_sources"], strict=True
                ):
                    self._saved_groups[names[group["rule"]], str(area), int(source)] = group
                newest = saved["newest"]
                commit = int(saved["commit"])
                self._newest[: len(newest)] = newest
        except FileNotFoundError:
            return 0
        except Exception as error:
            # a flipped byte reaches zipfile, zlib, the header's parser or the allocator
            what = f"{type(error).__name__}: {error}"[:200]
            log.warning("%s: unreadable (%s); the rules are rebuilt from the store", path, what)
            self._saved.clear()
            self._saved_groups.clear()
            return 0
        self.attach()
        return commit


def _key(rule: Rule) -> str:
    """A rule with everything that its state depends on."""
    parts = (rule.id, rule.kind, rule.property, rule.condition, rule.area, rule.things)
    return msgspec.json.encode(parts).decode()


def _parameters(slot: Any, rule: Rule) -> None:
    """Fill a slot's parameters; see `rule_kernel.SLOT`."""
    condition = rule.condition
    hold = getattr(condition, "hold_seconds", 0.0)
    slot["hold"] = int(hold * 1e6)
    slot["clear_hold"] = int(getattr(condition, "clear_hold_seconds", 0.0) * 1e6)
    slot["sign"] = 1
    match condition:
        case Threshold(op=op, limit=limit) | CountInArea(op=op, limit=limit):
            sign = 1 if op in (">", ">=") else -1
            clear = getattr(condition, "clear", None)
            slot["type"] = kernel.THRESHOLD if isinstance(condition, Threshold) else kernel.COUNT
            slot["sign"], slot["strict"] = sign, op in (">", "<")
            slot["limit"] = limit * sign
            slot["clear"] = (limit if clear is None else clear) * sign
        case OutOfRange(low=low, high=high):
            slot["type"], slot["limit"], slot["clear"] = kernel.OUT_OF_RANGE, low, high
        case RateOfChange(limit_per_minute=limit):
            slot["type"], slot["limit"] = kernel.RATE, limit
        case Stuck(seconds=seconds, tolerance=tolerance):
            slot["type"], slot["limit"] = kernel.STUCK, tolerance
            slot["hold"] = int(seconds * 1e6)
        case Deviation(factor=factor, least=least):
            slot["type"], slot["limit"], slot["clear"] = kernel.DEVIATION, factor, least
