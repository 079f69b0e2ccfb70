"""A cell as a number, a whole number or a moment: exactly, or a `BadCellError` with the rule."""

from __future__ import annotations

import datetime as dt
import math
import re

from xinji.store.observations import microseconds

DISTRICT_TIME = dt.timezone(dt.timedelta(hours=8))

A_NUMBER = "a number"
A_WHOLE_NUMBER = "a whole number"
A_MOMENT = "a day or time such as 2021-06-30, 2021/6/30 08:05 or 20210630"

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
_WHOLE = re.compile(r"[+-]?\d{1,18}(\.0{0,18})?", re.ASCII)
_SERIAL = re.compile(r"\d{5}(\.\d{1,17})?", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d\d)(\d\d)", re.ASCII)
_SPELT = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?"
    r"(?:[ T_]*(\d{1,2})[:时点](?:(\d{1,2})(?:[:分](?:(\d{1,2})(\.\d{1,6})?秒?)?)?)?)?",
    re.ASCII,
)
_SERIAL_ZERO = dt.datetime(1899, 12, 30, tzinfo=DISTRICT_TIME)
_SERIALS = (20_000, 73_050)
"""Days that a spreadsheet counts from 1899-12-30: 1954-10-03 to 2099-12-31."""


class BadCellError(ValueError):
    """The cell breaks a rule; the message is the rule."""


def number_of(text: str) -> float:
    """A decimal number. Raises BadCellError."""
    value = float(text) if _NUMBER.fullmatch(text.strip()) else math.nan
    if not math.isfinite(value):
        raise BadCellError(A_NUMBER)
    return value


def whole_of(text: str) -> int:
    """A whole number of at most 18 digits; `3.0` is one, as spreadsheets write it."""
    text = text.strip()
    if not _WHOLE.fullmatch(text):
        raise BadCellError(A_WHOLE_NUMBER)
    return int(text.partition(".")[0])


def moment_of(text: str) -> int:
    """Unix microseconds of a day or time; without an offset it is the district's.

    ISO 8601; year, month and day apart by `-`, `/`, `.` or 年月日, or together (20210630); the days
    that a spreadsheet counts (44377.25). Raises BadCellError.
    """
    text = text.strip()
    try:
        if _SERIAL.fullmatch(text):
            days = float(text)
            if not _SERIALS[0] <= days < _SERIALS[1]:
                raise BadCellError(A_MOMENT)
            # a double of days keeps about a microsecond; a spreadsheet shows whole milliseconds
            return microseconds(_SERIAL_ZERO) + round(days * 86_400_000) * 1_000
        if match := _COMPACT.fullmatch(text) or _SPELT.fullmatch(text):
            year, month, day, *clock = (int(part or 0) for part in match.groups()[:6])
            hour, minute, second = clock or (0, 0, 0)
            fraction = float(match.groups("0")[6]) if clock else 0.0
            found = dt.datetime(year, month, day, hour, minute, second, tzinfo=DISTRICT_TIME)
            return microseconds(found) + round(fraction * 1e6)
        found = dt.datetime.fromisoformat(text)
        return microseconds(found if found.tzinfo else found.replace(tzinfo=DISTRICT_TIME))
    except (ValueError, OverflowError):
        raise BadCellError(A_MOMENT) from None
