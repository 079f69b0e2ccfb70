"""Faults planted in the simulated district, planned by seed, and what each should lead to.

A fault is planned with its start and its end. A device that is down stays down until a crew has
repaired it (`xinji.district.people`) or its planned end has come, whichever is first.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from xinji.model.rules import Rule, Silence, Stuck, Threshold
from xinji.system.simulation import MICROSECONDS, Fleet

OPENING = (2.0, 6.0, 10.0)
"""Seconds after the start of the first three faults, all `down`, so that a demonstration begins."""

OPENING_MAXIMUM_PERIOD = 15.0
"""The first faults are on things that report at least this often, in seconds."""


class FaultType(StrEnum):
    """What goes wrong with a device or its line."""

    DOWN = "down"
    SILENCE = "silence"
    DRIFT = "drift"
    STUCK = "stuck"
    DUPLICATE = "duplicate"
    LATE = "late"
    FUTURE = "future"
    WRONG_UNIT = "wrong-unit"
    GARBAGE = "garbage"


WEIGHTS = {
    FaultType.DOWN: 0.40,
    FaultType.SILENCE: 0.15,
    FaultType.DRIFT: 0.06,
    FaultType.STUCK: 0.07,
    FaultType.DUPLICATE: 0.08,
    FaultType.LATE: 0.08,
    FaultType.FUTURE: 0.04,
    FaultType.WRONG_UNIT: 0.06,
    FaultType.GARBAGE: 0.06,
}
"""How often each type is drawn."""

SECONDS = {
    FaultType.DOWN: (900.0, 1800.0),
    FaultType.SILENCE: (150.0, 420.0),
    FaultType.DRIFT: (300.0, 900.0),
    FaultType.STUCK: (700.0, 1500.0),
    FaultType.DUPLICATE: (60.0, 180.0),
    FaultType.LATE: (60.0, 180.0),
    FaultType.FUTURE: (30.0, 60.0),
    FaultType.WRONG_UNIT: (30.0, 60.0),
    FaultType.GARBAGE: (30.0, 60.0),
}
"""Shortest and longest planned duration."""

LATE_SECONDS = 45.0
"""How late a late reading arrives."""

FUTURE_SECONDS = 3_600.0
"""How far ahead a wrong clock is: beyond what the house accepts."""

WRONG_UNIT_FACTOR = 1_000.0


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A planted fault. Times are Unix microseconds.

    Attributes:
        fleet, index: which thing: position of its fleet, and of the thing in it.
        properties: the property it shows on; empty for all.
        weak: for `down`, the (property, value) reported.
        magnitude: for `drift`, what is added per hour.
        expected_rules: rules that should find it, when it lasts as planned.
    """

    id: str
    type: FaultType
    fleet: int
    index: int
    thing: str
    start_us: int
    end_us: int
    properties: tuple[str, ...] = ()
    weak: tuple[tuple[str, float], ...] = ()
    magnitude: float = 0.0
    expected_rules: tuple[str, ...] = ()


def plan_faults(
    fleets: Sequence[Fleet],
    rules: Iterable[Rule],
    *,
    seed: int,
    start_us: int,
    seconds: float,
    per_hour: float,
    opening: bool = True,
) -> tuple[Fault, ...]:
    """The faults of a run, by time of start; the same arguments give the same faults.

    Args:
        fleets: the devices. One that is faulty is not chosen again before it is well.
        rules: what the house watches, for `expected_rules`.
        seed: of the plan.
        start_us: begin of the run, Unix microseconds.
        seconds: length of the run on its own clock.
        per_hour: how many faults an hour, on average (exponential gaps).
        opening: plant three quick faults in the first seconds.
    """
    generator = np.random.default_rng([seed, 0xFA17])
    by_property: dict[tuple[str, str], list[Rule]] = {}
    for rule in rules:
        by_property.setdefault((rule.kind, rule.property), []).append(rule)
    starts = [(at, FaultType.DOWN) for at in OPENING if opening and per_hour > 0]
    at = OPENING[-1] if opening else 0.0
    types, weights = list(WEIGHTS), np.array(list(WEIGHTS.values()))
    while per_hour > 0:
        at += float(generator.exponential(3600.0 / per_hour))
        if at >= seconds:
            break
        starts.append((at, types[int(generator.choice(len(types), p=weights / weights.sum()))]))
    able = {
        (fault_type, quick): [
            i for i, fleet in enumerate(fleets) if _can_have(fleet, fault_type, quick=quick)
        ]
        for fault_type in FaultType
        for quick in (False, True)
    }
    # by the root of the size: small fleets have their faults too
    sizes = np.sqrt([len(fleet.things) for fleet in fleets])
    busy: dict[str, int] = {}
    planned: list[Fault] = []
    for number, (at, fault_type) in enumerate(starts):
        begin = start_us + int(at * MICROSECONDS)
        low, high = SECONDS[fault_type]
        end = begin + int(generator.uniform(low, high) * MICROSECONDS)
        quick = opening and number < len(OPENING)
        choices = able[fault_type, quick]
        if not choices:
            continue
        odds = sizes[choices]
        which = choices[int(generator.choice(len(choices), p=odds / odds.sum()))]
        fleet = fleets[which]
        index = int(generator.integers(len(fleet.things)))
        thing = fleet.things[index].id
        if busy.get(thing, 0) > begin:
            continue
        busy[thing] = end
        stream = fleet.streams[int(generator.integers(len(fleet.streams)))]
        properties = {
            FaultType.DOWN: tuple(name for name, _ in fleet.weak),
            FaultType.DRIFT: (stream.property,),
            FaultType.STUCK: (stream.property,),
            FaultType.WRONG_UNIT: (stream.property,),
        }.get(fault_type, ())
        weak = fleet.weak if fault_type is FaultType.DOWN else ()
        found = [r for s in fleet.streams for r in by_property.get((fleet.kind, s.property), [])]
        planned.append(
            Fault(
                id=f"fault-{seed}-{number:05d}",
                type=fault_type,
                fleet=which,
                index=index,
                thing=thing,
                start_us=begin,
                end_us=end,
                properties=properties,
                weak=weak,
                magnitude=float(generator.choice([-1.0, 1.0]) * generator.uniform(5, 20)),
                expected_rules=_expected(fault_type, end - begin, found, properties, weak),
            )
        )
    return tuple(planned)


def holds(op: str, value: float, limit: float) -> bool:
    """Whether `value` is `op` `limit`. Raises KeyError for an unknown operator."""
    return {
        ">=": value >= limit,
        ">": value > limit,
        "<=": value <= limit,
        "<": value < limit,
    }[op]


def _can_have(fleet: Fleet, fault_type: FaultType, *, quick: bool) -> bool:
    if not fleet.streams:
        return False
    if fault_type is FaultType.DOWN:
        names = {name for name, _ in fleet.weak}
        periods = [s.period for s in fleet.streams if s.property in names]
        longest = OPENING_MAXIMUM_PERIOD if quick else math.inf
        return bool(periods) and min(periods) <= longest
    if fault_type in (FaultType.DRIFT, FaultType.STUCK, FaultType.WRONG_UNIT):
        return all(s.decimals > 0 for s in fleet.streams)  # a state has no unit and does not drift
    if fault_type is FaultType.GARBAGE:
        return fleet.transport == "mqtt"
    return True


def _expected(
    fault_type: FaultType,
    lasting_us: int,
    rules: Sequence[Rule],
    properties: tuple[str, ...],
    weak: tuple[tuple[str, float], ...],
) -> tuple[str, ...]:
    lasting = lasting_us / MICROSECONDS
    values = dict(weak)
    found = []
    for rule in rules:
        match rule.condition:
            case Threshold(op=op, limit=limit) if rule.property in values:
                if holds(op, values[rule.property], limit):
                    found.append(rule.id)
            case Silence(seconds=seconds) if fault_type is FaultType.SILENCE:
                if lasting > seconds:
                    found.append(rule.id)
            case Stuck(seconds=seconds) if fault_type is FaultType.STUCK:
                if rule.property in properties and lasting > seconds:
                    found.append(rule.id)
            case _:
                pass
    return tuple(found)
