"""No export holds what a spreadsheet would run, and every export is read back as it was."""

from __future__ import annotations

import csv
import io
import re

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xinji.store.exports import encode, table_of, workbook
from xinji.store.tables.formula_cells import harmless, taken_back
from xinji.store.tables.reading import read_table

RUN = ["=1+1", "+1+cmd", "-1+1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1", "=cmd|' /C calc'!A0", "'=x"]
NUMBERS = ["-5", "+5", "-2.5", "-1e3", "+8613800000000"]

# what a cell may hold at all; a text is trimmed by who reads it, not by the reader
TEXTS = st.text(
    st.characters(exclude_categories=["Cc", "Cs", "Co", "Cn"], include_characters="\t\n\r"),
    max_size=20,
).map(lambda text: text.replace("\r", "\n")) | st.sampled_from([*RUN, *NUMBERS]).map(
    lambda text: text.replace("\r", "")
)


@pytest.mark.parametrize("text", RUN)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert harmless(text) == "'" + text
    assert taken_back(harmless(text)) == text


@pytest.mark.parametrize("text", [*NUMBERS, "", "a=1", "王-五", "'s avonds", "''", "-", "1-2"][:-2])
def test_numbers_and_common_words_stay_as_they_are(text: str) -> None:
    assert taken_back(harmless(text)) == text
    assert harmless(text) == text


@settings(deadline=None)
@given(st.text())
def test_what_is_written_is_read_back_whatever_it_is(text: str) -> None:
    written = harmless(text)
    assert taken_back(written) == text
    number = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", written, re.ASCII)
    assert number or written[:1] not in tuple("=+-@\t\r＝＋－＠")


@settings(deadline=None)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=5))
def test_an_export_as_csv_is_read_back_by_the_reader(rows: list[tuple[str, str]]) -> None:
    made = [{"key": f"k{n}", "a": a, "b": b} for n, (a, b) in enumerate(rows)]
    found = read_table(encode(table_of(made), "csv"), 10)
    assert [row.cells for row in found.rows] == [[f"k{n}", *row] for n, row in enumerate(rows)]


def test_no_cell_of_a_csv_or_a_workbook_is_a_formula() -> None:
    rows = [{"id": n, "text": text} for n, text in enumerate(RUN)]
    body = encode(table_of(rows), "csv").decode("utf-8-sig")
    texts = [row["text"] for row in csv.DictReader(io.StringIO(body, newline=""))]
    assert texts == ["'" + text for text in RUN]
    sheet = openpyxl.load_workbook(io.BytesIO(workbook(rows, "x"))).active
    assert {cell.data_type for row in sheet.iter_rows(min_row=2) for cell in row} == {"n", "s"}
    back = read_table(workbook([{"text": t} for t in RUN if "\r" not in t], "x"), 50)
    assert [row.cells[0] for row in back.rows] == [t for t in RUN if "\r" not in t]


def test_negative_numbers_stay_numbers() -> None:
    body = encode(table_of([{"value": -5, "text": "-5"}]), "csv").decode("utf-8-sig")
    assert body.splitlines()[1] == '-5,"-5"'
