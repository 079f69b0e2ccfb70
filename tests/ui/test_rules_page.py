"""Rules on the desk: read in words, tried on what was observed, and stored when that was seen."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.administration import (
    KIND,
    NORTH,
    SHANGHAI,
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

DAYS = 5


@pytest.fixture(scope="module")
def station(office: Office) -> str:
    return office.rainy(DAYS)


def choose(page: Page, field: str, option: str) -> None:
    page.get_by_test_id(field).last.click()
    page.locator(f"[data-test='{option}']:visible").click()


def number(page: Page, field: str, value: str) -> None:
    page.get_by_test_id(f"condition-{field}").locator("input[type=number]").fill(value)


def draw_up(page: Page, title: str) -> None:
    """A rule for rain in a new editor, not tried yet."""
    page.get_by_test_id("rule-add").click()
    page.get_by_test_id("field-zh").fill(title)
    choose(page, "field-kind", f"kind-{KIND}")
    choose(page, "field-property", "property-rain_mm_h")
    number(page, "limit", "30")


def entered(office: Office, title: str) -> dict[str, Any] | None:
    rules = office.served.get("/api/rules")["items"]
    return next((rule for rule in rules if rule["title"]["zh"] == title), None)


def test_a_rule_is_stored_only_after_its_preview_was_seen(
    boss: Page, office: Office, station: str
) -> None:
    boss.goto("/rules")
    boss.get_by_test_id("rule-add").click()
    boss.get_by_test_id("rule-save").click()
    expect(boss.get_by_test_id("rule-problem")).to_contain_text("请填写：中文名称、种类、观测项")
    boss.keyboard.press("Escape")
    boss.goto("/rules")
    draw_up(boss, "雨很大")
    boss.get_by_test_id("rule-save").click()
    expect(boss.get_by_test_id("rule-problem")).to_have_text("请先试算并查看结果，再保存")
    assert entered(office, "雨很大") is None

    boss.get_by_test_id("preview-run").click()
    expect(boss.get_by_test_id("preview")).to_have_attribute("data-episodes", str(DAYS))
    expect(boss.get_by_test_id("preview-verdict")).to_have_text(f"会告警 {DAYS} 次，涉及 1 个设备")
    expect(boss.get_by_test_id("preview-example")).to_have_count(DAYS)
    expect(boss.get_by_test_id("preview-example").first).to_contain_text("50")
    expect(boss.get_by_test_id("preview").locator("canvas")).to_be_visible()

    # Another limit was not tried.
    number(boss, "limit", "60")
    expect(boss.get_by_test_id("preview-stale")).to_be_visible()
    boss.get_by_test_id("rule-save").click()
    expect(boss.get_by_test_id("rule-problem")).to_be_visible()
    boss.get_by_test_id("preview-run").click()
    expect(boss.get_by_test_id("preview-verdict")).to_have_text("最近 30 天不会告警")
    number(boss, "limit", "30")
    boss.get_by_test_id("preview-run").click()
    expect(boss.get_by_test_id("preview")).to_have_attribute("data-episodes", str(DAYS))
    boss.get_by_test_id("rule-save").click()
    row = boss.get_by_test_id("rule-row").filter(has_text="雨很大")
    expect(row).to_contain_text("≥ 30")
    stored = entered(office, "雨很大")
    assert stored is not None
    assert stored["condition"]["limit"] == 30
    assert stored["kind"] == KIND


def test_the_days_of_a_preview_are_the_districts(office: Office, station: str) -> None:
    found = office.served.post(
        "/api/rules/preview",
        {
            "id": "tried", "title": {"zh": "试", "en": "try"}, "kind": KIND,
            "property": "rain_mm_h", "condition": {"type": "threshold", "op": ">=", "limit": 30},
        },
    )  # fmt: skip
    began = [dt.datetime.fromisoformat(each["started_at"]) for each in found["items"]]
    days = sorted(at.astimezone(SHANGHAI).date().isoformat() for at in began)
    assert sorted(found["by_day"]) == days


def test_a_rule_is_switched_off_without_being_tried(boss: Page, office: Office) -> None:
    known = office.served.get("/api/rules")["items"][0]
    boss.goto(f"/rules/{known['id']}")
    boss.get_by_test_id("field-enabled").click()
    boss.get_by_test_id("rule-save").click()
    expect(boss.get_by_test_id("rule-editor")).to_be_hidden()
    rules = office.served.get("/api/rules")["items"]
    assert next(rule for rule in rules if rule["id"] == known["id"])["enabled"] is False


def test_the_administrator_of_an_area_changes_rules_of_it_only(
    north: Page, office: Office, station: str
) -> None:
    wide = next(rule for rule in office.served.get("/api/rules")["items"] if not rule["area"])
    north.goto(f"/rules/{wide['id']}")
    expect(north.get_by_test_id("rule-read-only")).to_contain_text("大于您的辖区")
    expect(north.get_by_test_id("rule-editor")).to_have_count(0)
    north.get_by_test_id("rule-copy").click()
    expect(north.get_by_test_id("rule-editor")).to_be_visible()
    north.goto("/rules")
    draw_up(north, "北片雨大")
    north.get_by_test_id("preview-run").click()
    expect(north.get_by_test_id("preview")).to_have_attribute("data-episodes", str(DAYS))
    north.get_by_test_id("rule-save").click()
    expect(north.get_by_test_id("rule-row").filter(has_text="北片雨大")).to_be_visible()
    stored = entered(office, "北片雨大")
    assert stored is not None
    assert stored["area"] == NORTH


def test_whoever_is_no_administrator_reads_rules(chromium: Browser, office: Office) -> None:
    with desk_of(chromium, office, "clerk") as page:
        page.goto("/rules")
        expect(page.get_by_test_id("rule-row").first).to_be_visible()
        expect(page.get_by_test_id("rule-add")).to_have_count(0)
        page.get_by_test_id("rule-row").first.click()
        expect(page.get_by_test_id("rule-read-only")).to_have_text("只有管理员可以修改")


def test_rules_in_english_and_on_a_phone(boss: Page, office: Office) -> None:
    boss.goto("/rules")
    expect(boss.get_by_test_id("rule-row").first).to_be_visible()
    in_english(boss, "规则", "持续", "启用", "超过")
    fits(boss)
    known = office.served.get("/api/rules")["items"][0]
    boss.goto(f"/rules/{known['id']}")
    expect(boss.get_by_test_id("rule-save")).to_be_visible()
    fits(boss)
