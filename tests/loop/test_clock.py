"""One clock: the district's, never backwards, over restarts too."""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path

import pytest

from tests.conftest import SQUARE, TEST_SYSTEM, gauge, send
from xinji.loop import district_time
from xinji.loop.clock import HouseClock
from xinji.loop.house import House
from xinji.store.schema import cases
from xinji.system.assembly import assemble

SHANGHAI = dt.timezone(dt.timedelta(hours=8))
FRIDAY = dt.datetime(2026, 11, 27, 7, tzinfo=SHANGHAI)
MONDAY = dt.datetime(2026, 11, 30, 7, tzinfo=SHANGHAI)


def opened(path: Path, clock: HouseClock | None) -> House:
    house = assemble(path, (TEST_SYSTEM,), clock=clock)
    house.registry.put_areas([SQUARE])
    house.registry.put([house.registry.check(gauge())])
    return house


def heavy_rain(house: House) -> None:
    at = house.clock.now()
    send(house, [("gauge-1", "rain_mm_h", at, 35.0), ("gauge-1", "rain_mm_h", at + 1, 1.0)])


def case_ids(house: House) -> list[str]:
    with house.database.reading() as connection:
        return sorted(row.id for row in connection.execute(cases.select()))


def test_the_districts_day_begins_at_its_own_midnight() -> None:
    late = dt.datetime(2026, 11, 27, 16, 30, tzinfo=dt.UTC)
    assert HouseClock(late.timestamp()).day() == dt.date(2026, 11, 28)


def test_a_change_of_speed_moves_no_time() -> None:
    clock = HouseClock(FRIDAY.timestamp())
    before = clock.now()
    clock.set_speed(1000.0)
    clock.set_speed(1.0)
    assert 0 <= clock.now() - before < 60_000_000


def test_a_fast_clock_slows_down_to_real_time_and_no_further() -> None:
    clock = HouseClock(FRIDAY.timestamp(), 30.0)
    clock.keep_up(0.5)
    assert (clock.speed, clock.wanted) == (15.0, 30.0)
    clock.keep_up(0.0)
    assert clock.speed == 1.0
    clock.keep_up(2.0)
    assert clock.speed == 30.0
    real = HouseClock()
    real.keep_up(0.1)
    assert (real.speed, real.free) == (1.0, False)


def test_a_house_opened_with_an_earlier_clock_goes_on_after_what_it_has_stored(
    tmp_path: Path,
) -> None:
    house = opened(tmp_path / "data", HouseClock(MONDAY.timestamp()))
    heavy_rain(house)
    house.close()
    house = opened(tmp_path / "data", HouseClock(FRIDAY.timestamp()))
    assert house.clock.moment() >= MONDAY
    with house.database.writing() as connection:
        connection.execute(cases.update().values(closed_at=1, state="closed"))
    house.cases.reload()
    heavy_rain(house)
    first, second = case_ids(house)
    assert (first[10:], second[10:]) == ("-000001", "-000002")
    house.close()


def test_cases_are_numbered_after_all_cases_and_not_after_the_newest_by_time(
    tmp_path: Path,
) -> None:
    """Opened at an earlier time of day than 1,000 others, as a clock set wrong once left them."""
    house = opened(tmp_path / "data", HouseClock(MONDAY.timestamp()))
    heavy_rain(house)
    with house.database.writing() as connection:
        row = connection.execute(cases.select()).one()._mapping
        connection.execute(
            cases.insert(),
            [
                dict(row, id=f"CN20261130-{n:06d}", opened_at=row["opened_at"] + n)
                for n in range(2, 1500)
            ]
            + [dict(row, id="CN20261127-002000", opened_at=row["opened_at"] - 1)],
        )
        connection.execute(cases.update().values(closed_at=1, state="closed"))
    house.close()
    house = opened(tmp_path / "data", None)
    heavy_rain(house)
    assert case_ids(house)[-1].endswith("-002001")
    house.close()


def test_a_folder_of_a_free_clock_keeps_its_time_when_it_is_opened_without_one(
    tmp_path: Path,
) -> None:
    house = opened(tmp_path / "data", HouseClock(FRIDAY.timestamp()))
    house.close()
    house = opened(tmp_path / "data", None)
    assert house.clock.free
    assert FRIDAY <= house.clock.moment() < FRIDAY + dt.timedelta(minutes=10)
    house.close()


def test_a_system_clock_that_was_ahead_at_the_last_run_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 3600)
    house = opened(tmp_path / "data", None)
    last = house.clock.now()
    house.close()
    monkeypatch.setattr(time, "time", real)
    house = opened(tmp_path / "data", None)
    assert house.clock.now() >= last
    assert house.clock.doubt == pytest.approx(3600, abs=30)
    house.close()


def test_a_clock_lost_by_a_kill_is_found_again_in_the_work(tmp_path: Path) -> None:
    house = opened(tmp_path / "data", HouseClock(MONDAY.timestamp()))
    district_time.keep(house.database, HouseClock(FRIDAY.timestamp()))
    heavy_rain(house)
    # what a kill leaves: the clock as it was kept last
    house.store.close()
    house.database.close()
    house.folder.close()
    house = opened(tmp_path / "data", None)
    assert house.clock.moment() >= MONDAY
    house.close()
