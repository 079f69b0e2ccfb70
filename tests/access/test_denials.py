"""Who was refused and who took what is in the chain, and a flood does not fill it."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.web.live import Live
from xinji.access.denials import KINDS_PER_RECORD, Denials


def records(live: Live, action: str) -> list[dict[str, Any]]:
    found = live.get("/api/audit?limit=1000")["items"]
    return [
        record | {"detail": msgspec.json.decode(record["detail"])}
        for record in found
        if record["action"] == action
    ]


def test_failed_sign_ins_of_unknown_names_are_recorded_with_the_address(live: Live) -> None:
    for name in ("mallory", "mallory", "viewer", "a b'; drop"):
        body = {"name": name, "password": "wrong password here"}
        assert live.request("POST", "/api/sign-in", "", json=body).status_code == 401
    live.house.audit.record_denials()
    refused = records(live, "access.refuse")[0]["detail"]["refused"]
    counts = {(each["what"], each["name"]): each["count"] for each in refused}
    assert counts["sign-in", "mallory"] == 2
    assert counts["sign-in", "viewer"] == 1
    assert counts["sign-in", "(not a name, 10 characters)"] == 1
    assert {each["address"] for each in refused} == {"127.0.0.1"}


def test_requests_that_are_not_allowed_are_recorded(live: Live) -> None:
    assert live.request("GET", "/api/audit", "viewer").status_code == 403
    assert live.request("POST", "/api/users", "operator", json={}).status_code == 403
    live.house.audit.record_denials()
    refused = records(live, "access.refuse")[0]["detail"]["refused"]
    assert {(each["what"], each["name"]) for each in refused} == {
        ("GET /api/audit", "viewer"), ("POST /api/users", "operator"),
    }  # fmt: skip


def test_an_export_is_recorded_with_its_filter_and_rows(live: Live) -> None:
    path = "/api/things?format=csv&kind=gauge"
    assert live.request("GET", path, "west-viewer").status_code == 200
    record = records(live, "list.export")[0]
    assert (record["actor"], record["object"]) == ("west-viewer", "/api/things")
    assert record["detail"] == {
        "file": "things.csv", "filter": {"format": "csv", "kind": "gauge"}, "rows": 3,
    }  # fmt: skip
    before = len(records(live, "list.export"))
    live.get("/api/things?kind=gauge")
    assert len(records(live, "list.export")) == before, "a page of a list is no export"


def test_a_flood_is_one_record_of_bounded_size() -> None:
    denials = Denials()
    for number in range(100_000):
        denials.note("sign-in", f"name-{number}" * 100, f"10.0.0.{number % 250}")
    found = denials.take()
    assert found is not None
    assert len(found["refused"]) == KINDS_PER_RECORD
    assert found["more"] + sum(each["count"] for each in found["refused"]) == 100_000
    assert len(msgspec.json.encode(found)) < 20_000
    assert denials.take() is None, "nothing is recorded of a quiet minute"
