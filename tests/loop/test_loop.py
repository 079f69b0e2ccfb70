"""From a committed row to an event to a case that closes by itself."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.conftest import gauge, open_house, send
from xinji.access import audit
from xinji.loop.case_row import CaseError
from xinji.loop.house import House
from xinji.model.observations import Reason, Source
from xinji.store.schema import case_steps, cases, events, refusals, things
from xinji.wire.inlet import Device

SECOND = 1_000_000


def now() -> int:
    return int(time.time() * 1e6)


def rows_of(house: House, table: sa.Table) -> list[sa.Row]:
    with house.database.reading() as connection:
        return list(connection.execute(sa.select(table)))


def test_a_threshold_opens_a_case_and_closes_it_after_done(house: House) -> None:
    t = now() - 10 * SECOND
    send(house, [("gauge-1", "rain_mm_h", t, 35.0)])
    [event] = rows_of(house, events)
    assert (event.rule, event.started_at, event.value, event.ended_at) == (
        "heavy-rain",
        t,
        35,
        None,
    )
    [case] = rows_of(house, cases)
    assert case.state == "filed"
    assert case.area == "310105001"
    assert event.case_id == case.id
    act = house.cases.act
    act(case.id, "assign", actor="li", role="operator", assignee="crew 1")
    with pytest.raises(CaseError, match="note"):
        act(case.id, "done", actor="li", role="operator")
    act(case.id, "done", actor="li", role="operator", note="cleaned")
    assert rows_of(house, cases)[0].state == "verifying"
    send(house, [("gauge-1", "rain_mm_h", t + SECOND, 25.0)])
    assert rows_of(house, cases)[0].state == "verifying", "25 is inside the hysteresis"
    send(house, [("gauge-1", "rain_mm_h", t + 2 * SECOND, 10.0)])
    [case] = rows_of(house, cases)
    assert (case.state, case.outcome) == ("closed", "verified")
    [event] = rows_of(house, events)
    assert event.ended_at == t + 2 * SECOND
    assert [s.action for s in rows_of(house, case_steps)] == ["open", "assign", "done", "verify"]
    assert audit.verify(house.database, house.folder.checkpoints) == []
    assert rows_of(house, things)[0].state == "good"


def test_a_second_event_joins_the_open_case(house: House) -> None:
    t = now() - 10 * SECOND
    send(house, [("gauge-1", "rain_mm_h", t, 35.0)])
    send(house, [("gauge-1", "rain_mm_h", t + 1, 0.0)])
    send(house, [("gauge-1", "rain_mm_h", t + 2, 35.0)])
    assert len(rows_of(house, events)) == 2
    assert len(rows_of(house, cases)) == 1


def test_late_repeated_future_and_impossible_rows(house: House) -> None:
    t = now() - 100 * SECOND
    first = send(house, [("gauge-1", "rain_mm_h", t, 1.0), ("gauge-1", "rain_mm_h", t + 2, 2.0)])
    assert (first.stored, first.repeated) == (2, 0)
    again = send(house, [("gauge-1", "rain_mm_h", t, 9.0), ("gauge-1", "rain_mm_h", t + 1, 99.0)])
    assert (again.stored, again.repeated) == (1, 1)
    assert rows_of(house, events) == [], "a late row raises no alarm"
    bad = send(
        house,
        [
            ("gauge-1", "rain_mm_h", now() + 400 * SECOND, 1.0),
            ("gauge-1", "rain_mm_h", t + 3, 301.0),
            ("gauge-1", "rain_mm_h", t + 4, float("nan")),
            ("gauge-1", "rain_mm_h", t + 5, 5.0),
        ],
    )
    assert bad.stored == 1
    assert [(r.index, r.reason) for r in bad.refused] == [
        (0, Reason.FUTURE),
        (1, Reason.OUT_OF_RANGE),
        (2, Reason.NOT_FINITE),
    ]
    assert len(rows_of(house, refusals)) == 3


def test_a_named_batch_is_stored_once(house: House) -> None:
    t = now() - 100 * SECOND
    rows = [("gauge-1", "rain_mm_h", t + n, 1.0) for n in range(5)]
    assert send(house, rows, batch_id="b1").stored == 5
    again = send(house, rows, batch_id="b1")
    assert (again.stored, again.repeated) == (0, 5)


def test_values_without_a_time_are_all_kept(house: House) -> None:
    receipt = send(house, [("gauge-1", "rain_mm_h", 0, float(n)) for n in range(50)])
    assert (receipt.stored, receipt.repeated) == (50, 0)


def test_silence_opens_and_closes(house: House) -> None:
    send(house, [("gauge-1", "rain_mm_h", 0, 1.0)])
    table = house.store.table
    number = table.numbers["gauge-1", "rain_mm_h", 0]
    table.arrived[number] -= 61 * SECOND
    house.turn()
    [event] = rows_of(house, events)
    assert event.rule == "gauge-silent"
    assert {t.id: t.state for t in rows_of(house, things)}["gauge-1"] == "silent"
    house.turn()
    assert len(rows_of(house, events)) == 1
    send(house, [("gauge-1", "rain_mm_h", 0, 1.0)])
    house.turn()
    assert rows_of(house, events)[0].ended_at is not None


def test_a_part_of_the_house_stores_what_it_has_computed(house: House) -> None:
    device = Device("test part", source=Source.SIMULATED)
    t = now()
    receipt = house.ingest.put(device, [("gauge-1", "rain_mm_h", t, 35.0)])
    assert (receipt.stored, receipt.refused) == (1, ())
    [event] = rows_of(house, events)
    assert (event.rule, event.source) == ("heavy-rain", "simulated")
    assert house.ingest.put(device, [("gauge-1", "rain_mm_h", t + 1, 999.0)]).stored == 0
    assert [refusal.sender for refusal in rows_of(house, refusals)] == ["test part"]
    with pytest.raises(ValueError, match="gauge-9/rain_mm_h"):
        house.ingest.put(device, [("gauge-9", "rain_mm_h", t, 1.0)])


def test_on_a_fast_clock_a_carrier_that_lags_makes_nobody_silent(house: House) -> None:
    send(house, [(f"gauge-{n}", "rain_mm_h", 0, 1.0) for n in (1, 2, 3)])
    table = house.store.table
    numbers = [table.numbers[f"gauge-{n}", "rain_mm_h", 0] for n in (1, 2, 3)]
    house.clock.set_speed(30)
    table.arrived[numbers] -= 3600 * SECOND
    house.turn()
    assert rows_of(house, events) == []
    table.arrived[numbers[:2]] += 3600 * SECOND
    house.turn()
    assert [event.thing for event in rows_of(house, events)] == ["gauge-3"]


def test_rules_come_back_from_snapshot_and_store(tmp_path: Path) -> None:
    house = open_house(tmp_path)
    house.registry.put([house.registry.check(gauge())])
    t = now() - 100 * SECOND
    send(house, [("gauge-1", "rain_mm_h", t, 35.0)])
    house.save()
    send(house, [("gauge-1", "rain_mm_h", t + SECOND, 50.0)])
    house.close()
    house = open_house(tmp_path)
    send(house, [("gauge-1", "rain_mm_h", t + 2 * SECOND, 5.0)])
    [event] = rows_of(house, events)
    assert (event.started_at, event.ended_at, event.extreme) == (t, t + 2 * SECOND, 50.0)
    house.close()
    (tmp_path / "rules.npz").write_bytes(b"PK garbage")
    house = open_house(tmp_path)
    assert len(rows_of(house, events)) == 1
    house.close()
