"""Each kind of rule against a plain-Python reading of its docstring."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.conftest import EAST, GAUGE, SQUARE, WEST, gauge
from xinji.loop.rules import Found, RuleEngine
from xinji.model.rules import (
    Condition,
    CountInArea,
    Deviation,
    OutOfRange,
    RateOfChange,
    Rule,
    Stuck,
    Threshold,
)
from xinji.model.title import Title
from xinji.store.database import Database
from xinji.store.registry import Registry
from xinji.store.series import SeriesTable

SECOND = 1_000_000
HOUR = 3_600 * SECOND
T0 = 1_700_000_000 * SECOND


@dataclass
class Bench:
    """An engine on gauges 1 to 4 (1 and 2 in the west, 3 and 4 in the east)."""

    engine: RuleEngine
    table: SeriesTable

    def feed(self, rows: list[tuple[int, int, float]]) -> list[Found]:
        """(gauge, microseconds, value) rows."""
        series = [self.table.number(f"gauge-{n}", "rain_mm_h", 0) for n, _, _ in rows]
        return self.engine.observe(
            np.array(series, np.int32),
            np.array([t for _, t, _ in rows], np.int64),
            np.array([v for _, _, v in rows], np.float64),
        )


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Bench]:
    database = Database(f"sqlite:///{tmp_path / 'r.sqlite3'}")
    registry = Registry(database, [GAUGE])
    registry.put_areas([SQUARE, WEST, EAST])
    registry.put([registry.check(gauge(n, 121.35 if n < 3 else 121.45)) for n in (1, 2, 3, 4)])

    def make(*conditions: Condition, **fields: object) -> Bench:
        table = SeriesTable(1_000)
        engine = RuleEngine(registry, table)
        engine.set_rules(
            Rule(
                id=f"r{n}",
                title=Title("规则", "Rule"),
                kind="gauge",
                property="rain_mm_h",
                condition=condition,
                **fields,  # type: ignore[arg-type]
            )
            for n, condition in enumerate(conditions)
        )
        return Bench(engine, table)

    return make


def shown(found: list[Found]) -> list[tuple[bool, int, int]]:
    """(opens, onset, at) in seconds from T0."""
    return [(f.opens, (f.onset - T0) // SECOND, (f.at - T0) // SECOND) for f in found]


def test_persistence_and_hysteresis(bench: Callable[..., Bench]) -> None:
    b = bench(Threshold(op=">=", limit=30, clear=20, hold_seconds=10, clear_hold_seconds=5))
    values = {0: 35, 5: 35, 6: 10, 7: 31, 12: 40, 17: 33, 20: 25, 22: 10, 24: 21, 30: 5, 36: 3}
    found = b.feed([(1, T0 + s * SECOND, v) for s, v in values.items()])
    assert shown(found) == [(True, 7, 7), (False, 7, 30)]
    assert found[0].detected == T0 + 17 * SECOND
    assert (found[0].value, found[0].extreme, found[1].extreme) == (31, 40, 40)


def test_below_with_strict_and_area_and_named_things(bench: Callable[..., Bench]) -> None:
    rows = [(n, T0 + s * SECOND, v) for n in (1, 3) for s, v in ((0, 5.0), (1, 4.9), (2, 5.0))]
    assert shown(bench(Threshold(op="<", limit=5)).feed(rows)) == [(True, 1, 1), (False, 1, 2)] * 2
    assert len(bench(Threshold(op="<", limit=5), area="310105002").feed(rows)) == 2
    assert len(bench(Threshold(op="<", limit=5), things=("gauge-2",)).feed(rows)) == 0


def test_out_of_range_both_sides(bench: Callable[..., Bench]) -> None:
    found = bench(OutOfRange(low=2, high=8)).feed(
        [(1, T0 + s * SECOND, v) for s, v in enumerate([5, 1, 0, 9, 8, 9])]
    )
    assert shown(found) == [(True, 1, 1), (False, 1, 4), (True, 5, 5)]
    assert [f.bound for f in found] == [2, 2, 8]


def test_rate_of_change_per_minute(bench: Callable[..., Bench]) -> None:
    found = bench(RateOfChange(limit_per_minute=6)).feed(
        [(1, T0 + s * SECOND, v) for s, v in ((0, 0), (10, 0.9), (20, 2.0), (30, 2.1), (40, 0))]
    )
    assert shown(found) == [(True, 20, 20), (False, 20, 30), (True, 40, 40)]
    assert found[0].value == pytest.approx(6.6)


def test_stuck_from_the_first_equal_value(bench: Callable[..., Bench]) -> None:
    found = bench(Stuck(seconds=30, tolerance=0.1)).feed(
        [
            (1, T0 + s * SECOND, v)
            for s, v in ((0, 1), (10, 5), (20, 5.1), (39, 4.9), (40, 5), (50, 6))
        ]
    )
    assert shown(found) == [(True, 10, 10), (False, 10, 50)]


def test_count_in_area_by_subdistrict(bench: Callable[..., Bench]) -> None:
    b = bench(CountInArea(op=">=", limit=10, least=2))
    found = b.feed(
        [(1, T0, 12.0), (3, T0, 12.0), (2, T0 + SECOND, 11.0), (1, T0 + 2 * SECOND, 3.0)]
    )
    assert [(f.opens, f.area, f.thing) for f in found] == [
        (True, "310105001", ""),
        (False, "310105001", ""),
    ]
    again = b.feed([(1, T0 + 3 * SECOND, 30.0), (4, T0 + 3 * SECOND, 30.0)])
    assert [(f.opens, f.area) for f in again] == [(True, "310105001"), (True, "310105002")]


def test_deviation_from_the_same_hour_last_week(bench: Callable[..., Bench]) -> None:
    b = bench(Deviation(factor=4, least=5))
    chance = np.random.default_rng(3)
    rows = []
    for hour in range(3 * 168):
        value = 50 + 30 * math.sin(hour / 24 * 2 * math.pi) + chance.normal(0, 1)
        if 2 * 168 + 40 <= hour < 2 * 168 + 43:
            value += 40
        rows.append((1, T0 // HOUR * HOUR + hour * HOUR, value))
    found = b.feed(rows)
    onset = T0 // HOUR * HOUR + (2 * 168 + 40) * HOUR
    assert [(f.opens, f.onset, f.at) for f in found] == [
        (True, onset, onset),
        (False, onset, onset + 3 * HOUR),
    ]


def test_rows_that_are_not_newer_change_nothing(bench: Callable[..., Bench]) -> None:
    b = bench(Threshold(op=">=", limit=10))
    assert shown(b.feed([(1, T0 + SECOND, 12.0)])) == [(True, 1, 1)]
    assert b.feed([(1, T0, 0.0), (1, T0 + SECOND, 0.0)]) == []
    assert shown(b.feed([(1, T0 + 2 * SECOND, 0.0)])) == [(False, 1, 2)]


def model(values: list[float], limit: float, clear: float, hold: int, clear_hold: int) -> list:
    """The docstring of `Threshold`, one value a second, in the plainest Python."""
    found, active, since, good_since, onset = [], False, None, None, 0
    for t, v in enumerate(values):
        if not active:
            if v < limit:
                since = None
                continue
            since = t if since is None else since
            if t - since >= hold:
                active, onset, good_since = True, since, None
                found.append((True, onset, onset))
        elif v >= clear:
            good_since = None
        else:
            good_since = t if good_since is None else good_since
            if t - good_since >= clear_hold:
                active, since = False, None
                found.append((False, onset, good_since))
    return found


@settings(max_examples=300, deadline=None)
@given(
    values=st.lists(st.integers(0, 6).map(float), max_size=80),
    hold=st.integers(0, 4),
    clear_hold=st.integers(0, 4),
    clear=st.integers(2, 4),
    cuts=st.lists(st.integers(0, 80), max_size=4),
)
def test_threshold_equals_its_model_however_batches_are_cut(
    tmp_path_factory: pytest.TempPathFactory,
    values: list[float],
    hold: int,
    clear_hold: int,
    clear: int,
    cuts: list[int],
) -> None:
    b = Bench(*_shared(tmp_path_factory))
    condition = Threshold(
        op=">=", limit=4, clear=clear, hold_seconds=hold, clear_hold_seconds=clear_hold
    )
    rule = Rule(
        id="r", title=Title("规则", "Rule"), kind="gauge", property="rain_mm_h", condition=condition
    )
    b.engine.set_rules(())
    b.engine.forget()
    b.engine.set_rules([rule])
    rows = [(1, T0 + t * SECOND, v) for t, v in enumerate(values)]
    edges = sorted({0, len(rows), *(c for c in cuts if c < len(rows))})
    found = []
    for first, last in itertools.pairwise(edges):
        found += b.feed(rows[first:last])
    assert shown(found) == model(values, 4, clear, hold, clear_hold)


_KEPT: list[tuple[RuleEngine, SeriesTable]] = []


def _shared(factory: pytest.TempPathFactory) -> tuple[RuleEngine, SeriesTable]:
    if not _KEPT:
        database = Database(f"sqlite:///{factory.mktemp('rules') / 'r.sqlite3'}")
        registry = Registry(database, [GAUGE])
        registry.put_areas([SQUARE, WEST, EAST])
        registry.put([registry.check(gauge(1))])
        table = SeriesTable(1_000)
        _KEPT.append((RuleEngine(registry, table), table))
    return _KEPT[0]


def test_state_survives_a_snapshot_and_a_changed_rule_starts_anew(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    conditions = (
        Threshold(op=">=", limit=10, hold_seconds=10),
        CountInArea(op=">=", limit=10, least=2),
        Deviation(factor=4, least=5),
    )
    whole, cut = bench(*conditions), bench(*conditions)
    rows = [(1 + n % 2, T0 + n * 900 * SECOND, float((n * 7) % 23)) for n in range(3_000)]
    expected = whole.feed(rows)
    found = cut.feed(rows[:1_700])
    cut.engine.save(tmp_path / "state.npz", commit=17)
    other = bench(*conditions)
    other.table.number("gauge-1", "rain_mm_h", 0)
    other.table.number("gauge-2", "rain_mm_h", 0)
    assert other.engine.load(tmp_path / "state.npz") == 17
    assert found + other.feed(rows[1_700:]) == expected
    changed = bench(Threshold(op=">=", limit=11, hold_seconds=10))
    changed.table.number("gauge-1", "rain_mm_h", 0)
    changed.engine.load(tmp_path / "state.npz")
    assert changed.engine.active() == set()
