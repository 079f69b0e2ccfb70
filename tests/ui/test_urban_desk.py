"""The desk pages of urban work in a real browser against a real house."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.ui.conftest import Watch
from tests.ui.urban import CAMERA, PASSWORD, PLACE, UrbanHouse, house, picture

__all__ = ["house"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SECOND = 1000


@pytest.fixture
def desk(chromium: Browser, house: UrbanHouse) -> Iterator[Page]:
    """The desk of the administrator; no other host asked, no error written."""
    context: BrowserContext = chromium.new_context(
        base_url=house.url, viewport={"width": 1440, "height": 900}
    )
    body = {"name": "boss", "password": PASSWORD}
    assert context.request.post("/api/sign-in", data=body).ok
    page = context.new_page()
    watch = Watch(house.url)
    watch.over(page)
    yield page
    context.close()
    assert watch.outside == [], "requests to other hosts"
    assert watch.errors == [], "errors in the console"


def test_a_call_is_read_placed_and_filed(desk: Page, house: UrbanHouse) -> None:
    desk.goto("/intake")
    desk.get_by_test_id("intake-text").fill("愚园路路边垃圾成堆，请清理")
    expect(desk.get_by_test_id("reading")).not_to_contain_text("录入内容后")
    desk.get_by_test_id("intake-file").click()
    expect(desk.get_by_test_id("intake-problem")).to_have_text("请先选定地点")

    desk.get_by_test_id("class-picker").click()
    desk.get_by_role("option", name="暴露垃圾").click()
    map_ = desk.get_by_test_id("place-picker").locator("canvas")
    expect(map_).to_be_visible()
    map_.click()
    desk.get_by_test_id("intake-photos").set_input_files(
        {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": picture(40)}
    )
    expect(desk.locator("figure img")).to_be_visible()
    desk.get_by_test_id("intake-file").click()
    answer = desk.get_by_test_id("intake-answer")
    expect(answer).to_be_visible()
    case = house.case(answer.get_attribute("data-case") or "")
    assert case["case_class"] == "event.0110"
    assert len(case["reports_list"][0]["photos"]) == 1


def test_a_case_shows_photos_looks_reports_and_the_clocks_story(
    desk: Page, house: UrbanHouse
) -> None:
    case = house.filed(
        channel="camera", thing=CAMERA, confidence=0.9, photos=[house.photo("scene", 10)],
        longitude=PLACE[0] + 0.006, latitude=PLACE[1],
    )  # fmt: skip
    house.act(case, "dispatch", assignee="lijing", note="就近")
    house.act(case, "accept", "lijing")
    evidence = {"before": [house.photo("before", 20)], "after": [house.photo("after", 200)]}
    house.act(case, "done", "lijing", evidence=evidence)
    look = next(item for item in house.served.get("/api/looks")["items"] if item["case"] == case)
    seen = {"verdict": "absent", "score": 0.1, "photo": house.photo("look", 210), "model": "test"}
    house.served.post(f"/api/looks/{look['id']}", seen)

    desk.goto(f"/cases/{case}")
    photos = desk.get_by_test_id("case-photos")
    for column in ("before", "after", "look"):
        expect(photos.get_by_test_id(f"photo-{column}").first.locator("img")).to_be_visible()
    photos.get_by_test_id("photo-after").click()
    expect(desk.get_by_test_id("lightbox").locator("img")).to_be_visible()
    desk.keyboard.press("Escape")
    expect(desk.get_by_test_id("lightbox")).to_be_hidden()
    expect(desk.get_by_test_id("look").first).to_have_attribute("data-verdict", "absent")
    expect(desk.get_by_test_id("case-looks").locator("svg circle")).to_have_count(1)
    expect(desk.get_by_test_id("clock-story")).to_be_visible()
    expect(desk.get_by_test_id("case-report")).to_have_count(1)


def test_dispatching_another_than_proposed_asks_why(desk: Page, house: UrbanHouse) -> None:
    case = house.task("wanglei")
    desk.goto(f"/cases/{case}")
    desk.get_by_test_id("action-dispatch").click()
    proposed = (house.case(case).get("dispatch") or {}).get("proposed") or "wanglei"
    other = "lijing" if proposed == "wanglei" else "wanglei"
    desk.get_by_test_id("action-assignee").click()
    desk.get_by_test_id(f"worker-{other}").click()
    desk.get_by_test_id("action-submit").click()
    if (house.case(case).get("dispatch") or {}).get("proposed"):
        expect(desk.get_by_test_id("action-problem")).to_be_visible()
        desk.get_by_test_id("action-note").fill("熟悉这条路")
        desk.get_by_test_id("action-submit").click()
    expect(desk.get_by_test_id("action-dialog")).to_be_hidden()
    assert house.case(case)["assignee"] == other


def test_closing_needs_the_tick_and_done_needs_a_photo(desk: Page, house: UrbanHouse) -> None:
    case = house.task("wanglei", case_class="event.0108")
    house.act(case, "accept", "wanglei")
    desk.goto(f"/cases/{case}")
    desk.get_by_test_id("action-done").click()
    desk.get_by_test_id("action-submit").click()
    expect(desk.get_by_test_id("action-problem")).to_contain_text("处置后照片")
    desk.locator("[data-test=action-after]").set_input_files(
        {"name": "after.jpg", "mimeType": "image/jpeg", "buffer": picture(60)}
    )
    expect(desk.get_by_test_id("action-dialog").locator("figure img")).to_be_visible()
    desk.get_by_test_id("action-submit").click()
    expect(desk.get_by_test_id("action-dialog")).to_be_hidden()

    desk.get_by_test_id("action-confirm").click()
    desk.get_by_test_id("action-submit").click()
    expect(desk.get_by_test_id("action-problem")).to_contain_text("结案条件")
    desk.get_by_test_id("action-closing").click()
    desk.get_by_test_id("action-submit").click()
    expect(desk.get_by_test_id("case-state")).to_have_attribute("data-state", "closed")
    assert house.case(case)["outcome"] == "confirmed"


def test_a_duplicate_question_is_answered_from_the_keyboard(desk: Page, house: UrbanHouse) -> None:
    place = {"longitude": PLACE[0] - 0.02, "latitude": PLACE[1] + 0.003}
    house.report(text="垃圾没人收", **place)
    for step in range(1, 12):
        near = place | {"longitude": place["longitude"] + 0.0002 * step}
        house.report(text="路口有垃圾", **near)
        if house.served.get("/api/questions")["total"]:
            break
    before = house.served.get("/api/questions")["total"]
    assert before > 0
    desk.goto("/questions")
    expect(desk.get_by_test_id("question-row")).to_have_count(before)
    desk.keyboard.press("y")
    expect(desk.get_by_test_id("question-row")).to_have_count(before - 1)
    assert house.served.get("/api/questions")["total"] == before - 1


def test_the_dispatch_board_shows_workers_and_dispatches(desk: Page, house: UrbanHouse) -> None:
    desk.goto("/dispatch")
    expect(desk.get_by_test_id("worker-row")).to_have_count(2)
    expect(desk.get_by_test_id("case-map")).to_have_attribute("data-people", "2")
    expect(desk.get_by_test_id("case-map").locator("canvas")).to_be_visible()


def test_a_table_of_classes_is_tried_before_it_is_imported(
    desk: Page, house: UrbanHouse, tmp_path: Path
) -> None:
    table = tmp_path / "classes.csv"
    table.write_text(
        "代码,大类,小类,立案条件,处置时限,时限类型,结案条件,处置单位\n"
        "event.0198,市容环境,测试小类,有测试物,3,工作时,已清除,sanitation\n"
        "event.0199,市容环境,坏的小类,有测试物,多久,工作时,已清除,sanitation\n",
        encoding="utf-8",
    )
    known = house.served.get("/api/classes")["total"]
    desk.goto("/classes")
    desk.get_by_test_id("class-import-open").click()
    desk.get_by_test_id("class-import-file").set_input_files(table)
    expect(desk.get_by_test_id("class-import-result")).to_be_visible()
    expect(desk.get_by_test_id("row-error").first).to_contain_text("3")
    assert house.served.get("/api/classes")["total"] == known
    desk.get_by_test_id("class-import-now").click()
    expect(desk.get_by_test_id("class-import")).to_be_hidden()
    desk.get_by_test_id("class-search").fill("测试小类")
    expect(desk.get_by_test_id("class-row")).to_have_count(1)
    assert house.served.get("/api/classes")["total"] == known + 1


def test_a_holiday_is_entered_in_the_calendar(desk: Page, house: UrbanHouse) -> None:
    desk.goto("/classes/calendar")
    desk.get_by_test_id("day-2026-12-31").click()
    desk.get_by_test_id("day-rests").click()
    desk.get_by_test_id("day-save").click()
    expect(desk.get_by_test_id("day-2026-12-31")).to_have_class("holiday")
    days = house.served.get("/api/calendar?year=2026")["days"]
    assert {"day": "2026-12-31", "working": False, "note": ""} in days


def test_the_evaluation_stands_in_numbers(desk: Page, house: UrbanHouse) -> None:
    if house.served.request("GET", "/api/evaluation/hot-spots").status_code == 404:
        pytest.skip("this server has no hot spots")
    house.report()
    desk.goto("/evaluation?by=channel&period=month")
    expect(desk.get_by_test_id("evaluation-row").first).to_be_visible()
    expect(desk.get_by_test_id("evaluation-row").filter(has_text="12345")).to_contain_text("1")
    expect(desk.get_by_test_id("hot-spots").locator("canvas")).to_be_visible()


@pytest.mark.parametrize("path", ["/intake", "/reports", "/questions", "/dispatch", "/checks"])
def test_no_page_is_wider_than_a_phone(desk: Page, path: str) -> None:
    desk.set_viewport_size({"width": 390, "height": 844})
    desk.goto(path)
    expect(desk.locator("h1").first).to_be_visible()
    wide: Callable[[], int] = lambda: int(  # noqa: E731
        desk.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )
    assert wide() <= 0
