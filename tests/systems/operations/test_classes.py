"""Classes as data: the seed, a city's own table, and its bad rows."""

from __future__ import annotations

import io
from typing import Any

import openpyxl
import pytest

from tests.systems.operations.street import Street
from xinji.loop.calendars import CALENDARS
from xinji.systems.platforms.operations.class_table import SEED

HEAD = "代码,大类,小类,立案条件,处置时限,时限类型,结案条件,处置单位\n"


def row(code: str = "event.9901", amount: Any = 2, calendar: str = "工作日", unit: str = "roads",
        condition: str = "破损") -> str:  # fmt: skip
    return f"{code},扩展,扩展小类,{condition},{amount},{calendar},修复,{unit}\n"


def send(street: Street, content: bytes | str, dry_run: bool = False) -> Any:
    data = content.encode() if isinstance(content, str) else content
    answer = street.request(
        "POST", f"/api/classes/import?dry_run={str(dry_run).lower()}", content=data
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_seed_holds_the_six_problems_and_sixty_classes() -> None:
    assert len(SEED) >= 60
    assert {known.problem for known in SEED} >= {
        "litter", "bike_parking", "shop_front", "crowd", "ponding", "vehicle",
    }  # fmt: skip
    for known in SEED:
        assert known.conditions, known.code
        assert not known.verified
        for condition in known.conditions:
            assert condition.calendar in CALENDARS
            assert condition.amount > 0
    limits = {c.id: (c.amount, c.calendar) for known in SEED for c in known.conditions}
    assert limits["event.0110.1"] == (4, "work-hours")
    assert limits["event.0410.1"] == (2, "emergency-hours")


def test_a_citys_table_in_csv_is_taken_over(street: Street) -> None:
    text = (
        HEAD
        + row()
        + row(condition="缺失", amount=4, calendar="工作时", unit="区建管委市政养护中心")
    )
    dry = send(street, text, dry_run=True)
    assert (dry["classes"], dry["conditions"], dry["errors"]) == (1, 2, [])
    assert street.get("/api/classes?q=event.9901")["total"] == 0
    send(street, text)
    [known] = street.get("/api/classes?q=event.9901")["items"]
    assert [(c["amount"], c["calendar"]) for c in known["conditions"]] == [
        (2, "work-days"), (4, "work-hours"),
    ]  # fmt: skip
    assert known["department"] == "roads"
    assert street.report(case_class="event.9901").status_code == 201


def test_gb18030_and_xlsx_are_read_too(street: Street) -> None:
    assert send(street, (HEAD + row()).encode("gb18030"))["classes"] == 1
    book = openpyxl.Workbook()
    for line in (HEAD + row("event.9902")).splitlines():
        book.active.append(line.split(","))
    out = io.BytesIO()
    book.save(out)
    assert send(street, out.getvalue())["classes"] == 1


def test_a_table_with_five_percent_bad_rows_keeps_the_good_classes(street: Street) -> None:
    lines = [row(f"event.{9000 + n}") for n in range(95)]
    bad = [
        row("event.99"), row("event.9980", amount="bald"), row("event.9981", calendar="Tag"),
        row("event.9982", unit="没有这个单位"), row("event.9983", condition=""),
    ]  # fmt: skip
    # a class with one bad condition among good ones is left out whole
    bad.append(row("event.9000", amount=-1))
    report = send(street, HEAD + "".join(lines) + "".join(bad))
    assert report["classes"] == 94
    assert [(e["row"], e["field"]) for e in report["errors"]] == [
        (97, "code"), (98, "amount"), (99, "calendar"), (100, "department"), (101, "condition"),
        (102, "amount"),
    ]  # fmt: skip
    assert street.get("/api/classes?q=event.9001")["total"] == 1
    assert street.get("/api/classes?q=event.9000")["total"] == 0


@pytest.mark.parametrize(
    ("content", "field"),
    [
        (b"", "file"),
        (HEAD.encode(), "file"),
        (b"PK\x03\x04 not a workbook", "file"),
        (b"\xff\xfe\x00\x80 nonsense \x9f", "file"),
        ("代码,大类\nx,y\n".encode(), "title"),
    ],
)
def test_a_file_that_is_no_table_is_one_clear_error(
    street: Street, content: bytes, field: str
) -> None:
    report = send(street, content)
    assert report["classes"] == 0
    assert report["errors"][0]["field"] == field


def test_only_an_administrator_changes_classes(street: Street) -> None:
    changes = (
        ("PUT", "/api/classes/event.0110"),
        ("POST", "/api/classes/import"),
        ("PUT", "/api/departments/roads"),
        ("PUT", "/api/calendar/2026-12-25"),
    )
    for method, path in changes:
        assert street.request(method, path, "intake", content=b"{}").status_code == 403


def test_a_changed_class_is_checked(street: Street) -> None:
    known = street.get("/api/classes?q=event.0110")["items"][0]
    for change, field in (
        ({"department": "nobody"}, "department"),
        ({"conditions": []}, "conditions"),
        ({"severity": "huge"}, "severity"),
        ({"code": "event.0111"}, "code"),
        ({"conditions": [known["conditions"][0] | {"calendar": "lunar"}]}, "conditions.calendar"),
        ({"conditions": [known["conditions"][0] | {"amount": -1}]}, "conditions.amount"),
        ({"excluded": {"areas": [], "hours": [[0, 99]]}}, "excluded.hours"),
    ):
        refused = street.request("PUT", "/api/classes/event.0110", json=known | change)
        assert (refused.status_code, refused.json()["field"]) == (422, field)


def test_the_calendar_is_read_and_edited(street: Street) -> None:
    year = street.get("/api/calendar?year=2026")
    assert year["known"] is True
    assert {"day": "2026-10-10", "working": True, "note": ""} in year["days"]
    case = street.file()
    before = street.case(case)["due_at"]
    street.request("PUT", "/api/calendar/2026-11-24", json={"working": False, "note": "演练"})
    assert street.get("/api/calendar?year=2027")["known"] is False
    assert street.case(case)["due_at"] == before
    bad = street.request("PUT", "/api/calendar/2026-13-40", json={"working": False})
    assert (bad.status_code, bad.json()["field"]) == (422, "day")
