"""The header of the desk: the district's clock, and whether the house keeps up."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.bad_days.test_disk_full import fill, small_disk
from tests.process import Served
from tests.ui.conftest import Watch
from tests.web.live import PASSWORD, Live

__all__ = ["small_disk"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

PHONE = {"width": 390, "height": 844}


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Live]:
    made = Live(tmp_path / "live")
    yield made
    made.close()


@pytest.fixture
def desk(chromium: Browser, live: Live) -> Iterator[Page]:
    """The desk of a viewer."""
    context = chromium.new_context(base_url=live.url, viewport={"width": 1440, "height": 900})
    body = {"name": "viewer", "password": PASSWORD}
    assert context.request.post("/api/sign-in", data=body).ok
    page = context.new_page()
    watch = Watch(live.url)
    watch.over(page)
    page.goto("/things")
    yield page
    context.close()
    assert watch.errors == [], "errors in the console"


def fits(page: Page) -> None:
    """Nothing is wider than the window."""
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wide <= 0


def test_the_header_shows_the_districts_time_and_that_it_is_live(desk: Page, live: Live) -> None:
    day = live.house.clock.day().isoformat()
    expect(desk.get_by_test_id("clock")).to_have_text(
        re.compile(rf"{day} 周[一二三四五六日] \d\d:\d\d:\d\d")
    )
    first = desk.get_by_test_id("clock").inner_text()
    expect(desk.get_by_test_id("clock")).not_to_have_text(first)
    expect(desk.get_by_test_id("live")).to_have_text("实时")
    expect(desk.get_by_test_id("clock-speed")).to_be_hidden()
    desk.get_by_test_id("language").click()
    expect(desk.get_by_test_id("clock")).to_have_text(re.compile(r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun)"))
    expect(desk.get_by_test_id("live")).to_have_text("Live")
    desk.set_viewport_size(PHONE)
    expect(desk.get_by_test_id("clock")).to_be_visible()
    fits(desk)


def test_the_header_says_how_far_ingest_is_behind(desk: Page, live: Live) -> None:
    held = Event()
    live.house.ingest.keeper.submit(held.wait)
    sending = Thread(target=live.send, args=(("gauge-1", 1.0),))
    try:
        sending.start()
        pill = desk.get_by_test_id("live")
        expect(pill).to_have_attribute("data-state", "behind")
        expect(pill).to_have_text(re.compile(r"入库落后 \d+ 秒"))
        desk.set_viewport_size(PHONE)
        fits(desk)
    finally:
        held.set()
    sending.join()
    expect(pill).to_have_attribute("data-state", "live")


def test_a_slowed_clock_shows_its_speed_and_the_one_that_was_set(desk: Page, live: Live) -> None:
    live.house.clock.set_speed(30.0)
    speed = desk.get_by_test_id("clock-speed")
    expect(speed).to_have_text("30 倍速")
    # Nothing more comes from the fast district: it is the machine that is late.
    live.send(("gauge-1", 1.0))
    expect(speed).to_have_text(re.compile(r"^[\d.]+ 倍速（设定 30 倍）$"))
    desk.get_by_test_id("language").click()
    expect(speed).to_have_text(re.compile(r"^[\d.]+× of 30×$"))
    desk.set_viewport_size(PHONE)
    expect(speed).to_be_visible()
    fits(desk)


def test_a_full_disk_is_said_on_every_page_until_there_is_room(
    chromium: Browser, small_disk: Path
) -> None:
    served = Served(small_disk / "data")
    try:
        served.post("/api/users", {"name": "li", "password": PASSWORD, "role": "viewer"})
        context = chromium.new_context(base_url=served.url, viewport=PHONE)
        body = {"name": "li", "password": PASSWORD}
        assert context.request.post("/api/sign-in", data=body).ok
        page = context.new_page()
        page.goto("/things")
        expect(page.get_by_test_id("live")).to_have_attribute("data-state", "live")
        fill(small_disk / "filler")
        expect(page.get_by_test_id("read-only")).to_contain_text("只读")
        expect(page.get_by_test_id("live")).to_have_attribute("data-state", "read-only")
        page.get_by_test_id("language").click()
        expect(page.get_by_test_id("read-only")).to_contain_text("Read-only")
        fits(page)
        (small_disk / "filler").unlink()
        expect(page.get_by_test_id("read-only")).to_be_hidden()
        context.close()
    finally:
        served.stop()
