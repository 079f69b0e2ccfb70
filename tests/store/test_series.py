"""Names to numbers, and the kernels that decide row by row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xinji.store.observations import StoreFull
from xinji.store.series import (
    BAD_RANGE,
    BAD_TIME,
    FUTURE,
    NOT_FINITE,
    SOUND,
    SeriesTable,
    check,
    fresh_rows,
    settle,
    withdraw,
)

NAME = st.tuples(st.sampled_from("abc"), st.sampled_from("xy"), st.integers(0, 2))


@given(st.lists(NAME, max_size=40))
def test_a_series_has_one_number_for_ever(names: list[tuple[str, str, int]]) -> None:
    table = SeriesTable(64)
    known: dict[tuple[str, str, int], int] = {}
    for name in names:
        assert table.number(*name) == known.setdefault(name, len(known))
    assert len(table) == len(known)
    assert [table.names[number] for number in known.values()] == list(known)


def test_a_full_table_says_so_and_still_knows_what_it_knew() -> None:
    table = SeriesTable(2)
    assert (table.number("a", "x", 0), table.number("b", "x", 0)) == (0, 1)
    with pytest.raises(StoreFull, match="more than 2 series"):
        table.number("c", "x", 0)
    assert table.number("b", "x", 0) == 1
    assert len(table) == 2


def test_a_new_series_has_no_range_until_it_is_told_one() -> None:
    table = SeriesTable(4)
    number = table.number("a", "x", 0)
    assert (table.low[number], table.high[number]) == (-np.inf, np.inf)
    table.limit(number, 0.0, None)
    assert (table.low[number], table.high[number]) == (0.0, np.inf)


ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 20)), max_size=30)


@settings(deadline=None)
@given(ROWS, ROWS)
def test_fresh_is_newer_than_everything_before_and_can_be_withdrawn(
    first: list[tuple[int, int]], second: list[tuple[int, int]]
) -> None:
    last_time = np.zeros(4, np.int64)
    newest = dict.fromkeys(range(4), 0)
    for rows in (first, second):
        series = np.array([s for s, _ in rows], np.int32)
        times = np.array([t for _, t in rows], np.int64)
        fresh, previous = np.zeros(len(rows), np.bool_), np.zeros(len(rows), np.int64)
        before = last_time.copy()
        fresh_rows(series, times, last_time, fresh, previous)
        after = last_time.copy()
        withdraw(series, fresh, previous, last_time)
        assert last_time.tolist() == before.tolist(), "a failed commit leaves no trace"
        fresh[:] = False
        fresh_rows(series, times, last_time, fresh, previous)
        assert last_time.tolist() == after.tolist()
        for (number, time), is_fresh in zip(rows, fresh, strict=True):
            assert is_fresh == (time > newest[number])
            newest[number] = max(newest[number], time)
        assert last_time.tolist() == list(newest.values())


def test_settle_takes_the_last_fresh_value() -> None:
    series, fresh = np.array([0, 0, 1, 0], np.int32), np.array([True, True, False, False])
    values, marks = np.array([1.0, 2.0, 3.0, 4.0]), np.array([0, 1, 2, 2], np.uint8)
    times, last_time = np.array([5, 6, 7, 8]), np.full(2, 4)
    last_value, last_quality = np.full(2, 9.0), np.full(2, 9, np.uint8)
    settle(series, times, values, marks, fresh, last_time, last_value, last_quality)
    assert last_time.tolist() == [6, 4]
    assert (last_value.tolist(), last_quality.tolist()) == ([2.0, 9.0], [1, 9])


@pytest.mark.parametrize(
    ("time", "value", "code"),
    [
        (50, 5.0, SOUND),
        (50, 0.0, SOUND),
        (50, 10.0, SOUND),
        (10, 5.0, SOUND),
        (100, 5.0, SOUND),
        (50, 10.000001, BAD_RANGE),
        (50, -0.1, BAD_RANGE),
        (50, float("nan"), NOT_FINITE),
        (50, float("inf"), NOT_FINITE),
        (50, float("-inf"), NOT_FINITE),
        (101, 5.0, FUTURE),
        (9, 5.0, BAD_TIME),
        (101, 11.0, BAD_RANGE),
    ],
)
def test_each_fault_of_a_row_has_its_code(time: int, value: float, code: int) -> None:
    codes = np.zeros(1, np.uint8)
    low, high = np.array([0.0]), np.array([10.0])
    series = np.zeros(1, np.int32)
    faults = check(series, np.array([time]), np.array([value]), low, high, 10, 100, codes)
    assert (codes[0], faults) == (code, int(code != SOUND))
