"""Rows of cases and reports are bound: changed, taken out or put in past the program, they show."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.systems.operations.street import Street
from xinji.access.audit import CHAINS, Audit, verify
from xinji.access.bound import ADOPTED, COLUMNS
from xinji.access.chain import link
from xinji.loop.house import House
from xinji.store.database import Database
from xinji.store.schema import audit, case_steps, cases, checkpoints
from xinji.store.work_schema import reports


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    """Two cases with three reports; one of them closed and rated."""
    made = Street(tmp_path / "data")
    answer = made.report(text="垃圾成堆", contact={"name": "陈", "phone": "13800000000"}).json()
    made.file(longitude=121.45)
    made.report(longitude=121.45)
    made.act(answer["case"], "void", note="不存在", role="administrator")
    path = f"/api/public/reports/{answer['follow_code']}/rating"
    assert made.request("POST", path, "", json={"stars": 2}).status_code == 200
    made.house.audit.checkpoint()
    assert whats(made.house) == ""
    yield made
    made.close()


def whats(house: House) -> str:
    found = verify(house.database, house.folder.checkpoints)
    return "; ".join(f"{fault.chain}: {fault.what}" for fault in found)


def tamper(house: House, *statements: str, **values: Any) -> None:
    """SQL past everything that the program does, foreign keys and all."""
    with sqlite3.connect(house.folder.registry) as connection:
        for statement in statements:
            assert connection.execute(statement, values).rowcount
    connection.close()


def one(house: House, table: sa.Table) -> str:
    with house.database.reading() as connection:
        return str(connection.execute(sa.select(sa.func.min(table.c.id))).scalar_one())


EVERY = [
    (table, column)
    for table, versions in COLUMNS.items()
    for column in versions[max(versions)]
    if column != "id"
]


def test_every_column_is_bound_but_the_revision() -> None:
    for name, table in (("cases", cases), ("reports", reports)):
        newest = COLUMNS[name][max(COLUMNS[name])]
        assert [c.name for c in table.columns if c.name != "revision"] == sorted(
            newest, key=[c.name for c in table.columns].index
        )


def test_every_changed_column_is_found(street: Street) -> None:
    house = street.house
    for table, column in EVERY:
        key = one(house, cases if table == "cases" else reports)
        with sqlite3.connect(house.folder.registry) as connection:
            [old] = connection.execute(
                f'select "{column}" from {table} where id = ?', [key]
            ).fetchone()
            new = '["other"]' if column in ("photos", "evidence", "contact") else None
            if new is None:
                # another number where there is a number, and another text where there is text
                new = old + 1 if isinstance(old, (int, float)) else f"{old}x"
                if isinstance(table_column(table, column).type, (sa.Integer, sa.Float)):
                    new = 1 if old is None else old + 1
                if isinstance(table_column(table, column).type, sa.Boolean):
                    new = 1 - old
            change = f'update {table} set "{column}" = ? where id = ?'
            connection.execute(change, [new, key])
            connection.commit()
            found = whats(house)
            assert key in found, (table, column, found)
            connection.execute(change, [old, key])
            connection.commit()
        connection.close()
    assert whats(house) == "", "put back, it is whole again"


def table_column(table: str, column: str) -> sa.Column[Any]:
    return (cases if table == "cases" else reports).c[column]


def test_a_case_closed_by_sql_is_found(street: Street) -> None:
    case = street.file(longitude=121.48)
    tamper(
        street.house,
        "update cases set state = 'closed', closed_at = 1, outcome = 'solved' where id = :id",
        id=case,
    )
    assert f"cases: case {case} is not as its last link says" in whats(street.house)


def test_a_deleted_case_is_found_and_named(street: Street) -> None:
    case = one(street.house, cases)
    tamper(street.house, "delete from cases where id = :id", id=case)
    assert f"cases: case {case} has steps and is missing" in whats(street.house)


def test_a_case_deleted_with_its_steps_is_found(street: Street) -> None:
    case = one(street.house, cases)
    tamper(
        street.house,
        "delete from case_steps where case_id = :id", "delete from cases where id = :id",
        id=case,
    )  # fmt: skip
    assert "is missing" in whats(street.house)


def test_a_case_with_a_lowered_count_is_found(street: Street) -> None:
    """Its last step taken out, its row as the step before left it but for what nobody recorded."""
    house = street.house
    case = one(house, cases)
    tamper(
        house,
        "delete from case_steps where case_id = :id and number = 2",
        "update cases set steps = 1, state = 'filed', closed_at = null, outcome = null "
        "where id = :id",
        "delete from checkpoints",
        id=case,
    )
    house.folder.checkpoints.unlink()
    assert "is missing" in whats(house)


def test_a_case_and_a_report_put_in_by_sql_are_found(street: Street) -> None:
    house = street.house
    for table, more in (("cases", ""), ("reports", ", follow_code = 'x', client_id = 'x'")):
        source = one(house, cases if table == "cases" else reports)
        _forge(house, table, source, more)
    found = whats(house)
    assert "case FORGED" in found
    assert "report FORGED has no link" in found


def _forge(house: House, table: str, source: str, more: str) -> None:
    with sqlite3.connect(house.folder.registry) as connection:
        connection.execute(
            f"create temp table copy as select * from {table} where id = ?", [source]
        )
        connection.execute(f"update copy set id = 'FORGED'{more}")
        connection.execute(f"insert into {table} select * from copy")
    connection.close()


def test_a_deleted_report_is_found(street: Street) -> None:
    report = one(street.house, reports)
    tamper(street.house, "delete from reports where id = :id", id=report)
    assert f"reports: report {report} is in the chain and is missing" in whats(street.house)


def test_moved_reports_stay_bound(street: Street) -> None:
    first, second = street.file(longitude=121.37), street.file(longitude=121.49)
    merged = street.do("intake", second, "merge", set={"parent": first})
    assert merged.status_code == 200, merged.text
    assert whats(street.house) == ""
    assert street.do("intake", second, "unmerge", note="不是一件事").status_code == 200
    assert whats(street.house) == ""


# -- a house from before rows were bound -----------------------------------------------------------


def older(house: House) -> None:
    """Make the history one of the version before: no digests, no tags, no adoption."""
    columns = CHAINS["steps"][1][:-2]
    with house.database.writing() as connection:
        connection.execute(sa.delete(checkpoints))
        connection.execute(sa.update(case_steps).values(row_digest=None, tag=None))
        previous = "0" * 64
        for row in connection.execute(sa.select(case_steps).order_by(case_steps.c.id)).mappings():
            previous = link(previous, [row[name] for name in columns])
            connection.execute(
                sa.update(case_steps).where(case_steps.c.id == row["id"]).values(hash=previous)
            )
        previous, number = "0" * 64, 0
        rows = connection.execute(sa.select(audit).order_by(audit.c.id)).mappings().all()
        connection.execute(sa.delete(audit))
        for row in rows:
            if row["action"] == ADOPTED or row["action"].startswith("report."):
                continue
            number += 1
            record = dict(row) | {"id": number}
            previous = link(previous, [record[name] for name in CHAINS["audit"][1]])
            connection.execute(sa.insert(audit).values(record | {"hash": previous}))
    house.folder.checkpoints.unlink()
    house.audit.rewind()


def test_an_older_house_verifies_and_its_rows_are_bound_from_its_next_start(
    street: Street,
) -> None:
    house = street.house
    older(house)
    assert whats(house) == "", "links made before still verify"
    house.audit.adopt()
    assert whats(house) == ""
    case, report = one(house, cases), one(house, reports)
    tamper(house, "update cases set severity = 'x' where id = :id", id=case)
    tamper(house, "update reports set text = 'x' where id = :id", id=report)
    found = whats(house)
    assert f"case {case} is not as" in found
    assert f"report {report} is not as" in found


def test_adoption_happens_once_so_that_nothing_is_laundered_by_a_restart(street: Street) -> None:
    _forge(street.house, "reports", one(street.house, reports),
           ", follow_code = 'x', client_id = 'x'")  # fmt: skip
    Audit(street.house.database, street.house.folder.checkpoints).adopt()
    assert "report FORGED has no link" in whats(street.house)


def test_a_digest_of_a_newer_version_is_a_fault_and_no_traceback(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'registry.sqlite3'}")
    book = Audit(database, tmp_path / "checkpoints.jsonl")
    with database.writing():
        book.record("system", "report.file", "R1", {"row": "99:abc"})
        book.record("system", "report.file", "R2", [1])
        book.record("system", "report.file", "R3", "text")
    found = [fault.what for fault in verify(database, tmp_path / "checkpoints.jsonl")]
    assert len(found) == 3
    assert all("is in the chain and is missing" in what for what in found)
    database.close()
