"""The desk's page of 5G coverage in a real browser against a real demo."""

from __future__ import annotations

import csv
import io
import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.conftest import Demo, Watch

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

SECOND = 1000


@pytest.fixture(scope="module")
def planner(chromium: Browser, demo: Demo) -> Iterator[Page]:
    """The page of the administrator; no other host asked, no error written."""
    context = chromium.new_context(base_url=demo.url, viewport={"width": 1440, "height": 900})
    body = {"name": demo.name, "password": demo.password}
    assert context.request.post("/api/sign-in", data=body).ok
    page = context.new_page()
    watch = Watch(demo.url)
    watch.over(page)
    yield page
    context.close()
    assert watch.outside == [], "requests to other hosts"
    assert watch.errors == [], "errors in the console"


@pytest.fixture
def desk(planner: Page) -> Page:
    """The map, computed and drawn anew."""
    planner.goto("/coverage")
    if planner.request.get("/api/coverage").json()["computed_at"] is None:
        planner.get_by_test_id("compute").click()
    expect(planner.get_by_test_id("coverage-map")).to_have_attribute(
        "data-ready", "yes", timeout=90 * SECOND
    )
    return planner


def _shown(page: Page) -> str:
    return page.get_by_test_id("coverage-view").get_attribute("data-shown") or ""


def _click_map(page: Page, right: float, down: float) -> None:
    box = page.get_by_test_id("coverage-map").bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + right * box["width"], box["y"] + down * box["height"])


def _explain(page: Page) -> None:
    """A click on the middle of the district, past wedges: sites are hidden for it."""
    page.get_by_test_id("show-sites").click()
    _click_map(page, 0.5, 0.5)
    expect(page.get_by_test_id("place-verdict")).to_be_visible()
    page.get_by_test_id("show-sites").click()


def _edit_serving_sector(page: Page) -> str:
    _explain(page)
    page.get_by_test_id("place-server").click()
    azimuth = page.get_by_test_id("azimuth")
    before = float(azimuth.input_value())
    azimuth.fill(str(round(before + 120) % 360))
    azimuth.press("Enter")
    expect(page.get_by_test_id("scenario-panel")).to_have_attribute("data-edits", "1")
    return str(page.get_by_test_id("sector-editor").get_attribute("data-sector"))


def _remove_scenarios(page: Page) -> None:
    for item in page.request.get("/api/coverage/scenarios").json()["items"]:
        page.request.delete(f"/api/coverage/scenarios/{item['id']}")


def test_the_menu_leads_to_the_map_and_the_map_to_the_list(desk: Page) -> None:
    desk.goto("/")
    desk.get_by_test_id("nav-system-network.coverage").click()
    expect(desk).to_have_url(re.compile("/coverage$"))
    expect(desk.get_by_test_id("source-badge")).to_have_text("模拟")
    desk.get_by_test_id("coverage-things").click()
    expect(desk).to_have_url(re.compile("/things\\?system=network.coverage"))
    expect(desk.get_by_test_id("thing-row").first).to_be_visible()


def test_layers_and_operators_are_switched_and_their_shares_shown(desk: Page) -> None:
    summary: dict[str, Any] = desk.request.get("/api/coverage").json()
    first, second = (item["operator"] for item in summary["operators"][:2])
    for layer in ("sinr", "server", "rate", "rsrp"):
        desk.get_by_test_id(f"layer-{layer}").click()
        expect(desk.get_by_test_id("coverage-view")).to_have_attribute(
            "data-shown", re.compile(f"^{first} {layer} ")
        )
    expect(desk.get_by_test_id("coverage-legend")).to_contain_text("覆盖门限")
    desk.get_by_test_id(f"operator-{second}").click()
    expect(desk.get_by_test_id("coverage-view")).to_have_attribute(
        "data-shown", re.compile(f"^{second} rsrp ")
    )
    outdoor = summary["operators"][1]["areas"][""]["outdoor"]
    expect(desk.get_by_test_id("coverage-shares").locator("tr").nth(1)).to_contain_text(
        f"{100 * outdoor:.1f}%"
    )
    desk.get_by_test_id(f"operator-{first}").click()
    desk.get_by_test_id("coverage-map").hover()
    expect(desk.get_by_test_id("coverage-pointer")).to_contain_text("121.")


def test_a_place_is_explained_with_its_profile(desk: Page) -> None:
    _explain(desk)
    expect(desk.get_by_test_id("place-verdict")).to_have_text(re.compile("覆盖"))
    last = desk.get_by_test_id("coverage-link").last
    last.click()
    expect(last).to_have_class(re.compile("chosen"))
    expect(desk.get_by_test_id("link-profile").locator("canvas")).to_be_visible()


def test_a_sector_is_turned_compared_and_the_change_undone(desk: Page) -> None:
    today = _shown(desk)
    sector = _edit_serving_sector(desk)
    expect(desk.get_by_test_id("coverage-view")).not_to_have_attribute("data-shown", today)
    expect(desk.get_by_test_id("coverage-figures").first).to_be_visible()
    areas = desk.get_by_test_id("area-changes").first
    expect(areas).to_have_attribute("data-areas", re.compile("^[1-9]"))
    expect(areas.get_by_test_id("area-change").first).to_contain_text(re.compile("[+−]"))
    stored = desk.request.get("/api/coverage/scenarios").json()["items"][0]
    edits = desk.request.get(f"/api/coverage/scenarios/{stored['id']}").json()["edits"]
    assert [each["edit"]["sector"] for each in edits] == [sector]

    desk.get_by_test_id("switch-off").click()
    expect(desk.get_by_test_id("scenario-panel")).to_have_attribute("data-edits", "2")
    expect(desk.locator("td.better, td.worse").first).to_be_visible()
    desk.get_by_test_id("undo").click()
    expect(desk.get_by_test_id("scenario-panel")).to_have_attribute("data-edits", "1")

    desk.get_by_test_id("coverage-tabs").get_by_role("tab", name="对比").click()
    for side in ("left", "right"):
        expect(
            desk.get_by_test_id(f"compare-{side}").locator("canvas.maplibregl-canvas")
        ).to_be_visible()
    expect(desk.get_by_test_id("compare-right")).to_have_attribute(
        "data-shown", re.compile(stored["id"])
    )
    expect(desk.get_by_test_id("compare-cells")).to_contain_text(re.compile("[1-9]"))
    desk.get_by_test_id("difference").click()
    expect(desk.get_by_test_id("coverage-legend").last).to_contain_text("差值")
    _remove_scenarios(desk)


def test_a_station_is_added_where_the_map_is_clicked(desk: Page) -> None:
    desk.get_by_test_id("add-open").click()
    expect(desk.get_by_test_id("add-here")).to_be_disabled()
    _click_map(desk, 0.45, 0.55)
    desk.get_by_test_id("add-here").click()
    expect(desk.get_by_test_id("scenario-panel")).to_have_attribute("data-edits", "1")
    expect(desk.get_by_test_id("scenario-panel")).to_contain_text("新站 1")
    desk.get_by_test_id("scenario-delete").click()
    desk.get_by_role("button", name="确定").click()
    expect(desk.get_by_test_id("scenario-panel")).to_be_hidden()
    assert desk.request.get("/api/coverage/scenarios").json()["total"] == 0


def test_sites_are_chosen_exported_and_taken_over(desk: Page) -> None:
    desk.get_by_test_id("plan-open").click()
    for layer in ("poles", "rooftops"):
        desk.get_by_test_id(f"plan-{layer}").click()
    expect(desk.get_by_test_id("plan-start")).to_be_disabled()
    desk.get_by_test_id("plan-indoor").click()
    desk.get_by_test_id("plan-count").fill("3")
    desk.get_by_test_id("plan-start").click()
    expect(desk.get_by_test_id("plan-result")).to_have_attribute(
        "data-sites", "3", timeout=60 * SECOND
    )
    expect(desk.get_by_test_id("plan-gap")).not_to_be_empty()
    expect(desk.get_by_test_id("plan-kept")).to_contain_text("失去 0.0")
    desk.get_by_test_id("plan-result").get_by_test_id("export").click()
    with desk.expect_download() as download:
        desk.get_by_test_id("export-csv").locator("visible=true").click()
    rows = list(csv.DictReader(io.StringIO(download.value.path().read_text("utf-8-sig"))))
    assert [row["layer"] for row in rows] == ["indoor"] * 3


def _drive_tests(page: Page) -> list[dict[str, Any]]:
    """One of each operator, on the page too: the demo's vehicles come after its map."""
    wanted = len(page.request.get("/api/coverage").json()["operators"])
    until = time.monotonic() + 90
    while True:
        found: list[dict[str, Any]] = page.request.get("/api/coverage/drive-tests").json()["items"]
        if len(found) == wanted:
            page.reload()
            expect(page.get_by_test_id("drive-test")).to_be_visible()
            return found
        assert time.monotonic() < until, found
        time.sleep(0.5)


def test_a_drive_test_lies_on_the_map_of_its_operator(desk: Page) -> None:
    known = _drive_tests(desk)[0]
    desk.get_by_test_id("drive-test").click()
    desk.get_by_role("option", name=known["name"]).click()
    expect(desk.get_by_test_id("drive-figures")).to_contain_text("标准差")
    expect(desk.get_by_test_id("coverage-view")).to_have_attribute(
        "data-shown", re.compile(f"^{known['operator']} ")
    )


def _point_at(page: Page, longitude: float, latitude: float) -> tuple[float, float]:
    """Brings the pointer to a place; where that is on the page. Streets are nearly a plane."""
    box = page.get_by_test_id("coverage-map").bounding_box()
    assert box is not None
    seen = []
    for share in (0.3, 0.6):
        x, y = box["x"] + share * box["width"], box["y"] + share * box["height"]
        page.mouse.move(x, y)
        expect(page.get_by_test_id("coverage-pointer")).to_contain_text(", 31.")
        text = page.get_by_test_id("coverage-pointer").inner_text()
        found = re.search(r"(1\d\d\.\d{5}), (\d\d\.\d{5})$", text)
        assert found, text
        seen.append((x, y, float(found[1]), float(found[2])))
    (ax, ay, alon, alat), (bx, by, blon, blat) = seen
    x = ax + (longitude - alon) / (blon - alon) * (bx - ax)
    y = ay + (latitude - alat) / (blat - alat) * (by - ay)
    page.mouse.move(x, y)
    return x, y


def test_what_drive_tests_add_is_a_layer_with_its_error_on_runs_held_out(desk: Page) -> None:
    _drive_tests(desk)
    operators = desk.request.get("/api/coverage").json()["operators"]
    operator = next(each["operator"] for each in operators if each["residual"] is None)
    desk.get_by_test_id(f"operator-{operator}").click()
    desk.get_by_test_id("layer-residual").click()
    bar = desk.get_by_test_id("residual-bar")
    expect(bar).to_have_attribute("data-state", "ready")
    desk.get_by_test_id("residual-learn").click()
    expect(bar).to_have_attribute("data-state", "learnt", timeout=90 * SECOND)
    learnt = desk.request.get("/api/coverage").json()["operators"]
    figures = next(each["residual"] for each in learnt if each["operator"] == operator)
    assert figures["rmse_after_db"] < figures["rmse_before_db"]
    for name in ("before", "after"):
        told = desk.get_by_test_id(f"rmse-{name}")
        expect(told).to_contain_text(f"{figures[f'rmse_{name}_db']:.2f}")
    expect(bar).to_contain_text(f"{figures['runs']} 趟")
    expect(desk.get_by_test_id("coverage-legend")).to_contain_text("附近没有实测")

    path = f"/api/coverage/maps/{operator}/residual/cells"
    rows = list(csv.DictReader(io.StringIO(desk.request.get(path).body().decode("utf-8-sig"))))
    row = {name: float(value) for name, value in rows[len(rows) // 2].items()}
    desk.get_by_test_id("show-sites").click()
    x, y = _point_at(desk, row["longitude"], row["latitude"])
    expect(desk.get_by_test_id("coverage-pointer")).to_contain_text("残差")
    desk.mouse.click(x, y)
    expect(desk.get_by_test_id("place-residual")).to_contain_text("±")
    x, y = _point_at(desk, 121.352, 31.189)
    expect(desk.get_by_test_id("coverage-pointer")).not_to_contain_text("残差")
    desk.mouse.click(x, y)
    expect(desk.get_by_test_id("place-unmeasured")).to_be_visible()
    desk.get_by_test_id("show-sites").click()

    desk.get_by_test_id("layer-corrected").click()
    expect(desk.get_by_test_id("coverage-view")).to_have_attribute(
        "data-shown", re.compile(f"^{operator} corrected ")
    )
    expect(desk.get_by_test_id("coverage-legend")).to_contain_text("覆盖门限")
    desk.get_by_test_id("map-export").click()
    with desk.expect_download() as download:
        desk.get_by_test_id("export-csv").locator("visible=true").click()
    head = download.value.path().read_text("utf-8-sig").splitlines()[0]
    assert (
        "corrected_dbm" in head and download.value.suggested_filename == f"{operator}-corrected.csv"
    )
    desk.get_by_test_id("layer-rsrp").click()
    desk.get_by_test_id(f"operator-{operators[0]['operator']}").click()


def test_without_drive_tests_the_layer_says_what_to_do_next(desk: Page) -> None:
    nothing = {"items": [], "total": 0}
    summary: dict[str, Any] = desk.request.get("/api/coverage").json()
    for each in summary["operators"]:
        each["residual"] = None
    desk.route("**/api/coverage/drive-tests", lambda route: route.fulfill(json=nothing))
    desk.route("**/api/coverage", lambda route: route.fulfill(json=summary))
    desk.goto("/coverage")
    desk.get_by_test_id("layer-residual").click()
    expect(desk.get_by_test_id("residual-bar")).to_have_attribute("data-state", "empty")
    expect(desk.get_by_test_id("map-export")).to_be_hidden()
    desk.get_by_test_id("residual-import").click()
    expect(desk.get_by_test_id("coverage-import")).to_contain_text("G-NetTrack")
    desk.unroute("**/api/coverage/drive-tests")
    desk.unroute("**/api/coverage")


def test_a_running_computation_outlives_a_reload_and_is_cancelled(desk: Page) -> None:
    before = desk.request.get("/api/coverage").json()["computed_at"]
    begun = desk.request.post("/api/coverage/compute", data={"cell_m": 5})
    assert begun.ok
    desk.reload()
    job = desk.get_by_test_id("computing")
    expect(job).to_have_attribute("data-job", "coverage.compute")
    expect(desk.get_by_test_id("compute")).to_be_hidden()
    desk.get_by_test_id("compute-cancel").click()
    expect(job).to_be_hidden()
    expect(desk.get_by_test_id("compute")).to_be_visible()
    expect(desk.get_by_role("alert")).to_contain_text("已取消")
    assert desk.request.get("/api/coverage").json()["computed_at"] == before


def test_a_second_person_sees_the_computation_and_leaves_it_alone(
    desk: Page, chromium: Browser, demo: Demo
) -> None:
    person = {"name": "second-planner", "password": "correct horse battery"}
    desk.request.post("/api/users", data=person | {"role": "operator"})
    context = chromium.new_context(base_url=demo.url, viewport={"width": 1440, "height": 900})
    assert context.request.post("/api/sign-in", data=person).ok
    page = context.new_page()
    begun = desk.request.post("/api/coverage/compute", data={"cell_m": 5}).json()
    try:
        page.goto("/coverage")
        expect(page.get_by_test_id("computing")).to_contain_text("他人发起")
        expect(page.get_by_test_id("computing")).to_contain_text("%")
        expect(page.get_by_test_id("compute-cancel")).to_have_count(0)
    finally:
        desk.request.post(f"/api/jobs/{begun['id']}/cancel")
    expect(page.get_by_test_id("computing")).to_have_count(0)
    # ledgers are the administrator's, drive tests an operator's too
    page.get_by_test_id("import-open").click()
    expect(page.get_by_test_id("import-drive-tests")).to_be_visible()
    expect(page.get_by_test_id("import-sites")).to_have_count(0)
    context.close()


def test_buildings_are_listed_worst_first(desk: Page) -> None:
    desk.get_by_test_id("coverage-tabs").get_by_role("tab", name="室内").click()
    expect(desk.get_by_test_id("indoor-row").first).to_be_visible()
    desk.get_by_test_id("only-unreached").click()
    expect(desk.get_by_test_id("indoor-row").first).to_contain_text("室内不达")


def test_a_ledger_is_tried_before_it_is_stored(desk: Page) -> None:
    sectors = desk.request.get("/api/coverage").json()["sectors"]
    ledger = desk.request.get("/api/coverage/sites.csv").body().decode("utf-8-sig").splitlines()
    rows = list(csv.reader(ledger[:4]))
    rows[2][rows[0].index("latitude")] = "95"
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    desk.get_by_test_id("import-open").click()
    desk.get_by_test_id("coverage-file").set_input_files(
        {"name": "sectors.csv", "mimeType": "text/csv", "buffer": text.getvalue().encode()}
    )
    report = desk.get_by_test_id("import-report")
    expect(report).to_have_attribute("data-refused", "1")
    expect(report).to_have_attribute("data-dry", "true")
    fault = desk.get_by_test_id("import-faults").first
    expect(fault).to_contain_text("纬度")
    expect(fault).to_contain_text("应在 -90 至 90 度之间")
    assert desk.request.get("/api/coverage").json()["sectors"] == sectors
    desk.get_by_test_id("coverage-import").get_by_role("button", name="关闭").last.click()


@pytest.mark.parametrize("path", ["/coverage", "/coverage/compare", "/coverage/indoor"])
def test_nothing_is_wider_than_a_phone(desk: Page, path: str) -> None:
    desk.set_viewport_size({"width": 390, "height": 844})
    desk.goto(path)
    expect(desk.locator("main .card").first).to_be_visible()
    expect(desk.get_by_test_id("source-badge")).to_be_visible()
    overflow = desk.evaluate("document.documentElement.scrollWidth - innerWidth")
    desk.set_viewport_size({"width": 1440, "height": 900})
    assert overflow <= 0
