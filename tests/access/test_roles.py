"""Who may do what, that every change is audited, and that no secret ever is."""

from __future__ import annotations

import re
from typing import Any

import msgspec
import pytest

from tests.web.live import PASSWORD, Live
from xinji.access.identity import Role
from xinji.api.call import Endpoint, Site
from xinji.web.app import SUBJECTS, application

ENDPOINTS: list[Endpoint] = [e for subject in SUBJECTS for e in subject.routes.endpoints]
CHANGING = [e for e in ENDPOINTS if e.method != "GET"]

WRITES = {
    ("POST", "/api/sign-in"): None,
    ("POST", "/api/sign-out"): Role.VIEWER,
    ("POST", "/api/session/password"): Role.VIEWER,
    ("POST", "/api/tokens"): Role.VIEWER,
    ("DELETE", "/api/tokens/{id}"): Role.VIEWER,
    ("POST", "/api/cases/{id}/actions"): Role.OPERATOR,
    ("POST", "/api/jobs/{id}/cancel"): Role.VIEWER,
    ("POST", "/api/things/import"): Role.ADMINISTRATOR,
    ("POST", "/api/rules"): Role.ADMINISTRATOR,
    ("PUT", "/api/rules/{id}"): Role.ADMINISTRATOR,
    ("POST", "/api/rules/preview"): Role.ADMINISTRATOR,
    ("POST", "/api/users"): Role.ADMINISTRATOR,
    ("PUT", "/api/users/{name}"): Role.ADMINISTRATOR,
    ("POST", "/api/users/{name}/password"): Role.ADMINISTRATOR,
    ("DELETE", "/api/users/{name}/tokens"): Role.ADMINISTRATOR,
    ("DELETE", "/api/users/{name}/tokens/{id}"): Role.ADMINISTRATOR,
    ("POST", "/api/credentials"): Role.ADMINISTRATOR,
    ("DELETE", "/api/credentials/{name}"): Role.ADMINISTRATOR,
    ("POST", "/api/backups"): Role.ADMINISTRATOR,
}
READS_ABOVE_VIEWER = {
    "/api/counters": Role.ADMINISTRATOR,
    "/api/refusals": Role.OPERATOR,
    "/api/refusals/counts": Role.OPERATOR,
    "/api/users": Role.ADMINISTRATOR,
    "/api/users/{name}": Role.ADMINISTRATOR,
    "/api/users/{name}/tokens": Role.ADMINISTRATOR,
    "/api/credentials": Role.ADMINISTRATOR,
    "/api/audit": Role.ADMINISTRATOR,
    "/api/audit/verify": Role.ADMINISTRATOR,
}
OPEN = {"/api/status", "/api/session", "/api/clock", "/api/basemap"}


def test_the_table_of_who_may_change_what() -> None:
    assert {(e.method, e.path): e.role for e in CHANGING} == WRITES


def test_the_table_of_who_may_read_what() -> None:
    for endpoint in ENDPOINTS:
        if endpoint.method == "GET" and endpoint.path not in OPEN:
            wanted = READS_ABOVE_VIEWER.get(endpoint.path, Role.VIEWER)
            assert endpoint.role == wanted, endpoint.path


@pytest.mark.parametrize("endpoint", ENDPOINTS, ids=lambda e: f"{e.method} {e.path}")
@pytest.mark.parametrize("who", ["", "viewer", "operator"])
def test_a_lower_role_is_refused_before_anything_is_read(
    live: Live, endpoint: Endpoint, who: str
) -> None:
    if endpoint.role is None:
        return
    role = Role(who) if who else None
    path = re.sub(r"\{\w+\}", "gauge-1", endpoint.path)
    if role is not None and role.covers(endpoint.role):
        return
    before = live.get("/api/audit")["total"]
    answer = live.request(endpoint.method, path, who, content=b"{not json")
    assert answer.status_code == (403 if who else 401)
    assert answer.headers["content-type"] == "application/problem+json"
    if not who:
        assert answer.headers["www-authenticate"] == "Bearer"
    assert live.get("/api/audit")["total"] == before


def test_a_device_credential_opens_no_page(live: Live) -> None:
    answer = live.http.get("/api/things", auth=("gateway", live.device))
    assert answer.status_code == 401


def audited(live: Live, rows: int) -> list[dict[str, Any]]:
    return live.get(f"/api/audit?limit={rows}")["items"]


def test_every_change_leaves_a_row_that_names_who_and_what(live: Live) -> None:
    secrets: list[str] = [PASSWORD, live.device, *live.tokens.values()]
    seen: set[tuple[str, str]] = set()

    def changed(
        method: str, path: str, who: str, action: str, on: str, body: Any = None, **more: Any
    ) -> Any:
        template = next(
            e.path for e in CHANGING
            if e.method == method
            and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", e.path), path.partition("?")[0])
        )  # fmt: skip
        before = live.get("/api/audit?limit=1")["total"]
        answer = live.request(method, path, who, json=body, **more)
        assert answer.status_code in (200, 204), answer.text
        assert live.get("/api/audit?limit=1")["total"] == before + 1, path
        [row] = audited(live, 1)
        assert (row["action"], row["object"]) == (action, on)
        if who:
            assert row["actor"] == who
        seen.add((method, template))
        return answer.json() if answer.content else None

    user = {"name": "li", "password": "a first long password", "role": "operator"}
    secrets += ["a first long password", "a second long password"]
    changed("POST", "/api/users", "administrator", "user.add", "li", user)
    sign_in = {"name": "li", "password": "a first long password"}
    changed("POST", "/api/sign-in", "", "session.open", "li", sign_in)
    live.tokens["li"] = live.http.cookies["xinji_session"]
    live.http.cookies.clear()
    body = {"label": "script", "days": 1}
    made = changed("POST", "/api/tokens", "li", "token.issue", "li", body)
    new = {"old": "a first long password", "new": "a second long password"}
    changed("POST", "/api/session/password", "li", "user.password", "li", new)
    secrets += [live.tokens["li"], made["token"]]
    changed("POST", "/api/sign-in", "", "session.open", "li", sign_in | {"password": new["new"]})
    live.tokens["li"] = live.http.cookies["xinji_session"]
    live.http.cookies.clear()
    secrets.append(live.tokens["li"])
    made = changed("POST", "/api/tokens", "li", "token.issue", "li", body)
    secrets.append(made["token"])
    [held] = [t for t in live.get("/api/tokens", "li")["items"] if t["kind"] == "token"]
    changed("DELETE", f"/api/tokens/{held['id']}", "li", "token.end", "li")
    changed("POST", "/api/sign-out", "li", "session.close", "li")
    path = "/api/users/li"
    body = {"role": "viewer"}
    changed("PUT", path, "administrator", "user.change", "li", body)
    made = changed("POST", f"{path}/password", "administrator", "user.reset-password", "li")
    secrets.append(made["password"])
    live.house.identity.issue("li", "one", 1, actor="test")
    live.house.identity.issue("li", "two", 1, actor="test")
    [held, _] = live.get(f"{path}/tokens")["items"]
    changed("DELETE", f"{path}/tokens/{held['id']}", "administrator", "token.end", "li")
    changed("DELETE", f"{path}/tokens", "administrator", "token.end", "li")
    made = changed(
        "POST", "/api/credentials", "administrator", "credential.issue", "meter-box",
        {"name": "meter-box", "things": ["gauge-"]},
    )  # fmt: skip
    secrets.append(made["secret"])
    path = "/api/credentials/meter-box"
    changed("DELETE", path, "administrator", "credential.revoke", "meter-box")
    [rule, *_] = live.get("/api/rules")["items"]
    changed("POST", "/api/rules", "administrator", "rule.put", rule["id"], rule)
    changed("PUT", f"/api/rules/{rule['id']}", "administrator", "rule.put", rule["id"], rule)
    before = live.get("/api/audit?limit=1")["total"]
    assert live.request("POST", "/api/rules/preview", json=rule).status_code == 200
    assert live.get("/api/audit?limit=1")["total"] == before, "a try changes nothing"
    seen.add(("POST", "/api/rules/preview"))
    csv = b"id,kind,name,longitude,latitude\nnew-1,gauge,New,121.35,31.2\n"
    path = "/api/things/import?dry_run=false"
    changed("POST", path, "administrator", "things.import", "things", content=csv,
            headers={"Content-Type": "text/csv"})  # fmt: skip

    changed("POST", "/api/backups", "administrator", "backup.make", "house", {})

    job = live.house.jobs.submit("test.nothing", "operator", lambda _: None)
    path = f"/api/jobs/{job.id}/cancel"
    assert live.request("POST", path, "viewer").status_code == 404, "another person's"
    changed("POST", path, "operator", "job.cancel", "test.nothing")

    # A step of a case is a link of its own chain, and names the person as well.
    live.send(("gauge-1", 50.0))
    [case] = live.get("/api/cases?thing=gauge-1")["items"]
    body = {"action": "assign", "assignee": "crew 1"}
    answer = live.request("POST", f"/api/cases/{case['id']}/actions", "operator", json=body)
    last = answer.json()["steps"][-1]
    assert (last["action"], last["actor"], len(last["hash"])) == ("assign", "operator", 64)
    seen.add(("POST", "/api/cases/{id}/actions"))
    assert seen == set(WRITES), "a changing endpoint that this test does not know"

    assert live.get("/api/audit/verify") == {"whole": True, "faults": []}
    everything = repr(live.every("/api/audit", limit=1_000))
    live.house.audit.checkpoint()
    everything += live.house.folder.checkpoints.read_text()
    for secret in secrets:
        assert secret not in everything
    assert "$argon2" not in everything


def test_guesses_are_slowed_recorded_and_lock_nobody_out(live: Live) -> None:
    """Five wrong passwords from an address: the browser that is known signs in all the same."""
    right = {"name": "viewer", "password": PASSWORD}
    known = live.request("POST", "/api/sign-in", "", json=right)
    [mark] = [name for name in known.cookies if name.startswith("xinji_known_")]
    said = next(h for h in known.headers.get_list("set-cookie") if h.startswith(mark)).lower()
    assert all(each in said for each in ("httponly", "samesite=strict", "path=/api/sign-in"))
    cookie = {"Cookie": f"{mark}={known.cookies[mark]}"}
    live.http.cookies.clear()
    answers = {}
    for name in ("viewer", "no-such-name"):
        body = {"name": name, "password": "not the password"}
        found = [live.request("POST", "/api/sign-in", "", json=body) for _ in range(6)]
        assert [each.status_code for each in found] == [401] * 5 + [429]
        assert 0 < int(found[5].headers["retry-after"]) <= 301
        answers[name] = [each.text for each in found]
    assert answers["viewer"] == answers["no-such-name"]
    assert live.request("POST", "/api/sign-in", "", json=right).status_code == 429
    again = live.request("POST", "/api/sign-in", "", json=right, headers=cookie)
    assert again.status_code == 200
    live.http.cookies.clear()
    guess = {"old": "not the password", "new": "a second long password"}
    for status in [422] * 5 + [429]:
        answer = live.request("POST", "/api/session/password", "viewer", json=guess)
        assert answer.status_code == status
    live.house.audit.record_denials()
    row = next(row for row in audited(live, 20) if row["action"] == "access.refuse")
    refused = msgspec.json.decode(row["detail"])["refused"]
    counts = {(each["what"], each["name"]): each["count"] for each in refused}
    assert counts["sign-in", "viewer"] == 7
    assert counts["sign-in", "no-such-name"] == 6
    assert counts["password", "viewer"] == 6
    assert "not the password" not in repr(audited(live, 20))


def test_a_dry_run_and_a_refused_body_change_nothing(live: Live) -> None:
    before = live.get("/api/audit?limit=1")["total"]
    csv = b"id,kind,name,longitude,latitude\nnew-9,gauge,New,121.35,31.2\n"
    assert live.request("POST", "/api/things/import", content=csv).status_code == 200
    for path, body, status, field in [
        ("/api/users", {"name": "x", "password": "short", "role": "viewer"}, 422, "password"),
        ("/api/users", {"name": "x", "password": PASSWORD, "role": "king"}, 422, "role"),
        ("/api/users", {"name": "a/b", "password": PASSWORD, "role": "viewer"}, 422, "name"),
        ("/api/users", {"name": "x", "password": PASSWORD, "role": "viewer", "area": "9"}, 422,
         "area"),
        ("/api/credentials", {"name": "x", "source": "guessed"}, 422, "source"),
        ("/api/credentials", {"name": "", "source": "measured"}, 422, "name"),
        ("/api/tokens", {"label": "x", "days": 0}, 422, "days"),
        ("/api/tokens", {"label": "x", "days": 367}, 422, "days"),
    ]:  # fmt: skip
        answer = live.request("POST", path, json=body)
        assert (answer.status_code, answer.json()["field"]) == (status, field), answer.text
    assert live.get("/api/audit?limit=1")["total"] == before


def test_the_application_has_no_other_changing_route(live: Live) -> None:
    app, _ = application(Site(live.house, None))  # type: ignore[arg-type]
    found = {
        (method, route.path)
        for route in app.routes
        for method in getattr(route, "methods", None) or ()
        if method not in ("GET", "HEAD")
    }
    assert found == set(WRITES) | {("POST", "/api/observations")}
