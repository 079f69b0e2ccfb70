"""A target that falls behind is one case, until it is back on path."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.conftest import gauge, send
from tests.plan.house import PLAN, planned_house
from xinji.access.audit import verify
from xinji.loop.case_row import CaseError
from xinji.loop.house import House
from xinji.plan.supervision import TARGET_BEHIND, supervise
from xinji.store.schema import cases, events


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = planned_house(tmp_path / "data", gauges=2)
    yield made
    made.close()


def rows_of(house: House, table: sa.Table) -> list[sa.Row]:
    with house.database.reading() as connection:
        return list(connection.execute(sa.select(table)))


def test_a_target_behind_opens_one_case_once(house: House) -> None:
    for _ in range(3):
        behind = supervise(house, PLAN)
        assert [line.id for line in behind] == ["gauges.count"]
    [case] = rows_of(house, cases)
    assert (case.type, case.case_class) == ("supervision", TARGET_BEHIND.name)
    assert (case.indicator, case.thing, case.area) == ("gauges.count", "", PLAN.district)
    assert (case.state, case.department) == ("filed", TARGET_BEHIND.department)
    [event] = rows_of(house, events)
    assert (event.rule, event.value, event.limit) == ("plan.gauges.count", 2.0, 3.0)
    assert (event.case_id, event.ended_at) == (case.id, None)


def test_back_on_path_closes_it_and_behind_again_opens_the_next(house: House) -> None:
    supervise(house, PLAN)
    house.registry.put([house.registry.check(gauge(3))])
    assert supervise(house, PLAN) == []
    [case] = rows_of(house, cases)
    assert (case.state, case.outcome) == ("closed", "back on path")
    assert rows_of(house, events)[0].ended_at is not None
    send(house, [("gauge-1", "rain_mm_h", 0, 25.0)])
    assert [line.id for line in supervise(house, PLAN)] == ["gauges.rain"]
    assert [each.indicator for each in rows_of(house, cases)] == ["gauges.count", "gauges.rain"]
    assert verify(house.database, house.folder.checkpoints) == []


def test_a_case_under_way_closes_too_when_its_target_is_back(house: House) -> None:
    supervise(house, PLAN)
    [case] = rows_of(house, cases)
    house.cases.act(case.id, "appoint", actor="li", role="operator", assignee="李")
    house.cases.act(case.id, "start", actor="li", role="operator")
    house.cases.act(case.id, "done", actor="li", role="operator", note="a third gauge")
    assert rows_of(house, cases)[0].state == "review"
    supervise(house, PLAN)
    assert rows_of(house, cases)[0].state == "review", "still behind: a word does not close it"
    house.registry.put([house.registry.check(gauge(3))])
    supervise(house, PLAN)
    assert rows_of(house, cases)[0].state == "closed"


def test_no_data_opens_nothing_and_ends_nothing(tmp_path: Path) -> None:
    house = planned_house(tmp_path / "data", gauges=0)
    assert supervise(house, PLAN) == []
    assert rows_of(house, cases) == rows_of(house, events) == []
    house.registry.put([house.registry.check(gauge(1))])
    send(house, [("gauge-1", "rain_mm_h", 0, 25.0)])
    assert len(supervise(house, PLAN)) == 2
    house.store._connection.execute("delete from store.rows")
    assert [line.id for line in supervise(house, PLAN)] == ["gauges.count"]
    rain = next(each for each in rows_of(house, events) if each.rule == "plan.gauges.rain")
    assert rain.ended_at is None, "nobody knows that it is better"
    house.close()


def test_supervision_goes_on_after_a_restart(tmp_path: Path) -> None:
    house = planned_house(tmp_path / "data", gauges=2)
    supervise(house, PLAN)
    house.close()
    again = planned_house(tmp_path / "data", gauges=2)
    supervise(again, PLAN)
    assert len(rows_of(again, cases)) == 1
    assert rows_of(again, events)[0].ended_at is None, "the start ends no event of the plan"
    again.registry.put([again.registry.check(gauge(3))])
    supervise(again, PLAN)
    assert rows_of(again, cases)[0].state == "closed"
    again.close()


def test_nobody_closes_a_case_by_hand(house: House) -> None:
    supervise(house, PLAN)
    [case] = rows_of(house, cases)
    for role in ("operator", "administrator"):
        with pytest.raises(CaseError) as refused:
            house.cases.act(case.id, "verify", actor="li", role=role)
        assert refused.value.status == 403
