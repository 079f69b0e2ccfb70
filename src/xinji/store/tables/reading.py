"""From a file to rows: what it is, is told by its bytes, never by its name."""

from __future__ import annotations

import gzip
import io
import itertools
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from xinji.store.tables import table
from xinji.store.tables.delimited import delimited_rows
from xinji.store.tables.table import Row, Table, UnreadableError

_OLD_WORKBOOK = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"


def rows_of(source: bytes | Path) -> Iterator[Row]:
    """The head line (its cells are the headings), then each row that is not blank.

    Args:
        source: the bytes of a CSV, TSV or XLSX file (may be gzipped), or where it lies.

    Raises:
        UnreadableError: no such table, or over the caps of `table.py`.
        OSError: the path cannot be read.
    """
    with _opened(source) as file:
        start = file.read(8)
        file.seek(0)
        if start == _OLD_WORKBOOK:
            raise UnreadableError("an .xls workbook of before 2007: save it as .xlsx or CSV")
        if start.startswith(b"PK"):
            # openpyxl takes a third of a second to import; a CSV need not wait for it
            from xinji.store.tables.workbook import workbook_rows

            yield from workbook_rows(file)
        else:
            yield from delimited_rows(file)


def read_table(source: bytes | Path, most_rows: int) -> Table:
    """A whole table, of at most `most_rows` rows. Raises as `rows_of`; and without a head line."""
    rows = rows_of(source)
    head = next(rows, None)
    if head is None:
        raise UnreadableError("a head line and at least one row")
    found = list(itertools.islice(rows, most_rows + 1))
    if len(found) > most_rows:
        raise UnreadableError(f"more than {most_rows:,} rows")
    return Table(head.cells, found)


@contextmanager
def _opened(source: bytes | Path) -> Iterator[BinaryIO]:
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > table.LARGEST_BYTES:
        raise UnreadableError(f"{size:,} bytes; the cap is {table.LARGEST_BYTES:,} (LARGEST_BYTES)")
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
        file.seek(0)
        if not packed:
            yield file
            return
        yield io.BytesIO(_unpacked(file))


def _unpacked(file: BinaryIO) -> bytes:
    try:
        with gzip.open(file) as stream:
            data = stream.read(table.LARGEST_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableError(f"not a gzip file: {error}") from error
    if len(data) > table.LARGEST_BYTES:
        raise UnreadableError(
            f"unpacks to more than {table.LARGEST_BYTES:,} bytes; that is the cap (LARGEST_BYTES)"
        )
    return data
