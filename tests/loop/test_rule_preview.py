"""A proposed rule on what was observed: the episodes that it would have found."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from tests.conftest import TEST_SYSTEM, gauge, send
from xinji.loop import rule_preview
from xinji.loop.house import House
from xinji.loop.rule_preview import DAY_US, Busy, Preview, preview
from xinji.model.rules import CountInArea, Rule, Silence, Threshold
from xinji.model.title import Title
from xinji.store.schema import events

SECOND = 1_000_000
HEAVY = TEST_SYSTEM.rules[0]


def rule(condition: Threshold | Silence | CountInArea, **more: object) -> Rule:
    return Rule(
        id="proposed",
        title=Title("拟", "Proposed"),
        kind="gauge",
        property="rain_mm_h",
        condition=condition,
        **more,  # type: ignore[arg-type]
    )


def rained(house: House, now: int, n: int = 400) -> list[tuple[str, str, int, float]]:
    """Rows of three gauges over about twenty days, with heavy rain now and then."""
    draw = np.random.default_rng(7)
    times = np.sort(draw.integers(now - 20 * DAY_US, now - SECOND, n))
    rows = [
        (f"gauge-{draw.integers(1, 4)}", "rain_mm_h", int(at), float(draw.choice([0, 10, 25, 35])))
        for at in times
    ]
    send(house, rows)
    return rows


def tried(house: House, proposed: Rule, now: int, days: int = 30) -> Preview:
    return preview(house.store, house.registry, proposed, now, days)


def test_a_preview_finds_what_the_running_rule_has_found(house: House) -> None:
    now = house.clock.now()
    rows = rained(house, now)
    found = tried(house, HEAVY, now)
    assert (found.rows, found.series, found.complete) == (len(rows), 3, True)
    e = events.c
    with house.database.reading() as connection:
        stored = connection.execute(
            sa.select(e.thing, e.started_at, e.detected_at, e.ended_at, e.value, e.extreme)
            .where(e.rule == HEAVY.id)
            .order_by(e.detected_at, e.thing)
        ).all()
    assert len(stored) > 20
    mine = [
        (x.thing, x.started_at, x.detected_at, x.ended_at, x.value, x.extreme)
        for x in sorted(found.episodes, key=lambda x: (x.detected_at, x.thing))
    ]
    # An open event keeps the extreme of its beginning until it ends.
    assert [row[:5] for row in mine] == [tuple(row)[:5] for row in stored]


def test_a_preview_changes_nothing_of_the_running_rules(house: House) -> None:
    now = house.clock.now()
    rained(house, now)
    before = (house.rules.active(), house.store.table.arrived.copy(), list(house.rules.rules))
    with house.database.reading() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(events)).scalar()
    tried(house, rule(Threshold(op=">=", limit=5.0)), now)
    tried(house, rule(Silence(seconds=60)), now)
    assert house.rules.active() == before[0]
    assert np.array_equal(house.store.table.arrived, before[1])
    assert house.rules.rules == before[2]
    with house.database.reading() as connection:
        after = connection.execute(sa.select(sa.func.count()).select_from(events)).scalar()
    assert after == count


@pytest.mark.parametrize("hours", [1, 6, 72])
def test_silence_is_found_in_the_gaps(house: House, hours: int) -> None:
    now = house.clock.now()
    rows = rained(house, now)
    limit = hours * 3_600 * SECOND
    wanted = []
    for thing in ("gauge-1", "gauge-2", "gauge-3"):
        times = [at for name, _, at, _ in rows if name == thing]
        for at, following in zip(times, [*times[1:], None], strict=True):
            if (following or now) - at > limit:
                wanted.append((thing, at, following))
    found = tried(house, rule(Silence(seconds=hours * 3_600)), now)
    got = [(each.thing, each.started_at, each.ended_at) for each in found.episodes]
    assert sorted(got) == sorted(wanted)
    assert wanted or hours == 72
    assert found.complete


def test_area_things_and_days_narrow_it(house: House) -> None:
    house.registry.put([house.registry.check(gauge(11, 121.45))])
    now = house.clock.now()
    rained(house, now)
    send(house, [("gauge-11", "rain_mm_h", now - SECOND, 50.0)])
    low = Threshold(op=">=", limit=5.0)
    whole, east, one, short = (
        tried(house, rule(low), now),
        tried(house, rule(low, area="310105002"), now),
        tried(house, rule(low, things=("gauge-2",)), now),
        tried(house, rule(low), now, days=1),
    )
    assert {each.thing for each in east.episodes} == {"gauge-11"}
    assert {each.thing for each in one.episodes} == {"gauge-2"}
    assert 0 < short.rows < whole.rows
    assert min(each.started_at for each in short.episodes) >= now - DAY_US
    assert east.episodes[0].ended_at is None
    assert east.episodes[0].seconds == 1.0


def test_a_count_in_an_area_has_no_thing(house: House) -> None:
    now = house.clock.now()
    at = now - 3_600 * SECOND
    send(house, [(f"gauge-{n}", "rain_mm_h", at + n, 50.0) for n in (1, 2, 3)])
    found = tried(house, rule(CountInArea(op=">=", limit=30.0, least=3)), now)
    assert [(e.thing, e.area, e.started_at) for e in found.episodes] == [("", "310105001", at + 3)]


def test_what_is_too_much_is_left_out_from_the_oldest_and_said(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = house.clock.now()
    rows = rained(house, now)
    monkeypatch.setattr(rule_preview, "MOST_ROWS", 100)
    found = tried(house, HEAVY, now)
    assert (found.rows, found.complete) == (100, False)
    assert found.start == rows[-100][2]
    monkeypatch.setattr(rule_preview, "MOST_ROWS", 10_000)
    monkeypatch.setattr(rule_preview, "MOST_MOMENTS", 5)
    assert not tried(house, rule(Silence(seconds=60)), now).complete
    monkeypatch.setattr(rule_preview, "MOST_SECONDS", -1.0)
    none = tried(house, HEAVY, now)
    assert (none.rows, none.complete, none.episodes) == (0, False, [])


def test_one_rule_is_tried_at_a_time(house: House, tmp_path: Path) -> None:
    assert rule_preview._one.acquire()
    try:
        raised: list[BaseException] = []

        def second() -> None:
            try:
                tried(house, HEAVY, house.clock.now())
            except Busy as error:
                raised.append(error)

        thread = threading.Thread(target=second)
        thread.start()
        thread.join()
        assert len(raised) == 1
    finally:
        rule_preview._one.release()


def test_a_kind_that_never_reported_has_no_episodes(house: House) -> None:
    found = tried(house, HEAVY, house.clock.now())
    assert (found.rows, found.series, found.episodes, found.complete) == (0, 0, [], True)
