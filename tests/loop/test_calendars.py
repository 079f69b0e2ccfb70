"""The work calendar: its seed beside an independent package, its edits, and years nobody knows."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import chinese_calendar
import pytest

from xinji.loop.calendars import DISTRICT_TIME, Calendars
from xinji.store.database import Database

US = 1_000_000


@pytest.fixture
def calendars(tmp_path: Path) -> Calendars:
    return Calendars(Database(f"sqlite:///{tmp_path / 'r.sqlite3'}"))


def at(text: str) -> int:
    return int(dt.datetime.fromisoformat(text).replace(tzinfo=DISTRICT_TIME).timestamp()) * US


def test_every_day_of_the_seed_equals_the_chinesecalendar_package(calendars: Calendars) -> None:
    for year in calendars.years:
        day = dt.date(year, 1, 1)
        while day.year == year:
            noon = at(f"{day}T09:00:00")
            assert calendars.running("work-hours", noon) == chinese_calendar.is_workday(day), day
            day += dt.timedelta(days=1)


def test_the_four_clocks(calendars: Calendars) -> None:
    friday = at("2026-11-20T17:00:00")
    due = {
        name: calendars.after(name, friday, calendars.limit_us(amount, name))
        for name, amount in (
            ("emergency-hours", 2), ("work-hours", 2), ("work-days", 2), ("natural-days", 2),
        )
    }  # fmt: skip
    assert due == {
        "emergency-hours": at("2026-11-20T19:00:00"),
        "work-hours": at("2026-11-23T09:00:00"),
        "work-days": at("2026-11-24T17:00:00"),
        "natural-days": at("2026-11-22T17:00:00"),
    }


def test_a_limit_over_a_holiday_counts_the_make_up_day(calendars: Calendars) -> None:
    # 2026-10-10 is a working Saturday after the National Day week
    assert calendars.after("work-days", at("2026-10-09T15:00:00"), 86_400 * US) == at(
        "2026-10-10T15:00:00"
    )


def test_a_year_without_a_calendar_is_not_guessed(calendars: Calendars) -> None:
    late = at("2026-12-31T17:00:00")
    assert calendars.after("work-hours", late, 3600 * US) == at("2026-12-31T18:00:00")
    assert calendars.after("work-hours", late, 2 * 3600 * US) is None
    assert calendars.after("emergency-hours", late, 2 * 3600 * US) is not None
    assert calendars.unknown(at("2026-06-01T00:00:00")) is None
    assert calendars.unknown(at("2026-11-01T00:00:00")) == 2027
    assert calendars.unknown(at("2027-02-01T00:00:00")) == 2027


def test_an_edited_day_counts_at_once_and_survives(calendars: Calendars) -> None:
    monday = at("2026-11-23T09:00:00")
    assert calendars.running("work-hours", monday)
    calendars.put(dt.date(2026, 11, 23), working=False, note="test")
    calendars.load()
    assert not calendars.running("work-hours", monday)
    again = Calendars(calendars._database)
    assert not again.running("work-hours", monday)


def test_one_day_that_was_entered_makes_no_year_known(calendars: Calendars) -> None:
    calendars.put(dt.date(2027, 1, 1), working=False)
    calendars.load()
    assert 2027 not in calendars.years
    assert calendars.unknown(at("2027-02-01T00:00:00")) == 2027
    with pytest.raises(ValueError, match="at least 7 days of the year; 1 are entered"):
        calendars.declare(2027)
    for day in range(2, 8):
        calendars.put(dt.date(2027, 10, day), working=False)
    calendars.declare(2027)
    calendars.load()
    assert 2027 in calendars.years
    assert 2027 in Calendars(calendars._database).years
