"""The copies that indicators read are the registry, after every refresh."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa

from tests.conftest import SQUARE, gauge, send
from xinji.loop.house import House
from xinji.store import mirror as mirror_module
from xinji.store.mirror import _CHECK_COLUMNS, _LOOK_COLUMNS, _STEP_COLUMNS, _TABLES, _TIMES
from xinji.store.observations import moment
from xinji.store.schema import case_steps, cases, things
from xinji.store.series import SeriesTable
from xinji.store.work_schema import looks, reports, spot_checks


def compare(house: House) -> int:
    """Every copy equals its table; returns the rows compared."""
    compared = 0
    tables = [(name, table, key, columns) for name, table, key, columns in _TABLES]
    tables.append(("case_steps", case_steps, "id", _STEP_COLUMNS))
    tables.append(("looks", looks, "id", _LOOK_COLUMNS))
    tables.append(("spot_checks", spot_checks, "case_id", _CHECK_COLUMNS))
    for name, table, key, columns in tables:
        with house.database.reading() as connection:
            kept = connection.execute(sa.select(*(table.c[c] for c in columns))).all()
        renamed = ["time" if c == "at" else c for c in columns]
        wanted = {
            row[columns.index(key)]: {
                new: _as_stored(new, value) for new, value in zip(renamed, row, strict=True)
            }
            for row in kept
        }
        names = ", ".join(f'"{c}"' for c in renamed)
        copy = house.store.sql(f"select {names} from {name}", {}).to_pylist()
        assert len(copy) == len(wanted), name
        for row in copy:
            assert {c: _as_copied(c, v) for c, v in row.items()} == wanted[row[key]], name
        compared += len(copy)
    return compared


def _as_stored(column: str, value: Any) -> Any:
    return moment(value) if column in _TIMES and value is not None else value


def _as_copied(column: str, value: Any) -> Any:
    if isinstance(value, dt.datetime):
        return value.replace(tzinfo=dt.UTC)
    return msgspec.json.decode(value) if column == "attributes" else value


def test_a_refresh_brings_what_changed_and_nothing_twice(house: House) -> None:
    assert house.mirror.refresh() == 3 + 3
    compare(house)
    assert house.mirror.refresh() == 0
    changed = msgspec.structs.replace(
        house.registry.check(gauge(2)),
        name="moved",
        attributes={"model": "B", "height": 2},
        in_service_since=1_600_000_000_123_456,
    )
    house.registry.put([changed, house.registry.check(gauge(9, 121.45))])
    assert house.mirror.refresh() == 2
    compare(house)
    send(house, [("gauge-1", "rain_mm_h", 0, 50.0), ("gauge-2", "rain_mm_h", 0, 1.0)])
    house.mirror.refresh()
    compare(house)
    with house.database.reading() as connection:
        [case] = connection.execute(sa.select(cases.c.id)).scalars()
    house.cases.act(case, "assign", actor="li", role="operator", assignee="crew 1")
    house.cases.act(case, "done", actor="li", role="operator", note="cleaned")
    send(house, [("gauge-1", "rain_mm_h", 0, 0.0)])
    house.mirror.refresh()
    assert compare(house) == 3 + 4 + 1 + 1 + 4
    assert house.mirror.refresh() == 0


def test_what_was_rolled_back_is_not_copied(house: House) -> None:
    house.mirror.refresh()

    def change() -> None:
        with house.database.writing():
            house.registry.put([house.registry.check(gauge(1, 121.45))])
            raise RuntimeError("the change itself failed")

    with pytest.raises(RuntimeError):
        change()
    assert house.mirror.refresh() == 0
    house.registry.put([house.registry.check(gauge(2, 121.45))])
    assert house.mirror.refresh() == 1, "the same revision again, of another row"
    compare(house)


def test_more_rows_than_one_chunk(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_module, "CHUNK", 7)
    house.registry.put([house.registry.check(gauge(n)) for n in range(100, 150)])
    assert house.mirror.refresh() == 3 + 3 + 50
    compare(house)


def test_a_replaced_area_is_copied_once(house: House) -> None:
    house.mirror.refresh()
    house.registry.put_areas([msgspec.structs.replace(SQUARE, area_km2=37.2)])
    assert house.mirror.refresh() == 1
    compare(house)
    house.registry.put_areas([msgspec.structs.replace(SQUARE, area_km2=37.2)])
    assert house.mirror.refresh() == 0, "an equal area is no change"


def test_observations_know_their_things_area_and_kind(house: House) -> None:
    send(house, [("gauge-1", "rain_mm_h", 0, 5.0)])
    house.mirror.refresh()
    row = house.store.sql("select * from observations", {}).to_pylist()[0]
    assert (row["thing"], row["kind"], row["area"]) == ("gauge-1", "gauge", "310105001")
    assert (row["property"], row["value"], row["source"]) == ("rain_mm_h", 5.0, "measured")
    with house.database.reading() as connection:
        assert len(connection.execute(sa.select(things)).all()) == 3
    assert isinstance(house.store.table, SeriesTable)


def test_looks_and_spot_checks_follow_their_answers(house: House) -> None:
    send(house, [("gauge-1", "rain_mm_h", 0, 50.0)])
    with house.database.reading() as connection:
        [case] = connection.execute(sa.select(cases.c.id)).scalars()
    asked = {"case_id": case, "round": 1, "thing": "camera-1", "problem": "litter", "due_at": 9}
    with house.database.writing() as connection:
        for number in range(3):
            connection.execute(sa.insert(looks).values(asked_at=number, **asked))
        connection.execute(sa.insert(spot_checks).values(case_id=case, asked_at=5))
    house.mirror.refresh()
    compare(house)
    with house.database.writing() as connection:
        connection.execute(
            sa.update(looks)
            .where(looks.c.id == 2)
            .values(answered_at=7, verdict="absent", score=0.1)
        )
        connection.execute(sa.update(spot_checks).values(answered_at=8, still_there=True))
    assert house.mirror.refresh() == 2
    compare(house)
    assert house.mirror.refresh() == 0
    with house.database.writing() as connection:
        connection.execute(sa.delete(spot_checks))
        connection.execute(sa.insert(spot_checks).values(case_id=case, asked_at=11))
        connection.execute(sa.insert(looks).values(asked_at=10, **asked))
        connection.execute(
            sa.update(looks)
            .where(looks.c.answered_at.is_(None))
            .values(answered_at=12, verdict="expired")
        )
    assert house.mirror.refresh() == 1 + 3
    compare(house)


def test_reports_are_copied_after_a_restart_too(house: House) -> None:
    row = {
        "sender": "li", "client_id": "1", "channel": "patrol", "case_class": "event.0110",
        "longitude": 121.4, "latitude": 31.2, "place_error_m": 5.0, "happened_at": 1,
        "received_at": 2, "photos": [], "evidence": {}, "disposition": "filed",
        "source": "measured",
    }  # fmt: skip
    with house.database.writing() as connection:
        for number in range(3):
            connection.execute(
                sa.insert(reports).values(
                    row
                    | {"id": f"R{number}", "client_id": str(number), "follow_code": str(number)}
                    | {"revision": house.database.changed("reports", f"R{number}")}
                )
            )
    assert house.mirror.refresh() == 3 + 3 + 3
    compare(house)
    # The counter of revisions goes on behind the newest row of every table that has one.
    newest = house.database.revision
    assert house.database._newest_revision() == newest
