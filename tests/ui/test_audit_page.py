"""The history and the refused messages on the desk."""

from __future__ import annotations

import ast
import csv
import re
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

import xinji
from tests.ui.administration import (
    NORTH,
    SOUTH,
    Office,
    boss,
    desk_of,
    fits,
    in_english,
    north,
    office,
)

__all__ = ["boss", "north", "office"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

LANGUAGE = Path(__file__).parents[2] / "ui" / "src" / "language" / "audit.ts"


def actions() -> set[str]:
    """Every action that the code writes into the audit chain by its name."""
    found = set()
    for path in Path(xinji.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call) or len(node.args) < 3:
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            action = node.args[1]
            if name in ("record", "bind_report", "_finish") and isinstance(action, ast.Constant):
                found.add(str(action.value))
    return found


def test_every_action_has_a_name_for_people() -> None:
    named = set(re.findall(r"'action\.([\w.-]+)'", LANGUAGE.read_text()))
    known = actions()
    assert len(known) > 30
    assert known - named == set()


def test_the_history_is_filtered_by_who_what_and_when(boss: Page, office: Office) -> None:
    office.user("qian.yi", "viewer", NORTH)
    office.served.request("PUT", "/api/users/qian.yi", json={"role": "operator"})
    boss.goto("/audit")
    row = boss.get_by_test_id("audit-row").first
    expect(row).to_be_visible()
    boss.goto("/audit?object=qian.yi")
    expect(boss.get_by_test_id("audit-row")).to_have_count(2)
    expect(boss.get_by_test_id("audit-row").first).to_contain_text("修改用户")
    expect(boss.get_by_test_id("audit-row").first).to_contain_text("角色 值班员")
    boss.get_by_test_id("filter-action").last.click()
    boss.locator("[data-test='action-user.add']:visible").click()
    expect(boss.get_by_test_id("audit-row")).to_have_count(1)
    expect(boss.get_by_test_id("audit-row")).to_contain_text("新建用户")
    boss.get_by_test_id("filter-clear").click()
    boss.get_by_test_id("filter-text").first.fill("boss")
    expect(boss.locator("[data-action='session.open']").first).to_contain_text("boss")
    expect(boss.locator("[data-action='user.add']")).to_have_count(0)
    boss.goto("/audit?to=2020-01-01")
    expect(boss.get_by_test_id("audit-row")).to_have_count(0)
    expect(boss.locator("main")).to_contain_text("没有符合条件的记录")


def test_the_chain_is_verified_and_an_altered_record_is_named(boss: Page, office: Office) -> None:
    boss.goto("/audit")
    expect(boss.get_by_test_id("chain")).to_have_attribute("data-whole", "true")
    expect(boss.get_by_test_id("chain")).to_contain_text("记录链完整")
    office.tamper(3, "nobody")
    boss.get_by_test_id("chain-verify").click()
    expect(boss.get_by_test_id("chain")).to_have_attribute("data-whole", "false")
    expect(boss.get_by_test_id("chain-fault").first).to_contain_text("操作记录：第 3 条被改动")
    office.tamper(3, "")


def test_the_history_is_exported(boss: Page, office: Office, tmp_path: Path) -> None:
    boss.goto("/audit?actor=boss")
    boss.get_by_test_id("export").click()
    with boss.expect_download() as download:
        boss.get_by_test_id("export-csv").click()
    download.value.save_as(tmp_path / "audit.csv")
    with (tmp_path / "audit.csv").open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    assert rows
    assert {row["actor"] for row in rows} == {"boss"}


def test_the_administrator_of_an_area_sees_what_its_users_did(north: Page, office: Office) -> None:
    office.user("wu.jiu", "viewer", SOUTH)
    north.goto("/audit")
    expect(north.locator("[data-action='session.open']").first).to_contain_text("north")
    expect(north.locator("main")).not_to_contain_text("wu.jiu")
    expect(north.get_by_test_id("chain")).to_have_count(0)


def refuse(office: Office) -> None:
    """Three rows that are refused for two reasons."""
    secret = office.served.credential("wrong-gateway", things=["n:"])
    rows = [{"thing": f"n:{each}", "property": "rain_mm_h", "value": 1} for each in (1, 2)]
    rows.append({"thing": "elsewhere", "property": "rain_mm_h", "value": 1})
    auth = ("wrong-gateway", secret)
    answer = httpx.post(f"{office.url}/api/observations", json=rows, auth=auth, timeout=60)
    assert len(answer.json()["refused"]) == 3


def test_refused_messages_are_counted_and_told_with_their_reason(
    boss: Page, office: Office
) -> None:
    refuse(office)
    boss.goto("/refusals?sender=wrong-gateway")
    expect(boss.get_by_test_id("refusal-row")).to_have_count(3)
    unknown = boss.locator("[data-test='reason-count'][data-reason='unknown-thing']")
    expect(unknown).to_have_text("设备未登记")
    expect(unknown.locator("xpath=..")).to_contain_text("2")
    expect(boss.get_by_test_id("no-failures")).to_be_visible()
    unknown.click()
    expect(boss.get_by_test_id("refusal-row")).to_have_count(2)
    expect(boss.get_by_test_id("refusal-row").first).to_contain_text("n:2")
    expect(boss.get_by_test_id("refusal-row").first).to_contain_text("登记或导入")


def test_whoever_may_not_finds_neither(chromium: Browser, office: Office) -> None:
    with desk_of(chromium, office, "clerk") as page:
        for path in ("/audit", "/refusals"):
            page.goto(path)
            expect(page.get_by_test_id("not-yours")).to_be_visible()
        expect(page.get_by_test_id("nav-audit")).to_have_count(0)
        expect(page.get_by_test_id("nav-refusals")).to_have_count(0)


def test_both_in_english_and_on_a_phone(boss: Page, office: Office) -> None:
    refuse(office)
    boss.goto("/audit")
    expect(boss.get_by_test_id("chain")).to_have_attribute("data-whole", "true")
    in_english(boss, "操作", "登录", "用户", "记录", "区域")
    fits(boss)
    boss.goto("/refusals")
    expect(boss.get_by_test_id("refusal-row").first).to_be_visible()
    in_english(boss, "原因", "设备", "发送方", "服务器")
    fits(boss)
