"""Every page of the desk: words for people in both languages, axe finds nothing, 390 px wide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.conftest import Watch, cannot
from tests.ui.urban import CAMERA, PASSWORD, UrbanHouse, house

__all__ = ["house"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

AXE = Path(__file__).parents[2] / "ui" / "node_modules" / "axe-core" / "axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
NOT_FOR_PEOPLE = re.compile(
    r"UTC|\d{4}-\d\d-\d\dT|\[object|undefined|NaN|\bnull\b|\{\"|\{\w+\}"
    # names of programs: snake_case, and keys of messages
    r"|\b[a-z]+_[a-z_]+\b|\b(?:nav|app|case|cases|common|urban|step|things|plan|rule|user)\.[a-z]\w*"
)
HALF_WIDTH = re.compile(r"[一-鿿][,;:!?(]|[,;!?)][一-鿿]")
FITS = "document.documentElement.scrollWidth <= 390"
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def cases(house: UrbanHouse) -> dict[str, str]:
    """A case at work and a closed one."""
    working, closed = house.task("wanglei"), house.task("lijing")
    house.act(working, "accept", "wanglei")
    house.act(closed, "accept", "lijing")
    evidence = {"after": [house.photo("after", 150)]}
    house.act(closed, "done", "lijing", evidence=evidence)
    house.act(closed, "confirm", evidence={"closing": True})
    return {"working": working, "closed": closed}


@pytest.fixture
def desk(chromium: Browser, house: UrbanHouse) -> Iterator[Page]:
    context = chromium.new_context(base_url=house.url, viewport=WIDE)
    body = {"name": "boss", "password": PASSWORD}
    assert context.request.post("/api/sign-in", data=body).ok
    page = context.new_page()
    watch = Watch(house.url)
    watch.over(page)
    yield page
    context.close()
    assert watch.outside == [] and watch.errors == []


def shown(page: Page) -> str:
    """What the page says when it has read everything."""
    expect(page.get_by_test_id("user-menu")).to_be_visible()
    page.wait_for_load_state("load")
    expect(page.locator("main").locator("h1:visible, h2:visible").first).to_be_visible()
    expect(page.get_by_text("正在读取…").or_(page.get_by_text("Reading…"))).to_have_count(0)
    return page.inner_text("body")


PAGES = [
    "/", "/things", f"/things/{CAMERA}", "/cases", "/cases/{working}", "/cases/{closed}", "/plan",
    "/intake", "/reports", "/questions", "/dispatch", "/checks", "/evaluation", "/classes",
    "/coverage", "/users", "/rules", "/audit", "/refusals", "/tokens", "/credentials",
]  # fmt: skip


@pytest.mark.parametrize("path", PAGES)
def test_a_page_speaks_and_is_read_by_everybody(
    desk: Page, cases: dict[str, str], path: str
) -> None:
    if not AXE.is_file():
        cannot("axe-core is not installed: run `make ui`")
    desk.goto(path.format(**cases))
    chinese = shown(desk)
    assert NOT_FOR_PEOPLE.findall(chinese) == []
    assert HALF_WIDTH.findall(chinese) == []
    desk.evaluate(AXE.read_text())
    found = desk.evaluate("rules => axe.run(document, {runOnly: rules})", RULES)["violations"]
    told = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found]
    assert told == []
    desk.set_viewport_size(PHONE)
    shown(desk)
    desk.wait_for_function(FITS)
    desk.evaluate("localStorage.setItem('xinji-language', 'en')")
    desk.reload()
    assert NOT_FOR_PEOPLE.findall(shown(desk)) == []
    desk.wait_for_function(FITS)


def test_a_closed_case_has_no_time_left_and_departments_have_names(
    desk: Page, cases: dict[str, str]
) -> None:
    desk.goto(f"/cases/{cases['working']}")
    clock = desk.get_by_test_id("case-clock")
    expect(clock).to_contain_text("剩余")
    desk.goto(f"/cases/{cases['closed']}")
    expect(clock).to_contain_text("计时已停")
    expect(clock).not_to_contain_text("剩余")
    steps = desk.get_by_test_id("case-step")
    expect(steps.first).to_contain_text("计时方式：工作时")
    expect(steps.first).to_contain_text("来源：12345")
    expect(desk.locator("main")).not_to_contain_text("work-hours")
    desk.goto("/cases")
    expect(desk.locator("table")).to_contain_text("环卫作业中心")
    expect(desk.locator("table")).not_to_contain_text("sanitation")
