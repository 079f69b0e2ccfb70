"""A history that cannot be altered in silence: every kind of tampering is found by `verify`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from tests.conftest import send
from xinji.access import audit as audit_module
from xinji.access.audit import Audit, verify
from xinji.access.chain import link
from xinji.loop.house import House
from xinji.store.database import Database
from xinji.store.schema import audit, case_steps, cases, checkpoints

ROWS = 20


class Book:
    """An audit chain of `ROWS` records with a checkpoint at its end, and at record 10."""

    def __init__(self, path: Path) -> None:
        self.outside = path / "checkpoints.jsonl"
        self.database = Database(f"sqlite:///{path / 'registry.sqlite3'}")
        self.audit = Audit(self.database, self.outside)
        for number in range(1, ROWS + 1):
            with self.database.writing():
                self.audit.record("chen", "user.add", f"person-{number}", {"role": "viewer"})
            if number == ROWS // 2:
                self.audit.checkpoint()
        self.audit.checkpoint()

    def change(self, *statements: sa.Executable) -> None:
        """Tamper, past everything that the program does."""
        with self.database.writing() as connection:
            for statement in statements:
                connection.execute(statement)

    def faults(self) -> list[tuple[str, int]]:
        return [(fault.chain, fault.id) for fault in verify(self.database, self.outside)]

    def whats(self) -> str:
        return "; ".join(fault.what for fault in verify(self.database, self.outside))


@pytest.fixture
def book(tmp_path: Path) -> Iterator[Book]:
    made = Book(tmp_path)
    assert made.faults() == []
    yield made
    made.database.close()


@pytest.mark.parametrize("column", ["at", "actor", "action", "object", "detail", "hash"])
def test_an_altered_row_is_found_whatever_was_altered(book: Book, column: str) -> None:
    value = 1 if column == "at" else "f" * 64
    book.change(sa.update(audit).where(audit.c.id == 7).values({column: value}))
    assert ("audit", 7) in book.faults()


def test_a_removed_row_is_found(book: Book) -> None:
    book.change(sa.delete(audit).where(audit.c.id == 7))
    assert ("audit", 8) in book.faults()
    assert "record 7 is missing" in book.whats()


def test_a_removed_row_is_found_when_the_ids_are_closed_up(book: Book) -> None:
    book.change(
        sa.delete(audit).where(audit.c.id == 7),
        *(sa.update(audit).where(audit.c.id == n).values(id=n - 1) for n in range(8, ROWS + 1)),
    )
    assert ("audit", 7) in book.faults()


def _row(book: Book, number: int) -> dict[str, object]:
    with book.database.reading() as connection:
        found = connection.execute(sa.select(audit).where(audit.c.id == number)).one()
    return dict(found._mapping)


def test_an_inserted_row_is_found(book: Book) -> None:
    copy = _row(book, 7) | {"id": 8, "object": "inserted"}
    book.change(
        *(
            sa.update(audit).where(audit.c.id == n).values(id=n + 1)
            for n in range(ROWS, 7, -1)
        ),
        sa.insert(audit).values(copy),
    )  # fmt: skip
    assert ("audit", 8) in book.faults()


def test_two_rows_changed_round_are_found(book: Book) -> None:
    left, right = _row(book, 7), _row(book, 8)
    book.change(
        sa.delete(audit).where(audit.c.id.in_((7, 8))),
        sa.insert(audit).values(left | {"id": 8}),
        sa.insert(audit).values(right | {"id": 7}),
    )
    assert {("audit", 7), ("audit", 8)} <= set(book.faults())


@pytest.mark.parametrize("left", [0, 1, ROWS // 2, ROWS - 1])
def test_rows_cut_from_the_end_are_found_by_the_checkpoint_inside(book: Book, left: int) -> None:
    book.outside.unlink()
    book.change(sa.delete(audit).where(audit.c.id > left))
    assert ("audit", ROWS) in book.faults()


def test_rows_cut_with_their_checkpoints_are_found_by_the_file_outside(book: Book) -> None:
    book.change(sa.delete(audit).where(audit.c.id > 5), sa.delete(checkpoints))
    assert book.faults() == [("audit", ROWS // 2), ("audit", ROWS)]


def _recomputed(book: Book, altered: int) -> list[sa.Executable]:
    """Alter a record and make every later hash right again, as a forger with the code would."""
    columns = audit_module.CHAINS["audit"][1]
    previous, statements = str(_row(book, altered - 1)["hash"]), []
    for number in range(altered, ROWS + 1):
        row = _row(book, number)
        if number == altered:
            row["actor"] = "nobody"
        previous = link(previous, [row[name] for name in columns])
        statements.append(
            sa.update(audit)
            .where(audit.c.id == number)
            .values(actor=row["actor"], hash=previous)
        )  # fmt: skip
    return [*statements, sa.update(checkpoints).values(hash=previous)]


def test_a_forged_chain_with_forged_checkpoints_is_found_by_the_file_outside(book: Book) -> None:
    book.change(*_recomputed(book, altered=12))
    assert ("audit", ROWS) in book.faults()


def test_an_altered_checkpoint_inside_is_found(book: Book) -> None:
    book.change(sa.update(checkpoints).where(checkpoints.c.last_id == ROWS).values(hash="0" * 64))
    assert "checkpoint differs from the one outside" in book.whats()


def test_an_altered_checkpoint_outside_is_found(book: Book) -> None:
    lines = [json.loads(line) for line in book.outside.read_text().splitlines()]
    lines[-1]["hash"] = "0" * 64
    book.outside.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert ("audit", ROWS) in book.faults()


def test_an_unreadable_line_outside_is_a_fault_and_stops_nothing(book: Book) -> None:
    book.outside.write_bytes(b"{half a li\n\xff\xfe\n[]\n" + book.outside.read_bytes())
    faults = verify(book.database, book.outside)
    assert [(fault.chain, fault.id) for fault in faults] == [("checkpoints", n) for n in (1, 2, 3)]


def test_one_alteration_is_reported_once_and_not_for_every_row_after_it(book: Book) -> None:
    book.change(sa.update(audit).where(audit.c.id == 3).values(actor="nobody"))
    assert book.faults() == [("audit", 3)]


def test_what_was_rolled_back_leaves_no_trace_and_no_false_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_module, "CHECKPOINT_EVERY", 5)
    book = Book(tmp_path)

    def change() -> None:
        with book.database.writing():
            for _ in range(6):
                book.audit.record("chen", "user.add", "never happened")
            raise RuntimeError("the change itself failed")

    with pytest.raises(RuntimeError):
        change()
    assert book.faults() == []
    with book.database.writing():
        for number in range(6):
            book.audit.record("chen", "user.add", f"happened {number}")
    assert book.faults() == []
    book.audit.checkpoint()
    assert book.faults() == []
    lines = [json.loads(line) for line in book.outside.read_text().splitlines()]
    assert len({(line["chain"], line["last_id"]) for line in lines}) == len(lines)
    assert {5, 10, 15, 20, 25, 26} <= {line["last_id"] for line in lines}
    book.database.close()


def test_the_chain_goes_on_after_a_restart(book: Book) -> None:
    again = Audit(book.database, book.outside)
    with book.database.writing():
        again.record("chen", "user.add", "after the restart")
    again.checkpoint()
    again.checkpoint()
    assert book.faults() == []
    assert len(book.outside.read_text().splitlines()) == 3, "the same head is written once"


# -- the steps of cases --------------------------------------------------------------------------


@pytest.fixture
def worked(house: House) -> House:
    """A house with two cases of three steps each."""
    for number in (1, 2):
        send(house, [(f"gauge-{number}", "rain_mm_h", 0, 50.0)])
    with house.database.reading() as connection:
        found = connection.execute(sa.select(cases.c.id)).scalars().all()
    for case in found:
        house.cases.act(case, "assign", actor="li", role="operator", assignee="crew 1")
        house.cases.act(case, "accept", actor="li", role="operator")
    house.audit.checkpoint()
    assert verify(house.database, house.folder.checkpoints) == []
    return house


def test_a_missing_step_is_found_and_names_its_case(worked: House) -> None:
    with worked.database.writing() as connection:
        last = connection.execute(sa.select(sa.func.max(case_steps.c.id))).scalar_one()
        row = connection.execute(sa.select(case_steps).where(case_steps.c.id == last)).one()
        connection.execute(sa.delete(case_steps).where(case_steps.c.id == last))
        connection.execute(sa.delete(checkpoints))
    worked.folder.checkpoints.unlink()
    [fault] = verify(worked.database, worked.folder.checkpoints)
    assert fault.what == f"case {row.case_id} has 2 steps and should have 3"


@pytest.mark.parametrize("column", ["note", "evidence", "to_state", "actor", "at", "case_id"])
def test_an_altered_step_is_found(worked: House, column: str) -> None:
    with worked.database.writing() as connection:
        other = connection.execute(
            sa.select(case_steps.c.case_id).where(case_steps.c.id == 6)
        ).scalar_one()
        value = {"at": 1, "case_id": other, "evidence": '{"assignee":"crew 9"}'}.get(column, "x")
        number = {"number": 4} if column == "case_id" else {}
        connection.execute(
            sa.update(case_steps).where(case_steps.c.id == 3).values({column: value} | number)
        )
    faults = verify(worked.database, worked.folder.checkpoints)
    assert ("steps", 3) in [(fault.chain, fault.id) for fault in faults]
