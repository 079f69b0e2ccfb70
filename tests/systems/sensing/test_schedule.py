"""Turns: urgent cameras come sooner, and nobody starves."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xinji.cli.vision_watch import paced
from xinji.systems.terminals.sensing.schedule import Schedule


def _serve(schedule, seconds, cost, urgent=lambda camera: False):
    turns, now = [], 0.0
    while now < seconds:
        camera = schedule.take(now)
        if camera is None:
            now += 0.01
            continue
        now += cost
        turns.append((now, camera))
        schedule.done(camera, now, urgent=urgent(camera))
    return turns


def test_round_robin_when_all_are_calm():
    schedule = Schedule(6.0, 2.0)
    for n in range(20):
        schedule.add(f"c{n}", 0.0)
    turns = _serve(schedule, 60, 0.1)
    counts = [sum(c == f"c{n}" for _, c in turns) for n in range(20)]
    assert min(counts) >= 9 and max(counts) <= 11


@settings(deadline=None, max_examples=25)
@given(st.integers(2, 40), st.sets(st.integers(0, 39)), st.floats(0.05, 0.5))
def test_nobody_starves_whoever_is_urgent(count, urgent, cost):
    schedule = Schedule(5.0, 0.01)
    for n in range(count):
        schedule.add(f"c{n}", 0.0)
    names = {f"c{n}" for n in urgent}
    turns = _serve(schedule, 6 * count * cost + 30, cost, lambda camera: camera in names)
    longest = 5.0 + 3 * (count + 1) * cost + 0.2
    for n in range(count):
        times = [0.0, *(t for t, c in turns if c == f"c{n}")]
        gaps = [b - a for a, b in itertools.pairwise(times)]
        assert gaps and max(gaps) <= longest


def test_who_is_asked_comes_next():
    schedule = Schedule(100.0, 10.0)
    for n in range(5):
        schedule.add(f"c{n}", float(n))
    assert [schedule.take(10) for _ in range(2)] == ["c0", "c1"]
    assert schedule.ask("c4", 10) and not schedule.ask("nobody", 10)
    assert schedule.take(10) == "c4"
    assert schedule.take(10) == "c2"
    schedule.done("c4", 10, urgent=False)
    assert schedule.take(11) == "c3"
    assert schedule.take(11) is None
    assert schedule.next_due() == 110


def test_a_camera_is_never_taken_twice_at_once_and_one_removed_never_again():
    schedule = Schedule(10.0, 1.0)
    schedule.add("a", 0)
    assert schedule.take(0) == "a" and schedule.ask("a", 0)
    assert schedule.take(5) is None
    schedule.remove("a")
    schedule.done("a", 5, urgent=True)
    assert schedule.take(1000) is None and len(schedule) == 0 and schedule.next_due() is None


def test_times_that_make_no_sense():
    for every, soon in ((0, 0), (1, 2)):
        with pytest.raises(ValueError, match="soon"):
            Schedule(every, soon)


def test_the_pace_follows_the_clock_of_the_house():
    assert paced(300.0, 90.0, 30.0) == (10.0, 3.0)
    assert paced(300.0, 90.0, 1.0) == (300.0, 90.0)
    # no camera is asked more often than it can answer
    assert paced(300.0, 90.0, 600.0) == (5.0, 1.25)
    schedule = Schedule(10.0, 3.0)
    schedule.add("c", 0.0)
    assert schedule.take(0.0) == "c"
    schedule.pace(60.0, 20.0)
    schedule.done("c", 0.0, urgent=False)
    assert schedule.next_due() == 60.0
    # a clock that begins to run fast is not waited for at the old pace
    schedule.pace(6.0, 2.0, now=10.0)
    assert schedule.next_due() == 15.0
    assert schedule.take(14.9) is None
    assert schedule.take(15.0) == "c"
    with pytest.raises(ValueError, match="soon"):
        schedule.pace(1.0, 2.0)
