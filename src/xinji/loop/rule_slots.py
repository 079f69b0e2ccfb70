"""Slots: the compiled rules on their series, and the state of each, as arrays for `rule_kernel`.

A million slots are made, and take over the state of those before them, without a loop over slots:
a rule can be changed while a hundred thousand things fall silent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xinji.loop import rule_kernel as kernel
from xinji.model.rules import (
    CountInArea,
    Deviation,
    OutOfRange,
    RateOfChange,
    Rule,
    Stuck,
    Threshold,
)
from xinji.store.observations import Int32

STATE = ("phase", "since", "onset", "value", "extreme", "reference", "reference_time", "spread",
         "seen", "bound")  # fmt: skip
GROUP_STATE = ("count", "active", "onset", "extreme")

GroupKey = tuple[int, str, int]
"""Number of a rule over areas, code of the area, source."""


class Slots:
    """Slots of the rules with some keys, in the order of the rules.

    Attributes:
        keys: of the rules; a rule with another key has no state in common.
        first, following: the slots of a series as a linked list, -1 ends it.
        slots, groups, rings, means, weeks: see `rule_kernel`; only the first `count` slots,
            `len(group_keys)` groups and `ring_count` rings are in use.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self.keys = list(keys)
        self.slots: NDArray[Any] = np.zeros(0, kernel.SLOT)
        self.following: Int32 = np.zeros(0, np.int32)
        self.first: Int32 = np.zeros(0, np.int32)
        self.groups: NDArray[Any] = np.zeros(0, kernel.GROUP)
        self.group_keys: list[GroupKey] = []
        self._group_numbers: dict[GroupKey, int] = {}
        self.rings: NDArray[Any] = np.zeros(1, kernel.RING)
        self.means: NDArray[np.float64] = np.zeros((1, kernel.HOURS))
        self.weeks: NDArray[np.int64] = np.zeros((1, kernel.HOURS), np.int64)
        self.count = self.ring_count = 0

    def reach(self, series: int) -> None:
        """Make room for series numbers below `series`."""
        if series > len(self.first):
            size = max(1024, 1 << (series - 1).bit_length())
            self.first = np.append(
                self.first, np.full(size - len(self.first), -1, np.int32)
            ).astype(np.int32)

    def add(self, number: int, rule: Rule, series: Int32, groups: Int32 | None = None) -> None:
        """Give some series a slot of a rule; `groups`: of each, for a rule over areas."""
        begin, end = self.count, self.count + len(series)
        if end > len(self.slots):
            more = max(1024, 2 * end) - len(self.slots)
            self.slots = np.concatenate([self.slots, np.zeros(more, kernel.SLOT)])
            self.following = np.concatenate([self.following, np.full(more, -1, np.int32)])
        template = np.zeros(1, kernel.SLOT)
        template["rule"], template["ring"], template["group"] = number, -1, -1
        _parameters(template[0], rule)
        self.slots[begin:end] = template
        self.slots["series"][begin:end] = series
        if groups is not None:
            self.slots["group"][begin:end] = groups
        if isinstance(rule.condition, Deviation):
            self.slots["ring"][begin:end] = self._new_rings(len(series))
        # one slot of a rule on a series: no number stands twice
        self.following[begin:end] = self.first[series]
        self.first[series] = np.arange(begin, end, dtype=np.int32)
        self.count = end

    def group(self, key: GroupKey, least: int) -> int:
        """The number of the group of an area, new when there is none."""
        found = self._group_numbers.get(key)
        if found is not None:
            return found
        number = len(self.group_keys)
        if number == len(self.groups):
            self.groups = np.concatenate([self.groups, np.zeros(max(16, number), kernel.GROUP)])
        self.groups[number]["rule"], self.groups[number]["least"] = key[0], least
        self.group_keys.append(key)
        self._group_numbers[key] = number
        return number

    def _new_rings(self, count: int) -> Int32:
        begin, end = self.ring_count, self.ring_count + count
        if end > len(self.rings):
            more = max(len(self.rings), end) * 2 - len(self.rings)
            self.rings = np.concatenate([self.rings, np.zeros(more, kernel.RING)])
            self.means = np.concatenate([self.means, np.zeros((more, kernel.HOURS))])
            self.weeks = np.concatenate([self.weeks, np.zeros((more, kernel.HOURS), np.int64)])
        self.weeks[begin:end] = -kernel.HOURS
        self.rings["hour"][begin:end] = -1
        self.ring_count = end
        return np.arange(begin, end, dtype=np.int32)

    def take_state(self, other: Slots) -> None:
        """Take over the state of the slots that have the same rule and series.

        Raises IndexError: the other's arrays do not belong together.
        """
        known = {key: number for number, key in enumerate(self.keys)}
        number = np.array([known.get(key, -1) for key in other.keys] or [-1], np.int64)
        mine, theirs = self.slots[: self.count], other.slots[: other.count]
        rule = number[theirs["rule"]]
        wanted = rule << 32 | theirs["series"]
        have = mine["rule"].astype(np.int64) << 32 | mine["series"]
        order = np.argsort(have)
        place = np.searchsorted(have[order], wanted)
        there = np.flatnonzero((rule >= 0) & (place < len(have)))
        of = there[have[order[place[there]]] == wanted[there]]
        to = order[place[of]]
        for name in STATE:
            mine[name][to] = theirs[name][of]
        ringed = np.flatnonzero((mine["ring"][to] >= 0) & (theirs["ring"][of] >= 0))
        new, old = mine["ring"][to][ringed], theirs["ring"][of][ringed]
        for mine_of, theirs_of in (
            (self.rings, other.rings), (self.means, other.means), (self.weeks, other.weeks)
        ):  # fmt: skip
            mine_of[new] = theirs_of[old]
        for group, (old_rule, area, source) in enumerate(other.group_keys):
            into = self._group_numbers.get((int(number[old_rule]), area, source))
            if into is not None:
                for name in GROUP_STATE:
                    self.groups[name][into] = other.groups[name][group]

    def saved(self) -> dict[str, NDArray[Any]]:
        """Everything in use, as arrays for a file; `of_saved` reads them."""
        groups = self.group_keys
        return {
            "rules": np.array(self.keys, dtype=np.str_),
            "slots": self.slots[: self.count],
            "groups": self.groups[: len(groups)],
            "group_areas": np.array([area for _, area, _ in groups], dtype=np.str_),
            "group_sources": np.array([source for _, _, source in groups], np.int64),
            "rings": self.rings[: self.ring_count],
            "means": self.means[: self.ring_count],
            "weeks": self.weeks[: self.ring_count],
        }

    @classmethod
    def of_saved(cls, arrays: Any) -> Slots:
        """What `saved` gave, to take the state of. Raises KeyError, ValueError, IndexError."""
        found = cls(arrays["rules"].tolist())
        found.slots, found.count = arrays["slots"], len(arrays["slots"])
        found.groups = arrays["groups"]
        found.rings, found.means, found.weeks = arrays["rings"], arrays["means"], arrays["weeks"]
        if found.slots.dtype != kernel.SLOT or found.groups.dtype != kernel.GROUP:
            raise ValueError("of another version")
        found.group_keys = [
            (int(rule), str(area), int(source))
            for rule, area, source in zip(
                found.groups["rule"].tolist(),
                arrays["group_areas"].tolist(),
                arrays["group_sources"].tolist(),
                strict=True,
            )
        ]
        return found


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
