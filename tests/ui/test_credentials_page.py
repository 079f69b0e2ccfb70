"""What devices sign in with, and one's own sessions and tokens, on the desk."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.administration import (
    NORTH,
    SOUTH,
    Office,
    boss,
    desk_of,
    fits,
    in_english,
    north,
    office,
    told_once,
)

__all__ = ["boss", "north", "office"]

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def station(office: Office) -> str:
    return office.rainy(1)


def sent(office: Office, station: str, name: str, secret: str) -> httpx.Response:
    """A row of the station's, sent with a credential."""
    rows = [{"thing": station, "property": "rain_mm_h", "value": 1.0}]
    return httpx.post(f"{office.url}/api/observations", json=rows, auth=(name, secret), timeout=60)


def issue(page: Page, name: str, prefixes: str = "") -> str:
    """A credential made on the page; its secret."""
    page.get_by_test_id("credential-add").click()
    page.get_by_test_id("field-name").fill(name)
    page.get_by_test_id("field-things").fill(prefixes)
    page.get_by_test_id("credential-submit").click()
    return told_once(page)


def test_a_credential_is_issued_renewed_and_revoked(
    boss: Page, office: Office, station: str
) -> None:
    boss.goto("/credentials")
    boss.get_by_test_id("credential-add").click()
    boss.get_by_test_id("field-name").fill("rain-gateway")
    boss.get_by_test_id("credential-submit").click()
    expect(boss.get_by_test_id("credential-problem")).to_contain_text("换发密钥")
    boss.keyboard.press("Escape")
    expect(boss.get_by_test_id("credential-dialog")).to_be_hidden()
    first = issue(boss, "gate-1", f"{NORTH}:\nother:")
    row = boss.locator("[data-credential='gate-1']")
    expect(row).to_contain_text(f"{NORTH}:、other:")
    assert first not in boss.content()
    assert sent(office, station, "gate-1", first).json()["stored"] == 1

    row.get_by_test_id("credential-renew").click()
    boss.locator(".el-message-box__btns button").last.click()
    second = told_once(boss)
    assert sent(office, station, "gate-1", first).status_code == 401
    assert sent(office, station, "gate-1", second).json()["stored"] == 1
    row.get_by_test_id("credential-revoke").click()
    boss.locator(".el-message-box__btns button").last.click()
    expect(row).to_have_count(0)
    assert sent(office, station, "gate-1", second).status_code == 401


def test_the_administrator_of_an_area_issues_for_it_only(
    north: Page, office: Office, station: str
) -> None:
    office.served.post("/api/credentials", {"name": "south-gate", "area": SOUTH})
    north.goto("/credentials")
    secret = issue(north, "north-gate")
    expect(north.locator("[data-credential='north-gate']")).to_be_visible()
    for hidden in ("south-gate", "rain-gateway"):
        expect(north.locator(f"[data-credential='{hidden}']")).to_have_count(0)
    made = {each["name"]: each for each in office.served.get("/api/credentials")["items"]}
    assert made["north-gate"]["area"] == NORTH
    assert sent(office, station, "north-gate", secret).json()["stored"] == 1


def test_ones_own_token_is_made_used_and_ended(chromium: Browser, office: Office) -> None:
    with desk_of(chromium, office, "clerk") as page:
        page.goto("/things")
        page.get_by_test_id("user-menu").click()
        page.get_by_test_id("own-tokens").click()
        expect(page.get_by_test_id("token-row").first).to_contain_text("登录会话")
        page.get_by_test_id("token-add").click()
        page.get_by_test_id("token-submit").click()
        expect(page.get_by_test_id("token-problem")).to_have_text("请填写用途")
        page.get_by_test_id("token-label").fill("数据看板")
        page.get_by_test_id("token-submit").click()
        token = told_once(page)
        headers = {"Authorization": f"Bearer {token}"}
        path = f"{office.url}/api/things"
        assert httpx.get(path, headers=headers).status_code == 200
        row = page.get_by_test_id("token-row").filter(has_text="数据看板")
        row.get_by_test_id("token-end").click()
        expect(row).to_have_count(0)
        assert httpx.get(path, headers=headers).status_code == 401
        page.goto("/credentials")
        expect(page.get_by_test_id("not-yours")).to_be_visible()


def test_both_in_english_and_on_a_phone(boss: Page, station: str) -> None:
    boss.goto("/credentials")
    expect(boss.get_by_test_id("credential-row").first).to_be_visible()
    in_english(boss, "凭据", "全区", "实测", "发放")
    fits(boss)
    boss.goto("/tokens")
    expect(boss.get_by_test_id("token-row").first).to_be_visible()
    in_english(boss, "会话", "令牌", "到期")
    fits(boss)
