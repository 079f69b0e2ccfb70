"""What an import of planning data found: rows refused, rows in doubt, and the file's likely datum.

Rows are numbered as a spreadsheet shows them: the head line is row 1. Features of a GeoJSON, a
GeoPackage or a Shapefile are numbered from 1. The lists are capped; the counts by rule are not.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

MOST_SHOWN = 1_000

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


class RowFault(msgspec.Struct, frozen=True):
    """What is wrong with a row: its number, the field, the rule it breaks, the value found."""

    row: int
    field: str
    rule: str
    value: Any = None


class DatumGuess(msgspec.Struct, frozen=True):
    """Which datum a file's coordinates are in.

    Attributes:
        datum: the likeliest of `xinji.methods.geodesy.DATUMS`.
        confidence: its share of the evidence, 1/3 when nothing tells the datums apart.
        inside: share of the points inside the district under each datum.
        matched: share of them on a footprint or road under each, empty without a reference.
    """

    datum: str
    confidence: float
    inside: dict[str, float]
    matched: dict[str, float] = {}

    def __str__(self) -> str:
        shares = ", ".join(f"{name} {share:.1%}" for name, share in self.inside.items())
        return f"{self.datum} (confidence {self.confidence:.2f}; inside the district: {shares})"


class ImportReport(msgspec.Struct):
    """What an import did with a file.

    Attributes:
        read, kept: rows.
        faults: why rows were refused, the first `MOST_SHOWN`; a row may have several.
        doubts: of rows that were kept.
        fault_counts, doubt_counts: rows by `field: rule`, all of them.
        notes: what concerns the file as a whole.
        datum: what the coordinates look like, when there was something to compare them with.
    """

    read: int = 0
    kept: int = 0
    faults: list[RowFault] = []
    doubts: list[RowFault] = []
    fault_counts: dict[str, int] = {}
    doubt_counts: dict[str, int] = {}
    notes: list[str] = []
    datum: DatumGuess | None = None

    @property
    def refused(self) -> int:
        """Rows that were not kept."""
        return self.read - self.kept

    def fault(self, row: int, field: str, rule: str, value: Any = None) -> None:
        """Put down why a row is refused."""
        _count(self.fault_counts, self.faults, RowFault(row, field, rule, shown(value)))

    def doubt(self, row: int, field: str, rule: str, value: Any = None) -> None:
        """Put down what is strange about a row that is kept."""
        _count(self.doubt_counts, self.doubts, RowFault(row, field, rule, shown(value)))

    def fault_rows(
        self, where: Mask, rows: Numbers, field: str, rule: str, values: Any = None
    ) -> None:
        """Put down a fault of many rows: those of the mask `where`, numbered by `rows`."""
        _count_rows(self.fault_counts, self.faults, where, rows, (field, rule, values))

    def doubt_rows(
        self, where: Mask, rows: Numbers, field: str, rule: str, values: Any = None
    ) -> None:
        """Put down a doubt of many rows: those of the mask `where`, numbered by `rows`."""
        _count_rows(self.doubt_counts, self.doubts, where, rows, (field, rule, values))


def shown(value: Any) -> Any:
    """A value as a report can hold it."""
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return f"a whole number of {value.bit_length()} bits"
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, (list, tuple)) and len(value) <= 4:
        return [shown(each) for each in value]
    return str(value)[:200]


def _count(counts: dict[str, int], rows: list[RowFault], found: RowFault) -> None:
    key = f"{found.field}: {found.rule}"
    counts[key] = counts.get(key, 0) + 1
    if len(rows) < MOST_SHOWN:
        rows.append(found)


def _count_rows(
    counts: dict[str, int],
    listed: list[RowFault],
    where: Mask,
    rows: Numbers,
    what: tuple[str, str, Any],
) -> None:
    field, rule, values = what
    found = np.flatnonzero(where)
    if len(found) == 0:
        return
    key = f"{field}: {rule}"
    counts[key] = counts.get(key, 0) + len(found)
    for at in found[: MOST_SHOWN - len(listed)].tolist():
        value = None if values is None else values[at]
        value = value.item() if isinstance(value, np.generic) else value
        listed.append(RowFault(int(rows[at]), field, rule, shown(value)))
