"""Which node fell: what is gone against what was heard since."""

from __future__ import annotations

import dataclasses

import numpy as np

from xinji.methods.cause_tracking import HOLD, KEEP, SETTLE, Tracker
from xinji.methods.common_cause import (
    MINIMUM,
    Observed,
    Relation,
    common_onset,
    explain,
    fits,
    suspicious,
)

S = 1_000_000
COUNT = 60
NOW = 10_000 * S
FELL = NOW - 60 * S


def relation(name: str, values: list[int]) -> Relation:
    keys = [f"{name} {n}" for n in range(max(values) + 1)]
    return Relation(name, np.array(values, np.int32), keys)


CIRCUIT = relation("circuit", [n // 10 for n in range(COUNT)])
OWNER = relation("owner", [n % 3 for n in range(COUNT)])
DISTRICT = relation("district", [0] * COUNT)
RELATIONS = [OWNER, DISTRICT, CIRCUIT]


def observed(
    gone: list[int], *, now: int = NOW, period: int = 10 * S, slow: tuple[int, ...] = ()
) -> Observed:
    """Things heard until now, except those that are gone since FELL."""
    heard = np.full(COUNT, now - 2 * S, np.int64)
    heard[gone] = FELL - np.arange(len(gone)) % 20 * (period // 20)
    every = np.full(COUNT, period, np.int64)
    every[list(slow)] = 3600 * S
    return Observed(now=now, heard=heard, period=every, slack=5 * S, rate=1e-13)


def causes(gone: list[int], seen: Observed) -> list[tuple[str, list[int]]]:
    pool = np.array(gone, np.int64)
    found = explain(pool, seen.heard[pool], RELATIONS, seen)
    return [
        (RELATIONS[each.relation].keys[each.node], sorted(pool[each.taken].tolist()))
        for each in found
    ]


def test_the_circuit_that_fell_is_named_and_not_what_holds_it() -> None:
    gone = list(range(20, 30))
    assert causes(gone, observed(gone)) == [("circuit 2", gone)]


def test_two_circuits_that_fell_together_are_two_causes() -> None:
    gone = [*range(10, 20), *range(40, 50)]
    found = causes(gone, observed(gone))
    assert sorted(found) == [("circuit 1", gone[:10]), ("circuit 4", gone[10:])]


def test_when_everything_is_gone_the_district_is_the_one_cause() -> None:
    gone = list(range(COUNT))
    assert causes(gone, observed(gone)) == [("district 0", gone)]


def test_single_failures_over_the_district_have_no_common_cause() -> None:
    gone = [3, 14, 25, 36, 47, 58]
    assert causes(gone, observed(gone)) == []


def test_fewer_than_the_minimum_are_told_one_by_one() -> None:
    gone = list(range(20, 20 + MINIMUM - 1))
    assert causes(gone, observed(gone)) == []


def test_a_node_most_of_whose_things_are_well_has_not_fallen() -> None:
    gone = [20, 21, 22, 23]
    assert causes(gone, observed(gone)) == [], "six of ten were heard since"
    assert causes([*gone, 24, 25], observed([*gone, 24, 25])) == [("circuit 2", [*gone, 24, 25])]


def test_things_that_fell_an_hour_apart_have_no_common_cause() -> None:
    gone = list(range(20, 30))
    seen = observed(gone)
    seen.heard[20:25] -= 3600 * S
    found = causes(gone, seen)
    assert all(len(things) <= 5 for _, things in found)


def test_each_signal_is_explained_at_most_once() -> None:
    generator = np.random.default_rng(5)
    for _ in range(30):
        gone = np.flatnonzero(generator.random(COUNT) < generator.random()).tolist()
        seen = observed(gone)
        seen.heard[gone] -= (generator.random(len(gone)) * 20 * S).astype(np.int64)
        taken = [thing for _, things in causes(gone, seen) for thing in things]
        assert len(taken) == len(set(taken))
        assert set(taken) <= set(gone)


def test_the_onset_is_where_most_intervals_meet() -> None:
    last = np.array([100, 95, 92, 40], np.int64) * S
    period = np.full(4, 10 * S, np.int64)
    onset = common_onset(last, period, 2 * S)
    assert 98 * S <= onset <= 105 * S
    assert fits(onset, last, period, 2 * S).tolist() == [True, True, True, False]


def test_a_slow_reporter_fits_a_fall_long_after_it_was_heard() -> None:
    assert fits(5000 * S, np.array([2000 * S]), np.array([3600 * S]), 5 * S).all()
    assert not fits(5000 * S, np.array([2000 * S]), np.array([60 * S]), 5 * S).any()


def test_one_silent_thing_is_suspicious_only_when_its_neighbours_are_late_too() -> None:
    alone = observed([20])
    assert not suspicious(20, int(alone.heard[20]), RELATIONS, alone)
    together = observed(list(range(20, 30)))
    assert suspicious(20, int(together.heard[20]), RELATIONS, together)


def test_a_thing_alone_is_told_at_once() -> None:
    tracker = Tracker()
    seen = observed([20])
    decided = tracker.turn([20], [int(seen.heard[20])], RELATIONS, seen)
    assert (decided.single, decided.opened) == ([20], [])


def test_an_incident_opens_once_takes_latecomers_and_ends_with_its_last_member() -> None:
    gone = list(range(20, 30))
    slow = (28, 29)
    tracker = Tracker()
    fast = gone[:8]
    first = observed(gone, slow=slow)
    assert tracker.turn(fast, first.heard[fast].tolist(), RELATIONS, first).opened == []
    later = observed(gone, now=NOW + SETTLE + 6 * S, slow=slow)
    decided = tracker.turn([], [], RELATIONS, later)
    [incident] = decided.opened
    assert (incident.relation, incident.key) == ("circuit", "circuit 2")
    assert sorted(thing for thing, _ in decided.joined) == fast
    assert decided.single == []
    hours = observed(gone, now=NOW + 7200 * S, slow=slow)
    decided = tracker.turn([28, 29], hours.heard[[28, 29]].tolist(), RELATIONS, hours)
    assert decided.opened == []
    assert sorted(decided.joined) == [(28, incident.number), (29, incident.number)]
    assert tracker.recover(gone[:9]) == []
    assert tracker.recover(gone[9:]) == [incident.number]


def test_what_looked_like_the_first_of_many_is_told_alone_when_no_more_come() -> None:
    gone = list(range(20, 30))
    tracker = Tracker()
    seen = observed(gone)
    assert tracker.turn([20], [int(seen.heard[20])], RELATIONS, seen).single == []
    later = observed([20], now=NOW + HOLD + 11 * S)
    assert tracker.turn([], [], RELATIONS, later).single == [20], "the others came back"


def test_one_told_alone_is_taken_by_a_cause_that_is_found_later() -> None:
    gone = list(range(20, 30))
    tracker = Tracker()
    alone = observed([20])
    assert tracker.turn([20], [int(alone.heard[20])], RELATIONS, alone).single == [20]
    rest = gone[1:]
    seen = observed(gone, now=NOW + 20 * S)
    tracker.turn(rest, seen.heard[rest].tolist(), RELATIONS, seen)
    decided = tracker.turn([], [], RELATIONS, observed(gone, now=NOW + 20 * S + SETTLE + 6 * S))
    assert sorted(thing for thing, _ in decided.joined) == gone


def test_the_first_part_of_a_larger_fall_is_absorbed_by_it() -> None:
    tracker = Tracker()
    part, whole = list(range(20, 30)), list(range(COUNT))
    seen = observed(part)
    tracker.turn(part, seen.heard[part].tolist(), RELATIONS, seen)
    [small] = tracker.turn([], [], RELATIONS, observed(part, now=NOW + SETTLE + 6 * S)).opened
    rest = [n for n in whole if n not in part]
    at = NOW + 15 * S
    everything = observed(whole, now=at)
    everything.heard[part] = seen.heard[part]
    tracker.turn(rest, everything.heard[rest].tolist(), RELATIONS, everything)
    decided = tracker.turn([], [], RELATIONS, observed(whole, now=at + SETTLE + 6 * S))
    [large] = decided.opened
    assert large.relation == "district"
    assert decided.absorbed == [(small.number, large.number)]
    assert len(large.members) == COUNT


def test_what_was_told_alone_is_forgotten_after_some_hours() -> None:
    tracker = Tracker()
    seen = observed([20])
    tracker.turn([20], [int(seen.heard[20])], RELATIONS, seen)
    assert tracker.pool
    tracker.turn([], [], RELATIONS, observed([20], now=NOW + KEEP + S))
    assert not tracker.pool


def test_being_late_counts_only_for_silence() -> None:
    """Four of ten give a signal; the other six were not heard since: gone, or well and quiet."""
    gone = list(range(20, 30))
    seen = observed(gone)
    pool = np.array(gone[:4], np.int64)
    [cause] = explain(pool, seen.heard[pool], [CIRCUIT], seen)
    assert sorted(pool[cause.taken]) == gone[:4]
    values = dataclasses.replace(seen, misses=False)
    assert explain(pool, values.heard[pool], [CIRCUIT], values) == []
    nine = np.array(gone[:9], np.int64)
    [cause] = explain(nine, values.heard[nine], [CIRCUIT], values)
    assert len(cause.taken) == 9
    seven = np.array(gone[:7], np.int64)
    assert explain(seven, values.heard[seven], [CIRCUIT], values) == []
