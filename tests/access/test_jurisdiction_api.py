"""An administrator of the west administers the west, and makes nobody and nothing wider."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import msgspec
import pytest
from starlette.applications import Starlette

from tests.web.live import EAST, PASSWORD, WEST, Live
from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.api.call import Call, Routes, Site, starlette_route

WHO = "west-administrator"


@pytest.fixture(scope="module", autouse=True)
def _east(live: Live) -> None:
    """Somebody and something on the other side."""
    live.house.identity.add("east-viewer", PASSWORD, Role.VIEWER, area=EAST, actor="test")
    live.tokens["east-viewer"] = live.house.identity.issue("east-viewer", "x", 1, actor="test")
    live.house.credentials.issue("east-box", area=EAST, actor="test")


def refused(answer: httpx.Response, status: int, field: str = "") -> None:
    assert answer.status_code == status, answer.text
    assert answer.json().get("field", "") == field, answer.text


def user(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "password": PASSWORD, "role": "viewer", "area": WEST} | more


def test_accounts_are_made_inside_the_own_area_only(live: Live) -> None:
    for area in ("", EAST, "310105"):
        refused(live.request("POST", "/api/users", WHO, json=user("new", area=area)), 403, "area")
    left_out = {"name": "new", "role": "administrator"}
    refused(live.request("POST", "/api/users", WHO, json=left_out), 403, "area")
    made = live.request("POST", "/api/users", WHO, json=user("west-new", role="administrator"))
    assert made.status_code == 200, made.text


def test_accounts_of_the_others_do_not_exist(live: Live) -> None:
    found = live.get("/api/users", WHO)
    assert {item["area"] for item in found["items"]} == {WEST}
    assert found["total"] == len(found["items"]) < live.get("/api/users")["total"]
    before = live.get("/api/users")
    for name in ("administrator", "viewer", "east-viewer", "nobody"):
        for method, path in (
            ("GET", ""), ("PUT", ""), ("POST", "/password"), ("GET", "/tokens"),
            ("DELETE", "/tokens"), ("DELETE", "/tokens/0123456789abcdef"),
        ):  # fmt: skip
            body = {"role": "viewer"} if method == "PUT" else None
            answer = live.request(method, f"/api/users/{name}{path}", WHO, json=body)
            refused(answer, 404)
    assert live.get("/api/users") == before


def test_nobody_is_lifted_above_the_one_who_lifts(live: Live) -> None:
    path = "/api/users/west-viewer"
    for area in ("", EAST, "310105"):
        refused(live.request("PUT", path, WHO, json={"area": area}), 403, "area")
    refused(live.request("PUT", f"/api/users/{WHO}", WHO, json={"area": ""}), 403, "area")
    refused(live.request("PUT", path, WHO, json={"area": "9"}), 422, "area")
    for posts in (["administrator"], ["rule"], ["timer"]):
        refused(live.request("PUT", path, WHO, json={"posts": posts}), 422, "posts")
        new = user("x", posts=posts)
        refused(live.request("POST", "/api/users", WHO, json=new), 422, "posts")


def test_credentials_write_inside_the_area_of_who_issued_them(live: Live) -> None:
    for area in ("", EAST):
        body = {"name": "west-box", "things": [""], "area": area}
        refused(live.request("POST", "/api/credentials", WHO, json=body), 403, "area")
    for name in ("gateway", "east-box"):
        body = {"name": name, "area": WEST}
        refused(live.request("POST", "/api/credentials", WHO, json=body), 403, "name")
        refused(live.request("DELETE", f"/api/credentials/{name}", WHO), 404)
    body = {"name": "west-box", "things": [""], "area": WEST}
    secret = live.request("POST", "/api/credentials", WHO, json=body).json()["secret"]
    rows = [{"thing": t, "property": "rain_mm_h", "value": 1} for t in ("gauge-1", "gauge-11")]
    answer = live.http.post("/api/observations", json=rows, auth=("west-box", secret)).json()
    assert answer["stored"] == 1
    assert [(r["index"], r["reason"]) for r in answer["refused"]] == [(1, "not-permitted")]
    names = {item["name"] for item in live.get("/api/credentials", WHO)["items"]}
    assert names == {"west-box"}
    assert live.request("DELETE", "/api/credentials/west-box", WHO).status_code == 204


def test_rules_reach_no_further_than_who_stores_them(live: Live) -> None:
    [heavy] = [r for r in live.get("/api/rules")["items"] if r["id"] == "heavy-rain"]
    refused(live.request("POST", "/api/rules", WHO, json=heavy), 403, "area")
    mine = heavy | {"area": WEST}
    refused(live.request("POST", "/api/rules", WHO, json=mine), 403, "id")
    refused(live.request("PUT", "/api/rules/heavy-rain", WHO, json=mine), 403, "id")
    west = mine | {"id": "west-rain"}
    for more in ({"area": ""}, {"area": EAST}):
        for path in ("/api/rules", "/api/rules/preview"):
            refused(live.request("POST", path, WHO, json=west | more), 403, "area")
    for thing in ("gauge-11", "nothing"):
        wide = west | {"things": ["gauge-1", thing]}
        refused(live.request("POST", "/api/rules", WHO, json=wide), 403, "things")
    assert live.request("POST", "/api/rules", WHO, json=west).status_code == 200
    east = heavy | {"id": "east-rain", "area": EAST}
    both = heavy | {"id": "both-rain", "things": ["gauge-1", "gauge-11"]}
    for rule in (east, both):
        assert live.request("POST", "/api/rules", json=rule).status_code == 200
    shown = {r["id"]: r for r in live.get("/api/rules", WHO)["items"]}
    assert {"heavy-rain", "west-rain", "both-rain"} <= shown.keys()
    assert "east-rain" not in shown
    assert shown["both-rain"]["things"] == ["gauge-1"]
    assert "east-rain" not in {r["id"] for r in live.get("/api/district", WHO)["rules"]}


def test_things_are_brought_into_the_own_area_and_taken_from_nobody(live: Live) -> None:
    rows = [
        "id,kind,name,longitude,latitude,area",
        "west-4,gauge,Mine,121.35,31.2,",
        "east-4,gauge,Theirs,121.45,31.2,",
        f"east-5,gauge,Theirs,121.45,31.2,{WEST}",
        "gauge-11,gauge,Taken,121.35,31.2,",
        "far-1,gauge,Nowhere,120.0,30.0,",
    ]
    body = "\n".join(rows)
    headers = {"Content-Type": "text/csv"}
    for dry in ("true", "false"):
        path = f"/api/things/import?dry_run={dry}"
        report = live.request("POST", path, WHO, content=body, headers=headers).json()
        assert report["created"] == 1
        assert [(e["row"], e["field"]) for e in report["errors"]] == [
            (3, "area"), (4, "area"), (5, "id"), (6, "area"),
        ]  # fmt: skip
    assert live.house.registry.things["gauge-11"].area == EAST
    assert not {"east-4", "east-5", "far-1"} & live.house.registry.things.keys()


def test_the_audit_shows_what_the_own_accounts_did(live: Live) -> None:
    actors = {row["actor"] for row in live.every("/api/audit", WHO, limit=1_000)}
    assert actors == {WHO}
    refused(live.request("GET", "/api/audit/verify", WHO), 403)
    # Whoever comes over from the other side does not bring what they did there.
    live.house.audit.record("east-viewer", "test", "gauge-11")
    assert live.request("PUT", "/api/users/east-viewer", json={"area": WEST}).status_code == 200
    assert "east-viewer" in {item["name"] for item in live.get("/api/users", WHO)["items"]}
    live.house.audit.record("east-viewer", "test", "gauge-1")
    seen = [r for r in live.every("/api/audit", WHO, limit=1_000) if r["actor"] == "east-viewer"]
    assert [row["object"] for row in seen] == ["gauge-1"]


def test_a_changing_route_that_says_nothing_is_closed_to_a_person_with_an_area(live: Live) -> None:
    """The check of the call itself, on routes that no application has."""
    routes = Routes()

    @routes.post("/quiet")
    def quiet(_call: Call) -> str:
        return "done"

    @routes.put("/own", role=Role.OPERATOR, reach=Reach.OWN)
    def own(_call: Call) -> str:
        return "done"

    assert [each.reach for each in routes.endpoints] == [Reach.DISTRICT, Reach.OWN]
    site = Site(live.house, None)  # type: ignore[arg-type]
    app = Starlette(routes=[starlette_route(each, site) for each in routes.endpoints])
    transport = httpx.ASGITransport(app=app)

    async def asked(who: str, method: str, path: str) -> int:
        async with httpx.AsyncClient(transport=transport, base_url="http://house") as client:
            headers = {"Authorization": f"Bearer {live.tokens[who]}"}
            return (await client.request(method, path, headers=headers)).status_code

    for who, path, method, status in (
        ("operator", "/quiet", "POST", 200),
        ("west-operator", "/quiet", "POST", 403),
        ("west-administrator", "/quiet", "POST", 403),
        ("west-operator", "/own", "PUT", 200),
    ):
        assert asyncio.run(asked(who, method, path)) == status


def test_the_last_administrator_of_the_whole_district_stays_one(live: Live) -> None:
    path = "/api/users/administrator"
    for change in ({"disabled": True}, {"role": "operator"}, {"area": WEST}):
        refused(live.request("PUT", path, json=change), 409, "name")
    assert live.request("GET", "/api/session").json()["name"] == "administrator"
    assert live.request("POST", "/api/users", json=user("second", role="administrator", area="")
                        ).status_code == 200  # fmt: skip
    token = live.house.identity.local_token()
    assert token is not None
    assert live.request("PUT", path, json={"role": "operator"}).status_code == 200
    person = live.house.identity.person(token)
    assert person is not None
    assert person.name == "second", "commands on this machine go on, as who may still do everything"
    live.tokens["second"] = live.house.identity.issue("second", "x", 1, actor="test")
    back = {"role": "administrator"}
    assert live.request("PUT", path, "second", json=back).status_code == 200
    live.tokens["administrator"] = live.house.identity.issue("administrator", "x", 1, actor="test")


def test_whoever_is_changed_is_signed_out_everywhere_at_once(live: Live) -> None:
    identity = live.house.identity
    for change in (
        {"role": "operator"}, {"area": "310105"}, {"posts": ["worker"]}, {"disabled": True},
    ):  # fmt: skip
        token, _ = identity.sign_in("viewer", PASSWORD)
        live.tokens["signed-in"] = token
        live.tokens["viewer"] = identity.issue("viewer", "script", 1, actor="test")
        with (
            live.stream("/api/changes", "signed-in") as page,
            live.stream("/api/changes", "viewer") as script,
            live.stream("/api/changes", "operator") as other,
        ):
            answer = live.request("PUT", "/api/users/viewer", json=change).json()
            assert answer["ended"]["sessions"] == 1, change
            assert answer["ended"]["tokens"] >= 1, change
            assert page.over.wait(10)
            assert script.over.wait(10)
            assert not other.over.is_set()
        for who in ("signed-in", "viewer"):
            assert live.request("GET", "/api/things", who).status_code == 401
    body = {"name": "viewer", "password": PASSWORD}
    assert live.request("POST", "/api/sign-in", "", json=body).status_code == 401
    restored = {"disabled": False, "role": "viewer", "area": "", "posts": []}
    assert live.request("PUT", "/api/users/viewer", json=restored).status_code == 200
    assert live.request("POST", "/api/sign-in", "", json=body).status_code == 200
    live.http.cookies.clear()
    live.tokens["viewer"] = identity.issue("viewer", "script", 1, actor="test")


def test_a_password_change_a_reset_and_a_sign_out_end_streams_too(live: Live) -> None:
    identity = live.house.identity
    live.tokens["one"], live.tokens["two"] = (
        identity.sign_in("operator", PASSWORD)[0] for _ in range(2)
    )
    with live.stream("/api/changes", "one") as one, live.stream("/api/changes", "two") as two:
        assert live.request("POST", "/api/sign-out", "one").status_code == 204
        assert one.over.wait(10)
        assert not two.over.is_set()
        body = {"old": PASSWORD, "new": "a second long password"}
        assert live.request("POST", "/api/session/password", "two", json=body).status_code == 204
        assert two.over.wait(10)
    assert live.request("GET", "/api/things", "operator").status_code == 401, "its API token too"
    live.tokens["operator"] = identity.issue("operator", "x", 1, actor="test")
    with live.stream("/api/changes", "operator") as stream:
        answer = live.request("POST", "/api/users/operator/password").json()
        assert answer["ended"] == {"sessions": 0, "tokens": 1}
        assert stream.over.wait(10)
    token, person = identity.sign_in("operator", answer["password"])
    assert person.must_change_password
    live.tokens["operator"] = token


def test_a_one_time_password_opens_nothing_but_its_own_change(live: Live) -> None:
    made = live.request("POST", "/api/users", json={"name": "once", "role": "administrator"})
    password = made.json()["password"]
    body = {"name": "once", "password": password}
    answer = live.request("POST", "/api/sign-in", "", json=body)
    live.tokens["once"] = live.http.cookies["xinji_session"]
    live.http.cookies.clear()
    assert answer.json()["must_change_password"]
    document = live.get("/api/openapi.json", "")
    open_to_all = 0
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            allowed = path in ("/api/session/password", "/api/sign-out")
            if path == "/api/observations" or allowed:
                continue
            asked = path.replace("{", "").replace("}", "")
            answer = live.request(method.upper(), asked, "once", content=b"{}")
            if "x-role" in operation:
                refused(answer, 403, "password")
            else:
                open_to_all += 1
    assert open_to_all < 10
    assert live.get("/api/session", "once")["must_change_password"]
    body = {"old": password, "new": "another long password"}
    assert live.request("POST", "/api/session/password", "once", json=body).status_code == 204
    token, _ = live.house.identity.sign_in("once", "another long password")
    live.tokens["once"] = token
    assert live.request("GET", "/api/users", "once").status_code == 200
    assert live.request("POST", "/api/sign-out", "once").status_code == 204


def test_sessions_and_tokens_are_listed_without_their_secrets_and_ended_one_by_one(
    live: Live,
) -> None:
    identity = live.house.identity
    token, _ = identity.sign_in("west-operator", PASSWORD)
    live.tokens["session"] = token
    live.get("/api/things", "session")
    path = "/api/users/west-operator/tokens"
    held = live.get(path, WHO)["items"]
    assert {each["kind"] for each in held} == {"session", "token"}
    text = msgspec.json.encode(held).decode()
    assert token not in text
    [mine] = [each for each in held if each["kind"] == "session"]
    assert mine["last_used_at"] is not None
    own = {each["id"] for each in live.get("/api/tokens", "session")["items"]}
    assert own == {each["id"] for each in held}
    other = live.get("/api/users/administrator/tokens")["items"][0]["id"]
    refused(live.request("DELETE", f"/api/tokens/{other}", "session"), 404)
    refused(live.request("DELETE", f"{path}/{other}", WHO), 404)
    assert live.request("DELETE", f"{path}/{mine['id']}", WHO).status_code == 204
    assert live.request("GET", "/api/things", "session").status_code == 401
    assert live.request("GET", "/api/things", "west-operator").status_code == 200
    ended = live.request("DELETE", path, WHO).json()
    assert ended == {"sessions": 0, "tokens": 1}
    assert live.request("GET", "/api/things", "west-operator").status_code == 401
    live.tokens["west-operator"] = identity.issue("west-operator", "x", 1, actor="test")
