"""CSV and XLSX as rows of text by field, in bounded memory."""

from __future__ import annotations

import csv
import io
import itertools
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

LARGEST_ROWS = 50_000
LARGEST_UNPACKED = 256 * 1024 * 1024
UNEVEN = "\0"
"""Field of a row that has more or fewer cells than the head line; its value says so."""

Row = tuple[int, dict[str, str]]
"""Number of a row, the head line is row 1, and its cells by field."""


class UnreadableError(ValueError):
    """The file as a whole is no table that can be read."""


def read_table(
    data: bytes, names: Mapping[str, str], needed: tuple[str, ...]
) -> tuple[list[str], Iterator[Row]]:
    """The fields of a table, and its rows by field with their numbers.

    Raises UnreadableError: no such table, a needed field is missing, two columns for one field.
    """
    try:
        cells = _workbook(data) if data[:2] == b"PK" else _csv(data)
    except (
        ValueError, KeyError, zipfile.BadZipFile, InvalidFileException, csv.Error, OSError,
    ) as error:  # fmt: skip
        raise UnreadableError(f"a CSV (UTF-8, GB 18030) or XLSX table: {error}") from error
    if not cells:
        raise UnreadableError("a head line and at least one row")
    head = [names.get(_heading(cell), _heading(cell)) for cell in cells[0]]
    absent = [name for name in needed if name not in head]
    if absent:
        raise UnreadableError(f"column missing: {', '.join(absent)}")
    twice = [name for name, n in Counter(head).items() if n > 1 and name in names.values()]
    if twice:
        raise UnreadableError(f"two columns for {', '.join(twice)}")
    return head, _rows(head, cells)


def _rows(head: list[str], cells: list[list[str]]) -> Iterator[Row]:
    for number, row in enumerate(cells[1:], 2):
        if not any(cell.strip() for cell in row):
            continue
        found = {name: cell.strip() for name, cell in zip(head, row, strict=False)}
        if len(row) != len(head):
            found[UNEVEN] = f"{len(head)} cells as the head line has, not {len(row)}"
        yield number, found


def _heading(text: str) -> str:
    plain = text.strip().lower()
    for mark in ("(", ")", "\uff08", "\uff09", " "):
        plain = plain.replace(mark, "")
    return plain


def _csv(data: bytes) -> list[list[str]]:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("gb18030")
    if "\0" in text:
        raise ValueError("a zero byte")
    return _capped(csv.reader(io.StringIO(text, newline=""), strict=True))


def _workbook(data: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if sum(member.file_size for member in archive.infolist()) > LARGEST_UNPACKED:
            raise ValueError(f"unpacks to more than {LARGEST_UNPACKED:,} bytes")
    book = openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=True)
    try:
        found = _capped(
            ["" if cell is None else str(cell) for cell in row]
            for row in book.worksheets[0].iter_rows(values_only=True)
        )
    finally:
        book.close()
    width = len(found[0]) if found else 0
    # a sheet does not store the empty cells at the end of a row
    return [row + [""] * (width - len(row)) for row in found]


def _capped(rows: Iterator[list[str]] | Any) -> list[list[str]]:
    found = list(itertools.islice(rows, LARGEST_ROWS + 2))
    if len(found) > LARGEST_ROWS + 1:
        raise ValueError(f"more than {LARGEST_ROWS:,} rows")
    return found
