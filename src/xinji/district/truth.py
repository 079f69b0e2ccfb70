"""The ground truth of a run, written aside as JSON lines, so that the house can be measured.

Records: `run` (once), `fault` (when a planted fault ends, with its real end), `event` (an episode
of a threshold rule in the true values, which no fault explains). Times are Unix microseconds.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from xinji.district.faults import Fault
from xinji.model.rules import Rule, Threshold
from xinji.system.simulation import MICROSECONDS, Fleet, Floats, Times


class TruthFile:
    """Writes records to a file, one JSON object a line; without a path it writes nowhere."""

    def __init__(self, path: Path | None) -> None:
        self._file: io.BufferedWriter | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("wb")

    def write(self, record: str, **fields: Any) -> None:
        """Append a record, and flush it: a run that is cut short leaves what it knew."""
        if self._file is not None:
            self._file.write(msgspec.json.encode({"record": record, **fields}) + b"\n")
            self._file.flush()

    def fault(self, fault: Fault, end_us: int) -> None:
        """Write a fault that ended at `end_us`."""
        self.write(
            "fault",
            id=fault.id,
            type=fault.type.value,
            thing=fault.thing,
            properties=list(fault.properties),
            start=fault.start_us,
            end=end_us,
            planned_end=fault.end_us,
            expected_rules=list(fault.expected_rules),
        )

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


@dataclass(frozen=True, kw_only=True)
class Episode:
    """A true episode of a rule at a thing; `end_us` is None while it lasts."""

    rule: str
    thing: str
    onset_us: int
    end_us: int | None
    extreme: float


class TrueEpisodes:
    """Finds the episodes of a threshold rule in a fleet's true values, as they are sampled."""

    def __init__(self, fleet: Fleet, rule: Rule) -> None:
        if not isinstance(rule.condition, Threshold):
            raise TypeError(f"rule {rule.id} is no threshold")
        count = len(fleet.things)
        self.rule = rule
        self._ids = [thing.id for thing in fleet.things]
        self._sign = 1.0 if rule.condition.op.startswith(">") else -1.0
        limit = rule.condition.limit
        clear = limit if rule.condition.clear is None else rule.condition.clear
        self._limit, self._clear = limit * self._sign, clear * self._sign
        self._strict = not rule.condition.op.endswith("=")
        self._hold = int(rule.condition.hold_seconds * MICROSECONDS)
        self._since = np.zeros(count, dtype=np.int64)  # 0: the condition does not hold
        self._active = np.zeros(count, dtype=np.bool_)
        self._extreme = np.full(count, -np.inf)

    def observe(self, time_us: int, values: Floats, rows: Times) -> list[Episode]:
        """Feed the true `values` (shape (n,)) of the things `rows` at a moment.

        Returns:
            Episodes that became certain (held long enough) and episodes that ended.
        """
        x = values[rows] * self._sign
        bad = _beyond(x, self._limit, strict=self._strict)
        good = ~_beyond(x, self._clear, strict=self._strict)
        found: list[Episode] = []
        since = self._since[rows]
        since = np.where(bad & (since == 0), time_us, since)
        since = np.where(~bad & ~self._active[rows], 0, since)
        self._since[rows] = since
        self._extreme[rows] = np.where(since > 0, np.maximum(self._extreme[rows], x), -np.inf)
        opened = bad & ~self._active[rows] & (time_us - since >= self._hold)
        ended = good & self._active[rows]
        for row in rows[opened].tolist():
            self._active[row] = True
            found.append(self._episode(row, None))
        for row in rows[ended].tolist():
            found.append(self._episode(row, time_us))
            self._active[row] = False
            self._since[row] = 0
        return found

    def _episode(self, row: int, end_us: int | None) -> Episode:
        return Episode(
            rule=self.rule.id,
            thing=self._ids[row],
            onset_us=int(self._since[row]),
            end_us=end_us,
            extreme=float(self._extreme[row] * self._sign),
        )


def threshold_rules(fleet: Fleet, name: str, rules: Sequence[Rule]) -> list[Rule]:
    """The threshold rules on a property of a fleet's kind."""
    return [
        rule
        for rule in rules
        if rule.kind == fleet.kind
        and rule.property == name
        and isinstance(rule.condition, Threshold)
    ]


def _beyond(x: Floats, limit: float, *, strict: bool) -> npt.NDArray[np.bool_]:
    return x > limit if strict else x >= limit
