"""Anything as CSV, XLSX, Parquet or Arrow; text that a spreadsheet would run is made harmless."""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from xinji.store.tables.formula_cells import harmless

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
FORMS = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}
"""Form -> media type."""

# what XML 1.0 cannot hold
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def table_of(rows: Sequence[dict[str, Any]]) -> pa.Table:
    """Rows of JSON-like values as a table; nested values become JSON text."""
    names = dict.fromkeys(name for row in rows for name in row)
    return pa.table({name: [_flat(row.get(name)) for row in rows] for name in names})


def _flat(value: Any) -> Any:
    simple = value is None or isinstance(value, (str, int, float))
    return value if simple else msgspec.json.encode(value).decode()


def encode(table: pa.Table, form: str) -> bytes:
    """The table in one of `FORMS`. CSV begins with a byte order mark, for spreadsheets."""
    sink = io.BytesIO()
    if form == "csv":
        sink.write(b"\xef\xbb\xbf")
        pyarrow.csv.write_csv(_for_spreadsheets(table), sink)
    elif form == "parquet":
        pyarrow.parquet.write_table(table, sink, compression="zstd")
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()


def workbook(rows: Sequence[dict[str, Any]], title: str) -> bytes:
    """Rows of JSON-like values as the one sheet of an XLSX file."""
    # a third of a second to import, and seldom needed
    from openpyxl import Workbook
    from openpyxl.cell import WriteOnlyCell

    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)

    def cell(value: Any) -> Any:
        flat = _flat(value)
        if not isinstance(flat, str):
            return flat
        made = WriteOnlyCell(sheet, value=_NOT_XML.sub("\ufffd", harmless(flat)))
        made.data_type = "s"  # never a formula, whatever it begins with
        return made

    names = list(dict.fromkeys(name for row in rows for name in row))
    sheet.append([cell(name) for name in names])
    for row in rows:
        sheet.append([cell(row.get(name)) for name in names])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _for_spreadsheets(table: pa.Table) -> pa.Table:
    """Texts and headings harmless; times without a zone say that they are UTC."""
    columns = []
    for column in table.columns:
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            risky = pc.match_substring_regex(column, "^'*[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
            if pc.any(risky).as_py():
                texts = [None if each is None else harmless(each) for each in column.to_pylist()]
                column = pa.chunked_array([pa.array(texts, column.type)])
        elif pa.types.is_timestamp(column.type) and column.type.tz is None:
            column = column.cast(pa.timestamp(column.type.unit, "UTC"))
        columns.append(column)
    return pa.table(columns, names=[harmless(name) for name in table.column_names])
