"""The sheet of a shared pole in a real browser against a real demo."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


def test_a_pole_shows_its_slots_its_devices_and_what_is_wrong(page: Page) -> None:
    wrong = page.request.get("/api/poles?conflicts=true&limit=1").json()["items"][0]["id"]
    known = page.request.get(f"/api/poles/{quote(wrong, safe='')}").json()
    page.goto(f"/things/{quote(wrong, safe='')}")
    sheet = page.get_by_test_id("pole-sheet")
    expect(sheet).to_have_attribute("data-slots", str(len(known["slots"])))
    devices = sum(len(slot["mounts"]) for slot in known["slots"])
    expect(page.get_by_test_id("pole-mount")).to_have_count(devices)
    expect(page.get_by_test_id("pole-conflicts").locator("li").first).to_be_visible()

    status = page.get_by_test_id("attribute-status")
    expect(status).to_have_text({"live": "在用", "planned": "规划"}[known["status"]])
    page.get_by_test_id("language").click()
    expect(status).to_have_text({"live": "in service", "planned": "planned"}[known["status"]])
    expect(page.get_by_test_id("pole-conflicts")).not_to_contain_text("限值")
    page.get_by_test_id("language").click()

    page.set_viewport_size({"width": 390, "height": 844})
    expect(page.locator("html")).to_have_js_property("scrollWidth", 390)
