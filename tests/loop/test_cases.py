"""The case engine: clocks, timers, guards, roles, and two hands on one case."""

from __future__ import annotations

import time
from pathlib import Path

import msgspec
import pytest
import sqlalchemy as sa

from tests.conftest import TEST_SYSTEM, send
from xinji.access.audit import Audit, verify
from xinji.loop.calendars import Calendars
from xinji.loop.case_row import CaseError
from xinji.loop.cases import CaseEngine
from xinji.loop.clock import HouseClock
from xinji.loop.device_fault import DEVICE_DATA, DEVICE_FAULT, DEVICE_SILENT
from xinji.loop.house import House
from xinji.model.rules import Rule, Threshold
from xinji.model.title import Title
from xinji.store.database import Database
from xinji.store.schema import case_steps, events, rules, timers

SECOND = 1_000_000
HOUR = 3_600 * SECOND
TITLE = Title("设备", "Device")


class LaterClock(HouseClock):
    """The house clock, moved on by hand."""

    ahead = 0

    def now(self) -> int:
        return super().now() + self.ahead


@pytest.fixture
def engine(tmp_path: Path) -> CaseEngine:
    database = Database(f"sqlite:///{tmp_path / 'r.sqlite3'}")
    audit = Audit(database, tmp_path / "checkpoints.jsonl")
    return CaseEngine(
        database,
        audit,
        LaterClock(),
        Calendars(database),
        [DEVICE_FAULT],
        [DEVICE_SILENT, DEVICE_DATA],
    )


def later(engine: CaseEngine, microseconds: int) -> None:
    engine._clock.ahead += microseconds  # type: ignore[attr-defined]
    engine.run_timers()


def opened(engine: CaseEngine, thing: str = "gauge-1") -> str:
    return engine.open("device-silent", title=TITLE, thing=thing, area="310105001")


def act(engine: CaseEngine, case: str, action: str, role: str = "operator", **fields: str) -> str:
    return engine.act(case, action, actor="li", role=role, **fields).state  # type: ignore[arg-type]


def steps(engine: CaseEngine, case: str) -> list[str]:
    with engine._database.reading() as connection:
        query = sa.select(case_steps.c.action).where(case_steps.c.case_id == case)
        return list(connection.execute(query.order_by(case_steps.c.number)).scalars())


def test_the_clock_pauses_while_the_recheck_is_waited_for(engine: CaseEngine) -> None:
    case = opened(engine)
    row = engine.row(case)
    assert row is not None
    assert row.due_at == row.opened_at + 4 * HOUR
    later(engine, HOUR)
    act(engine, case, "assign", assignee="crew")
    later(engine, HOUR)
    assert act(engine, case, "done", note="repaired") == "verifying"
    row = engine.row(case)
    assert row is not None
    assert (row.due_at, row.clock_at) == (None, None)
    later(engine, HOUR)
    # Nobody opened this case by rule: there is no signal, so a person confirms.
    assert act(engine, case, "confirm", note="looked at it") == "closed"
    row = engine.row(case)
    assert row is not None
    assert (row.outcome, row.due_at, row.clock_at) == ("confirmed", None, None)
    assert row.clock_us == pytest.approx(2 * HOUR, abs=10 * SECOND)
    later(engine, 9 * HOUR)
    assert engine.clock_reading(row, engine._clock.now()) == row.clock_us
    assert steps(engine, case) == ["open", "assign", "done", "confirm"]


def test_a_limit_that_passes_escalates_once(engine: CaseEngine) -> None:
    case = opened(engine)
    later(engine, 4 * HOUR - 60 * SECOND)
    assert steps(engine, case) == ["open"]
    later(engine, 120 * SECOND)
    later(engine, HOUR)
    assert steps(engine, case) == ["open", "escalate"]
    row = engine.row(case)
    assert row is not None
    assert row.overdue
    assert row.state == "filed"


@pytest.mark.parametrize(
    ("action", "role", "fields", "status", "field"),
    [
        ("nothing", "operator", {}, 422, "action"),
        ("accept", "operator", {}, 409, ""),
        ("assign", "viewer", {"assignee": "x"}, 403, ""),
        ("assign", "operator", {}, 422, "assignee"),
        ("void", "operator", {"note": "x"}, 403, ""),
        ("void", "administrator", {"note": "  "}, 422, "note"),
        ("verify", "administrator", {}, 409, ""),
    ],
)
def test_what_is_not_allowed_is_refused_and_leaves_no_step(
    engine: CaseEngine, action: str, role: str, fields: dict, status: int, field: str
) -> None:
    case = opened(engine)
    with pytest.raises(CaseError) as refused:
        act(engine, case, action, role, **fields)
    assert (refused.value.status, refused.value.field) == (status, field)
    assert steps(engine, case) == ["open"]


def test_a_case_outside_the_scope_does_not_exist(engine: CaseEngine) -> None:
    case = opened(engine)
    with pytest.raises(CaseError) as refused:
        act(engine, case, "assign", assignee="x", scope="310105002")
    assert refused.value.status == 404
    with pytest.raises(CaseError):
        act(engine, "CN20260101-000001", "assign", assignee="x")


def test_a_closed_case_is_over_and_the_next_fault_opens_another(engine: CaseEngine) -> None:
    first = opened(engine)
    assert engine.open_case("gauge-1", "device-silent") == first
    assert act(engine, first, "void", "administrator", note="a test") == "closed"
    assert engine.open_case("gauge-1", "device-silent") is None
    with pytest.raises(CaseError):
        act(engine, first, "assign", assignee="x")
    assert opened(engine) != first
    with engine._database.reading() as connection:
        kept = connection.execute(sa.select(timers.c.case_id)).scalars().all()
    assert first not in kept


def test_numbers_go_on_after_a_restart(engine: CaseEngine, tmp_path: Path) -> None:
    first = opened(engine)
    again = CaseEngine(
        engine._database,
        engine._audit,
        HouseClock(),
        engine.calendars,
        [DEVICE_FAULT],
        [DEVICE_SILENT],
    )
    assert again.open_case("gauge-1", "device-silent") == first
    second = again.open("device-silent", title=TITLE, thing="gauge-2")
    assert int(second[-6:]) == int(first[-6:]) + 1
    assert verify(engine._database, tmp_path / "checkpoints.jsonl") == []


def test_a_number_lost_to_a_rollback_is_not_given_twice(engine: CaseEngine) -> None:
    def opened_and_lost() -> None:
        with engine._database.writing():
            opened(engine, "gauge-7")
            raise RuntimeError

    first = opened(engine)
    with pytest.raises(RuntimeError):
        opened_and_lost()
    engine.reload()
    second = opened(engine, "gauge-2")
    again = CaseEngine(
        engine._database,
        engine._audit,
        HouseClock(),
        engine.calendars,
        [DEVICE_FAULT],
        [DEVICE_SILENT],
    )
    third = again.open("device-silent", title=TITLE, thing="gauge-3")
    assert len({first, second, third}) == 3


def test_a_signal_that_stays_bad_sends_the_work_back(house: House) -> None:
    now = int(time.time() * 1e6)
    send(house, [("gauge-1", "rain_mm_h", now - 5 * SECOND, 50.0)])
    clock = LaterClock()
    house.cases._clock = clock
    case = house.cases.open_case("gauge-1", "device-silent")
    assert case is not None
    house.cases.act(case, "assign", actor="li", role="operator", assignee="crew")
    house.cases.act(case, "done", actor="li", role="operator", note="repaired")
    clock.ahead += 601 * SECOND
    house.cases.run_timers()
    row = house.cases.row(case)
    assert row is not None
    assert row.state == "assigned"


def test_a_fault_that_mends_itself_closes_after_a_minute(house: House) -> None:
    now = int(time.time() * 1e6)
    send(house, [("gauge-1", "rain_mm_h", now - 5 * SECOND, 50.0)])
    case = house.cases.open_case("gauge-1", "device-silent")
    assert case is not None
    clock = LaterClock()
    house.cases._clock = clock
    send(house, [("gauge-1", "rain_mm_h", now - 4 * SECOND, 1.0)])
    send(house, [("gauge-1", "rain_mm_h", now - 3 * SECOND, 50.0)])
    clock.ahead += 61 * SECOND
    house.cases.run_timers()
    row = house.cases.row(case)
    assert row is not None
    assert row.state == "filed", "it fell ill again within the minute"
    send(house, [("gauge-1", "rain_mm_h", now - 2 * SECOND, 1.0)])
    clock.ahead += 61 * SECOND
    house.cases.run_timers()
    row = house.cases.row(case)
    assert row is not None
    assert (row.state, row.outcome) == ("closed", "recovered")


def test_an_operators_rule_runs_at_once_and_its_end_closes_its_events(house: House) -> None:
    rule = Rule(
        id="mine",
        title=TITLE,
        kind="gauge",
        property="rain_mm_h",
        condition=Threshold(op=">=", limit=5),
    )

    def put(enabled: bool) -> None:
        changed = msgspec.structs.replace(rule, enabled=enabled)
        with house.database.writing() as connection:
            connection.execute(sa.delete(rules))
            connection.execute(
                sa.insert(rules).values(
                    id=rule.id,
                    definition=msgspec.to_builtins(changed),
                    revision=house.database.changed("rules", rule.id),
                )
            )
        house.recompile()

    now = int(time.time() * 1e6)
    put(True)
    send(house, [("gauge-2", "rain_mm_h", now - 5 * SECOND, 6.0)])
    with house.database.reading() as connection:
        [event] = connection.execute(sa.select(events)).all()
    assert (event.rule, event.ended_at) == ("mine", None)
    put(False)
    with house.database.reading() as connection:
        [event] = connection.execute(sa.select(events)).all()
    assert event.ended_at is not None
    assert TEST_SYSTEM.rules[0].id in {r.id for r in house.rules.rules}
