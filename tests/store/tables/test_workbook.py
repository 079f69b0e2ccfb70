"""XLSX: exact or refused, and no larger than what is really in it."""

from __future__ import annotations

import datetime as dt

import pytest

from tests.store.tables.workbooks import SHEET, changed, workbook
from xinji.store.tables import table
from xinji.store.tables.reading import read_table
from xinji.store.tables.table import Row, UnreadableError
from xinji.store.tables.workbook import FAULT, NO_VALUE, TOO_LONG


def cells(*values: object, formats: dict[str, str] | None = None) -> Row:
    head = [f"c{n}" for n in range(len(values))]
    return read_table(workbook(head, list(values), formats=formats), 10).rows[0]


def test_cells_become_the_text_that_they_mean() -> None:
    row = cells(3, 3.0, 0.1, -2.5, True, "00123", dt.datetime(2024, 6, 30, 8, 5), 7,  # noqa: DTZ001
                formats={"H2": "0000"})  # fmt: skip
    assert row.cells == ["3", "3", "0.1", "-2.5", "true", "00123", "2024-06-30 08:05:00", "0007"]
    assert not row.faults


@pytest.mark.parametrize(
    ("written", "rule"),
    [
        (b"<v>123456789012345678</v>", TOO_LONG),
        (b"<v>1234567890123456</v>", TOO_LONG),
        (b"<v>1.2345678901234568E+17</v>", TOO_LONG),
        (b"<v>1E400</v>", FAULT),
        (b"<f>1+1</f>", NO_VALUE),
    ],
)
def test_what_a_spreadsheet_lost_is_refused_and_not_guessed(written: bytes, rule: str) -> None:
    book = changed(workbook(["a", "b"], [7, "x"]), SHEET, b"<v>7</v>", written)
    [row] = read_table(book, 10).rows
    assert row.faults == {0: rule} and row.cells[1] == "x"


def test_fifteen_digits_are_kept() -> None:
    book = changed(workbook(["a"], [7]), SHEET, b"<v>7</v>", b"<v>310105198001010</v>")
    assert read_table(book, 10).rows[0].cells == ["310105198001010"]


def test_a_formula_with_its_stored_value_is_its_value() -> None:
    book = changed(workbook(["a"], [7]), SHEET, b"<v>7</v>", b"<f>3+4</f><v>7</v>")
    assert read_table(book, 10).rows[0] == Row(2, ["7"])


def test_a_false_dimension_costs_nothing() -> None:
    """1.5 kB that announce 17 thousand million cells took 41 s and 3.2 GB."""
    book = changed(
        workbook(["a", "b"], [1, 2]), SHEET, b'<dimension ref="A1:B2"',
        b'<dimension ref="A1:XFD1048576"',
    )  # fmt: skip
    assert read_table(book, 10).rows == [Row(2, ["1", "2"])]


def test_a_cell_far_away_is_no_million_of_cells() -> None:
    book = changed(workbook(["a"], [1], [2]), SHEET, b'r="A3"', b'r="XFD3"')
    assert [row.faults for row in read_table(book, 10).rows] == [
        {}, {-1: "as many cells as the head line"},
    ]  # fmt: skip
    book = changed(workbook(["a"], [1]), SHEET, b'<row r="2"', b'<row r="1048576"')
    assert read_table(book, 10).rows[0].number == 1_048_576


def test_what_unpacks_beyond_the_cap_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "LARGEST_UNPACKED_BYTES", 1_000)
    with pytest.raises(UnreadableError, match=r"unpacks to .* the cap is 1,000"):
        read_table(workbook(["a"], [1]), 10)


@pytest.mark.parametrize(
    "old_new",
    [
        (b"<worksheet", b'<!DOCTYPE x [<!ENTITY a "b">]><worksheet'),
        (b"<sheetData", b"<sheetData<"),
        (b'<row r="2"', b'<row r="1"'),
        (b'r="A2"', b'r="A0x"'),
    ],
)
def test_a_broken_or_entity_bearing_part_is_no_table(old_new: tuple[bytes, bytes]) -> None:
    with pytest.raises(UnreadableError, match="not an XLSX table"):
        read_table(changed(workbook(["a"], [1]), SHEET, *old_new), 10)
