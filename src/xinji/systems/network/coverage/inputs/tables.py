"""CSV and XLSX as blocks of text columns under the field's own names, in bounded memory."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
import unicodedata
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from xinji.systems.network.coverage.inputs.report import UnreadableError

LARGEST_BYTES = 512 * 1024 * 1024
LARGEST_UNPACKED_BYTES = 1024 * 1024 * 1024
BLOCK_ROWS = 50_000


@dataclass(frozen=True)
class Block:
    """Rows of a table.

    Attributes:
        rows: number of each row; the head line is row 1.
        cells: text columns by heading as it was mapped, each as long as `rows`.
        odd: (row, count of cells) of the rows that have more or fewer cells than the head line.
    """

    rows: list[int]
    cells: dict[str, list[str]]
    odd: list[tuple[int, int]]


@dataclass(frozen=True)
class Heading:
    """A column's name in two parts: `antenna height (m)` is `antennaheight` and `m`."""

    name: str
    unit: str

    @staticmethod
    def of(text: str) -> Heading:
        """Width, case, spaces, hyphens and underscores do not matter."""
        plain = unicodedata.normalize("NFKC", text).strip().lower().replace("°", "deg")
        match = re.fullmatch(r"(.*?)\s*[(\[](.*?)[)\]]\s*", plain, re.DOTALL)
        name, unit = (match[1], match[2]) if match else (plain, "")
        return Heading(re.sub(r"[\s_\-./]+", "", name), unit.strip())


def table_blocks(source: bytes | Path, fields: Mapping[Heading, str]) -> Iterator[Block]:
    """The table of a file, block by block, headings mapped to fields; other columns are left out.

    Args:
        source: the bytes of a CSV (UTF-8 or GB 18030) or XLSX file, or where it lies.
        fields: field by heading.

    Raises:
        UnreadableError: no such table, two columns of one field, or a file over the caps.
        OSError: the path cannot be read.
    """
    size = len(source) if isinstance(source, bytes) else source.stat().st_size
    if size > LARGEST_BYTES:
        raise UnreadableError(f"{size:,} bytes; the cap is {LARGEST_BYTES:,} (LARGEST_BYTES)")
    with io.BytesIO(source) if isinstance(source, bytes) else source.open("rb") as file:
        packed = file.read(2) == b"PK"
        file.seek(0)
        try:
            rows = _workbook_rows(file) if packed else _csv_rows(file)
            yield from _blocks(rows, fields)
        except (csv.Error, KeyError, zipfile.BadZipFile, InvalidFileException) as error:
            raise UnreadableError(f"not a CSV or XLSX table: {error}") from error


def _blocks(rows: Iterator[list[str]], fields: Mapping[Heading, str]) -> Iterator[Block]:
    head = next(rows, None)
    if head is None:
        raise UnreadableError("no head line")
    names = [fields.get(Heading.of(text), "") for text in head]
    if not any(names):
        raise UnreadableError(f"no known heading in the head line: {', '.join(head)[:200]}")
    for name in set(names) - {""}:
        if names.count(name) > 1:
            twice = [text for text, known in zip(head, names, strict=True) if known == name]
            raise UnreadableError(f"two columns for {name}: {', '.join(twice)}")
    chosen = [(at, name) for at, name in enumerate(names) if name]
    width = len(head)
    first = 2
    while piece := list(itertools.islice(rows, BLOCK_ROWS)):
        numbers = range(first, first + len(piece))
        first += len(piece)
        even = [len(row) == width for row in piece]
        odd = [
            (number, len(row))
            for number, row, right in zip(numbers, piece, even, strict=True)
            if not right and any(row)
        ]
        # blank lines are no rows
        right = [good and any(row) for good, row in zip(even, piece, strict=True)]
        kept = list(itertools.compress(piece, right))
        columns = list(zip(*kept, strict=True)) if kept else [()] * width
        cells = {name: list(columns[at]) for at, name in chosen}
        yield Block(list(itertools.compress(numbers, right)), cells, odd)


def _csv_rows(file: BinaryIO) -> Iterator[list[str]]:
    encoding = "utf-8-sig" if _decodes(file, "utf-8") else "gb18030"
    if encoding == "gb18030" and not _decodes(file, encoding):
        raise UnreadableError("neither UTF-8 nor GB 18030 text")
    yield from csv.reader(io.TextIOWrapper(file, encoding=encoding, newline=""), strict=True)


def _decodes(file: BinaryIO, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while piece := file.read(1 << 20):
            if b"\0" in piece:
                return False
            decoder.decode(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    finally:
        file.seek(0)
    return True


def _workbook_rows(file: BinaryIO) -> Iterator[list[str]]:
    with zipfile.ZipFile(file) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > LARGEST_UNPACKED_BYTES:
        raise UnreadableError(
            f"unpacks to {unpacked:,} bytes; the cap is {LARGEST_UNPACKED_BYTES:,} "
            "(LARGEST_UNPACKED_BYTES)"
        )
    book = openpyxl.load_workbook(file, read_only=True, data_only=True)
    try:
        width = 0
        for row in book.worksheets[0].iter_rows(values_only=True):
            cells = [_text(cell) for cell in row]
            width = width or len(cells)
            # a sheet does not store the empty cells at the end of a row
            cells += [""] * (width - len(cells))
            while len(cells) > width and not cells[-1]:
                cells.pop()
            yield cells
    finally:
        book.close()


def _text(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer() and abs(cell) < 1e15:
        return str(int(cell))
    return str(cell)
