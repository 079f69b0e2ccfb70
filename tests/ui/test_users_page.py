"""Accounts on the desk: made, changed, disabled, reset, their sessions and tokens ended."""

from __future__ import annotations

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.ui.administration import (
    NORTH,
    PASSWORD,
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


def choose(page: Page, field: str, option: str) -> None:
    """An option of a chooser, by the id that the page gives it."""
    page.get_by_test_id(field).last.click()
    page.locator(f"[data-test='{option}']:visible").click()


def test_a_user_is_made_with_a_password_that_is_shown_once(boss: Page, office: Office) -> None:
    boss.goto("/users")
    boss.get_by_test_id("account-add").click()
    boss.get_by_test_id("field-name").fill("two words")
    boss.get_by_test_id("account-submit").click()
    expect(boss.get_by_test_id("account-problem")).to_contain_text("用户名")
    boss.get_by_test_id("field-name").fill("clerk")
    boss.get_by_test_id("account-submit").click()
    expect(boss.get_by_test_id("account-problem")).to_contain_text("已经有人使用")
    boss.get_by_test_id("field-name").fill("zhang.san")
    choose(boss, "field-role", "role-operator")
    choose(boss, "field-area", f"area-{NORTH}")
    boss.get_by_test_id("account-submit").click()

    secret = told_once(boss)
    with httpx.Client(base_url=office.url) as client:
        body = {"name": "zhang.san", "password": secret}
        signed = client.post("/api/sign-in", json=body).json()
    assert signed["must_change_password"] is True
    row = boss.locator("[data-account='zhang.san']")
    expect(row.get_by_test_id("account-state")).to_have_text("待改密码")
    assert secret not in boss.content()
    made = office.account("zhang.san")
    assert (made["role"], made["area"]) == ("operator", NORTH)


def test_a_user_is_given_another_role_and_area_and_signed_out(boss: Page, office: Office) -> None:
    office.user("li.si", "viewer", NORTH)
    with httpx.Client(base_url=office.url) as client:
        client.post("/api/sign-in", json={"name": "li.si", "password": PASSWORD})
        assert client.get("/api/session").status_code == 200
        boss.goto("/users/li.si")
        expect(boss.get_by_test_id("token-row")).to_have_count(1)
        choose(boss, "field-role", "role-operator")
        choose(boss, "field-area", f"area-{SOUTH}")
        boss.get_by_test_id("account-save").click()
        expect(boss.locator(".el-message")).to_contain_text("结束了 1 个会话、0 个令牌")
        expect(boss.get_by_test_id("token-row")).to_have_count(0)
        assert client.get("/api/session").status_code == 204
    changed = office.account("li.si")
    assert (changed["role"], changed["area"]) == ("operator", SOUTH)


def test_a_user_is_disabled_enabled_and_given_a_new_password(boss: Page, office: Office) -> None:
    office.user("wang.wu", "viewer")
    boss.goto("/users/wang.wu")
    boss.get_by_test_id("account-disable").click()
    boss.locator(".el-message-box__btns button").last.click()
    state = boss.get_by_test_id("account-panel").get_by_test_id("account-state")
    expect(state).to_have_attribute("data-state", "disabled")
    body = {"name": "wang.wu", "password": PASSWORD}
    assert httpx.post(f"{office.url}/api/sign-in", json=body).status_code == 401
    boss.get_by_test_id("account-enable").click()
    expect(state).to_have_attribute("data-state", "active")
    boss.get_by_test_id("account-reset").click()
    boss.locator(".el-message-box__btns button").last.click()
    secret = told_once(boss)
    assert httpx.post(f"{office.url}/api/sign-in", json=body).status_code == 401
    body["password"] = secret
    assert httpx.post(f"{office.url}/api/sign-in", json=body).status_code == 200
    expect(state).to_have_attribute("data-state", "one-time")


def test_one_session_is_ended_and_then_all(boss: Page, office: Office) -> None:
    office.user("zhao.liu", "viewer")
    with httpx.Client(base_url=office.url) as client:
        body = {"name": "zhao.liu", "password": PASSWORD}
        for _ in range(3):
            client.post("/api/sign-in", json=body).raise_for_status()
        made = client.post("/api/tokens", json={"label": "看板", "days": 30}).json()
        boss.goto("/users/zhao.liu")
        rows = boss.get_by_test_id("token-row")
        expect(rows).to_have_count(4)
        token = rows.filter(has_text="看板")
        token.get_by_test_id("token-end").click()
        expect(rows).to_have_count(3)
        headers = {"Authorization": f"Bearer {made['token']}"}
        assert httpx.get(f"{office.url}/api/tokens", headers=headers).status_code == 401
        boss.get_by_test_id("account-end-all").click()
        boss.locator(".el-message-box__btns button").last.click()
        expect(rows).to_have_count(0)
        assert client.get("/api/session").status_code == 204


def test_the_administrator_of_an_area_sees_and_gives_no_more_than_it(
    north: Page, office: Office
) -> None:
    office.user("sun.qi", "viewer", NORTH)
    office.user("zhou.ba", "viewer", SOUTH)
    north.goto("/users")
    expect(north.locator("[data-account='sun.qi']")).to_be_visible()
    for hidden in ("zhou.ba", "boss", "clerk"):
        expect(north.locator(f"[data-account='{hidden}']")).to_have_count(0)
    north.get_by_test_id("account-add").click()
    north.get_by_test_id("field-area").last.click()
    expect(north.locator(f"[data-test='area-{NORTH}']:visible")).to_be_visible()
    for wider in ("", SOUTH):
        expect(north.locator(f"[data-test='area-{wider}']")).to_have_count(0)
    north.goto("/users/zhou.ba")
    expect(north.get_by_test_id("account-panel")).to_contain_text("没有这个用户")


def test_whoever_is_no_administrator_finds_no_such_page(chromium: Browser, office: Office) -> None:
    with desk_of(chromium, office, "clerk") as page:
        page.goto("/users")
        expect(page.get_by_test_id("not-yours")).to_contain_text("管理员")
        expect(page.get_by_test_id("nav-users")).to_have_count(0)


def test_users_in_english_and_on_a_phone(boss: Page) -> None:
    boss.goto("/users")
    expect(boss.get_by_test_id("account-row").first).to_be_visible()
    in_english(boss, "用户", "角色", "管理员", "全区")
    fits(boss)
    boss.goto("/users/clerk")
    expect(boss.get_by_test_id("account-save")).to_be_visible()
    fits(boss)
