"""Anything as CSV, Parquet or Arrow."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

FORMS = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
}
"""Form -> media type."""


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
        pyarrow.csv.write_csv(table, sink)
    elif form == "parquet":
        pyarrow.parquet.write_table(table, sink, compression="zstd")
    else:
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    return sink.getvalue()
