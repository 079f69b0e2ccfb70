"""What a target asks of a day, and its light; every number here was worked by hand."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinji.model.indicators import DatedValue, Path, Status, Target
from xinji.model.title import Title
from xinji.plan.path import met, required, status

AHEAD, ON_PATH, BEHIND, NO_DATA = Status.AHEAD, Status.ON_PATH, Status.BEHIND, Status.NO_DATA


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def target(
    path: str, *values: tuple[str, float], op: str = ">=", baseline: tuple[str, float] | None = None
) -> Target:
    return Target(
        indicator="a.b.c",
        title=Title("指标", "Indicator"),
        task=1,
        clause="二(二)1",
        promise=Title("承诺", "Promise"),
        unit="%",
        op=op,
        path=Path(path),
        values=tuple(DatedValue(day(date), value) for date, value in values),
        baseline=DatedValue(day(baseline[0]), baseline[1]) if baseline else None,
    )


# 100 days from 20 to 70, then 50 days from 70 to 100: 0.5 a day, then 0.6 a day.
LINEAR = target(
    "linear", ("2022-04-11", 70.0), ("2022-05-31", 100.0), baseline=("2022-01-01", 20.0)
)
STEP = target("step", ("2022-06-30", 5.0), ("2023-06-30", 10.0), baseline=("2022-01-01", 2.0))
CUMULATIVE = target("cumulative", ("2022-12-31", 7.0), ("2023-12-31", 20.0))
DOWN = target("linear", ("2022-04-11", 4.0), op="<=", baseline=("2022-01-01", 24.0))
OPEN = target("linear", ("2022-04-11", 80.0), op=">", baseline=("2022-01-01", 30.0))


@pytest.mark.parametrize(
    ("of", "on", "asked"),
    [
        (LINEAR, "2021-12-31", None),
        (LINEAR, "2022-01-01", 20.0),
        (LINEAR, "2022-01-02", 20.5),
        (LINEAR, "2022-02-20", 45.0),
        (LINEAR, "2022-04-10", 69.5),
        (LINEAR, "2022-04-11", 70.0),
        (LINEAR, "2022-04-12", 70.6),
        (LINEAR, "2022-05-06", 85.0),
        (LINEAR, "2022-05-31", 100.0),
        (LINEAR, "2030-01-01", 100.0),
        (STEP, "2022-01-01", None),
        (STEP, "2022-06-29", None),
        (STEP, "2022-06-30", 5.0),
        (STEP, "2023-06-29", 5.0),
        (STEP, "2023-06-30", 10.0),
        (STEP, "2030-01-01", 10.0),
        (CUMULATIVE, "2022-12-30", None),
        (CUMULATIVE, "2022-12-31", 7.0),
        (CUMULATIVE, "2023-12-30", 7.0),
        (CUMULATIVE, "2023-12-31", 20.0),
        (DOWN, "2022-01-01", 24.0),
        (DOWN, "2022-02-20", 14.0),
        (DOWN, "2022-04-11", 4.0),
    ],
)
def test_what_is_asked_of_a_day(of: Target, on: str, asked: float | None) -> None:
    found = required(of, day(on))
    assert found is None if asked is None else found == pytest.approx(asked)


@pytest.mark.parametrize(
    ("of", "on", "value", "light"),
    [
        # The whole way of LINEAR is 80, so ahead is 4 above the path.
        (LINEAR, "2022-02-20", None, NO_DATA),
        (LINEAR, "2022-02-20", 44.9, BEHIND),
        (LINEAR, "2022-02-20", 45.0, ON_PATH),
        (LINEAR, "2022-02-20", 48.9, ON_PATH),
        (LINEAR, "2022-02-20", 49.1, AHEAD),
        (LINEAR, "2022-02-20", 0.0, BEHIND),
        (LINEAR, "2022-05-31", 99.9, BEHIND),
        (LINEAR, "2022-05-31", 100.0, ON_PATH),
        (LINEAR, "2023-01-01", 120.0, ON_PATH),
        (LINEAR, "2021-06-01", 10.0, ON_PATH),
        (LINEAR, "2021-06-01", 100.0, AHEAD),
        (STEP, "2022-05-01", 0.0, ON_PATH),
        (STEP, "2022-05-01", 10.0, AHEAD),
        (STEP, "2022-06-30", 4.0, BEHIND),
        (STEP, "2022-06-30", 5.0, ON_PATH),
        (STEP, "2022-06-30", 6.0, AHEAD),
        (STEP, "2023-06-30", 9.0, BEHIND),
        (STEP, "2023-06-30", 10.0, ON_PATH),
        (CUMULATIVE, "2022-12-30", 0.0, ON_PATH),
        (CUMULATIVE, "2022-12-31", 6.0, BEHIND),
        (CUMULATIVE, "2022-12-31", 7.0, ON_PATH),
        (CUMULATIVE, "2022-12-31", 8.0, AHEAD),
        (CUMULATIVE, "2023-12-31", 19.0, BEHIND),
        (CUMULATIVE, "2023-12-31", 20.0, ON_PATH),
        # Down: the whole way is 20, ahead is 1 below the path.
        (DOWN, "2022-02-20", 14.1, BEHIND),
        (DOWN, "2022-02-20", 14.0, ON_PATH),
        (DOWN, "2022-02-20", 13.1, ON_PATH),
        (DOWN, "2022-02-20", 12.9, AHEAD),
        (DOWN, "2022-04-11", 4.1, BEHIND),
        (DOWN, "2022-04-11", 4.0, ON_PATH),
        (DOWN, "2022-04-11", 0.0, ON_PATH),
        # "> 80 %": 55 is asked on the way and is enough there; 80 at the end is not.
        (OPEN, "2022-02-20", 54.9, BEHIND),
        (OPEN, "2022-02-20", 55.0, ON_PATH),
        (OPEN, "2022-02-20", 60.0, AHEAD),
        (OPEN, "2022-04-11", 80.0, BEHIND),
        (OPEN, "2022-04-11", 80.01, ON_PATH),
    ],
)
def test_the_light_of_a_value(of: Target, on: str, value: float | None, light: Status) -> None:
    assert status(of, value, day(on)) is light


def test_an_open_bound_on_the_way_forgives_the_rounding_of_the_path() -> None:
    third = target("linear", ("2022-01-04", 80.0), op=">", baseline=("2022-01-01", 79.0))
    asked = required(third, day("2022-01-02"))
    assert asked is not None
    assert status(third, 79 + 1 / 3, day("2022-01-02")) is ON_PATH


@pytest.mark.parametrize(
    ("op", "value", "answer"),
    [
        (">=", 5.0, True), (">=", 5.0 - 1e-12, True), (">=", 4.9, False),
        (">", 5.0, False), (">", 5.1, True),
        ("<=", 5.0, True), ("<=", 5.0 + 1e-12, True), ("<=", 5.1, False),
        ("<", 5.0, False), ("<", 4.9, True),
    ],
)  # fmt: skip
def test_the_four_operators(op: str, value: float, answer: bool) -> None:
    assert met(target("step", ("2022-01-01", 5.0), op=op), value, 5.0) is answer


DAYS = st.dates(dt.date(2021, 1, 1), dt.date(2024, 1, 1))


@given(DAYS, DAYS)
def test_a_rising_path_never_asks_for_less_later(one: dt.date, other: dt.date) -> None:
    earlier, later = sorted((one, other))
    for each in (LINEAR, STEP, CUMULATIVE, OPEN):
        before, after = required(each, earlier), required(each, later)
        assert before is None or (after is not None and after >= before)


@given(st.sampled_from([LINEAR, STEP, CUMULATIVE, DOWN, OPEN]), DAYS, st.floats(-50, 150),
       st.floats(0, 50))  # fmt: skip
def test_a_better_value_never_has_a_worse_light(
    of: Target, on: dt.date, value: float, better: float
) -> None:
    order = [BEHIND, ON_PATH, AHEAD]
    better = value - better if of.op.startswith("<") else value + better
    assert order.index(status(of, better, on)) >= order.index(status(of, value, on))
