"""Dispatch: words, hard rules, fairness, plans, and the sizes of a real day."""

import math

import msgspec
import numpy as np
import pytest

from benchmarks.dispatch import at_once, by_events, instance, nearest
from xinji.systems.platforms.operations.dispatch import (
    Policy,
    Task,
    Worker,
    assign_now,
    left_over,
    plan_routes,
)

NOW = 1_790_000_000_000_000
HOUR = 3_600_000_000
LATITUDE = 31.2
EAST = 1 / (111_195.0 * math.cos(math.radians(LATITUDE)))


def task(case, east=0.0, due_h=4.0, **fields):
    return Task(
        case=case, longitude=121.4 + east * EAST, latitude=LATITUDE,
        due_us=NOW + int(due_h * HOUR), **fields,
    )  # fmt: skip


def worker(name, east=0.0, until_h=8.0, **fields):
    return Worker(
        name=name, longitude=121.4 + east * EAST, latitude=LATITUDE,
        until_us=NOW + int(until_h * HOUR), **fields,
    )  # fmt: skip


def pairs(found):
    return {each.case: each.worker for each in found}


def test_the_explanation_says_skill_minutes_due_and_the_next_best():
    crew = [
        worker("near", 0, skills=()),
        worker("able", 2_880, skills=("绿化",)),
        worker("far", 5_040, skills=("绿化", "电气")),
    ]
    (found,) = assign_now([task("c", 0, 100 / 60, skills=("绿化",))], crew, NOW)
    assert found.worker == "able"
    assert found.explanation == (
        "nearest with the skill 绿化; 12 min; due in 1 h 40; next best would be 9 min later"
    )
    assert found.arrive_us == pytest.approx(NOW + 720e6, abs=2e6)
    assert found.cost == pytest.approx(sum(found.reasons.values()))
    alone = assign_now([task("c", 0, -0.5)], crew[:1], NOW)[0]
    assert "was due 30 min ago, 40 min late; nobody else can come" in alone.explanation


def test_the_sum_counts_and_not_the_first_come():
    # by hand: b is the only one near y, so x goes to a though b is nearer to x
    crew = [worker("a", 1_000), worker("b", 400)]
    found = assign_now([task("x", 300), task("y", 0)], crew, NOW)
    assert pairs(found) == {"x": "a", "y": "b"} or sum(
        each.reasons["travel"] for each in found
    ) == pytest.approx((700 + 400) / 4, rel=0.01)


def test_skills_and_shifts_are_hard_and_the_reason_is_told():
    tasks = [
        task("skill", 0, skills=("电气",)),
        task("long", 0, 9, service_seconds=7_200.0),
        task("fine", 100),
        task("second", 200),
    ]
    crew = [worker("w", 0, until_h=1.0)]
    found = assign_now(tasks, crew, NOW)
    assert len(found) == 1 and found[0].case in ("fine", "second")
    reasons = {each.case: each.reason for each in left_over(tasks, crew, found, NOW)}
    assert reasons["skill"] == "nobody on duty has the skill 电气"
    assert reasons["long"] == "nobody with the skill can finish it before the shift ends"
    assert len(reasons) == 3
    assert "other cases first" in next(v for k, v in reasons.items() if k in ("fine", "second"))
    assert left_over(tasks[:1], [], [], NOW)[0].reason == "nobody is on duty"


def test_what_somebody_returned_goes_to_another():
    crew = [worker("near", 0), worker("far", 900)]
    back = task("c", 0, returned_by=("near",))
    assert pairs(assign_now([back], crew, NOW)) == {"c": "far"}
    [route] = [each for each in plan_routes([back], crew, NOW, 1.0).routes if each.stops]
    assert route.worker == "far"
    nobody = task("c", 0, returned_by=("near", "far"))
    assert assign_now([nobody], crew, NOW) == []
    assert left_over([nobody], crew, [], NOW)[0].reason == "all who could do it have returned it"


def test_nothing_and_nobody():
    assert assign_now([], [worker("w")], NOW) == []
    assert assign_now([task("c")], [], NOW) == []
    plan = plan_routes([], [worker("w")], NOW, 1.0)
    assert (plan.travel_m, plan.on_time, plan.unserved) == (0, 0, ())
    plan = plan_routes([task("c")], [], NOW, 1.0)
    assert [each.case for each in plan.unserved] == ["c"]


def test_what_would_be_late_is_taken_before_what_is_near():
    tasks = [task("near", 100, 8.0), task("urgent", 2_000, 0.35)]
    assert pairs(assign_now(tasks, [worker("w")], NOW)) == {"urgent": "w"}


def test_workload_and_the_waiting_of_areas_decide_between_equals():
    crew = [worker("busy", 10, load=20_000.0), worker("idle", 100)]
    assert pairs(assign_now([task("c")], crew, NOW)) == {"c": "idle"}
    assert pairs(assign_now([task("c")], crew, NOW, Policy(workload=0))) == {"c": "busy"}
    tasks = [
        task("a1", 100, area="A", waiting_since_us=NOW - HOUR),
        task("b1", -100, area="B", waiting_since_us=NOW - HOUR),
        task("b2", -9_000, area="B", waiting_since_us=NOW - 9 * HOUR),
    ]
    fair = Policy(waiting=0.0, area_waiting=0.05)
    assert pairs(assign_now(tasks, [worker("w", 10)], NOW, fair)) == {"b1": "w"}
    plain = Policy(waiting=0.0, area_waiting=0.0)
    assert pairs(assign_now(tasks, [worker("w", 10)], NOW, plain)) == {"a1": "w"}


def test_a_busy_worker_who_is_near_beats_a_free_one_who_is_far():
    crew = [worker("soon", 100, free_us=NOW + 300_000_000), worker("far", 9_000)]
    (found,) = assign_now([task("c")], crew, NOW)
    assert found.worker == "soon"
    assert found.arrive_us == pytest.approx(NOW + 325e6, abs=1e6)


def test_a_plan_serves_what_it_can_and_names_the_rest():
    tasks = [
        task("a", 500), task("b", 900, 1.0), task("past", 1_300, -2.0),
        task("skill", 100, skills=("电气",)), task("far", 90_000, 6.0, service_seconds=20_000.0),
    ]  # fmt: skip
    plan = plan_routes(tasks, [worker("w")], NOW, 2.0, iterations=100)
    stops = {stop.case: stop for stop in plan.routes[0].stops}
    assert set(stops) == {"a", "b", "past"}
    assert stops["past"].late_seconds > 7_200 and stops["a"].late_seconds == 0
    assert plan.on_time == 2
    assert {each.case for each in plan.unserved} == {"skill", "far"}
    arrivals = [stop.arrive_us for stop in plan.routes[0].stops]
    assert arrivals == sorted(arrivals)
    assert plan.travel_m == pytest.approx(1_300, rel=0.01)
    waits = [(stop.arrive_us - NOW) / 1e6 for stop in plan.routes[0].stops]
    assert plan.mean_wait_s == pytest.approx(np.mean(waits))


def test_too_many_for_the_time_are_named_and_none_is_lost():
    tasks = [task(f"c{at}", at * 300, 1.0, service_seconds=1_200.0) for at in range(12)]
    plan = plan_routes(tasks, [worker("w"), worker("v", 2_000)], NOW, 2.0, iterations=200)
    served = {stop.case for each in plan.routes for stop in each.stops}
    left = {each.case for each in plan.unserved}
    assert served | left == {each.case for each in tasks} and not served & left
    assert 3 <= len(served) <= 6 and plan.on_time == len(served)


def test_the_knob_trades_metres_for_minutes():
    tasks, crew = instance(31, 60, 8)
    plans = [
        plan_routes(tasks, crew, NOW, 3.0, 1, metres_per_minute=price, iterations=300)
        for price in (0.0, 100.0)
    ]
    assert plans[1].mean_wait_s < plans[0].mean_wait_s
    assert plans[1].travel_m > plans[0].travel_m
    assert all(plan.on_time == 60 for plan in plans)


def test_a_thousand_tasks():
    tasks, crew = instance(32, 1_000, 60)
    found = assign_now(tasks, crew, NOW)
    assert len(found) == 60 and len(pairs(found)) == 60
    plan = plan_routes(tasks, crew, NOW, 3.0, 1)
    served = sum(len(each.stops) for each in plan.routes)
    assert served + len(plan.unserved) == 1_000
    assert served > 900


def test_over_a_day_it_goes_less_far_than_the_nearest_rule_and_keeps_more_promises():
    tasks, crew = instance(33, 120, 12)
    ours, theirs = by_events(tasks, crew, at_once()), by_events(tasks, crew, nearest)
    assert ours.on_time >= theirs.on_time
    plan = plan_routes(tasks, crew, NOW, 3.0, 1, iterations=300)
    assert plan.on_time >= theirs.on_time and plan.travel_m / 1000 < theirs.km


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="a case is there twice"):
        assign_now([task("c"), task("c")], [worker("w")], NOW)
    with pytest.raises(ValueError, match="a name is there twice"):
        plan_routes([task("c")], [worker("w"), worker("w")], NOW, 1.0)
    with pytest.raises(ValueError, match="metres_per_minute"):
        plan_routes([task("c")], [worker("w")], NOW, 1.0, metres_per_minute=-1)
    with pytest.raises(ValueError, match="longitude"):
        msgspec.structs.replace(task("c"), longitude=float("nan"))
    with pytest.raises(ValueError, match="speed_m_s"):
        worker("w", speed_m_s=0.0)
