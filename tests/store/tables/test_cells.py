"""Numbers and moments of cells, alike in every import."""

from __future__ import annotations

import pytest

from xinji.store.tables.cells import BadCellError, moment_of, number_of, whole_of

MOMENT = 1_625_011_500_000_000  # 2021-06-30 08:05 in Shanghai


@pytest.mark.parametrize(
    "text",
    [
        "2021-06-30 08:05", "2021/6/30 8:05", "2021.6.30 8:5:0", "2021年6月30日 8时5分",
        "2021-06-30T00:05:00Z", "2021-06-30T08:05:00+08:00", "2021-06-30 08:05:00",
        "44377.3368055556",
    ],
)  # fmt: skip
def test_one_moment_in_every_form(text: str) -> None:
    assert moment_of(text) == MOMENT


@pytest.mark.parametrize("text", ["2021-06-30", "20210630", "2021/6/30", "2021年6月30日", "44377"])
def test_one_day_in_every_form(text: str) -> None:
    assert moment_of(text) == 1_624_982_400_000_000


@pytest.mark.parametrize(
    "text", ["", "2021-02-30", "20211301", "99999", "7", "9点", "yesterday", "٢٠٢١-٠٦-٣٠", "1e5"]
)
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(BadCellError, match="a day or time such as"):
        moment_of(text)


def test_whole_numbers_as_spreadsheets_write_them() -> None:
    assert [whole_of(text) for text in ("3", "3.0", "-7", "+4", " 5 ")] == [3, 3, -7, 4, 5]
    for text in ("3.5", "1e3", "", "x", "1_000", "٣", "9" * 19):
        with pytest.raises(BadCellError, match="a whole number"):
            whole_of(text)


def test_numbers_are_decimal_and_finite() -> None:
    assert [number_of(text) for text in ("3", "-2.5", "+.5", "1e3")] == [3, -2.5, 0.5, 1000]
    for text in ("nan", "inf", "1e999", "1_0", "0x1f", "٣", "1,5", ""):
        with pytest.raises(BadCellError, match="a number"):
            number_of(text)
