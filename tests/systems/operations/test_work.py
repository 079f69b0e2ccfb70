"""Dispatch, my tasks, positions, questions, residents and shifts over HTTP."""

from __future__ import annotations

from typing import Any

import pytest

from tests.systems.operations.street import Street, picture


def test_the_machine_dispatches_to_who_has_the_skill_and_says_why(street: Street) -> None:
    street.work("wang", 121.352, ("sanitation",))
    street.work("li", 121.3501, ("roads",))
    case = street.file()
    answer = street.request("POST", "/api/work/dispatch", "dispatcher").json()
    assert [(each["case"], each["worker"]) for each in answer["dispatched"]] == [(case, "wang")]
    assert "环卫" in answer["dispatched"][0]["explanation"]["zh"]
    assert "sanitation" in answer["dispatched"][0]["explanation"]["en"]
    found = street.case(case)
    assert (found["state"], found["assignee"]) == ("dispatched", "wang")
    mine = street.get("/api/work/mine?longitude=121.35&latitude=31.2", "wang")["items"]
    assert [(item["id"], item["distance_m"] < 5) for item in mine] == [(case, True)]
    assert street.get("/api/work/mine", "li")["items"] == []


def test_what_nobody_can_do_is_named_and_not_lost(street: Street) -> None:
    street.work("wang", skills=("roads",))
    case = street.file()
    left = street.request("POST", "/api/work/dispatch", "dispatcher").json()["left"]
    assert [each["case"] for each in left] == [case]
    assert left[0]["reason"]["en"]
    assert street.case(case)["state"] == "filed"


def test_the_machine_hands_a_case_to_nobody_who_returned_it(street: Street) -> None:
    """Nearest or not: what a worker has given back goes to another, or to a person's decision."""
    dispatching = street.operations.dispatching
    street.work("wang", 121.3500, ("sanitation",))
    case = street.file()
    dispatching.turn(automatic=True)
    assert street.case(case)["assignee"] == "wang"
    assert street.do("wang", case, "return", note="不在本网格").status_code == 200
    sent, left = dispatching.turn(automatic=True)
    assert sent == []
    assert left[case].zh == "能处置的人员都已退回，请人工派遣"
    dispatching.replan()
    plan = street.get("/api/work/plan", "dispatcher")
    assert [each["case"] for each in plan["unserved"]] == [case]
    street.work("li", 121.3700, ("sanitation",))
    sent, _ = dispatching.turn(automatic=True)
    assert [each.worker for each in sent] == ["li"]
    assert "wang" not in [each.worker for each in sent[0].alternatives]


def test_who_overrides_the_proposal_is_asked_why(street: Street) -> None:
    street.work("wang", skills=("sanitation",))
    case = street.file()
    street.operations.dispatching.turn(automatic=False)
    assert street.case(case)["dispatch"]["proposed"] == "wang"
    refused = street.do("dispatcher", case, "dispatch", assignee="li")
    assert (refused.status_code, refused.json()["field"]) == (422, "note")
    assert "wang" in refused.json()["detail"]
    taken = street.do("dispatcher", case, "dispatch", assignee="li", note="就在旁边")
    assert taken.json()["assignee"] == "li"
    [kept] = street.get("/api/work/overrides", "dispatcher")["items"]
    assert (kept["proposed"], kept["chosen"], kept["reason"]) == ("wang", "li", "就在旁边")


def test_the_plan_covers_what_is_open(street: Street) -> None:
    street.work("wang", skills=("sanitation",))
    cases = {street.file(longitude=121.31 + n * 0.02) for n in range(4)}
    street.operations.dispatching.replan()
    plan = street.get("/api/work/plan", "dispatcher")
    planned = {stop["case"] for worker in plan["workers"] for stop in worker["route"]}
    assert planned | {each["case"] for each in plan["unserved"]} == cases
    assert plan["mean_wait_seconds"] >= 0


@pytest.mark.parametrize(
    ("who", "body", "status"),
    [
        ("wang", {"longitude": 121.35, "latitude": 31.2}, 200),
        ("inspector", {"longitude": 121.35, "latitude": 31.2, "on_duty": False}, 200),
        ("dispatcher", {"longitude": 121.35, "latitude": 31.2}, 403),
        ("viewer", {"longitude": 121.35, "latitude": 31.2}, 403),
        ("wang", {"longitude": 1e9, "latitude": 31.2}, 422),
        ("wang", {"longitude": "x", "latitude": 31.2}, 422),
    ],
)
def test_positions(street: Street, who: str, body: dict[str, Any], status: int) -> None:
    assert street.request("PUT", "/api/work/position", who, json=body).status_code == status


def test_only_the_latest_position_is_kept(street: Street) -> None:
    for longitude in (121.35, 121.36):
        street.request("PUT", "/api/work/position", "wang",
                       json={"longitude": longitude, "latitude": 31.2})  # fmt: skip
    workers = street.get("/api/work/workers", "dispatcher")["items"]
    assert [(each["person"], each["longitude"]) for each in workers] == [("wang", 121.36)]


def test_a_question_is_answered_once_and_joins_or_keeps_apart(street: Street) -> None:
    index = street.operations.intake.index
    import msgspec

    index.parameters = msgspec.structs.replace(index.parameters, merge_at=1e9)
    first = street.file()
    second = street.report("hub", channel="camera", case_class=None, problem="litter",
                           longitude=121.35003, place_error_m=4).json()  # fmt: skip
    assert second["disposition"] == "asked"
    [question] = street.get("/api/questions", "intake")["items"]
    assert question["case"]["id"] == first
    assert set(question["reasons"]) >= {"place", "time", "class", "text"}
    answer = street.request(
        "POST", f"/api/questions/{question['id']}", "intake", json={"same": True}
    )
    assert answer.status_code == 200, answer.text
    assert street.case(second["case"])["outcome"] == "merged"
    assert street.case(first)["reports"] == 2
    again = street.request(
        "POST", f"/api/questions/{question['id']}", "intake", json={"same": False}
    )
    assert again.status_code == 409
    assert street.get("/api/questions", "intake")["total"] == 0


def test_near_shows_what_is_open_around(street: Street) -> None:
    case = street.file()
    near = street.get("/api/reports/near?longitude=121.3502&latitude=31.2&class=event.0110", "wang")
    assert [(item["case"], item["distance_m"] < 30) for item in near["items"]] == [(case, True)]
    assert near["items"][0]["log_odds"] is not None
    assert street.get("/api/reports/near?longitude=121.4&latitude=31.2", "wang")["items"] == []
    assert street.request("GET", "/api/reports/near?longitude=x", "wang").status_code == 400


def test_a_resident_reports_follows_and_rates(street: Street) -> None:
    photo = street.request("POST", "/api/public/photos", "", content=picture("mine")).json()["id"]
    body = {"client_id": "r1", "channel": "camera", "case_class": "event.0110", "text": "脏",
            "longitude": 121.35, "latitude": 31.2, "photos": [photo],
            "contact": {"name": "王", "phone": "1"}}  # fmt: skip
    first = street.request("POST", "/api/public/reports", "", json=body)
    assert first.status_code == 201, first.text
    again = street.request("POST", "/api/public/reports", "", json=body)
    assert (again.status_code, again.json()["report"]) == (200, first.json()["report"])
    code = first.json()["follow_code"]
    followed = street.request("GET", f"/api/public/reports/{code}", "").json()
    assert followed["stage"] in ("受理", "立案")
    assert "contact" not in followed
    report = street.get(f"/api/reports/{first.json()['report']}", "intake")
    assert (report["channel"], report["contact"]["name"]) == ("resident", "王")
    assert "contact" not in street.get(f"/api/reports/{report['id']}", "wang")
    early = street.request("POST", f"/api/public/reports/{code}/rating", "", json={"stars": 5})
    assert early.status_code == 409
    street.act(report["case"], "void", note="测试", role="administrator")
    bad = street.request("POST", f"/api/public/reports/{code}/rating", "", json={"stars": 6})
    assert (bad.status_code, bad.json()["field"]) == (422, "stars")
    rated = street.request("POST", f"/api/public/reports/{code}/rating", "", json={"stars": 4})
    assert rated.status_code == 200
    twice = street.request("POST", f"/api/public/reports/{code}/rating", "", json={"stars": 1})
    assert twice.status_code == 409
    assert street.request("GET", "/api/public/reports/NOPE", "").status_code == 404


def test_a_residents_reports_are_capped_by_the_hour(street: Street) -> None:
    from xinji.systems.platforms.operations.api import residents

    residents._reports._seen.clear()
    statuses = [
        street.request(
            "POST", "/api/public/reports", "",
            json={"client_id": f"cap{n}", "channel": "resident", "case_class": "event.0110",
                  "longitude": 121.31 + n * 0.01, "latitude": 31.2},
        ).status_code
        for n in range(12)
    ]  # fmt: skip
    residents._reports._seen.clear()
    assert statuses == [201] * 10 + [429] * 2


def test_shifts(street: Street) -> None:
    body = {"person": "wang", "post": "worker", "starts_at": "2026-11-23T08:00:00+08:00",
            "ends_at": "2026-11-23T20:00:00+08:00"}  # fmt: skip
    assert street.request("PUT", "/api/work/shifts", "dispatcher", json=body).status_code == 403
    made = street.request("PUT", "/api/work/shifts", json=body).json()["id"]
    [shift] = street.get("/api/work/shifts")["items"]
    assert (shift["id"], shift["person"], shift["post_title"]["zh"]) == (made, "wang", "处置人员")
    for change, field in (({"post": "king"}, "post"), ({"person": "nobody"}, "person"),
                          ({"ends_at": "2026-11-22T00:00:00Z"}, "ends_at")):  # fmt: skip
        refused = street.request("PUT", "/api/work/shifts", json=body | change)
        assert (refused.status_code, refused.json()["field"]) == (422, field)
    assert street.request("DELETE", f"/api/work/shifts/{made}").status_code == 204
    assert street.request("DELETE", f"/api/work/shifts/{made}").status_code == 404
