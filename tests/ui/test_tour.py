"""The first tour of the desk: offered once, walks the pages, opens again, in both languages."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

STOPS = 10
CODES = re.compile(r"[{}]|tour\.|event\.\d|undefined")


def walk(page: Page) -> list[tuple[str, str]]:
    """(path, text) of every stop."""
    found = []
    for number in range(1, STOPS + 1):
        step = page.locator(".el-tour__content:visible")
        expect(step.get_by_test_id("tour-count")).to_have_text(f"{number} / {STOPS}")
        found.append((page.url, step.inner_text()))
        step.get_by_test_id("tour-next").click()
    expect(page.locator(".el-tour__content:visible")).to_have_count(0)
    return found


def test_it_is_offered_at_the_first_sign_in_and_walks_the_pages(page: Page) -> None:
    expect(page.get_by_test_id("tour-offer")).to_contain_text("五分钟")
    page.get_by_test_id("tour-begin").click()
    stops = walk(page)
    paths = [re.sub(r".*?//[^/]+", "", url) for url, _ in stops]
    assert paths[3:9] == ["/things", "/cases", "/cases?type=urban", "/intake", "/dispatch", "/plan"]
    for _, text in stops:
        assert re.search("[\u4e00-\u9fff]", text)
        assert not CODES.search(text), text
        assert not re.search("[\u4e00-\u9fff][,.;:?]", text), "full-width punctuation"
    expect(page.get_by_test_id("tour-offer")).to_be_hidden()
    page.reload()
    expect(page.get_by_test_id("user-menu")).to_be_visible()
    expect(page.get_by_test_id("tour-offer")).to_be_hidden()


def test_it_can_be_refused_and_opened_again_in_english(page: Page) -> None:
    page.get_by_test_id("tour-refuse").click()
    expect(page.get_by_test_id("tour-offer")).to_be_hidden()
    page.get_by_test_id("language").click()
    page.get_by_test_id("user-menu").click()
    page.get_by_test_id("tour-again").click()
    for _, text in walk(page):
        assert not re.search("[\u4e00-\u9fff]", text), text
        assert not CODES.search(text), text


@pytest.mark.parametrize("size", [(390, 844), (1920, 1080)])
def test_every_stop_is_inside_the_screen(page: Page, size: tuple[int, int]) -> None:
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.get_by_test_id("tour-begin").click()
    for number in range(1, STOPS + 1):
        step = page.locator(".el-tour__content:visible")
        expect(step.get_by_test_id("tour-count")).to_have_text(f"{number} / {STOPS}")
        expect(step).to_be_in_viewport(ratio=0.99)
        step.get_by_test_id("tour-next").click()
