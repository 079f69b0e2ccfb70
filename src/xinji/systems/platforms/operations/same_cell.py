"""A duplicate rule that anybody can recompute: same class, same cell of a grid, within hours.

The house scores duplicates by likelihood ratio (`duplicates`). Where a city must explain every
merge in one sentence, or is compared with another program's count, the setting `duplicates.rule`
`{"cell_degrees": 0.001, "hours": 24}` puts this rule in its place: a report joins the newest open
case of its class whose first report lies in the same cell and at most so many hours before; else it
opens a case. Nobody is asked.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from xinji.store.database import Database
from xinji.store.settings import read_setting
from xinji.systems.platforms.operations.duplicate_parameters import Parameters
from xinji.systems.platforms.operations.duplicates import (
    Candidate,
    Decision,
    DuplicateIndex,
    Sighting,
)

SETTING = "duplicates.rule"
HOUR_US = 3_600_000_000
SURE = 99.0
"""Log odds that stand for "by rule"."""


class CellRule(msgspec.Struct, frozen=True):
    """Side of a cell in degrees, and hours after a case's first report."""

    cell_degrees: float = 0.001
    hours: float = 24.0

    def __post_init__(self) -> None:
        if not 1e-6 <= self.cell_degrees <= 1:
            raise ValueError(f"cell_degrees: {self.cell_degrees} is not within 1e-6 and 1")
        if not 0 < self.hours <= 96:
            raise ValueError(f"hours: {self.hours} is not above 0 and at most 96")


_Key = tuple[str, int, int]


class SameCell:
    """Open cases by class and cell; as `DuplicateIndex`, for one thread at a time."""

    def __init__(self, rule: CellRule, parameters: Parameters | None = None) -> None:
        self.rule, self.parameters = rule, parameters or Parameters()
        self._held: dict[str, dict[str, Sighting]] = {}
        self._case_of: dict[str, str] = {}
        self._keys: dict[str, _Key] = {}
        self._open: dict[_Key, list[str]] = {}

    def __len__(self) -> int:
        return len(self._held)

    def case_of(self, report: str) -> str:
        """The case that holds a report. Raises KeyError: unknown report."""
        return self._case_of[report]

    def add(self, sighting: Sighting, case: str) -> None:
        """Attach a report to a case. Raises ValueError: attached already."""
        if sighting.report in self._case_of:
            raise ValueError(f"report: {sighting.report!r} is attached already; move it")
        self._case_of[sighting.report] = case
        if case not in self._held:
            self._held[case] = {}
            self._keys[case] = self._key(sighting)
            self._open.setdefault(self._keys[case], []).append(case)
        self._held[case][sighting.report] = sighting

    def move(self, report: str, case: str) -> None:
        """Attach a known report to another case. Raises KeyError: unknown report."""
        old = self._case_of[report]
        if old == case:
            return
        sighting = self._held[old].pop(report)
        del self._case_of[report]
        if not self._held[old]:
            self.close(old, 0)
        self.add(sighting, case)

    def close(self, case: str, time_us: int) -> None:
        """The case takes no further reports. Raises KeyError: unknown case."""
        key = self._keys.pop(case)
        self._open[key].remove(case)
        if not self._open[key]:
            del self._open[key]
        for report in self._held.pop(case):
            del self._case_of[report]

    def candidates(self, sighting: Sighting) -> list[Candidate]:
        """The newest open case that the rule allows, or none."""
        for case in reversed(self._open.get(self._key(sighting), ())):
            first = min(each.time_us for each in self._held[case].values())
            if 0 <= sighting.time_us - first <= self.rule.hours * HOUR_US:
                return [Candidate(case=case, log_odds=SURE, reasons={"rule": SURE})]
        return []

    def decide(self, candidates: Sequence[Candidate]) -> Decision:
        """Merge, or open a new case."""
        if not candidates:
            return Decision(action="new", case="", log_odds=-math.inf)
        return Decision(action="merge", case=candidates[0].case, log_odds=candidates[0].log_odds)

    def _key(self, sighting: Sighting) -> _Key:
        side = self.rule.cell_degrees
        return (
            sighting.class_code,
            round(sighting.longitude / side),
            round(sighting.latitude / side),
        )


def index_of(database: Database, parameters: Parameters | None = None) -> DuplicateIndex | SameCell:
    """An empty index of the house's duplicate rule. Raises ValueError: a setting out of range."""
    known = read_setting(database, SETTING)
    if known is None:
        return DuplicateIndex(parameters)
    return SameCell(msgspec.convert(known, CellRule), parameters)
