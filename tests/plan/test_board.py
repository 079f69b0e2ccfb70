"""The board: every task, a light only where there are data, and the history behind a figure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.conftest import SIMULATOR, TEST_SYSTEM, gauge, send
from tests.plan.house import PLAN, planned_house
from xinji.loop.clock import HouseClock
from xinji.loop.house import House
from xinji.model.indicators import Status
from xinji.plan.board import Board, board, card, end_of
from xinji.plan.reading import read_plan
from xinji.store.observations import microseconds
from xinji.system.assembly import assemble
from xinji.system.discovery import discover

SHANGHAI = dt.timezone(dt.timedelta(hours=8))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = planned_house(tmp_path / "data")
    yield made
    made.close()


def today() -> dt.date:
    return HouseClock().day()


def at(day: dt.date, hour: int = 12) -> int:
    return microseconds(dt.datetime.combine(day, dt.time(hour), SHANGHAI))


def days_ago(days: int) -> dt.date:
    return today() - dt.timedelta(days=days)


def lines(of: Board) -> dict[str, object]:
    return {line.id: line for task in of.tasks for line in task.indicators}


def test_changnings_board_has_23_tasks_and_invents_nothing(tmp_path: Path) -> None:
    systems, plan = discover(), read_plan()
    house = assemble(tmp_path / "data", systems)
    found = board(plan, systems, house.figures, today())
    assert [task.number for task in found.tasks] == list(range(1, 24))
    assert [family["name"] for family in found.families] == [
        "network", "facilities", "platforms", "terminals",
    ]  # fmt: skip
    every = lines(found)
    assert set(every) == {target.indicator for target in plan.targets}
    assert sum(found.lights.values()) == len(plan.targets)
    assert found.lights["no data"] == len(plan.targets), "an empty house has no figure at all"
    for line in every.values():
        assert (line.value, line.source, line.status) == (None, None, Status.NO_DATA)
        assert line.fault == ""
    answered = {task.number for task in found.tasks if task.systems}
    assert answered == {number for system in systems for number in system.tasks} & set(range(1, 24))
    house.close()


def test_a_target_that_no_system_computes_has_no_data_for_ever(house: House) -> None:
    found = board(PLAN, (TEST_SYSTEM,), house.figures, today())
    line = lines(found)["gauges.nobody"]
    assert (line.value, line.status, line.required_today) == (None, Status.NO_DATA, 1.0)
    behind = card(house.figures, PLAN.targets[2], today())
    assert (behind["sql"], behind["lineage"], behind["value"]) == (None, None, None)
    assert behind["rows"] == {"columns": [], "rows": [], "total": 0}


def test_values_lights_and_tasks_stand_together(house: House) -> None:
    send(house, [("gauge-1", "rain_mm_h", 0, 25.0)])
    found = board(PLAN, (TEST_SYSTEM,), house.figures, today())
    every = lines(found)
    assert (every["gauges.count"].value, every["gauges.count"].status) == (3.0, Status.ON_PATH)
    assert (every["gauges.rain"].value, every["gauges.rain"].status) == (25.0, Status.BEHIND)
    assert found.lights == {"ahead": 0, "on path": 1, "behind": 1, "no data": 1}
    by_number = {task.number: task for task in found.tasks}
    assert by_number[18].systems == ["terminals.gauges"]
    assert by_number[19].systems == []
    assert {line.id for line in by_number[18].indicators} == {"gauges.count", "gauges.rain"}


def test_a_past_day_is_computed_from_what_was_known_of_it(house: House) -> None:
    send(house, [("gauge-1", "rain_mm_h", at(days_ago(10)), 2.0)])
    send(house, [("gauge-1", "rain_mm_h", at(days_ago(5)), 40.0)])
    send(house, [("gauge-1", "rain_mm_h", at(days_ago(1)), 6.0)])
    seen = {
        days: lines(board(PLAN, (), house.figures, days_ago(days)))["gauges.rain"].value
        for days in (20, 11, 10, 6, 5, 2, 1, 0)
    }
    assert seen == {20: None, 11: None, 10: 2.0, 6: 2.0, 5: 21.0, 2: 21.0, 1: 16.0, 0: 16.0}


def test_the_history_of_a_figure_moves_with_its_rows(house: House) -> None:
    for days, value in ((300, 2.0), (200, 40.0), (100, 6.0)):
        send(house, [("gauge-1", "rain_mm_h", at(days_ago(days)), value)])
    behind = card(house.figures, PLAN.targets[1], today())
    values = behind["history"]["value"]
    assert list(dict.fromkeys(values)) == [None, 2.0, 21.0, 16.0]
    assert behind["history"]["date"][-1] == today().isoformat()
    dates = behind["history"]["date"]
    assert dates == sorted(dates)
    assert len(dates) == len(behind["history"]["required"])


def test_the_end_of_a_day_is_the_districts_and_never_in_its_future() -> None:
    clock = HouseClock(dt.datetime(2024, 7, 2, 9, tzinfo=SHANGHAI).timestamp())
    end = end_of(dt.date(2024, 6, 30), clock)
    assert end == dt.datetime(2024, 6, 30, 23, 59, 59, 999_999, SHANGHAI)
    for day in (clock.day(), clock.day() + dt.timedelta(days=400)):
        assert end_of(day, clock) <= clock.moment()


def test_a_house_whose_clock_says_friday_shows_fridays_figures_on_sunday(tmp_path: Path) -> None:
    friday = dt.datetime.combine(days_ago(2), dt.time(9), SHANGHAI)
    made = planned_house(tmp_path / "data", clock=HouseClock(friday.timestamp()))
    send(made, [("gauge-1", "rain_mm_h", microseconds(friday), 8.0)])
    found = board(PLAN, (TEST_SYSTEM,), made.figures, made.clock.day())
    assert found.as_of == friday.date()
    assert lines(found)["gauges.rain"].value == 8.0
    assert found.computed_at - friday < dt.timedelta(minutes=10)
    made.close()


def test_a_row_after_the_districts_midnight_belongs_to_the_next_day(house: House) -> None:
    send(house, [("gauge-1", "rain_mm_h", at(days_ago(3), 0), 8.0)])
    value = {
        days: lines(board(PLAN, (), house.figures, days_ago(days)))["gauges.rain"].value
        for days in (4, 3)
    }
    assert value == {4: None, 3: 8.0}


def test_a_card_shows_sql_lineage_rows_and_source(house: House) -> None:
    send(house, [("gauge-1", "rain_mm_h", at(days_ago(1)), 2.0)])
    send(house, [("gauge-2", "rain_mm_h", at(days_ago(1)), 4.0)], SIMULATOR)
    found = card(house.figures, PLAN.targets[1], today(), limit=1)
    assert found["sql"] == TEST_SYSTEM.indicators[1].sql.strip()
    assert found["lineage"] == {
        "tables": ["observations"],
        "value_columns": ["observations.value"],
        "filter_columns": ["observations.property", "observations.time"],
    }
    assert found["source"] == "simulated", "the weakest of its rows"
    assert found["rows"]["total"] == 2
    [row] = found["rows"]["rows"]
    shown = dict(zip(found["rows"]["columns"], row, strict=True))
    assert shown["property"] == "rain_mm_h"
    assert (found["clause"], found["value"], found["target"]) == ("二(四)1", 3.0, 10.0)
    assert msgspec.json.encode(found)


def test_a_broken_indicator_is_a_fault_on_its_line_and_stops_no_other(house: House) -> None:
    broken = msgspec.structs.replace(
        house.figures.indicators["gauges.count"],
        sql="select 1 / 'x' as value from things where $asof is not null",
    )
    house.figures.indicators["gauges.count"] = broken
    every = lines(board(PLAN, (), house.figures, today()))
    assert every["gauges.count"].value is None
    assert every["gauges.count"].fault
    assert every["gauges.count"].status is Status.NO_DATA
    assert card(house.figures, PLAN.targets[0], today())["fault"]


def test_rows_of_an_area_only(house: House) -> None:
    """A person of a sub-district sees the figure of the district, and the rows of the own part."""
    house.registry.put([house.registry.check(gauge(9, 121.45))])
    whole = card(house.figures, PLAN.targets[0], today())
    east = card(house.figures, PLAN.targets[0], today(), area="310105002")
    assert whole["value"] == east["value"] == 4.0
    assert whole["rows"]["total"] == 4
    assert east["rows"]["total"] == 1
    at_id = east["rows"]["columns"].index("id")
    assert [row[at_id] for row in east["rows"]["rows"]] == ["gauge-9"]


def test_rows_without_an_area_are_not_shown_to_a_part_of_the_district(house: House) -> None:
    house.figures.indicators["gauges.count"] = msgspec.structs.replace(
        house.figures.indicators["gauges.count"], rows_sql="select id, name from things"
    )
    assert card(house.figures, PLAN.targets[0], today())["rows"]["total"] == 3
    part = card(house.figures, PLAN.targets[0], today(), area="310105002")["rows"]
    assert part == {"columns": [], "rows": [], "total": 0}
