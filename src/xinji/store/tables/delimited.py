"""CSV and TSV: encoding and separator are read from the file itself, or the file is refused."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from xinji.store.tables.formula_cells import taken_back
from xinji.store.tables.table import Row, UnreadableError, checked, checked_head

SEPARATORS = (",", ";", "\t", "|")
_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
_HEAD_CHARACTERS = 65_536

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SEPARATOR_LINE = re.compile(r'"?sep=(.)"?[;,\t|]*(\r\n|\r|\n|$)', re.IGNORECASE)

# code points that GB 18030 maps and nobody writes: what is decoded into them was something else
_PRIVATE = re.compile("[\ue000-\uf8ff]")


def delimited_rows(file: BinaryIO) -> Iterator[Row]:
    """The head line, then the rows that are not blank.

    The encoding is that of the byte order mark, else UTF-8, else GB 18030. The separator is the one
    that a first line `sep=;` names (as spreadsheets write it), else the only one in the head line.

    Raises:
        UnreadableError: neither encoding, several separators that could be meant, broken quotes.
    """
    encoding = _encoding(file)
    text = io.TextIOWrapper(file, encoding=encoding, newline="")
    try:
        yield from _rows(text)
    except UnicodeDecodeError as error:
        raise UnreadableError(f"not {encoding} text: {error.reason}") from error
    finally:
        text.detach()


def _rows(text: io.TextIOWrapper) -> Iterator[Row]:
    beginning = text.read(_HEAD_CHARACTERS)
    named = _SEPARATOR_LINE.match(beginning)
    if named:
        beginning = beginning[named.end() :]
    separator = named[1] if named else _separator(beginning)
    if separator in '"\r\n':
        raise UnreadableError("sep= names a quote or a line end", row=1)
    reader = csv.reader(_lines(beginning, text), delimiter=separator, strict=True)
    head: list[str] | None = None
    number = 0
    try:
        for number, cells in enumerate(reader, 1):
            if not any(cells) or not any(map(str.strip, cells)):
                continue
            for at, cell in enumerate(cells):
                if cell[:1] == "'":
                    cells[at] = taken_back(cell)
            if head is None:
                head = checked_head(cells)
                yield Row(number, head)
            else:
                yield checked(number, cells, len(head))
    except csv.Error as error:
        raise UnreadableError(
            f"line {reader.line_num}: {error}", row=number + 1, field="row"
        ) from error


def _lines(beginning: str, text: io.TextIOWrapper) -> Iterator[str]:
    """Lines with their ends, the first ones out of what was read already."""
    lines = _split(beginning)
    rest = lines.pop()
    yield from lines
    while piece := text.read(1 << 16):
        lines = _split(rest + piece)
        rest = lines.pop()
        yield from lines
    if rest:
        yield rest


def _split(text: str) -> list[str]:
    """Lines ended by LF, CR LF or CR and nothing else; the last is not complete."""
    if "\r" not in text:
        parts = text.split("\n")
        return [part + "\n" for part in parts[:-1]] + [parts[-1]]
    # a \r at the very end may be half of a \r\n: it stays with what follows
    parts = re.split(r"(\r\n|\n|\r(?!\Z))", text)
    return ["".join(parts[at : at + 2]) for at in range(0, len(parts) - 1, 2)] + [parts[-1]]


def _separator(beginning: str) -> str:
    head = _first_record(beginning)
    found = {mark: head.count(mark) for mark in SEPARATORS if mark in head}
    if len(found) < 2:
        return next(iter(found), ",")
    most = max(found.values())
    # a tab or a semicolon may stand inside a heading once, but does not do so in most of them
    likely = [mark for mark, count in found.items() if count == most]
    if len(likely) == 1 and most >= 2 * sorted(found.values())[-2]:
        return likely[0]
    names = " or ".join(_NAMES[mark] for mark in found)
    raise UnreadableError(
        f"{names} could be the separator: name it in a first line such as sep=;", row=1
    )


def _first_record(text: str) -> str:
    """The first line that is not blank, without what stands in quotes."""
    plain = re.sub(r'"(?:[^"]|"")*("|\Z)', "", text)
    return next((line for line in re.split(r"[\r\n]+", plain) if line.strip()), "")


def _encoding(file: BinaryIO) -> str:
    start = file.read(4)
    file.seek(0)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            _decode(file, encoding)
            return encoding
    if _decode(file, "utf-8", strict=False):
        return "utf-8"
    _decode(file, "gb18030")
    return "gb18030"


def _decode(file: BinaryIO, encoding: str, *, strict: bool = True) -> bool:
    """Whether all of the file is in an encoding. Raises UnreadableError unless not `strict`."""
    decoder = codecs.getincrementaldecoder(encoding)()
    at = 0
    try:
        while piece := file.read(1 << 20):
            text = decoder.decode(piece)
            if encoding == "gb18030" and _PRIVATE.search(text):
                raise UnreadableError("neither UTF-8 nor GB 18030 text")
            at += len(piece)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        if not strict:
            return False
        if encoding == "gb18030":
            raise UnreadableError("neither UTF-8 nor GB 18030 text") from error
        raise UnreadableError(f"not {encoding} text near byte {at + error.start:,}") from error
    finally:
        file.seek(0)
    return True
