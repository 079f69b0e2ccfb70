"""What a table is once it is read: a head line, and rows of text with their numbers."""

from __future__ import annotations

import re

import msgspec

LARGEST_BYTES = 512 * 1024 * 1024
LARGEST_UNPACKED_BYTES = 1024 * 1024 * 1024
MOST_COLUMNS = 1_000
LONGEST_CELL = 32_767
"""Characters; what a cell of a spreadsheet can hold (ECMA-376 part 1, 18.3.1.96)."""

WHOLE = -1
UNEVEN = "as many cells as the head line"
CONTROL = "no control characters"

_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


class UnreadableError(ValueError):
    """The file as a whole cannot be read; the message says what stands against it.

    `row` and `field` say where, when it is known.
    """

    def __init__(self, rule: str, *, row: int = 0, field: str = "file") -> None:
        super().__init__(rule)
        self.rule, self.row, self.field = rule, row, field


class Row(msgspec.Struct, array_like=True):
    """A row with a cell for each heading, unless it has a fault as a whole.

    Attributes:
        number: as a spreadsheet shows it; the head line is row 1 of most files.
        faults: rule by column (from 0) of the cells that cannot be taken; `WHOLE` for the row.
    """

    number: int
    cells: list[str]
    faults: dict[int, str] = {}


class Table(msgspec.Struct):
    """A small table, whole: the headings as they stand, and the rows that are not blank."""

    head: list[str]
    rows: list[Row]


def checked(number: int, cells: list[str], width: int) -> Row:
    """The cells as a row, with a fault where its shape or a character is wrong.

    Empty cells behind the last heading are dropped: many programs write them.
    """
    while len(cells) > width and not cells[-1]:
        cells.pop()
    if len(cells) != width:
        return Row(number, cells[:width], {WHOLE: UNEVEN})
    faults = {}
    if _CONTROLS.search("".join(cells)) or max(map(len, cells), default=0) > LONGEST_CELL:
        for at, cell in enumerate(cells):
            if len(cell) > LONGEST_CELL:
                faults[at] = f"at most {LONGEST_CELL:,} characters"
                cells[at] = cell[:200]
            elif _CONTROLS.search(cell):
                faults[at] = CONTROL
                cells[at] = _CONTROLS.sub("\N{REPLACEMENT CHARACTER}", cell)
    return Row(number, cells, faults)


def checked_head(cells: list[str]) -> list[str]:
    """The headings, without the empty ones at the end. Raises UnreadableError."""
    head = [cell.strip().strip("\ufeff").strip() for cell in cells]
    while head and not head[-1]:
        head.pop()
    if len(head) > MOST_COLUMNS:
        raise UnreadableError(f"{len(head):,} columns; the cap is {MOST_COLUMNS:,}", row=1)
    if _CONTROLS.search("".join(head)):
        raise UnreadableError("not a CSV or XLSX table: control characters in the head line")
    return head
