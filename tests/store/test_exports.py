"""What goes out as CSV, Parquet or Arrow comes back the same."""

from __future__ import annotations

import csv
import io
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from xinji.model.title import Title
from xinji.store.exports import FORMS, encode, table_of
from xinji.store.tables.formula_cells import taken_back

ROWS: list[dict[str, Any]] = [
    {
        "id": "g-1",
        "name": '雨量计, "one"\nin two lines',
        "value": None,
        "count": 1,
        "open": True,
        "title": Title("表", "Meter"),
        "attributes": {"height": 2.5, "words": ["a", "b"]},
    },
    {
        "id": "g-2",
        "name": "",
        "value": 2.5,
        "count": -(2**62),
        "open": False,
        "title": Title("", ""),
        "attributes": {},
    },
    {
        "id": "g-3",
        "name": "=1+1",
        "value": 3,
        "count": None,
        "open": None,
        "title": Title("a", "b"),
        "attributes": {"x": None},
    },
]


def decode(body: bytes, form: str) -> pa.Table:
    if form == "csv":
        assert body.startswith(b"\xef\xbb\xbf"), "spreadsheets need the mark"
        return pa.csv.read_csv(
            io.BytesIO(body), parse_options=pa.csv.ParseOptions(newlines_in_values=True)
        )
    if form == "parquet":
        return pa.parquet.read_table(io.BytesIO(body))
    with pa.ipc.open_stream(body) as reader:
        return reader.read_all()


def plain(value: Any) -> Any:
    if isinstance(value, (dict, list, Title)):
        return msgspec.json.encode(value).decode()
    return value


@pytest.mark.parametrize("form", FORMS)
def test_a_round_trip_keeps_columns_rows_and_values(form: str) -> None:
    back = decode(encode(table_of(ROWS), form), form)
    assert back.column_names == list(ROWS[0])
    for row, wanted in zip(back.to_pylist(), ROWS, strict=True):
        for name, value in wanted.items():
            # an export for spreadsheets holds no formula (tests/store/tables/test_formula_cells.py)
            asked = plain(value)
            assert row[name] == ("'=1+1" if (form, asked) == ("csv", "=1+1") else asked), name


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_still_a_file_of_its_form(form: str) -> None:
    body = encode(table_of([]), form)
    if form != "csv":
        assert decode(body, form).num_rows == 0


def test_csv_is_what_pythons_own_reader_expects() -> None:
    text = encode(table_of(ROWS), "csv").decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    assert [taken_back(row["name"]) for row in rows] == [row["name"] for row in ROWS]
    assert msgspec.json.decode(rows[0]["attributes"]) == ROWS[0]["attributes"]


def test_columns_that_only_later_rows_have_are_kept() -> None:
    assert table_of([{"a": 1}, {"a": 2, "b": "x"}]).to_pylist() == [
        {"a": 1, "b": None},
        {"a": 2, "b": "x"},
    ]
