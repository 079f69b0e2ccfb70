"""Alarms of one cause share a case: through a house, with its clock, its store and its rules."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
import sqlalchemy as sa

from tests.conftest import DEVICE, EAST, SQUARE, TEST_SYSTEM, WEST, gauge, send
from tests.loop.test_loop import rows_of
from xinji.access import audit
from xinji.loop import findings
from xinji.loop.clock import HouseClock
from xinji.loop.device_fault import DEVICE_GROUP, DEVICE_SILENT
from xinji.loop.house import House
from xinji.store.observations import Rows
from xinji.store.schema import case_steps, cases, events, incidents, things
from xinji.system.assembly import assemble

SECOND = 1_000_000
START = 1_780_000_000.0
GAUGES = 24
OF_A = [f"gauge-{n}" for n in range(1, 13)]
OF_B = [f"gauge-{n}" for n in range(13, GAUGES + 1)]


def opened(path: Path) -> House:
    house = assemble(path, (TEST_SYSTEM,), clock=HouseClock(START))
    house.registry.put_areas([SQUARE, WEST, EAST])
    return house


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Gauges 1 to 12 of owner 甲, 13 to 24 of owner 乙, in the west; all heard just now."""
    made = opened(tmp_path / "data")
    made.registry.put(
        [
            made.registry.check(msgspec.structs.replace(gauge(n), owner="甲" if n <= 12 else "乙"))
            for n in range(1, GAUGES + 1)
        ]
    )
    hear(made, OF_A + OF_B)
    yield made
    made.close()


def hear(house: House, names: list[str]) -> None:
    send(house, [(name, "rain_mm_h", 0, 1.0) for name in names])


def pass_time(house: House, seconds: float, *, heard: Sequence[str] = ()) -> None:
    """Time passes in steps of ten seconds; at each some are heard, and the house turns."""
    for _ in range(int(seconds / 10)):
        house.clock.not_before(house.clock.seconds() + 10)
        if heard:
            hear(house, list(heard))
        house.turn()


def cases_of(house: House, name: str) -> list[sa.Row]:
    return [row for row in rows_of(house, cases) if row.case_class == name]


def test_one_silent_thing_among_well_ones_gets_its_own_case_at_once(house: House) -> None:
    pass_time(house, 70, heard=[*OF_A[1:], *OF_B])
    [case] = rows_of(house, cases)
    assert (case.case_class, case.thing) == (DEVICE_SILENT.name, OF_A[0])


def test_the_things_of_one_owner_that_fall_silent_together_are_one_case(house: House) -> None:
    pass_time(house, 120, heard=OF_B)
    [case] = rows_of(house, cases)
    assert case.case_class == DEVICE_GROUP.name
    assert case.title == "甲 · 成批失联"
    assert (case.area, case.severity, case.thing) == (WEST.code, "major", "")
    found = rows_of(house, events)
    assert sorted(row.thing for row in found) == sorted(OF_A)
    assert {row.case_id for row in found} == {case.id}
    [incident] = rows_of(house, incidents)
    assert (incident.relation, incident.node, incident.ended_at) == ("owner", "甲", None)
    states = {row.id: row.state for row in rows_of(house, things)}
    assert {states[name] for name in OF_A} == {"silent"}
    assert {states[name] for name in OF_B} == {"good"}


def test_a_large_incident_takes_its_events_in_pieces_and_loses_none(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xinji.loop.incidents.MOST_TAKEN", 5)
    joining = house.writer.incidents.joining
    # one transaction at a time: what a turn does not finish is gone on with behind what waits
    monkeypatch.setattr("xinji.loop.house.FINDINGS_SECONDS", -1.0)
    monkeypatch.setattr(house, "_go_on", lambda: None)
    while not joining():
        pass_time(house, 10, heard=OF_B)
        assert house.clock.seconds() < START + 200
    taken = [row.thing for row in rows_of(house, events) if row.case_id]
    assert len(taken) == 5
    [back] = [name for name in OF_A if name not in taken][:1]
    hear(house, [back])
    house.turn()
    by_thing = {row.thing: row for row in rows_of(house, events)}
    assert by_thing[back].ended_at is not None, "well again before its event was taken"
    for _ in range(5):
        house.turn()
    [case] = rows_of(house, cases)
    assert not joining() and not house.writer.incidents.undecided()
    assert {row.case_id for row in rows_of(house, events)} == {case.id}
    assert sorted(row.thing for row in rows_of(house, events)) == sorted(OF_A)


def test_what_is_left_of_an_incident_is_gone_on_with_at_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xinji.loop.incidents.MOST_TAKEN", 1)
    while not rows_of(house, incidents):
        pass_time(house, 10, heard=OF_B)
        assert house.clock.seconds() < START + 200
    for _ in range(GAUGES):
        house.ingest.keeper.submit(lambda: None).result(10)
    [case] = rows_of(house, cases)
    assert {row.case_id for row in rows_of(house, events)} == {case.id}, "in the turn that found it"


def test_what_an_incident_was_still_to_take_is_taken_after_a_restart(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("xinji.loop.incidents.MOST_TAKEN", 5)
    monkeypatch.setattr("xinji.loop.house.FINDINGS_SECONDS", -1.0)
    monkeypatch.setattr(house, "_go_on", lambda: None)
    while not house.writer.incidents.joining():
        pass_time(house, 10, heard=OF_B)
    # as after a kill: memory is what is on disk
    house.writer._load()
    house.writer.resume()
    pass_time(house, 80, heard=OF_B)
    [case] = rows_of(house, cases)
    assert {row.case_id for row in rows_of(house, events)} == {case.id}


def test_each_member_recovers_by_itself_and_the_last_closes_the_case(house: House) -> None:
    pass_time(house, 120, heard=OF_B)
    pass_time(house, 70, heard=OF_A[:11] + OF_B)
    states = {row.id: row.state for row in rows_of(house, things)}
    assert [states[name] for name in OF_A] == ["good"] * 11 + ["silent"]
    assert rows_of(house, cases)[0].closed_at is None
    pass_time(house, 80, heard=OF_A + OF_B)
    [case] = rows_of(house, cases)
    assert (case.state, case.outcome) == ("closed", "recovered")
    assert rows_of(house, incidents)[0].ended_at is not None
    assert all(row.ended_at is not None for row in rows_of(house, events))
    assert audit.verify(house.database, house.folder.checkpoints) == []


def test_a_thing_alone_first_is_taken_into_the_incident_when_nobody_has_its_case(
    house: House,
) -> None:
    pass_time(house, 70, heard=OF_A[1:] + OF_B)
    [alone] = rows_of(house, cases)
    # as a slow reporter: it may have fallen when the others did
    sort = house.writer.incidents._sorts["silence"]
    sort.tracker.pool.last[house.writer.incidents.relations.number(OF_A[0])] = house.clock.now()
    pass_time(house, 120, heard=OF_B)
    by_class = {row.case_class: row for row in rows_of(house, cases)}
    group = by_class[DEVICE_GROUP.name]
    merged = by_class[DEVICE_SILENT.name]
    assert (merged.id, merged.outcome, merged.parent) == (alone.id, "merged", group.id)
    assert {row.case_id for row in rows_of(house, events)} == {group.id}


def test_a_case_that_somebody_works_on_is_left_to_him(house: House) -> None:
    pass_time(house, 70, heard=OF_A[1:] + OF_B)
    [alone] = rows_of(house, cases)
    house.cases.act(alone.id, "assign", actor="li", role="operator", assignee="crew 1")
    sort = house.writer.incidents._sorts["silence"]
    sort.tracker.pool.last[house.writer.incidents.relations.number(OF_A[0])] = house.clock.now()
    pass_time(house, 120, heard=OF_B)
    kept = next(row for row in rows_of(house, cases) if row.id == alone.id)
    assert (kept.state, kept.outcome) == ("assigned", None)
    [own] = [row for row in rows_of(house, events) if row.thing == OF_A[0]]
    assert own.case_id == alone.id


def test_alarms_of_one_rule_that_come_together_are_one_case(house: House) -> None:
    send(house, [(name, "rain_mm_h", 0, 40.0) for name in OF_A])
    pass_time(house, 30, heard=OF_B)
    [case] = rows_of(house, cases)
    assert case.case_class == DEVICE_GROUP.name
    assert case.title == "甲 · 暴雨"
    assert len([row for row in rows_of(house, events) if row.case_id == case.id]) == 12


def test_an_open_incident_goes_on_after_a_restart(house: House, tmp_path: Path) -> None:
    pass_time(house, 120, heard=OF_B)
    [case] = rows_of(house, cases)
    house.close()
    again = opened(tmp_path / "data")
    pass_time(again, 20, heard=OF_B)
    assert [row.id for row in rows_of(again, cases)] == [case.id]
    pass_time(again, 80, heard=OF_A + OF_B)
    assert rows_of(again, cases)[0].outcome == "recovered"
    again.close()
    # the fixture closes the first one again
    house.__dict__.update(opened(tmp_path / "data").__dict__)


def test_an_event_that_a_kill_left_without_a_case_gets_one(house: House, tmp_path: Path) -> None:
    pass_time(house, 70, heard=OF_B)
    assert house.writer.incidents.undecided(), "they look like the first of many"
    assert rows_of(house, cases) == []
    assert len(rows_of(house, events)) == 12
    house.close()
    again = opened(tmp_path / "data")
    assert again.writer.incidents.undecided()
    pass_time(again, 120, heard=OF_B)
    assert {row.case_id for row in rows_of(again, events)} == {
        row.id for row in rows_of(again, cases)
    }
    assert None not in {row.case_id for row in rows_of(again, events)}
    again.close()
    house.__dict__.update(opened(tmp_path / "data").__dict__)


def test_a_pause_of_the_house_makes_nobody_silent(house: House) -> None:
    house.listening.beat(house.clock.now(), 0.25, 1.0)
    house.clock.not_before(house.clock.seconds() + 3600)
    house.listening.beat(house.clock.now(), 0.25, 1.0)
    house.turn()
    assert rows_of(house, events) == []
    pass_time(house, 70, heard=OF_A[1:] + OF_B)
    assert [row.thing for row in rows_of(house, events)] == [OF_A[0]], "who stays away is missed"


def test_nobody_is_silent_while_his_values_wait_for_their_commit(house: House) -> None:
    at = house.clock.now()
    house.clock.not_before(house.clock.seconds() + 120)
    house.ingest._waiting_since = at + SECOND
    house.turn()
    assert rows_of(house, events) == []
    house.ingest._waiting_since = house.ingest._committing_since
    house.turn()
    assert len(rows_of(house, events)) == GAUGES


def test_many_transitions_are_written_in_small_commits(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    write = house.writer.write

    def counted(found, heard=(), **rest):  # type: ignore[no-untyped-def]
        sizes.append(len(list(found)))
        write(found, heard, **rest)

    monkeypatch.setattr(findings, "PIECE", 5)
    monkeypatch.setattr(house.writer, "write", counted)
    pass_time(house, 70)
    assert max(sizes) == 5
    assert sum(sizes) == GAUGES


def test_what_is_found_but_not_written_is_found_again(house: House, tmp_path: Path) -> None:
    """Killed between the commit of the rows and the last piece of what the rules found."""
    house.save()
    house.findings.put(house.rules.observe(*_stored(house, [(name, 50.0) for name in OF_A])))
    house.save()
    house.store.close()
    house.database.close()
    house.folder.close()
    again = opened(tmp_path / "data")
    assert len(rows_of(again, events)) == 12
    again.close()
    house.__dict__.update(opened(tmp_path / "data").__dict__)


def _stored(house: House, values: list[tuple[str, float]]):  # type: ignore[no-untyped-def]
    """Rows that are in the store, and that no rule has seen."""
    numbers = [house.ingest.resolve(DEVICE, name, "rain_mm_h") for name, _ in values]
    at = house.clock.now() + np.arange(len(values))
    rows = Rows(
        np.array(numbers, np.int32),
        at.astype(np.int64),
        np.array([value for _, value in values]),
        np.zeros(len(values), np.uint8),
    )
    house.store.append(rows)
    return rows.series, rows.times, rows.values


def test_the_steps_of_an_incident_are_those_of_a_case(house: House) -> None:
    pass_time(house, 120, heard=OF_B)
    [step] = rows_of(house, case_steps)
    assert step.action == "open"
    assert '"members":12' in step.evidence
