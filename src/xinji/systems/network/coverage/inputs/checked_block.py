"""A block of text columns turned into checked numbers, words and days."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from xinji.store.tables.cells import BadCellError, moment_of
from xinji.systems.network.coverage.inputs.report import ImportReport
from xinji.systems.network.coverage.inputs.sectors import UNKNOWN_TIME, Floats, Integers, Texts
from xinji.systems.network.coverage.inputs.site_columns import LIMITS
from xinji.systems.network.coverage.inputs.tables import Block

LONGEST_TEXT = 200
_LARGEST = 1e6
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?$"


class CheckedBlock:
    """A block's columns as numbers and texts; faults go to the report and to `bad`."""

    def __init__(self, block: Block, report: ImportReport) -> None:
        self.report = report
        self.rows = np.array(block.rows, dtype=np.int64)
        self.bad = np.zeros(len(self.rows), dtype=np.bool_)
        self._cells = {
            name: pc.utf8_trim_whitespace(pa.array(cells, pa.large_string()))
            for name, cells in block.cells.items()
        }

    def __contains__(self, field: str) -> bool:
        return field in self._cells

    def refuse(self, where: Any, field: str, rule: str, values: Any = None) -> None:
        """Refuse the rows of a mask of shape (n,), with the value of each when given."""
        self.report.fault_rows(np.asarray(where), self.rows, field, rule, values)
        self.bad |= where

    def text(self, field: str) -> Texts:
        """Trimmed cells, empty where the column is missing; equal texts share one object."""
        if field not in self._cells:
            return np.full(len(self.rows), "", dtype=object)
        coded = self._cells[field].dictionary_encode()
        words = coded.dictionary.to_numpy(zero_copy_only=False).astype(object)
        texts: Texts = words[coded.indices.to_numpy()] if len(words) else words
        self.refuse(
            np.array([len(word) > LONGEST_TEXT for word in words], np.bool_)[
                coded.indices.to_numpy()
            ],
            field,
            f"at most {LONGEST_TEXT} characters",
        )
        return texts

    def needed_text(self, field: str) -> Texts:
        """As `text`; an empty cell is a fault."""
        texts = self.text(field)
        self.refuse(texts == "", field, "required")
        return texts

    def choice(self, field: str, words: dict[str, str]) -> Texts:
        """A needed cell by its meaning; a word without one is a fault."""
        texts = self.needed_text(field)
        meant = {text: words.get(text.lower(), "") for text in set(texts.tolist())}
        found = np.array([meant[text] for text in texts.tolist()], dtype=object)
        allowed = ", ".join(dict.fromkeys(words.values()))
        self.refuse((found == "") & (texts != ""), field, f"one of {allowed}", texts)
        return found

    def number(self, field: str) -> Floats:
        """Numbers within their limits, NaN for an empty cell; anything else is a fault."""
        if field not in self._cells:
            return np.full(len(self.rows), np.nan)
        cells = self._cells[field]
        good = pc.match_substring_regex(cells, _NUMBER)
        plain = pc.utf8_ltrim(pc.if_else(good, cells, None), "+")
        values: Floats = pc.cast(plain, pa.float64()).to_numpy(zero_copy_only=False)
        empty = pc.equal(cells, "").to_numpy(zero_copy_only=False)
        wrong = ~good.to_numpy(zero_copy_only=False) & ~empty
        if wrong.any():
            self.refuse(wrong, field, "a number", cells.to_numpy(zero_copy_only=False))
        if field in LIMITS:
            low, high, rule = LIMITS[field]
            self.refuse((values < low) | (values > high), field, rule, values)
            # refused rows are still computed with, and must not overflow
            values = np.where(np.abs(values) > _LARGEST, np.nan, values)
        return values

    def needed_number(self, field: str, spared: npt.NDArray[np.bool_] | None = None) -> Floats:
        """As `number`; an empty cell is a fault, but in `spared` rows."""
        values = self.number(field)
        self.require(values, field, spared)
        return values

    def require(
        self, values: Floats, field: str, spared: npt.NDArray[np.bool_] | None = None
    ) -> None:
        """Refuse rows without a value that are not refused for this field's cell already."""
        empty = np.isnan(values)
        if field in self._cells:
            empty &= pc.equal(self._cells[field], "").to_numpy(zero_copy_only=False)
        self.refuse(empty if spared is None else empty & ~spared, field, "required")

    def day(self, field: str) -> Integers:
        """Days or moments as Unix microseconds, `UNKNOWN_TIME` for an empty cell."""
        texts = self.text(field)
        moments = {text: _moment(text) for text in set(texts.tolist())}
        found = [moments[text] for text in texts.tolist()]
        self.refuse(
            np.array([moment is None for moment in found], np.bool_),
            field,
            "a day such as 2021-06-30, 2021/6/30 or 20210630",
            texts,
        )
        return np.array([UNKNOWN_TIME if m is None else m for m in found], dtype=np.int64)


def _moment(text: str) -> int | None:
    """Unix microseconds of a day or moment (the district's time), None when it is none."""
    if not text:
        return UNKNOWN_TIME
    try:
        return moment_of(text)
    except BadCellError:
        return None
