"""The phone of grid workers and residents at 390 x 844, with and without a network."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from playwright.sync_api import Error as PlaywrightError

from tests.ui.conftest import CHROMIUM_ARGUMENTS, CHROMIUM_NAMES, Watch
from tests.ui.urban import LITTER, PASSWORD, PLACE, UrbanHouse, house, picture

__all__ = ["house"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SECOND = 1000
HERE = {"longitude": PLACE[0] + 0.002, "latitude": PLACE[1] + 0.001}
OPTIONS: dict[str, Any] = {
    "viewport": {"width": 390, "height": 844},
    "geolocation": HERE,
    "permissions": ["geolocation"],
    "has_touch": True,
}


def jpeg(shade: int) -> dict[str, Any]:
    """A picture as the camera gives it."""
    return {"name": "camera.jpg", "mimeType": "image/jpeg", "buffer": picture(shade, (1600, 1200))}


@pytest.fixture
def phone(chromium: Browser, house: UrbanHouse) -> Iterator[Page]:
    """The phone of the worker wanglei, signed in."""
    context = chromium.new_context(base_url=house.url, **OPTIONS)
    page = context.new_page()
    watch = Watch(house.url)
    watch.over(page)
    sign_in(page, "wanglei")
    yield page
    context.close()
    assert watch.outside == [], "requests to other hosts"
    # The browser itself reports the refusals that were asked for.
    errors = [error for error in watch.errors if "422" not in error]
    assert errors == [], "errors in the console"


def typed(page: Page, name: str) -> Locator:
    """Where one types in a field of Vant: inside the marked cell."""
    return page.get_by_test_id(name).locator("input, textarea")


def sign_in(page: Page, name: str) -> None:
    """By the form of the phone."""
    page.goto("/phone")
    fill_in(page, name)
    expect(page.get_by_test_id("tab-tasks")).to_be_visible()


def fill_in(page: Page, name: str) -> None:
    """The form of the sign-in."""
    typed(page, "sign-in-name").fill(name)
    typed(page, "sign-in-password").fill(PASSWORD)
    # as most people do on a phone's keyboard: the key says "go"
    typed(page, "sign-in-password").press("Enter")


def test_a_task_is_accepted_and_done_with_a_photo_after(phone: Page, house: UrbanHouse) -> None:
    case = house.task("wanglei")
    phone.reload()
    phone.locator(f"[data-test=task][data-case-id='{case}']").click()
    expect(phone.get_by_test_id("count-down").first).to_be_visible()
    phone.get_by_test_id("accept").click()
    expect(phone.get_by_test_id("case-state")).to_have_attribute("data-state", "handling")
    phone.get_by_test_id("done").click()
    expect(phone.get_by_test_id("problem")).to_have_text("完成前请先拍处置后的照片")
    phone.get_by_test_id("take-before").set_input_files(jpeg(30))
    expect(phone.get_by_test_id("take-before-taken")).to_be_visible()
    phone.get_by_test_id("take-after").set_input_files(jpeg(220))
    expect(phone.get_by_test_id("take-after-taken")).to_be_visible()
    phone.get_by_test_id("done").click()
    expect(phone.get_by_test_id("case-state")).not_to_have_attribute("data-state", "handling")
    found = house.case(case)
    assert {photo["kind"] for photo in found["photos"]} >= {"before", "after"}
    assert found["state"] in ("verifying", "reviewing")


def test_a_task_is_returned_with_a_reason(phone: Page, house: UrbanHouse) -> None:
    case = house.task("wanglei")
    phone.goto(f"/phone#/case/{case}")
    phone.get_by_test_id("return").click()
    phone.get_by_test_id("reason-submit").click()
    expect(phone.get_by_test_id("problem")).to_have_text("请填写原因")
    typed(phone, "reason").fill("不在我的路段")
    phone.get_by_test_id("reason-submit").click()
    phone.goto("/phone#/queue")
    expect(phone.get_by_test_id("sent").filter(has_text="退回")).to_be_visible()
    steps = house.case(case)["steps"]
    assert any(step["action"] == "return" and step["note"] == "不在我的路段" for step in steps)


def test_a_refused_report_says_which_field_and_is_corrected_or_dropped(
    phone: Page, house: UrbanHouse
) -> None:
    phone.context.set_geolocation({"longitude": 120.0, "latitude": 30.0})
    phone.goto("/phone#/report")
    phone.get_by_test_id("relocate").click()
    expect(phone.get_by_test_id("place")).to_contain_text("120.00000, 30.00000")
    before = house.served.get("/api/reports?limit=1")["total"]
    report_litter(phone, 77)
    job = phone.get_by_test_id("job")
    expect(job).to_have_attribute("data-state", "refused")
    expect(job.get_by_test_id("job-problem")).to_contain_text("longitude")
    phone.context.set_geolocation(HERE)
    job.get_by_test_id("job-correct").click()
    phone.get_by_test_id("relocate").click()
    expect(phone.get_by_test_id("place")).to_contain_text(f"{HERE['longitude']:.5f}")
    phone.get_by_test_id("correct-send").click()
    expect(phone.get_by_test_id("job")).to_have_count(0)
    assert house.served.get("/api/reports?limit=1")["total"] == before + 1


def report_litter(page: Page, shade: int) -> None:
    """Photo, class, filed."""
    page.goto("/phone#/report")
    page.get_by_test_id("take-scene").set_input_files(jpeg(shade))
    expect(page.get_by_test_id("take-scene-taken")).to_be_visible()
    expect(page.get_by_test_id("place")).to_have_attribute("data-placed", "yes")
    page.locator(f"[data-test=class-chip][data-class='{LITTER}']").click()
    page.get_by_test_id("file").click()
    page.wait_for_url("**/phone#/queue")


def persistent(chromium: Browser, folder: Path, url: str) -> BrowserContext:
    """A browser with a profile on disk."""
    import shutil

    found = next(filter(None, map(shutil.which, CHROMIUM_NAMES)))
    return chromium.browser_type.launch_persistent_context(
        str(folder), executable_path=found, args=CHROMIUM_ARGUMENTS, base_url=url, **OPTIONS
    )


def kill(folder: Path) -> None:
    """kill -9 of the browser that runs on a profile folder of ours."""
    ours = f"--user-data-dir={folder}".encode()
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if ours in words and not any(word.startswith(b"--type=") for word in words):
            os.kill(int(process.name), signal.SIGKILL)


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="needs /proc to find the browser")
def test_what_was_filed_offline_survives_a_killed_browser_and_is_sent_once(
    chromium: Browser, house: UrbanHouse, tmp_path: Path
) -> None:
    folder = tmp_path / "profile"
    context = persistent(chromium, folder, house.url)
    page = context.new_page()
    sign_in(page, "wanglei")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    page.goto("/phone#/report")
    expect(page.get_by_test_id("class-chip").first).to_be_visible()
    before = house.served.get("/api/reports?limit=1")["total"]

    context.set_offline(True)
    report_litter(page, 55)
    expect(page.get_by_test_id("job")).to_have_attribute("data-state", "waiting")
    expect(page.get_by_test_id("offline")).to_be_visible()
    kill(folder)
    with contextlib.suppress(PlaywrightError):
        context.close()
    assert house.served.get("/api/reports?limit=1")["total"] == before

    context = persistent(chromium, folder, house.url)
    try:
        page = context.new_page()
        context.set_offline(True)
        page.goto("/phone#/queue")
        expect(page.get_by_test_id("job")).to_have_attribute("data-state", "waiting")
        context.set_offline(False)
        # A browser that is killed soon after sign-in has not kept its cookie.
        link = page.get_by_test_id("queue-sign-in")
        expect(link.or_(page.get_by_test_id("sent"))).to_be_visible(timeout=30 * SECOND)
        if link.is_visible():
            link.click()
            fill_in(page, "wanglei")
        expect(page.get_by_test_id("job")).to_have_count(0, timeout=30 * SECOND)
        expect(page.get_by_test_id("sent")).to_have_count(1)
        found = house.served.get("/api/reports?channel=patrol")["items"]
        assert house.served.get("/api/reports?limit=1")["total"] == before + 1
        assert len(found[0]["photos"]) == 1
        page.reload()
        page.goto("/phone#/tasks")
        expect(page.get_by_test_id("tab-tasks")).to_be_visible()
        assert house.served.get("/api/reports?limit=1")["total"] == before + 1
    finally:
        context.close()


def test_a_lost_answer_does_not_file_twice(chromium: Browser, house: UrbanHouse) -> None:
    context = chromium.new_context(base_url=house.url, service_workers="block", **OPTIONS)
    page = context.new_page()
    sign_in(page, "lijing")
    lost: list[int] = []

    def lose(route: Any) -> None:
        # The server stores it; the answer never reaches the phone.
        if lost:
            route.continue_()
            return
        lost.append(route.fetch().status)
        route.abort()

    page.route("**/api/reports", lose)
    before = house.served.get("/api/reports?limit=1")["total"]
    report_litter(page, 99)
    expect(page.get_by_test_id("sent")).to_have_count(1, timeout=30 * SECOND)
    assert lost == [201]
    assert house.served.get("/api/reports?limit=1")["total"] == before + 1
    context.close()


def test_tasks_are_there_without_a_network(chromium: Browser, house: UrbanHouse) -> None:
    case = house.task("lijing")
    context = chromium.new_context(base_url=house.url, **OPTIONS)
    page = context.new_page()
    sign_in(page, "lijing")
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    task = page.locator(f"[data-test=task][data-case-id='{case}']")
    with page.expect_response(lambda response: response.url.endswith(f"/api/cases/{case}")):
        page.reload()
    expect(task).to_be_visible()
    context.set_offline(True)
    page.reload()
    expect(page.get_by_test_id("stale")).to_be_visible()
    task.click()
    page.get_by_test_id("accept").click()
    expect(page.get_by_test_id("waits")).to_be_visible()
    page.get_by_test_id("take-after").set_input_files(jpeg(140))
    expect(page.get_by_test_id("take-after-taken")).to_be_visible()
    page.get_by_test_id("done").click()
    expect(page.get_by_test_id("waits")).to_have_count(2)
    assert house.case(case)["state"] == "dispatched"
    context.set_offline(False)
    expect(page.get_by_test_id("waits")).to_have_count(0, timeout=30 * SECOND)
    assert [step["action"] for step in house.case(case)["steps"]][-2:] == ["accept", "done"] or (
        house.case(case)["state"] in ("verifying", "reviewing")
    )
    context.close()


def test_the_map_library_comes_with_the_map_and_packed(
    chromium: Browser, house: UrbanHouse
) -> None:
    context = chromium.new_context(base_url=house.url, **OPTIONS)
    page = context.new_page()
    packed: dict[str, str | None] = {}
    context.on(
        "response",
        lambda answer: packed.update({answer.url: answer.header_value("content-encoding")}),
    )
    page.goto("/phone#/resident")
    expect(page.get_by_test_id("place")).to_have_attribute("data-placed", "yes")
    # the service worker has fetched what it keeps
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    assert packed and not [url for url in packed if "maplibre" in url]
    page.get_by_test_id("choose-on-map").click()
    expect(page.get_by_test_id("place-picker").locator("canvas")).to_be_visible()
    library = [url for url in packed if "/maplibre-" in url and url.endswith(".js")]
    assert library and all(packed[url] in ("br", "gzip") for url in library)
    context.close()


def test_a_resident_reports_follows_and_rates(chromium: Browser, house: UrbanHouse) -> None:
    context = chromium.new_context(base_url=house.url, **OPTIONS)
    page = context.new_page()
    watch = Watch(house.url)
    watch.over(page)
    page.goto("/phone#/resident")
    page.get_by_test_id("take-scene").set_input_files(jpeg(180))
    expect(page.get_by_test_id("take-scene-taken")).to_be_visible()
    page.get_by_test_id("class-chip").first.click()
    typed(page, "report-text").fill("请来看看")
    page.get_by_test_id("resident-submit").click()
    code = page.get_by_test_id("follow-code").inner_text()
    assert len(code) >= 6

    report = house.served.get("/api/reports?channel=resident")["items"][0]
    case = report["case"]
    if house.case(case)["state"] == "reported":
        house.act(case, "file")
    house.act(case, "dispatch", assignee="lijing", note="就近")
    house.act(case, "accept", "lijing")
    house.act(case, "done", "lijing", evidence={"after": [house.photo("after", 150)]})
    house.act(case, "confirm", evidence={"closing": True})

    page.get_by_test_id("to-follow").click()
    page.get_by_test_id("my-report").click()
    expect(page.get_by_test_id("followed")).to_have_attribute("data-stage", "结案")
    page.get_by_test_id("stars").locator(".van-rate__item").nth(4).click()
    with page.expect_response(lambda answer: answer.url.endswith("/rating")) as rating:
        page.get_by_test_id("send-rating").click()
    assert rating.value.ok
    expect(page.get_by_test_id("rated")).to_be_visible()
    assert house.served.get(f"/api/reports/{report['id']}")["rating"] == 5
    context.close()
    assert watch.outside == []
    assert watch.errors == []
