"""Every route of docs/api.md answers the shape that is written there."""

from __future__ import annotations

import re
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from tests.process import wait_until
from tests.web.live import EAST, PASSWORD, WEST, Live

TITLE = {"zh", "en"}
THING = {
    "id", "kind", "name", "longitude", "latitude", "area", "owner", "attributes", "source", "state",
    "last_seen", "open_events", "open_cases", "in_service_since", "retired_at",
}  # fmt: skip
EVENT = {
    "id", "rule", "title", "thing", "thing_name", "area", "started_at", "detected_at", "ended_at",
    "severity", "value", "extreme", "limit", "source", "case",
}  # fmt: skip
CASE = {
    "id", "number", "type", "case_class", "class_title", "state", "state_title", "stage", "title",
    "thing", "thing_name", "longitude", "latitude", "area", "severity", "opened_at", "due_at",
    "closed_at", "outcome", "assignee", "department", "overdue", "clock_seconds", "clock_running",
    "limit_seconds", "indicator", "source", "condition", "calendar", "level", "parent", "exempt",
    "supervised", "reopened", "channel", "reports",
}  # fmt: skip
STEP = {
    "number", "at", "action", "action_title", "from_state", "to_state", "to_title", "actor", "role",
    "note", "evidence", "hash",
}  # fmt: skip
INDICATOR = {
    "id", "title", "task", "clause", "promise", "unit", "target", "op", "due", "path", "baseline",
    "required_today", "value", "status", "source", "direction", "decimals", "fault",
}  # fmt: skip
CARD = {"sql", "rows_sql", "system", "lineage", "rows", "history", "last_change", "case"}
ACCOUNT = {
    "name", "role", "area", "disabled", "posts", "department", "created_at",
    "must_change_password", "sessions", "tokens",
}  # fmt: skip
LIST = {"items", "next", "total"}
STATES = {"total", "good", "alarm", "silent", "no data", "not reporting", "stale"}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


@pytest.fixture(scope="module", autouse=True)
def _used(live: Live) -> None:
    """A district where something happened."""
    live.send(("gauge-1", 50.0), ("gauge-11", 50.0), ("gauge-2", 3.0))
    live.send(("gauge-2", 1.0), name="door")
    body = [{"thing": "gauge-1", "property": "rain_mm_h", "value": 999}]
    live.http.post("/api/observations", json=body, auth=("gateway", live.device))


def shape(found: dict[str, Any], keys: set[str]) -> dict[str, Any]:
    """Check the keys of an object, and that its times are RFC 3339; returns it."""
    assert set(found) == keys, set(found) ^ keys
    for name, value in found.items():
        if name.endswith("_at") or name in ("at", "last_seen", "time"):
            assert value is None or TIME.fullmatch(value), (name, value)
        if name == "title" or name.endswith("_title"):
            assert set(value) == TITLE, name
    return found


def test_session(live: Live) -> None:
    keys = {"name", "role", "area", "must_change_password", "posts", "department"}
    body = {"name": "operator", "password": PASSWORD}
    answer = live.request("POST", "/api/sign-in", "", json=body)
    assert answer.status_code == 200
    shape(answer.json(), keys)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    token = answer.cookies["xinji_session"]
    live.http.cookies.clear()
    mine = {"Cookie": f"xinji_session={token}"}
    assert live.request("GET", "/api/session", "", headers=mine).json()["name"] == "operator"
    assert live.request("POST", "/api/sign-out", "", headers=mine).status_code == 204
    live.http.cookies.clear()
    ended = live.request("GET", "/api/session", "", headers=mine)
    assert (ended.status_code, ended.content) == (204, b""), "nobody is signed in: no error"
    assert live.request("GET", "/api/things", "", headers=mine).status_code == 401
    shape(live.get("/api/session", "west-viewer"), keys)


def test_district_areas_basemap(live: Live) -> None:
    found = shape(live.get("/api/district"), {
        "name", "title", "code", "illustrative", "time_zone", "center", "bounds", "simulated",
        "families", "kinds", "case_types", "case_classes", "rules",
    })  # fmt: skip
    [family] = found["families"]
    shape(family, {"name", "title", "systems"})
    shape(family["systems"][0], {"name", "title", "tasks", "grade", "kinds"})
    [kind] = found["kinds"]
    shape(kind, {"name", "title", "icon", "things", "properties", "attributes"})
    assert kind["things"] == 6
    rain = {"name", "title", "unit", "minimum", "maximum", "states", "expected_seconds", "decimals"}
    shape(kind["properties"][0], rain)
    assert {"name", "title", "type", "unit"} <= set(kind["attributes"][0])
    for case_type in found["case_types"]:
        assert {"name", "title", "states", "actions"} <= set(case_type)
        shape(case_type["states"][0], {"name", "title", "stage", "clock", "final"})
        action = {"name", "title", "source", "target", "roles", "requires"}
        assert action <= set(case_type["actions"][0])
    for each in found["case_classes"]:
        shape(each, {"name", "title", "type", "department", "limit_seconds"})
    shape(found["rules"][0], {"id", "title", "severity"})
    areas = live.get("/api/areas")
    assert areas["type"] == "FeatureCollection"
    assert [f["properties"]["code"] for f in areas["features"]] == ["310105", WEST, EAST]
    for feature in areas["features"]:
        shape(feature["properties"], {"code", "level", "title", "parent", "area_km2"})
    assert live.get("/api/basemap")["type"] == "FeatureCollection"


def test_things_and_their_values(live: Live) -> None:
    found = shape(live.get("/api/things"), LIST)
    assert found["total"] == 6
    for item in found["items"]:
        shape(item, THING)
    states = {item["id"]: item["state"] for item in found["items"]}
    assert (states["gauge-1"], states["gauge-2"], states["gauge-3"]) == ("alarm", "good", "no data")
    one = shape(live.get("/api/things/gauge-2"), THING | {"latest"})
    both = shape(live.get("/api/things/gauge-2/latest"), {"thing", "latest"})
    assert one["latest"] == both["latest"]
    assert {row["property"]: row["value"] for row in both["latest"]} == {
        "rain_mm_h": 3.0, "door": 1.0,
    }  # fmt: skip
    for row in both["latest"]:
        shape(row, {"property", "time", "value", "quality", "source", "unit", "stale"})
        assert (row["quality"], row["source"]) == ("good", "measured")
    window = "/api/things/gauge-1/observations?property=rain_mm_h"
    raw = shape(live.get(window), {"property", "unit", "step", "columns"})
    assert (raw["unit"], raw["step"], raw["columns"]["value"]) == ("mm/h", "raw", [50.0])
    assert set(raw["columns"]) == {"time", "value"}
    for step in ("1m", "5m", "15m", "1h", "6h", "1d"):
        columns = live.get(f"{window}&step={step}")["columns"]
        assert set(columns) == {"time", "mean", "min", "max", "count"}
        assert columns["count"] == [1]
        assert TIME.fullmatch(columns["time"][0])
    latest = live.get("/api/latest?kind=gauge&property=rain_mm_h")["columns"]
    assert set(latest) == {"thing", "time", "value"}
    assert sorted(latest["thing"]) == ["gauge-1", "gauge-11", "gauge-2"]
    for by, groups in (("subdistrict", {WEST, EAST}), ("kind", {"gauge"})):
        path = f"/api/aggregates?kind=gauge&property=rain_mm_h&step=1d&by={by}"
        columns = live.get(path)["columns"]
        assert set(columns) == {"group", "time", "mean", "min", "max", "count"}
        assert set(columns["group"]) == groups
        assert sum(columns["count"]) == 3
    cells = live.get("/api/aggregates?kind=gauge&property=rain_mm_h&step=1d&by=h3")["columns"]
    assert len(set(cells["group"])) == 2


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("kind=gauge", 6), ("kind=meter", 0), ("kind=meter,gauge", 6),
        (f"area={WEST}", 3), ("area=310105", 6), ("area=4", 0),
        ("state=alarm", 2), ("state=good", 1), ("state=no+data", 3), ("state=silent", 0),
        ("q=gauge-1", 4), ("q=雨量计+2", 1), ("q=%25", 6), ("q='", 0),
        ("bbox=121.3,31.1,121.4,31.3", 3), ("bbox=0,0,1,1", 0), ("bbox=121.4,31.1,121.3,31.3", 0),
        (f"area={EAST}&state=alarm&q=11", 1),
    ],
)  # fmt: skip
def test_filters_of_things(live: Live, query: str, ids: int) -> None:
    assert live.get(f"/api/things?{query}")["total"] == ids
    assert len(live.get(f"/api/things?{query}&format=geojson")["features"]) == ids


def test_events_and_cases(live: Live) -> None:
    events = shape(live.get("/api/events"), LIST)
    assert [shape(item, EVENT)["rule"] for item in events["items"]] == ["heavy-rain"] * 2
    found = shape(live.get("/api/cases"), LIST)
    item = shape(found["items"][0], CASE)
    assert (item["stage"], item["clock_running"], item["limit_seconds"]) == ("立案", True, 14_400)
    full = shape(
        live.get(f"/api/cases/{item['id']}"),
        CASE | {"steps", "events", "details", "event_counts", "actions"},
    )
    [step] = [shape(each, STEP) for each in full["steps"]]
    assert (step["action"], step["action_title"]["en"]) == ("open", "Filed")
    assert [shape(each, EVENT)["case"] for each in full["events"]] == [item["id"]]
    assert full["event_counts"] == {"total": 1, "open": 1}
    assert live.get(f"/api/events?case={item['id']}")["items"] == full["events"]
    for action in full["actions"]:
        shape(action, {"name", "title", "requires", "sets"})
    body = {"action": "assign", "assignee": "crew 1"}
    path = f"/api/cases/{item['id']}/actions"
    done = live.request("POST", path, "operator", json=body)
    assert done.status_code == 200
    assert (
        shape(done.json(), CASE | {"steps", "events", "details", "event_counts", "actions"})[
            "state"
        ]
        == "assigned"
    )
    for body, status, field in [
        ({"action": "verify"}, 409, None),
        ({"action": "done"}, 422, "note"),
        ({"action": "dance"}, 422, "action"),
        ({"action": "void", "note": "x"}, 403, None),
        ({"action": "done", "note": "x" * 4_001}, 422, "note"),
        ({}, 422, None),
    ]:
        refused = live.request("POST", path, "operator", json=body)
        assert refused.status_code == status, refused.text
        if field:
            assert refused.json()["field"] == field
    assert live.get("/api/cases?state=assigned,filed&open=true&overdue=false")["total"] == 2
    assert live.get("/api/cases?class=device-silent&type=device-fault&thing=gauge-11")["total"] == 1
    assert live.get("/api/cases?q=heavy+rain")["total"] == 2
    assert live.get("/api/cases?open=false")["total"] == 0
    assert live.get("/api/events?thing=gauge-11&rule=heavy-rain&open=true")["total"] == 1
    assert live.get("/api/events?from=2099-01-01T00:00:00Z")["total"] == 0


def test_plan(live: Live) -> None:
    found = shape(live.get("/api/plan?as_of=2024-06-30"), {
        "id", "title", "as_of", "computed_at", "families", "existing", "tasks", "lights",
    })  # fmt: skip
    assert found["as_of"] == "2024-06-30"
    assert set(found["lights"]) == {"ahead", "on path", "behind", "no data"}
    for task in found["tasks"]:
        shape(task, {"number", "name", "title", "family", "systems", "indicators"})
        for indicator in task["indicators"]:
            shape(indicator, INDICATOR)
    card = shape(live.get("/api/plan/indicators/gauges.rain"), INDICATOR | CARD)
    assert set(card["lineage"]) == {"tables", "value_columns", "filter_columns"}
    assert set(card["rows"]) == {"columns", "rows", "total"}
    assert set(card["history"]) == {"date", "value", "required"}
    assert card["rows"]["total"] == 3
    nobody = live.get("/api/plan/indicators/gauges.nobody")
    shape(nobody, INDICATOR | CARD - {"rows_sql", "system"})


def test_overview(live: Live) -> None:
    found = shape(live.get("/api/overview"), {
        "things", "by_kind", "observations", "cases", "events", "freshness", "lights",
    })  # fmt: skip
    shape(found["things"], STATES)
    assert found["things"] == {
        "total": 6, "good": 1, "alarm": 2, "silent": 0, "no data": 3, "not reporting": 0,
        "stale": 0,
    }  # fmt: skip
    shape(found["by_kind"][0], STATES | {"kind"})
    shape(found["observations"], {"stored", "refused", "per_second", "last_at"})
    assert (found["observations"]["stored"], found["observations"]["refused"]) == (4, 1)
    shape(found["cases"], {"open", "overdue", "opened_today", "closed_today", "by_stage"})
    assert found["events"] == {"open": 2}


def test_administration(live: Live) -> None:
    rules = shape(live.get("/api/rules"), LIST)
    rule = {"id", "title", "kind", "property", "condition", "severity", "case_class", "area",
            "things", "system", "enabled"}  # fmt: skip
    for each in rules["items"]:
        shape(each, rule)
        assert "type" in each["condition"]
    changed = rules["items"][0] | {"severity": "major"}
    for method, path in (("POST", "/api/rules"), ("PUT", f"/api/rules/{changed['id']}")):
        answer = live.request(method, path, json=changed)
        assert answer.status_code == 200
        assert answer.json() == changed
    refusals = shape(live.get("/api/refusals", "operator"), LIST)
    shape(refusals["items"][0], {"id", "at", "sender", "reason", "detail"})
    counts = shape(
        live.get("/api/refusals/counts", "operator"),
        {"total", "by_reason", "by_sender", "failures"},
    )
    senders = sum(each["count"] for each in counts["by_sender"])
    assert counts["total"] == refusals["total"] == senders
    assert {"reason": "out-of-range", "count": 1} in counts["by_reason"]
    only = live.get("/api/refusals?reason=out-of-range&sender=gateway", "operator")
    assert [each["reason"] for each in only["items"]] == ["out-of-range"]
    late = "from=2199-01-01T00:00:00Z"
    assert live.get(f"/api/refusals/counts?{late}", "operator")["total"] == 0
    assert live.get(f"/api/refusals?{late}", "operator")["total"] == 0
    assert live.get("/api/refusals/counts", "west-operator")["failures"] == []
    users = shape(live.get("/api/users"), LIST)
    for each in users["items"]:
        shape(each, ACCOUNT)
    body = {"name": "li", "password": PASSWORD, "role": "viewer", "area": EAST}
    assert live.request("POST", "/api/users", json=body).json() == {"name": "li"}
    token = live.request("POST", "/api/tokens", "viewer", json={"label": "script"}).json()
    shape(token, {"token"})
    made = live.request("POST", "/api/credentials", json={"name": "new"}).json()
    shape(made, {"name", "secret"})
    held = shape(live.get("/api/credentials"), LIST)
    for each in held["items"]:
        shape(each, {"name", "things", "source", "area", "created_at", "disabled"})
    assert live.request("DELETE", "/api/credentials/new").status_code == 204
    assert live.request("DELETE", "/api/credentials/new").status_code == 404
    records = shape(live.get("/api/audit"), LIST)
    for each in records["items"]:
        shape(each, {"id", "at", "actor", "action", "object", "detail", "hash"})
    assert live.get("/api/audit/verify") == {"whole": True, "faults": []}
    status = live.get("/api/status", "")
    shape(status, {"status", "clock_behind_seconds", "version"})


def test_counters(live: Live) -> None:
    counters = shape(live.get("/api/counters"), {
        "failed_requests", "failed_work", "streams", "hashing", "sign_ins", "connections", "bodies",
    })  # fmt: skip
    shape(counters["streams"], {"open", "opened", "resumed", "behind", "refused"})
    shape(counters["hashing"], {"computed", "refused", "given_up"})
    shape(counters["connections"], {"open", "crowded_out", "of_an_address", "full", "late"})
    shape(counters["bodies"], {"held", "refused"})
    assert counters["connections"]["open"] > 0


def test_accounts_and_their_tokens(live: Live) -> None:
    ended = {"sessions", "tokens"}
    made = live.request("POST", "/api/users", json={"name": "zhao"}).json()
    shape(made, {"name", "password"})
    body = {"name": "zhao", "password": made["password"]}
    answer = live.request("POST", "/api/sign-in", "", json=body)
    live.http.cookies.clear()
    assert answer.json()["must_change_password"] is True
    one = shape(live.get("/api/users/zhao"), ACCOUNT | {"held"})
    assert (one["role"], one["sessions"], one["tokens"]) == ("viewer", 1, 0)
    listed = shape(live.get("/api/users/zhao/tokens"), LIST)
    assert listed["items"] == one["held"]
    for each in listed["items"]:
        shape(each, {"id", "kind", "label", "created_at", "last_used_at", "expires_at"})
        assert each["kind"] == "session"
    path = f"/api/users/zhao/tokens/{one['held'][0]['id']}"
    assert live.request("DELETE", path).status_code == 204
    assert live.request("DELETE", path).status_code == 404
    answer = live.request("PUT", "/api/users/zhao", json={"role": "operator"}).json()
    shape(answer, {"account", "ended"})
    shape(answer["ended"], ended)
    assert shape(answer["account"], ACCOUNT)["role"] == "operator"
    reset = live.request("POST", "/api/users/zhao/password").json()
    shape(reset, {"name", "password", "ended"})
    shape(live.request("DELETE", "/api/users/zhao/tokens").json(), ended)
    assert live.request("GET", "/api/users/nobody").status_code == 404
    own = shape(live.get("/api/tokens", "viewer"), LIST)["items"]
    assert {each["kind"] for each in own} == {"token"}


def test_import_over_http(live: Live) -> None:
    keys = {"read", "valid", "created", "updated", "errors", "warnings", "dry_run"}
    body = "id,kind,name,longitude,latitude\nnew-1,gauge,New,121.35,31.2\nnew/2,gauge,New,1,2\n"
    for path, stored in (
        ("/api/things/import", False),
        ("/api/things/import?dry_run=true", False),
        ("/api/things/import?dry_run=false", True),
    ):
        answer = live.request(
            "POST", path, content=body.encode(), headers={"Content-Type": "text/csv"}
        )
        report = shape(answer.json(), keys)
        assert (report["valid"], report["created"], report["dry_run"]) == (1, 1, not stored)
        [error] = report["errors"]
        assert error == error | {"row": 3, "field": "id", "value": "new/2"}
        status = live.request("GET", "/api/things/new-1").status_code
        assert status == (200 if stored else 404)
    assert live.request("POST", "/api/things/import?datum=cgcs").status_code == 400


def test_every_route_of_the_page_is_tested_here() -> None:
    """A route that docs/api.md names and this file does not ask is a hole in this file."""
    root = Path(__file__).parent.parent.parent
    named = set(re.findall(r"/api/[a-z-]+(?:\.json)?", (root / "docs" / "api.md").read_text()))
    asked = "".join(each.read_text() for each in Path(__file__).parent.glob("test_*.py"))
    assert {path for path in named if path not in asked} == set()


def test_a_copy_of_the_house_is_laid_down_in_its_folder(live: Live) -> None:
    made = live.request("POST", "/api/backups")
    assert made.status_code == 200, made.text
    shape(made.json(), {"folder", "at", "held_seconds"})
    assert made.json()["held_seconds"] >= 0
    refused = live.request("POST", "/api/backups", "operator")
    assert refused.status_code == 403


def test_clock(live: Live) -> None:
    keys = {"now", "speed", "wanted_speed", "behind_seconds", "read_only"}
    clock = shape(live.get("/api/clock"), keys)
    assert clock["speed"] == clock["wanted_speed"] == 1.0
    assert clock["read_only"] is False
    behind = Event()
    live.house.ingest.keeper.submit(behind.wait)
    try:
        sending = Thread(target=live.send, args=(("gauge-3", 1.0),))
        sending.start()
        wait_until(lambda: live.get("/api/clock")["behind_seconds"] > 0, "it says that it is late")
    finally:
        behind.set()
    sending.join()
    wait_until(lambda: live.get("/api/clock")["behind_seconds"] == 0, "and that it is no more")
