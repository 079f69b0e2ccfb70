"""Working time: intervals, inverse, and the limits of what is known."""

from __future__ import annotations

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st

from xinji.methods.work_time import US, working_intervals

ZONE = dt.timezone(dt.timedelta(hours=8))
OFFICE = ((8.0, 12.0), (14.0, 18.0))
WEEK = working_intervals(dt.date(2026, 11, 16), dt.date(2026, 11, 29), {}, OFFICE, ZONE)


def at(day: int, hour: float) -> int:
    moment = dt.datetime(2026, 11, day, tzinfo=ZONE) + dt.timedelta(hours=hour)
    return int(moment.timestamp()) * US


def test_hours_of_a_working_day_and_none_at_night_or_on_a_weekend() -> None:
    assert WEEK.between(at(23, 0), at(24, 0)) == 8 * 3600 * US
    assert WEEK.between(at(23, 11), at(23, 15)) == 2 * 3600 * US
    assert WEEK.between(at(21, 0), at(23, 8)) == 0
    assert WEEK.between(at(23, 12), at(23, 9)) == 0


def test_four_hours_from_friday_afternoon_end_on_monday() -> None:
    assert WEEK.after(at(20, 16), 4 * 3600 * US) == at(23, 10)
    assert WEEK.after(at(20, 16), 2 * 3600 * US) == at(20, 18)
    assert WEEK.after(at(21, 9), 3600 * US) == at(23, 9)


def test_what_lies_beyond_the_known_days_is_not_said() -> None:
    assert WEEK.after(at(27, 16), 2 * 3600 * US) == at(27, 18)
    assert WEEK.after(at(27, 16), 3 * 3600 * US) is None


def test_exceptions_work_on_a_weekend_and_rest_on_a_weekday() -> None:
    days = {dt.date(2026, 11, 21): True, dt.date(2026, 11, 23): False}
    week = working_intervals(dt.date(2026, 11, 16), dt.date(2026, 11, 29), days, OFFICE, ZONE)
    assert week.after(at(20, 17), 2 * 3600 * US) == at(21, 9)
    assert week.after(at(21, 17), 2 * 3600 * US) == at(24, 9)


@given(start=st.integers(at(16, 0), at(27, 0)), amount=st.integers(1, 30 * 3600 * US))
def test_after_is_the_inverse_of_between(start: int, amount: int) -> None:
    end = WEEK.after(start, amount)
    if end is not None:
        assert WEEK.between(start, end) == amount
        assert WEEK.between(start, end - 1) == amount - 1, "the earliest such moment"
