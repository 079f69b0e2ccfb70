"""Times of a measurement log: dates with and without an offset, Unix seconds, seconds of a run."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from xinji.systems.network.coverage.inputs.checked_block import CheckedBlock
from xinji.systems.network.coverage.inputs.sectors import Integers, Texts


class LogClock:
    """Reads times; the first block with a time decides whether they are absolute."""

    _FORM = (
        r"^(?P<y>\d{4})[-./](?P<mo>\d{1,2})[-./](?P<d>\d{1,2})[_T ](?P<h>\d{1,2})[:.](?P<mi>\d{2})"
        r"[:.](?P<s>\d{2})(?P<f>\.\d{1,6})?\d*(?P<z>Z|[+-]\d{2}:?\d{2})?$"
    )

    def __init__(self, utc_offset_hours: float) -> None:
        self.absolute = True
        self._offset = int(utc_offset_hours * 3_600_000_000)
        self._decided = False

    def microseconds(self, checked: CheckedBlock, factor: float) -> Integers:
        """The column `time`: dates and times, Unix seconds or milliseconds, or seconds of a run."""
        texts = checked.text("time")
        parts = pc.extract_regex(pa.array(texts, pa.string()), self._FORM)
        dated = parts.is_valid().to_numpy(zero_copy_only=False)
        if dated.any():
            self._decided = True
            return self._dates(checked, texts, parts, dated)
        seconds = checked.needed_number("time") * factor
        if not self._decided:
            middle = float(np.nanmedian(seconds)) if not np.isnan(seconds).all() else 0.0
            # 1e8 seconds are March 1973; no run lasts three years
            self.absolute, self._decided = middle >= 1e8, True
        if self.absolute:
            seconds = np.where(seconds > 1e11, seconds / 1000, seconds)
        seconds = np.where(np.abs(seconds) < 9e12, seconds, np.nan)
        checked.refuse(np.isnan(seconds) & ~checked.bad, "time", "seconds, or a date and time")
        return np.round(np.nan_to_num(seconds) * 1e6).astype(np.int64)

    def _dates(
        self, checked: CheckedBlock, texts: Texts, parts: Any, dated: npt.NDArray[np.bool_]
    ) -> Integers:
        checked.refuse(texts == "", "time", "required")
        checked.refuse(
            ~dated & (texts != ""), "time", "a date and time such as 2021-06-30 08:15:00", texts
        )
        found = np.zeros(len(texts), dtype=np.int64)
        get = {name: parts.field(name).to_numpy(zero_copy_only=False)[dated] for name in
               ("y", "mo", "d", "h", "mi", "s", "f", "z")}  # fmt: skip
        number = {name: get[name].astype(np.int64) for name in ("y", "mo", "d", "h", "mi", "s")}
        months = (number["y"] - 1970) * 12 + number["mo"] - 1
        first = months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        days = (months + 1).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64) - first
        real = (
            (number["mo"] >= 1) & (number["mo"] <= 12) & (number["d"] >= 1) & (number["d"] <= days)
            & (number["h"] < 24) & (number["mi"] < 60) & (number["s"] < 61)
        )  # fmt: skip
        whole = ((first + number["d"] - 1) * 24 + number["h"]) * 60 + number["mi"]
        fraction = np.array([float(text or 0) for text in get["f"]])
        offset = np.array([_offset_of(text, self._offset) for text in get["z"]], dtype=np.int64)
        moment = (whole * 60 + number["s"]) * 1_000_000 + np.round(fraction * 1e6).astype(np.int64)
        found[dated] = moment - offset
        wrong = np.zeros(len(texts), dtype=np.bool_)
        wrong[dated] = ~real
        checked.refuse(wrong, "time", "a day and hour that exist", texts)
        return found


def _offset_of(text: str, usual: int) -> int:
    if not text:
        return usual
    if text == "Z":
        return 0
    sign = -1 if text[0] == "-" else 1
    return sign * (int(text[1:3]) * 60 + int(text[-2:])) * 60_000_000
