"""A year of the work calendar is declared on the desk when all its days are entered."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.ui.administration import Office, boss, fits, in_english, north, office
from xinji.loop.calendars import LEAST_DAYS

__all__ = ["boss", "north", "office"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def unknown_year(office: Office) -> int:
    """The first year that nobody has entered."""
    return int(max(office.served.get("/api/calendar?year=2026")["years"])) + 1


def show(page: Page, year: int) -> None:
    """The calendar of a year, reached by the arrow as a person does."""
    page.goto("/classes/calendar")
    expect(page.get_by_test_id("calendar-known")).to_be_visible()
    while page.locator(".card-head h2").inner_text() != str(year):
        page.get_by_test_id("calendar-next").click()
    expect(page.get_by_test_id("calendar-known")).to_contain_text(str(year))


def declare(page: Page) -> None:
    page.get_by_test_id("calendar-declare").click()
    page.locator(".el-message-box__btns button").last.click()


def test_a_year_is_known_when_it_is_declared_and_not_before(boss: Page, office: Office) -> None:
    year = unknown_year(office)
    show(boss, year)
    expect(boss.get_by_test_id("calendar-known")).to_have_attribute("data-known", "false")
    in_english(boss, "确认", "日历", "工作")
    fits(boss)
    declare(boss)
    expect(boss.locator(".el-message")).to_contain_text(f"至少要录入 {LEAST_DAYS} 个")
    for day in range(LEAST_DAYS):
        path = f"/api/calendar/{year}-10-{day + 1:02}"
        office.served.request("PUT", path, json={"working": False, "note": "国庆节"})
    show(boss, year)
    declare(boss)
    expect(boss.get_by_test_id("calendar-known")).to_have_attribute("data-known", "true")
    expect(boss.get_by_test_id("calendar-declare")).to_have_count(0)
    assert office.served.get(f"/api/calendar?year={year}")["known"] is True


def test_the_administrator_of_an_area_only_reads_the_calendar(north: Page, office: Office) -> None:
    show(north, unknown_year(office))
    expect(north.get_by_test_id("calendar-declare")).to_have_count(0)
    expect(north.locator(".days button").first).to_be_disabled()
