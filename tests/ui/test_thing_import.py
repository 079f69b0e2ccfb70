"""Things are brought in by a file on the desk: tried, every bad row named, then imported."""

from __future__ import annotations

import ast
import io
import json
import re
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Browser, FilePayload, Page, expect

import xinji.store
from tests.ui.administration import (
    KIND,
    NORTH,
    PLACE,
    Office,
    boss,
    desk_of,
    fits,
    north,
    office,
)
from xinji.store.tables.cells import A_MOMENT, A_NUMBER, A_WHOLE_NUMBER
from xinji.store.tables.points import NESTED

__all__ = ["boss", "north", "office"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

UI = Path(__file__).parents[2] / "ui" / "src" / "desk"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
HEAD = ["id", "kind", "name", "longitude", "latitude"]


def sheet(*rows: list[object]) -> FilePayload:
    """An XLSX workbook of things."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (HEAD, *rows):
        book.active.append(row)
    data = io.BytesIO()
    book.save(data)
    return {"name": "things.xlsx", "mimeType": XLSX, "buffer": data.getvalue()}


def table(text: str) -> FilePayload:
    """A CSV file of things."""
    head = ",".join(HEAD)
    return {"name": "things.csv", "mimeType": "text/csv", "buffer": f"{head}\n{text}".encode()}


def open_import(page: Page) -> None:
    page.goto("/things")
    page.get_by_test_id("thing-import-open").click()


def registered(office: Office, thing: str) -> bool:
    return office.served.request("GET", f"/api/things/{thing}").status_code == 200


def said() -> set[str]:
    """The rules that the registry and the import name, what varies as `{}`."""
    found = set()
    for name in ("registry.py", "imports.py"):
        tree = ast.parse((Path(xinji.store.__file__).parent / name).read_text())
        for node in ast.walk(tree):
            named = isinstance(node, ast.Call) and ast.unparse(node.func) == "Invalid"
            if not named or len(node.args) < 2:
                continue
            rule = node.args[1]
            if isinstance(rule, ast.Constant):
                found.add(str(rule.value))
            elif isinstance(rule, ast.JoinedStr):
                parts = (p.value if isinstance(p, ast.Constant) else "{}" for p in rule.values)
                found.add("".join(map(str, parts)))
    return found


def test_every_rule_of_an_import_is_said_in_chinese() -> None:
    catalogue = json.loads((UI / "things" / "importRules.json").read_text(encoding="utf-8"))
    known = {re.sub(r"\{\w+\}", "{}", rule) for rule in catalogue}
    rules = said() | {A_NUMBER, A_WHOLE_NUMBER, A_MOMENT, NESTED}
    assert len(rules) > 15
    assert rules - known == set()


def test_a_workbook_is_tried_its_bad_rows_named_and_the_good_imported(
    boss: Page, office: Office
) -> None:
    longitude, latitude = map(float, PLACE.split(","))
    open_import(boss)
    boss.get_by_test_id("thing-import-file").set_input_files(
        sheet(
            ["t:1", KIND, "一号站", longitude, latitude],
            ["t:2", "no-such-kind", "二号站", longitude, latitude],
            ["t:3", KIND, "", longitude, latitude],
            ["t:1", KIND, "又一个一号", longitude, latitude],
        )
    )
    result = boss.get_by_test_id("thing-import-result")
    expect(result).to_contain_text("读取 4 行：新增 1，更新 0，3 行有错")
    rows = boss.get_by_test_id("row-error")
    expect(rows).to_have_count(3)
    expect(rows.nth(0)).to_contain_text(re.compile("3.*种类.*没有这个种类.*no-such-kind"))
    expect(rows.nth(1)).to_contain_text(re.compile("4.*名称.*必填"))
    expect(rows.nth(2)).to_contain_text(re.compile("5.*编号.*出现了两次"))
    assert not registered(office, "t:1")
    fits(boss)
    boss.get_by_test_id("thing-import-now").click()
    expect(boss.get_by_test_id("thing-import")).to_be_hidden()
    expect(boss.locator("[data-thing-id='t:1']")).to_be_visible()
    assert registered(office, "t:1")
    assert not registered(office, "t:3")


def test_a_file_that_is_no_table_of_things_is_told_as_a_whole(boss: Page) -> None:
    open_import(boss)
    nothing: FilePayload = {"name": "a.csv", "mimeType": "text/csv", "buffer": b"id,kind\n1,2\n"}
    boss.get_by_test_id("thing-import-file").set_input_files(nothing)
    expect(boss.get_by_test_id("thing-import-problem")).to_have_text(
        "缺少列：name, longitude, latitude"
    )
    expect(boss.get_by_test_id("thing-import-now")).to_be_disabled()


def test_the_administrator_of_an_area_imports_into_it_only(north: Page, office: Office) -> None:
    open_import(north)
    rows = f"n:1,{KIND},北站,{PLACE}\nn:2,{KIND},南站,121.35,31.19\n"
    north.get_by_test_id("thing-import-file").set_input_files(table(rows))
    expect(north.get_by_test_id("row-error")).to_have_count(1)
    expect(north.get_by_test_id("row-error")).to_contain_text("应在您的辖区内")
    north.get_by_test_id("thing-import-now").click()
    expect(north.locator("[data-thing-id='n:1']")).to_be_visible()
    assert office.served.get("/api/things/n:1")["area"].startswith(NORTH)
    assert not registered(office, "n:2")


def test_in_english_and_for_administrators_only(
    boss: Page, chromium: Browser, office: Office
) -> None:
    boss.goto("/things")
    boss.get_by_test_id("language").click()
    boss.get_by_test_id("thing-import-open").click()
    boss.get_by_test_id("thing-import-file").set_input_files(table(f"x:1,{KIND},,{PLACE}\n"))
    expect(boss.get_by_test_id("row-error")).to_contain_text("required")
    assert "导入" not in boss.get_by_test_id("thing-import").inner_text()
    with desk_of(chromium, office, "clerk") as page:
        page.goto("/things")
        expect(page.get_by_test_id("export")).to_be_visible()
        expect(page.get_by_test_id("thing-import-open")).to_have_count(0)
