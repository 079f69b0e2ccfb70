"""Headings as people write them, mapped to the fields that an import knows."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from xinji.store.tables.table import WHOLE, Row, Table, UnreadableError


@dataclass(frozen=True)
class Heading:
    """A column's name in two parts: `antenna height (m)` is `antennaheight` and `m`."""

    name: str
    unit: str = ""

    @staticmethod
    def of(text: str) -> Heading:
        """Width, case, spaces, hyphens, dots and underscores do not matter."""
        plain = unicodedata.normalize("NFKC", text).strip().lower().replace("°", "deg")
        match = re.fullmatch(r"(.*?)\s*[(\[](.*?)[)\]]\s*", plain, re.DOTALL)
        name, unit = (match[1], match[2]) if match else (plain, "")
        return Heading(re.sub(r"[\s_\-./]+", "", name), unit.strip())

    @property
    def whole(self) -> str:
        """Name and unit together: 重量(kg) and 重量kg are one."""
        return self.name + re.sub(r"[\s_\-./]+", "", self.unit)


def fields_of(
    head: Sequence[str], fields: Mapping[Heading, str], *, by_rank: bool = False
) -> list[str]:
    """The field of each column, empty for one that is not used.

    Args:
        fields: field by heading, the unit apart.
        by_rank: a file may have several columns of one field; the heading that stands first in
            `fields` is taken. Else two columns of one field are an error.

    Raises:
        UnreadableError: two columns of one field; with `by_rank`, the same heading twice.
    """
    headings = [Heading.of(text) for text in head]
    names = [fields.get(heading, "") for heading in headings]
    ranks = {heading: rank for rank, heading in enumerate(fields)} if by_rank else {}
    for name in dict.fromkeys(filter(None, names)):
        at = [number for number, each in enumerate(names) if each == name]
        if len(at) == 1:
            continue
        best = min(ranks.get(headings[number], 0) for number in at)
        first = [number for number in at if ranks.get(headings[number], 0) == best]
        if len(first) > 1:
            twice = ", ".join(head[number] for number in first)
            raise UnreadableError(f"two columns for {name}: {twice}", row=1, field=name)
        for number in at:
            if number != first[0]:
                names[number] = ""
    return names


def whole_headings(names: Mapping[str, str]) -> dict[str, str]:
    """Field by `Heading.whole`, for imports that do not tell units apart."""
    return {Heading.of(text).whole: field for text, field in names.items()}


def plain_fields(
    head: Sequence[str], names: Mapping[str, str], *, by_rank: bool = False
) -> list[str]:
    """As `fields_of`, with units joined to their names. Raises UnreadableError."""
    known = {Heading(text): field for text, field in whole_headings(names).items()}
    return fields_of([Heading.of(text).whole for text in head], known, by_rank=by_rank)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a row is refused: the field (or `row`), the rule it breaks, what was found."""

    field: str
    rule: str
    value: str


def fault_of(row: Row, fields: Sequence[str]) -> Fault | None:
    """The first fault of a row in a column that is used; other columns may hold anything."""
    if not row.faults:
        return None
    if WHOLE in row.faults:
        return Fault("row", row.faults[WHOLE], ",".join(row.cells)[:200])
    for at, field in enumerate(fields):
        if field and at in row.faults:
            return Fault(field, row.faults[at], row.cells[at][:200])
    return None


def records(
    table: Table, fields: Sequence[str]
) -> Iterator[tuple[int, dict[str, str], Fault | None]]:
    """(number, trimmed cells by field, fault) of each row; of a faulty row what there is."""
    for row in table.rows:
        named = zip(fields, row.cells, strict=False)
        values = {field: cell.strip() for field, cell in named if field}
        yield row.number, values, fault_of(row, fields)
