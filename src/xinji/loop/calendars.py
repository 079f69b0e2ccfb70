"""The clocks that a time limit may run on, from days that an administrator can edit.

- `emergency-hours` (紧急工作时) and `natural-days` (自然日) run every second of every day;
- `work-hours` (工作时) runs in the office hours of working days;
- `work-days` (工作日) runs through the 24 hours of working days, so that two working days from a
  moment end at the same time of day.

A year without a calendar is not guessed: what would end in it has no due time, and `unknown` says
which year is missing. A year is known when it is in the seed, or when a person has said that its
days are all there (`declare`): one day that somebody entered makes no year known.
"""

from __future__ import annotations

import datetime as dt
import threading
import tomllib
from pathlib import Path

import sqlalchemy as sa

from xinji.methods.work_time import US, WorkTime, working_intervals
from xinji.store.database import Database
from xinji.store.settings import read_setting, write_setting
from xinji.store.work_schema import calendar_days

SEED = Path(__file__).with_name("work_calendar.toml")
DISTRICT_TIME = dt.timezone(dt.timedelta(hours=8))

CALENDARS = ("emergency-hours", "work-hours", "work-days", "natural-days")
UNIT_SECONDS = {
    "emergency-hours": 3600,
    "work-hours": 3600,
    "work-days": 86_400,
    "natural-days": 86_400,
}
"""Seconds on its own clock of one unit of an amount."""

YEARS_SETTING = "calendar.years"
LEAST_DAYS = 7
"""Fewer days off than the seven holidays of the State Council's notice are no year."""

_ALWAYS = ("", "emergency-hours", "natural-days")


class Calendars:
    """The work calendars of a house. Safe from any thread."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        seed = tomllib.loads(SEED.read_text())
        self.hours = tuple((float(a), float(b)) for a, b in seed["hours"])
        self._seeded = frozenset(int(year) for year in seed["years"])
        with database.writing() as connection:
            known = set(connection.execute(sa.select(calendar_days.c.day)).scalars())
            rows = [
                {"day": day, "working": working, "note": ""}
                for year in seed["years"].values()
                for working, days in ((False, year["rest"]), (True, year["work"]))
                for day in days
                if day not in known
            ]
            if rows and not known:
                connection.execute(sa.insert(calendar_days), rows)
        self.load()

    def load(self) -> None:
        """Take the days from the database."""
        with self._database.reading() as connection:
            days = {
                dt.date.fromisoformat(day): bool(working)
                for day, working in connection.execute(
                    sa.select(calendar_days.c.day, calendar_days.c.working)
                )
            }
        years = sorted(self._seeded.union(read_setting(self._database, YEARS_SETTING) or ()))
        run = [y for y in years if all(x in years for x in range(years[0], y))]
        first, last = dt.date(run[0], 1, 1), dt.date(run[-1], 12, 31)
        with self._lock:
            self.years = tuple(run)
            self._clocks: dict[str, WorkTime] = {
                "work-hours": working_intervals(first, last, days, self.hours, DISTRICT_TIME),
                "work-days": working_intervals(first, last, days, ((0, 24),), DISTRICT_TIME),
            }

    def put(self, day: dt.date, *, working: bool, note: str = "") -> None:
        """Store one day that is not what its weekday says, in the open transaction or its own."""
        key = calendar_days.c.day == day.isoformat()
        with self._database.writing() as connection:
            connection.execute(sa.delete(calendar_days).where(key))
            connection.execute(
                sa.insert(calendar_days).values(day=day.isoformat(), working=working, note=note)
            )

    def declare(self, year: int) -> None:
        """Say that the days of a year are all there; in the open transaction or its own.

        Raises ValueError: fewer than `LEAST_DAYS` of its days are entered.
        """
        with self._database.writing() as connection:
            entered = connection.execute(
                sa.select(sa.func.count())
                .select_from(calendar_days)
                .where(calendar_days.c.day.startswith(f"{year:04}-"))
            ).scalar_one()
            if entered < LEAST_DAYS:
                raise ValueError(f"at least {LEAST_DAYS} days of the year; {entered} are entered")
            told = set(read_setting(self._database, YEARS_SETTING) or ())
            write_setting(self._database, YEARS_SETTING, sorted(told | {year}))

    def between(self, calendar: str, start: int, end: int) -> int:
        """Microseconds that the clock `calendar` ran from `start` to `end`."""
        if calendar in _ALWAYS:
            return max(0, end - start)
        return self._clocks[calendar].between(start, end)

    def after(self, calendar: str, start: int, amount: int) -> int | None:
        """When `amount` microseconds have run since `start`; None in a year without a calendar."""
        if calendar in _ALWAYS:
            return start + amount
        return self._clocks[calendar].after(start, amount)

    def running(self, calendar: str, at: int) -> bool:
        """True when the clock runs at a moment."""
        return self.between(calendar, at, at + US) > 0

    def limit_us(self, amount: float, calendar: str) -> int:
        """An amount of a calendar's units as microseconds of its clock. Raises KeyError."""
        return int(amount * UNIT_SECONDS[calendar] * US)

    def unknown(self, now: int) -> int | None:
        """The year that is missing: this one, or from November on the next one."""
        day = dt.datetime.fromtimestamp(now / US, DISTRICT_TIME).date()
        asked = (day.year, day.year + 1) if day.month >= 11 else (day.year,)
        return next((year for year in asked if year not in self.years), None)
