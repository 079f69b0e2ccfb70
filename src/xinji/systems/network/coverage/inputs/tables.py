"""Large tables as blocks of text columns under the field's own names, in bounded memory."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from xinji.store.tables.columns import Heading, fault_of, fields_of
from xinji.store.tables.reading import rows_of
from xinji.store.tables.table import UnreadableError

BLOCK_ROWS = 50_000


@dataclass(frozen=True)
class Block:
    """Rows of a table.

    Attributes:
        rows: number of each row; the head line is row 1.
        cells: text columns by field, each as long as `rows`.
        faults: (row, field, rule, value) of the rows that are not among them.
        unused: headings of a field that another column was taken for.
    """

    rows: list[int]
    cells: dict[str, list[str]]
    faults: list[tuple[int, str, str, str]]
    unused: tuple[str, ...] = ()


def table_blocks(
    source: bytes | Path, fields: Mapping[Heading, str], *, by_rank: bool = False
) -> Iterator[Block]:
    """The table of a file, block by block, headings mapped to fields; other columns are left out.

    Args:
        source: the bytes of a CSV, TSV or XLSX file (may be gzipped), or where it lies.
        fields: field by heading.
        by_rank: of several columns of a field the one that `fields` has first is taken.

    Raises:
        UnreadableError: no such table, two columns of one field, or a file over the caps.
        OSError: the path cannot be read.
    """
    rows = rows_of(source)
    first = next(rows, None)
    if first is None:
        raise UnreadableError("no head line")
    head = first.cells
    names = fields_of(head, fields, by_rank=by_rank)
    if not any(names):
        raise UnreadableError(f"no known heading in the head line: {', '.join(head)[:200]}")
    unused = tuple(
        text
        for text, name in zip(head, names, strict=True)
        if not name and Heading.of(text) in fields
    )
    chosen = [(at, name) for at, name in enumerate(names) if name]
    while piece := list(itertools.islice(rows, BLOCK_ROWS)):
        faults = []
        good = []
        for row in piece:
            if row.faults and (fault := fault_of(row, names)):
                faults.append((row.number, fault.field, fault.rule, fault.value))
            else:
                good.append(row)
        columns = list(zip(*(row.cells for row in good), strict=True)) or [()] * len(head)
        cells = {name: list(columns[at]) for at, name in chosen}
        yield Block([row.number for row in good], cells, faults, unused)
