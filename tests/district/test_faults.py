"""Faults: the same by seed, spread over types, visible in what devices send, told in the truth."""

import json
from collections import Counter

import numpy as np
import pytest

from xinji.district.devices import Devices
from xinji.district.faults import Fault, FaultType, holds, plan_faults
from xinji.district.geography import load_district
from xinji.district.things import fleets
from xinji.district.truth import TrueEpisodes, TruthFile
from xinji.district.weather import Storm
from xinji.model.rules import Rule, Silence, Threshold
from xinji.model.title import Title
from xinji.system.discovery import discover

SECOND = 1_000_000
START = int(np.datetime64("2026-07-15T04:00", "us").astype(np.int64))
SYSTEMS = discover(entry_points=False)
RULES = [rule for system in SYSTEMS for rule in system.rules]
FLEETS = fleets(load_district(), SYSTEMS, 7)


def _plan(seed=7, **changes):
    arguments = {"seed": seed, "start_us": START, "seconds": 36_000, "per_hour": 120}
    return plan_faults(FLEETS, RULES, **(arguments | changes))


def _devices(faults, tmp_path, storms=()):
    truth = TruthFile(tmp_path / "truth.jsonl")
    return Devices(FLEETS, faults, RULES, seed=7, truth=truth, storms=storms)


def _run(devices, seconds, step=1):
    """Every report of `seconds`, as (time, thing, property, value, stamped time), and garbage."""
    rows, garbage = [], []
    for at in range(0, seconds, step):
        now = START + (at + step) * SECOND
        for report in devices.reports(START + at * SECOND, now):
            rows += [
                (now, *row)
                for row in zip(
                    report.thing, report.property, report.value, report.time, strict=True
                )
            ]
            garbage += report.garbage
    devices.finish(START + seconds * SECOND)
    return rows, garbage


def _truth(tmp_path):
    return [json.loads(line) for line in (tmp_path / "truth.jsonl").read_text().splitlines()]


def _fault(fault_type, kind, seconds=60, name=None, **fields):
    number = next(
        i for i, f in enumerate(FLEETS) if f.kind == kind and f.streams and len(f.things) > 3
    )
    fleet = FLEETS[number]
    return Fault(
        id="fault",
        type=fault_type,
        fleet=number,
        index=3,
        thing=fleet.things[3].id,
        start_us=START,
        end_us=START + seconds * SECOND,
        properties=(name,) if name else (),
        **fields,
    )


def test_plan_is_deterministic_and_has_every_type():
    plan = _plan()
    assert plan == _plan()
    assert plan != _plan(seed=8)
    assert 0.8 * 1200 < len(plan) < 1.2 * 1200
    types = Counter(f.type for f in plan)
    assert set(types) == set(FaultType)
    assert types[FaultType.DOWN] > types[FaultType.FUTURE]
    assert [f.start_us for f in plan] == sorted(f.start_us for f in plan)


def test_the_first_faults_come_at_once_and_are_found_quickly():
    for seed in range(5):
        opening = _plan(seed=seed)[:3]
        assert [f.start_us - START for f in opening] == [2 * SECOND, 6 * SECOND, 10 * SECOND]
        for fault in opening:
            assert fault.type is FaultType.DOWN and fault.expected_rules
            periods = {s.property: s.period for s in FLEETS[fault.fleet].streams}
            holding = [r.condition.hold_seconds for r in RULES if r.id in fault.expected_rules]
            assert min(periods[n] for n in fault.properties) + min(holding) <= 25


def test_no_faults_when_none_are_asked_for():
    assert _plan(per_hour=0) == ()


def test_a_thing_has_one_fault_at_a_time():
    until = {}
    for fault in _plan(per_hour=3000):
        assert until.get(fault.thing, 0) <= fault.start_us
        until[fault.thing] = fault.end_us


def test_expected_rules_follow_the_duration():
    silent = [f for f in _plan() if f.type is FaultType.SILENCE]
    by_id = {r.id: r for r in RULES}
    assert any(f.expected_rules for f in silent)
    for fault in silent:
        for rule in fault.expected_rules:
            condition = by_id[rule].condition
            assert isinstance(condition, Silence)
            assert fault.end_us - fault.start_us > condition.seconds * SECOND


def test_healthy_devices_report_on_their_periods(tmp_path):
    rows, garbage = _run(_devices((), tmp_path), 60)
    assert not garbage
    counts = Counter((thing, name) for _, thing, name, _, _ in rows)
    for fleet in FLEETS:
        for stream in fleet.streams:
            if stream.period <= 60:
                number = 60 / stream.period
                assert {counts[t.id, stream.property] for t in fleet.things} == {number}
    # different lengths of step give the same readings
    slow, _ = _run(_devices((), tmp_path), 60, step=10)
    assert Counter((t, n) for _, t, n, _, _ in slow) == counts


@pytest.mark.parametrize("kind", ["base-station", "guidance-screen", "fresh-warehouse"])
def test_down_shows_the_weak_value_until_it_is_repaired(tmp_path, kind):
    number = next(i for i, f in enumerate(FLEETS) if f.kind == kind)
    name, weak = FLEETS[number].weak[0]
    fault = _fault(FaultType.DOWN, kind, 600, name, weak=FLEETS[number].weak)
    devices = _devices((fault,), tmp_path)
    for at in range(120):
        if at == 60:
            assert devices.repair(fault.thing, START + 60 * SECOND) == fault
            assert devices.repair(fault.thing, START + 60 * SECOND) is None
        for report in devices.reports(START + at * SECOND, START + (at + 1) * SECOND):
            for thing, prop, value in zip(report.thing, report.property, report.value, strict=True):
                if (thing, prop) == (fault.thing, name):
                    assert (value == weak) == (at < 60)
    record = _truth(tmp_path)[0]
    assert record["record"] == "fault" and record["type"] == "down"
    assert record["end"] == START + 60 * SECOND < record["planned_end"]


def test_each_other_fault_shows_as_it_should(tmp_path):
    def rows_of(fault):
        rows, garbage = _run(_devices((fault,), tmp_path), 120)
        return [r for r in rows if r[1] == fault.thing], garbage

    healthy, _ = rows_of(_fault(FaultType.DRIFT, "traffic-lane", 0, "flow"))
    silent, _ = rows_of(_fault(FaultType.SILENCE, "traffic-lane"))
    assert len(healthy) == 12 and len(silent) == 6
    twice, _ = rows_of(_fault(FaultType.DUPLICATE, "traffic-lane"))
    assert len(twice) == 18 and len(set(twice)) == 12
    late, _ = rows_of(_fault(FaultType.LATE, "traffic-lane"))
    assert sum(now - stamped >= 45 * SECOND for now, _, _, _, stamped in late) == 6
    future, _ = rows_of(_fault(FaultType.FUTURE, "traffic-lane"))
    assert sum(stamped - now == 3600 * SECOND for now, _, _, _, stamped in future) == 6
    stuck, _ = rows_of(_fault(FaultType.STUCK, "traffic-lane", 60, "mean_speed"))
    assert len({r[3] for r in stuck if r[2] == "mean_speed" and r[0] < START + 60 * SECOND}) == 1
    wrong, _ = rows_of(_fault(FaultType.WRONG_UNIT, "traffic-lane", 60, "mean_speed"))
    assert max(r[3] for r in wrong) > 1000
    warm, _ = rows_of(_fault(FaultType.WRONG_UNIT, "environment-station", 60, "temperature"))
    assert max(r[3] for r in warm if r[2] == "temperature") > 60, "Fahrenheit"
    nothing, garbage = rows_of(_fault(FaultType.GARBAGE, "traffic-lane"))
    assert len(nothing) == 6 and len(garbage) == 6
    drift = _fault(FaultType.DRIFT, "traffic-lane", 3600, "mean_speed", magnitude=3600.0)
    drifted, _ = rows_of(drift)
    assert max(r[3] for r in drifted if r[2] == "mean_speed") > 80


def test_a_storm_is_told_as_true_ponding(tmp_path):
    storm = Storm(start_us=START - 40 * 60 * SECOND, minutes=60, peak_mm_h=90)
    _run(_devices((), tmp_path, (storm,)), 300, step=10)
    ponding = [
        r
        for r in _truth(tmp_path)
        if r["record"] == "event" and r["rule"] == "terminals.flooding.ponding"
    ]
    assert len(ponding) >= 5 and all(r["extreme"] > 15 for r in ponding)


def test_true_episodes_hold_and_have_hysteresis():
    fleet = next(f for f in FLEETS if f.kind == "ponding-sensor")
    rule = Rule(
        id="deep",
        title=Title("深", "deep"),
        kind="ponding-sensor",
        property="water_depth_cm",
        condition=Threshold(op=">", limit=15, clear=10, hold_seconds=60),
    )
    episodes = TrueEpisodes(fleet, rule)
    row = np.array([2])
    found = []
    depths = [5, 20, 14, 20, 22, 25, 24, 12, 11, 9, 9]
    for i, depth in enumerate(depths):
        values = np.full(len(fleet.things), float(depth))
        found += episodes.observe(i * 30 * SECOND + SECOND, values, row)
    assert [(e.onset_us, e.end_us) for e in found] == [
        (91 * SECOND, None),
        (91 * SECOND, 271 * SECOND),
    ]
    assert found[1].extreme == 25 and found[1].thing == fleet.things[2].id
    with pytest.raises(TypeError):
        TrueEpisodes(fleet, _silence())


def _silence():
    return Rule(
        id="quiet",
        title=Title("静", "quiet"),
        kind="ponding-sensor",
        property="water_depth_cm",
        condition=Silence(seconds=90),
    )


def test_operators():
    assert holds(">=", 1, 1) and not holds(">", 1, 1) and holds("<=", 1, 1)
    with pytest.raises(KeyError):
        holds("=", 1, 1)
