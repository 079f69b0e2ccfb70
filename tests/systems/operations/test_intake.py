"""The one door: what it takes, what it refuses and why, and that nothing is stored twice."""

from __future__ import annotations

import datetime as dt
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from tests.systems.operations.street import MONDAY, Street
from xinji.access.audit import verify
from xinji.store.work_schema import reports


def when(seconds: float) -> str:
    return dt.datetime.fromtimestamp(MONDAY + seconds, dt.UTC).isoformat()


def count(street: Street) -> int:
    with street.house.database.reading() as connection:
        return int(
            connection.execute(sa.select(sa.func.count()).select_from(reports)).scalar() or 0
        )


def test_a_patrol_report_is_filed_with_its_limit_and_department(street: Street) -> None:
    answer = street.report(text="路边一堆垃圾")
    assert answer.status_code == 201
    found = answer.json()
    assert (found["disposition"], found["state"]) == ("filed", "filed")
    case = street.case(found["case"])
    assert (case["calendar"], case["limit_seconds"]) == ("work-hours", 14_400)
    assert case["due_at"].startswith("2026-11-23T07:00"), "4 working hours over the noon break"
    assert (case["department"], case["stage"]) == ("sanitation", "立案")
    assert [step["action"] for step in case["steps"]] == ["open", "file"]
    assert case["class"]["closing"]["zh"] == "垃圾清除且地面整洁"


def test_the_same_client_id_is_one_report(street: Street) -> None:
    first = street.report(client_id="phone:1")
    again = street.report(client_id="phone:1", longitude=121.4)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json()["report"] == first.json()["report"]
    assert again.json()["repeated"] is True
    other = street.report("wang", client_id="phone:1", longitude=121.42)
    assert other.status_code == 201, "another sender's number is another report"


def test_the_same_client_id_at_the_same_moment_is_one_report(street: Street) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: street.report(client_id="same"), range(8)))
    assert sorted(answer.status_code for answer in answers) == [200] * 7 + [201]
    assert len({answer.json()["report"] for answer in answers}) == 1
    assert count(street) == 1


def test_a_second_report_of_the_same_joins_the_case(street: Street) -> None:
    case = street.file(text="垃圾")
    answer = street.report("hub", channel="camera", case_class=None, problem="litter",
                           longitude=121.35002, latitude=31.20001, place_error_m=4)  # fmt: skip
    assert answer.json()["disposition"] == "merged"
    assert answer.json()["case"] == case
    found = street.case(case)
    assert found["reports"] == len(found["reports_list"]) == 2
    assert found["steps"][-1]["action"] == "attach"
    assert found["steps"][-1]["evidence"]["log_odds"] > 0


def test_far_away_or_another_class_is_another_case(street: Street) -> None:
    case = street.file()
    assert street.file(longitude=121.36) != case
    assert street.file(case_class="event.0112") != case


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"longitude": 100.0}, "longitude"),
        ({"longitude": 500.0}, "longitude"),
        ({"longitude": None}, "longitude"),
        ({"longitude": None, "latitude": None}, "longitude"),
        ({"happened_at": when(400)}, "happened_at"),
        ({"happened_at": when(-40 * 86_400)}, "happened_at"),
        ({"case_class": "event.9999"}, "case_class"),
        ({"case_class": None}, "case_class"),
        ({"case_class": None, "problem": "dragons"}, "problem"),
        ({"condition": "event.0110.9"}, "condition"),
        ({"condition": "event.0112.1"}, "condition"),
        ({"channel": "pigeon"}, "channel"),
        ({"photos": ["0" * 64]}, "photos"),
        ({"photos": ["x"] * 10}, "photos"),
        ({"text": "长" * 2_001}, "text"),
        ({"client_id": ""}, "client_id"),
        ({"client_id": "x" * 65}, "client_id"),
        ({"place_error_m": 0}, "place_error_m"),
        ({"urgency": "yesterday"}, "urgency"),
        ({"evidence": {"x": "y" * 17_000}}, "evidence"),
        ({"vendor": "dahua", "vendor_code": "1", "case_class": None}, "vendor_code"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_stored(
    street: Street, fields: dict[str, Any], field: str
) -> None:
    answer = street.report(**fields)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["field"] == field
    assert answer.json()["rule"]
    assert count(street) == 0


def test_a_place_in_gcj02_is_told_as_such(street: Street) -> None:
    # just outside, by about the offset of the datum
    answer = street.report(longitude=121.5035, latitude=31.15)
    assert answer.status_code == 422
    assert "GCJ-02" in answer.json()["rule"]


def test_a_class_that_is_switched_off_is_refused(street: Street) -> None:
    known = street.get("/api/classes?q=event.0110")["items"][0]
    answer = street.request("PUT", "/api/classes/event.0110", json=known | {"enabled": False})
    assert answer.status_code == 200
    refused = street.report()
    assert (refused.status_code, refused.json()["field"]) == (422, "case_class")


def test_a_class_has_hours_and_areas_without_reports(street: Street) -> None:
    known = street.get("/api/classes?q=event.0408")["items"][0]
    excluded = {"areas": ["310105002"], "hours": [[22, 6]]}
    street.request("PUT", "/api/classes/event.0408", json=known | {"excluded": excluded})
    assert street.report(case_class="event.0408").status_code == 201
    east = street.report(case_class="event.0408", longitude=121.45)
    assert (east.status_code, east.json()["rule"]) == (422, "not reported in this area")
    night = street.report(case_class="event.0408", happened_at=when(-9 * 3600), longitude=121.32)
    assert "22 to 6" in night.json()["rule"]


def test_a_vendor_code_is_a_class(street: Street) -> None:
    answer = street.report("hub", channel="camera", case_class=None, vendor="dahua",
                           vendor_code="894")  # fmt: skip
    assert answer.json()["case_class"] == "event.0410"


def test_a_sensor_event_is_a_report_and_its_recovery_closes_the_case(street: Street) -> None:
    from xinji.model.rules import Rule, Severity, Threshold
    from xinji.model.title import Title

    rule = Rule(
        id="pond", title=Title("积水", "Ponding"), kind="gauge", property="rain_mm_h",
        condition=Threshold(op=">=", limit=100.0), severity=Severity.MAJOR,
        case_class="event.0506", system="terminals.gauges",
    )  # fmt: skip
    assert street.request("POST", "/api/rules", json=_plain(rule)).status_code == 200
    street.send(("gauge-1", 150.0))
    [case] = street.get("/api/cases?type=urban")["items"]
    assert (case["case_class"], case["state"], case["channel"]) == ("event.0506", "filed", "sensor")
    full = street.case(case["id"])
    assert [event["rule"] for event in full["events"]] == ["pond"]
    photo = street.photo()
    street.act(case["id"], "dispatch", assignee="wang", role="rule")
    street.do("wang", case["id"], "done", evidence={"after": [photo]})
    street.send(("gauge-1", 5.0))
    assert street.case(case["id"])["outcome"] == "verified", "the signal is its re-check"


def _plain(rule: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(rule)


def test_a_report_after_done_sends_the_work_back(street: Street) -> None:
    case = street.file()
    street.act(case, "dispatch", assignee="wang")
    street.do("wang", case, "done", evidence={"after": [street.photo()]})
    street.later(600)
    answer = street.report("hub", channel="camera", case_class=None, problem="litter",
                           longitude=121.35001, latitude=31.2, place_error_m=4)  # fmt: skip
    if answer.json()["disposition"] == "merged":
        assert street.case(case)["state"] == "dispatched"


def test_who_is_limited_to_an_area_sees_only_its_reports(street: Street) -> None:
    street.file()
    east = street.file(longitude=121.45)
    seen = street.get("/api/reports", "west-intake")
    assert seen["total"] == 1
    assert street.request("GET", f"/api/cases/{east}", "west-intake").status_code == 404
    assert street.request("GET", f"/api/cases/{east}/history", "west-intake").status_code == 404


def test_what_was_acknowledged_is_there_after_a_restart(street: Street) -> None:
    cases = [street.file(longitude=121.31 + n * 0.01) for n in range(5)]
    part = street.operations
    before = len(part.intake.index)
    part.intake.load()
    assert len(part.intake.index) == before == 5
    assert {street.case(case)["state"] for case in cases} == {"filed"}
    assert verify(street.house.database, street.house.folder.checkpoints) == []
