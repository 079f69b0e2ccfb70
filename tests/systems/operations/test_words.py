"""Downloads in words: headings, names and the district's time; no code, no JSON, no UTC."""

from __future__ import annotations

import csv
import io
import re

import openpyxl
import pytest

from tests.systems.operations.street import Street

FOR_PROGRAMS = re.compile(
    r"\d{4}-\d\d-\d\dT|[0-9]Z\b|[{}\[\]]|\b[a-z]+_[a-z]+\b|work-hours|\b(?:minor|simulated|filed)\b"
)
LISTS = ("/api/cases", "/api/reports", "/api/things", "/api/events", "/api/evaluation")


@pytest.fixture
def used(street: Street) -> Street:
    street.file()
    street.report(text="路灯不亮")
    return street


def rows(street: Street, path: str, language: str) -> list[dict[str, str]]:
    answer = street.request("GET", f"{path}?format=csv&language={language}", "administrator")
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text.lstrip("\ufeff"))))


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("path", LISTS)
def test_nothing_in_it_is_for_programs(used: Street, path: str, language: str) -> None:
    found = rows(used, path, language)
    said = "\n".join(f"{name}\t{value}" for row in found for name, value in row.items())
    assert not FOR_PROGRAMS.findall(said), said
    if found and language == "zh-CN":
        assert all(re.search("[一-鿿]", name) for name in found[0])


def test_a_case_is_told_in_both_languages(used: Street) -> None:
    item = used.request("GET", "/api/cases", "administrator").json()["items"][-1]
    chinese, english = (rows(used, "/api/cases", each)[-1] for each in ("zh-CN", "en"))
    assert chinese["编号"] == english["Number"] == item["id"]
    assert chinese["类别"] == item["class_title"]["zh"]
    assert english["Class"] == item["class_title"]["en"]
    assert chinese["计时方式"] == "工作时"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", chinese["立案时间"])
    assert float(chinese["时限（小时）"]) == item["limit_seconds"] / 3600
    assert "state" not in chinese and "状态" in chinese


def test_a_workbook_has_the_same_rows(used: Street) -> None:
    answer = used.request("GET", "/api/cases?format=xlsx&language=zh-CN", "administrator")
    sheet = openpyxl.load_workbook(io.BytesIO(answer.content)).active
    assert sheet is not None
    head, *others = sheet.iter_rows(values_only=True)
    as_csv = rows(used, "/api/cases", "zh-CN")
    assert list(head) == list(as_csv[0]) and len(others) == len(as_csv)
    assert answer.headers["content-disposition"].endswith('.xlsx"')


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("format=csv&language=fr", "language"),
        ("format=parquet&language=en", "format"),
        ("format=xlsx", "format"),
        ("format=pdf&language=en", "format"),
    ],
)
def test_what_cannot_be_given_is_named(used: Street, query: str, field: str) -> None:
    for path in ("/api/cases", "/api/evaluation"):
        answer = used.request("GET", f"{path}?{query}", "administrator")
        assert (answer.status_code, answer.json()["field"]) == (400, field)
