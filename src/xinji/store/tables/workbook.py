"""XLSX: the first sheet, cell by cell, in the memory of one row.

What openpyxl decides silently is decided here: the announced dimension of a sheet is not believed
(1.5 kB can announce 17 thousand million cells), a formula without its stored value is not an empty
cell, and a number that a spreadsheet could not keep is not a number.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import zipfile
from collections.abc import Iterator
from typing import Any, BinaryIO

import openpyxl
from openpyxl.utils.cell import coordinate_to_tuple
from openpyxl.worksheet._reader import FORMULA_TAG, VALUE_TAG, WorkSheetParser

from xinji.store.tables import table
from xinji.store.tables.formula_cells import taken_back
from xinji.store.tables.table import UNEVEN, WHOLE, Row, UnreadableError, checked, checked_head

NO_VALUE = "a stored value; a formula has none here: open the file in a spreadsheet and save it"
TOO_LONG = "at most 15 digits; a spreadsheet keeps no more: store the column as text"
FAULT = "a value; the spreadsheet shows an error here"

_DIGITS = 15
"""Decimal digits that a double keeps (IEEE 754), and that spreadsheets do (ECMA-376)."""
_WHOLE = re.compile(r"-?\d+", re.ASCII)
_ZEROS = re.compile(r"0{2,20}")


class _BadCellError(ValueError):
    pass


class _Cells(WorkSheetParser):  # type: ignore[misc]
    """openpyxl's parser of a sheet, which gives each cell as exact text or a fault."""

    number_formats: Any

    def parse_cell(self, element: Any) -> dict[str, Any]:
        place = element.get("r")
        if place:
            _, column = coordinate_to_tuple(place)
            self.col_counter = column
        else:
            self.col_counter += 1
        try:
            text, fault = self._text(element), ""
        except _BadCellError as error:
            text, fault = (element.findtext(VALUE_TAG) or "")[:200], str(error)
        return {"column": self.col_counter, "value": text, "fault": fault}

    def _text(self, element: Any) -> str:
        kind = element.get("t", "n")
        if kind == "e":
            raise _BadCellError(FAULT)
        written = element.findtext(VALUE_TAG)
        if written is None and kind != "inlineStr":
            if element.find(FORMULA_TAG) is not None:
                raise _BadCellError(NO_VALUE)
            return ""
        if kind == "n":
            written = (written or "").strip()
            if not written:
                return ""
            style = int(element.get("s", 0))
            if style not in self.date_formats:
                return _number(written, self.number_formats.get(style, ""))
        value = super().parse_cell(element)
        if value["data_type"] == "e":
            raise _BadCellError(FAULT)
        return _words(value["value"])


def _number(written: str, form: str) -> str:
    if _WHOLE.fullmatch(written):
        if len(written.lstrip("-0")) > _DIGITS:
            raise _BadCellError(TOO_LONG)
        text = str(int(written))
    else:
        value = float(written)
        if not math.isfinite(value):
            raise _BadCellError(FAULT)
        if not value.is_integer():
            return repr(value)
        if abs(value) >= 10**_DIGITS:
            raise _BadCellError(TOO_LONG)
        text = str(int(value))
    # 00123 is how the sheet shows it, and what its people mean by it
    return text.zfill(len(form)) if _ZEROS.fullmatch(form) and text.isdigit() else text


def _words(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime):
        return value.isoformat(" ")
    return str(value)


def workbook_rows(file: BinaryIO) -> Iterator[Row]:
    """The head line, then the rows that are not blank, numbered as the sheet numbers them.

    Raises:
        UnreadableError: not such a file, larger than `LARGEST_UNPACKED_BYTES`, rows out of order.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            if unpacked > table.LARGEST_UNPACKED_BYTES:
                raise UnreadableError(
                    f"unpacks to {unpacked:,} bytes; the cap is {table.LARGEST_UNPACKED_BYTES:,} "
                    "(LARGEST_UNPACKED_BYTES)"
                )
        yield from _rows(file)
    except (UnreadableError, MemoryError, GeneratorExit):
        raise
    except Exception as error:
        # openpyxl raises whatever comes out of a broken part: KeyError, TypeError, ParseError ...
        raise UnreadableError(f"not an XLSX table: {str(error)[:200] or error!r}") from error


def _rows(file: BinaryIO) -> Iterator[Row]:
    book: Any = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
    try:
        if not book.worksheets:
            raise UnreadableError("a workbook without a sheet")
        sheet: Any = book.worksheets[0]
        with sheet._get_source() as source:
            parser: Any = _Cells(
                source,
                sheet._shared_strings,
                data_only=True,
                epoch=book.epoch,
                date_formats=book._date_formats,
                timedelta_formats=book._timedelta_formats,
            )
            parser.number_formats = _formats(book)
            yield from _table(parser.parse())
    finally:
        book.close()


def _formats(book: Any) -> dict[int, str]:
    """Number formats by style that are zeros alone."""
    found = {}
    for style, cell in enumerate(book._cell_styles):
        at = cell.numFmtId - 164
        if 0 <= at < len(book._number_formats) and _ZEROS.fullmatch(book._number_formats[at]):
            found[style] = book._number_formats[at]
    return found


def _table(parsed: Iterator[tuple[int, list[dict[str, Any]]]]) -> Iterator[Row]:
    head: list[str] | None = None
    last = 0
    for number, cells in parsed:
        if number <= last:
            raise UnreadableError(f"not an XLSX table: row {number} behind row {last}")
        last = number
        known = [cell for cell in cells if cell["value"] or cell["fault"]]
        if not known:
            continue
        if head is None:
            head = _head(known)
            yield Row(number, head)
        else:
            yield _row(number, known, len(head))


def _head(known: list[dict[str, Any]]) -> list[str]:
    width = max(cell["column"] for cell in known)
    if width > table.MOST_COLUMNS:
        raise UnreadableError(f"{width:,} columns; the cap is {table.MOST_COLUMNS:,}", row=1)
    texts = [""] * width
    for cell in known:
        if cell["fault"]:
            raise UnreadableError(f"head line, column {cell['column']}: {cell['fault']}", row=1)
        texts[cell["column"] - 1] = taken_back(cell["value"])
    return checked_head(texts)


def _row(number: int, known: list[dict[str, Any]], width: int) -> Row:
    texts = [""] * width
    faults = {}
    for cell in known:
        at = cell["column"] - 1
        if at >= width:
            return Row(number, texts, {WHOLE: UNEVEN})
        if cell["fault"]:
            faults[at] = cell["fault"]
        texts[at] = taken_back(cell["value"])
    row = checked(number, texts, width)
    return Row(number, row.cells, row.faults | faults) if faults else row
