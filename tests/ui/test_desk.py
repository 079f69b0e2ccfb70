"""The desk in a real browser against a real demo."""

from __future__ import annotations

import csv
import re
import time
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import Demo, Watch, sign_in

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SECOND = 1000
FIRST_CASE_SECONDS = 120.0
A_REPORT = 100 * SECOND
"""Longer than a base station takes to report its traffic again."""


def test_a_wrong_password_is_explained_and_the_right_one_leads_on(
    fresh: Page, demo: Demo, watch: Watch
) -> None:
    sign_in(fresh, demo.name, "not the password")
    expect(fresh.get_by_test_id("sign-in-problem")).to_have_text("用户名或密码不正确")
    # The browser itself reports the 401 that was asked for.
    assert all("401" in error for error in watch.errors)
    watch.errors.clear()

    sign_in(fresh, demo.name, demo.password)
    expect(fresh.get_by_test_id("simulated-badge")).to_have_text("模拟数据")
    expect(fresh.get_by_test_id("counter-online")).to_be_visible()


def test_a_one_time_password_is_changed_before_anything_else_is_shown(
    fresh: Page, demo: Demo
) -> None:
    with httpx.Client(base_url=demo.url) as client:
        body = {"name": demo.name, "password": demo.password}
        client.post("/api/sign-in", json=body).raise_for_status()
        made = client.post("/api/users", json={"name": "newcomer", "role": "viewer"}).json()
    sign_in(fresh, "newcomer", made["password"])
    expect(fresh.get_by_test_id("password-dialog")).to_be_visible()
    fresh.goto("/things")
    expect(fresh.get_by_test_id("password-dialog")).to_be_visible()
    fresh.get_by_test_id("password-cancel").click()
    expect(fresh.get_by_test_id("password-dialog")).to_be_hidden()
    sign_in(fresh, "newcomer", made["password"])
    typed = (
        ("old", made["password"]),
        ("new", "a longer password"),
        ("again", "a longer password"),
    )
    for name, text in typed:
        fresh.get_by_test_id(f"password-{name}").fill(text)
    fresh.get_by_test_id("password-submit").click()
    expect(fresh.get_by_test_id("user-menu")).to_have_text("newcomer")


def test_the_overview_draws_every_thing_and_says_that_it_is_live(page: Page) -> None:
    total = page.request.get("/api/things?limit=1").json()["total"]
    assert total > 0
    expect(page.get_by_test_id("map")).to_have_attribute(
        "data-things", str(total), timeout=30 * SECOND
    )
    expect(page.get_by_test_id("map").locator("canvas")).to_be_visible()
    expect(page.get_by_test_id("live")).to_have_text("实时")


def test_a_value_changes_without_a_reload(page: Page) -> None:
    things = page.request.get("/api/things?kind=base-station&state=good&limit=1").json()["items"]
    page.goto(f"/things/{quote(things[0]['id'], safe='')}")
    cell = page.get_by_test_id("latest-traffic_mbps")
    expect(cell).to_have_attribute("data-value", re.compile(r"\d"))
    before = cell.get_attribute("data-value") or ""
    expect(cell).not_to_have_attribute("data-value", before, timeout=A_REPORT)
    expect(page.get_by_test_id("history-chart").locator("canvas").first).to_be_visible()


def test_the_language_switches_and_stays(page: Page) -> None:
    expect(page.get_by_test_id("nav-plan")).to_have_text("规划指标")
    page.get_by_test_id("language").click()
    expect(page.get_by_test_id("nav-plan")).to_have_text("Plan")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.reload()
    expect(page.get_by_test_id("nav-plan")).to_have_text("Plan")


def test_every_system_of_the_district_is_in_the_menu(page: Page) -> None:
    families = page.request.get("/api/district").json()["families"]
    for system in (system for family in families for system in family["systems"]):
        expect(page.get_by_test_id(f"nav-system-{system['name']}")).to_have_text(
            system["title"]["zh"]
        )


def test_things_are_filtered_in_the_address_and_exported(page: Page, tmp_path: Path) -> None:
    page.goto("/things?kind=base-station")
    expect(page.get_by_test_id("thing-row").first).to_be_visible()
    page.get_by_test_id("export").click()
    with page.expect_download() as download:
        page.get_by_test_id("export-csv").click()
    target = tmp_path / "things.csv"
    download.value.save_as(target)
    with target.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    total = page.request.get("/api/things?kind=base-station&limit=1").json()["total"]
    assert len(rows) == total
    assert {row["kind"] for row in rows} == {"base-station"}


def test_a_figure_shows_where_it_comes_from(page: Page) -> None:
    page.get_by_test_id("nav-plan").click()
    figure = page.locator("[data-test^=indicator-]:not([data-status='no data'])").first
    expect(figure).to_be_visible(timeout=30 * SECOND)
    name = (figure.get_attribute("data-test") or "").removeprefix("indicator-")
    figure.get_by_role("button").click()

    expect(page.get_by_test_id("lineage")).to_be_visible()
    expect(page).to_have_url(re.compile(f"/plan/{re.escape(name)}$"))
    expect(page.get_by_test_id("lineage-sql")).to_contain_text(re.compile("select", re.IGNORECASE))
    expect(page.get_by_test_id("lineage-promise")).to_be_visible()
    expect(page.get_by_test_id("lineage-columns").locator("code").first).to_be_visible()
    expect(page.get_by_test_id("lineage-rows")).to_be_visible()
    expect(page.get_by_test_id("lineage-value")).not_to_have_text("–")

    page.reload()
    expect(page.get_by_test_id("lineage-sql")).to_be_visible()


def test_a_case_is_appointed_and_the_list_keeps_its_row(page: Page) -> None:
    filed = _a_filed_case(page)
    page.goto("/cases")
    row = page.locator(f"[data-case-id='{filed}'][data-test=case-row]")
    row.click()
    expect(page.get_by_test_id("case-state")).to_have_attribute("data-state", "filed")
    steps = page.get_by_test_id("case-step").count()

    page.get_by_test_id("action-appoint").click()
    page.get_by_test_id("action-submit").click()
    expect(page.get_by_test_id("action-dialog")).to_contain_text("经办人")
    page.get_by_test_id("action-assignee").fill("张师傅")
    page.get_by_test_id("action-submit").click()

    expect(page.get_by_test_id("case-state")).to_have_attribute("data-state", "led")
    expect(page.get_by_test_id("case-step")).to_have_count(steps + 1)
    expect(row).to_have_attribute("data-state", "led")
    expect(row).to_have_class(re.compile("chosen"))


def _a_filed_case(page: Page) -> str:
    """A supervision case that waits for a lead; the crews of the demo leave those to people."""
    end = time.monotonic() + FIRST_CASE_SECONDS
    while time.monotonic() < end:
        found = page.request.get("/api/cases?state=filed&type=supervision&open=true&limit=1")
        if found.json()["items"]:
            return str(found.json()["items"][0]["id"])
        time.sleep(1)
    pytest.fail(f"the demo opened no case in {FIRST_CASE_SECONDS:.0f} s")


def test_an_ended_session_leads_to_sign_in_and_back(page: Page, demo: Demo, watch: Watch) -> None:
    page.goto("/plan")
    expect(page.locator("[data-test^=family-]").first).to_be_visible()
    page.context.clear_cookies()
    page.get_by_test_id("nav-cases").click()
    expect(page).to_have_url(re.compile("/sign-in"))
    sign_in(page, demo.name, demo.password)
    expect(page).to_have_url(re.compile("/(cases|plan)$"))
    assert all("401" in error for error in watch.errors)
    watch.errors.clear()


def test_at_phone_width_the_menu_is_a_drawer_and_nothing_overflows(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 844})
    for path in ("/", "/things", "/cases", "/plan"):
        page.goto(path)
        expect(page.get_by_test_id("menu")).to_be_visible()
        expect(page.locator("main .card").first).to_be_visible()
        overflow = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert overflow <= 0, path
    page.get_by_test_id("menu").click()
    page.get_by_test_id("nav-things").last.click()
    expect(page).to_have_url(re.compile("/things$"))
