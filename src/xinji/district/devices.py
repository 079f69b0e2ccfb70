"""What the simulated devices report at a moment: true values, spoiled by the faults then."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from xinji.district.conditions import conditions
from xinji.district.faults import (
    FUTURE_SECONDS,
    LATE_SECONDS,
    WRONG_UNIT_FACTOR,
    Fault,
    FaultType,
)
from xinji.district.truth import Episode, TrueEpisodes, TruthFile, threshold_rules
from xinji.district.weather import Storm
from xinji.model.rules import Rule
from xinji.system.simulation import MICROSECONDS, Fleet, Times

GARBAGE = b'{"value": 12.7, "time": \xff\xfe'


@dataclass(slots=True)
class Report:
    """Readings of one fleet to be sent together: parallel columns, and payloads that are garbage.

    `garbage` holds (thing, property) whose reading arrives as bytes that mean nothing.
    """

    fleet: Fleet
    thing: list[str] = field(default_factory=list)
    property: list[str] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    time: list[int] = field(default_factory=list)
    garbage: list[tuple[str, str]] = field(default_factory=list)

    def add(self, thing: str, name: str, value: float, time_us: int) -> None:
        """Append one reading."""
        self.thing.append(thing)
        self.property.append(name)
        self.value.append(value)
        self.time.append(time_us)

    def __len__(self) -> int:
        return len(self.thing)


class Devices:
    """The devices of a run, between two moments of its clock.

    Args:
        fleets: the devices.
        faults: planned faults by time of start.
        rules: the house's rules, for the ground truth.
        seed: of the weather.
        truth: where faults and true episodes are written.
    """

    def __init__(
        self,
        fleets: Sequence[Fleet],
        faults: Sequence[Fault],
        rules: Sequence[Rule],
        *,
        seed: int,
        truth: TruthFile,
        storms: Sequence[Storm] = (),
    ) -> None:
        self.fleets = fleets
        self.active: dict[str, Fault] = {}
        self._coming = list(reversed(faults))
        self._seed, self._storms, self._truth = seed, tuple(storms), truth
        self._phases = [_phases(fleet) for fleet in fleets]
        self._since = [
            np.array([t.in_service_since or 0 for t in fleet.things], dtype=np.int64)
            for fleet in fleets
        ]
        self._late: list[tuple[int, int, str, str, float, int]] = []
        self._stuck: dict[tuple[str, str], float] = {}
        self._episodes = {
            (i, stream.property): [
                TrueEpisodes(fleet, rule) for rule in threshold_rules(fleet, stream.property, rules)
            ]
            for i, fleet in enumerate(fleets)
            for stream in fleet.streams
        }

    def repair(self, thing: str, time_us: int) -> Fault | None:
        """End the fault of a thing, as a crew does; the fault, or None when there is none."""
        fault = self.active.pop(thing, None)
        if fault is not None:
            self._forget(fault, time_us)
        return fault

    def finish(self, time_us: int) -> None:
        """Write the faults that are still active to the ground truth."""
        for thing in list(self.active):
            self.repair(thing, time_us)

    def reports(self, before_us: int, now_us: int) -> list[Report]:
        """Everything that is sent in (before_us, now_us], one report per fleet that has something.

        Each thing reports at most once per property; `now_us - before_us` should not be longer
        than the shortest period.
        """
        self._turn(now_us)
        moment = conditions(self._seed, np.array([now_us]), self._storms)
        found: list[Report] = []
        for i, fleet in enumerate(self.fleets):
            report = Report(fleet)
            for stream in fleet.streams:
                period = int(stream.period * MICROSECONDS)
                due = (now_us + self._phases[i]) // period > (before_us + self._phases[i]) // period
                due &= self._since[i] <= now_us
                rows = np.flatnonzero(due)
                if not len(rows):
                    continue
                values = np.round(stream.sample(moment)[0], stream.decimals)
                self._learn(i, stream.property, now_us, values, rows)
                for row in rows.tolist():
                    thing = fleet.things[row].id
                    value = float(values[row])
                    fault = self.active.get(thing)
                    if fault is None:
                        report.add(thing, stream.property, value, now_us)
                    else:
                        self._spoil(report, i, fault, stream.property, value, now_us)
            self._arrive(report, i, now_us)
            if len(report) or report.garbage:
                found.append(report)
        return found

    def _turn(self, now_us: int) -> None:
        """Begin and end faults up to now."""
        while self._coming and self._coming[-1].start_us <= now_us:
            fault = self._coming.pop()
            self.active.setdefault(fault.thing, fault)
        for thing, fault in list(self.active.items()):
            if fault.end_us <= now_us:
                del self.active[thing]
                self._forget(fault, fault.end_us)

    def _forget(self, fault: Fault, end_us: int) -> None:
        self._truth.fault(fault, end_us)
        for key in [k for k in self._stuck if k[0] == fault.thing]:
            del self._stuck[key]

    def _learn(self, fleet: int, name: str, now_us: int, values: np.ndarray, rows: Times) -> None:
        for episodes in self._episodes[fleet, name]:
            for episode in episodes.observe(now_us, values, rows):
                self._tell(episode)

    def _tell(self, episode: Episode) -> None:
        self._truth.write(
            "event",
            rule=episode.rule,
            thing=episode.thing,
            onset=episode.onset_us,
            end=episode.end_us,
            extreme=episode.extreme,
        )

    def _spoil(
        self, report: Report, fleet: int, fault: Fault, name: str, value: float, now_us: int
    ) -> None:
        """Append what a faulty thing sends instead of (name, value) now."""
        touched = not fault.properties or name in fault.properties
        thing, time_us = fault.thing, now_us
        match fault.type:
            case FaultType.SILENCE:
                return
            case FaultType.GARBAGE:
                report.garbage.append((thing, name))
                return
            case FaultType.LATE:
                due = now_us + int(LATE_SECONDS * MICROSECONDS)
                self._late.append((due, fleet, thing, name, value, now_us))
                return
            case FaultType.DOWN:
                value = dict(fault.weak).get(name, value)
            case FaultType.DRIFT if touched:
                hours = (now_us - fault.start_us) / (3600 * MICROSECONDS)
                value = round(value + fault.magnitude * hours, 3)
            case FaultType.STUCK if touched:
                value = self._stuck.setdefault((thing, name), value)
            case FaultType.WRONG_UNIT if touched:
                # Celsius turns to Fahrenheit, everything else to its thousandth unit
                value = 1.8 * value + 32 if "temperature" in name else WRONG_UNIT_FACTOR * value
            case FaultType.FUTURE:
                time_us = now_us + int(FUTURE_SECONDS * MICROSECONDS)
            case FaultType.DUPLICATE:
                report.add(thing, name, value, time_us)
            case _:
                pass
        report.add(thing, name, value, time_us)

    def _arrive(self, report: Report, fleet: int, now_us: int) -> None:
        """Append the late readings that arrive now."""
        waiting = []
        for reading in self._late:
            if reading[1] == fleet and reading[0] <= now_us:
                report.add(*reading[2:])
            else:
                waiting.append(reading)
        self._late = waiting


def _phases(fleet: Fleet) -> Times:
    """Each thing's own offset in microseconds, so that they do not all report at once."""
    numbers = [zlib.crc32(thing.id.encode()) for thing in fleet.things]
    return np.array(numbers, dtype=np.int64) * 1_000 % (600 * MICROSECONDS)
