"""The loop seen on the page: a device fails, a case opens by rule, is worked, and closes itself."""

from __future__ import annotations

import asyncio
import re
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.ui.conftest import Demo
from xinji.wire.mqtt.client import Client

pytestmark = pytest.mark.browser

SECOND = 1000
THING = "test:warehouse"


def publish(demo: Demo, secret: str, values: list[tuple[float, float]]) -> None:
    """(Unix seconds, degrees) of the warehouse, over MQTT."""

    async def send() -> None:
        host = urlsplit(demo.url).hostname or ""
        async with Client(host, demo.mqtt_port, "test-device", secret.encode()) as client:
            for at, value in values:
                body = f'{{"value": {value}, "time": {at}}}'
                await client.publish(f"xinji/{THING}/temperature", body.encode())
            await client.drain()

    # Playwright keeps a loop of its own in this thread.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(lambda: asyncio.run(send())).result(30)


def post(page: Page, path: str, body: object) -> dict:
    answer = page.request.post(path, data=body)
    assert answer.ok, answer.text()
    return dict(answer.json())


def test_a_case_opens_by_rule_and_closes_by_itself(page: Page, demo: Demo) -> None:
    feature = {
        "type": "Feature",
        "geometry": {"type": "Point", "coordinates": [121.40, 31.21]},
        "properties": {
            "id": THING,
            "kind": "fresh-warehouse",
            "name": "测试前置仓",
            "programme": "other",
        },
    }
    collection = {"type": "FeatureCollection", "features": [feature]}
    report = post(page, "/api/things/import?dry_run=false", collection)
    assert report["errors"] == []
    rule = {
        "id": "test.warm",
        "title": {"zh": "测试冷库升温", "en": "Test cold store warm"},
        "kind": "fresh-warehouse",
        "property": "temperature",
        "things": [THING],
        "condition": {"type": "threshold", "op": ">", "limit": 8.0},
        "case_class": "device-data",
    }
    post(page, "/api/rules", rule)
    secret = post(page, "/api/credentials", {"name": "test-device", "things": ["test:"]})["secret"]
    now = time.time()

    with page.expect_response(lambda answer: "/api/cases?" in answer.url):
        page.goto("/cases")
    publish(demo, secret, [(now - 10, 4.0), (now - 5, 12.0)])
    # The page says by itself that a case is new (or had just read it); nobody reloads it.
    row = page.get_by_test_id("case-row").filter(has_text="测试冷库升温")
    waiting = page.get_by_test_id("new-cases")
    expect(row.or_(waiting).first).to_be_visible(timeout=20 * SECOND)
    if not row.is_visible():
        waiting.click()
    row.click()
    state = page.get_by_test_id("case-state")
    expect(state).to_have_attribute("data-state", "filed")

    page.get_by_test_id("action-assign").click()
    page.get_by_test_id("action-assignee").fill("冷链维修组")
    page.get_by_test_id("action-submit").click()
    expect(state).to_have_attribute("data-state", "assigned")
    page.get_by_test_id("action-done").click()
    page.get_by_test_id("action-note").fill("更换温控器")
    page.get_by_test_id("action-submit").click()
    expect(state).to_have_attribute("data-state", "verifying")

    publish(demo, secret, [(now - 1, 4.5)])
    expect(state).to_have_attribute("data-state", "closed", timeout=20 * SECOND)
    expect(page.get_by_test_id("case-step").last).to_contain_text(re.compile("复核通过|Re-check"))

    page.goto(f"/things/{THING}")
    expect(page.get_by_test_id("latest-temperature")).to_have_attribute("data-value", "4.5")
    expect(page.get_by_test_id("event-row").first).to_be_visible()
