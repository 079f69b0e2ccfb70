"""The re-check by machine in a house: looks asked, judged, closed, reopened, asked, audited."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from tests.systems.operations.street import Street
from xinji.model.things import Thing
from xinji.store.work_schema import looks, spot_checks
from xinji.systems.platforms.operations import rechecks

ZONES = (
    '[{"name":"z","problem":"litter","polygon":[[0,0],[1,0],[1,1]],"dwell_seconds":300,"count":1}]'
)


@pytest.fixture
def watched(street: Street) -> Street:
    """Two cameras that see the same pavement."""
    put, check = street.house.registry.put, street.house.registry.check
    put([
        check(
            Thing(
                id=f"camera-{n}", kind="camera", name=f"摄像机 {n}", longitude=121.35 + n * 1e-5,
                latitude=31.2, attributes={"programme": "ai-stream", "zones": ZONES},
            )
        )
        for n in (1, 2)
    ])  # fmt: skip
    return street


def seen_by_camera(street: Street) -> str:
    case = street.file(
        "hub", channel="camera", case_class=None, problem="litter", thing="camera-1",
        place_error_m=4, evidence={"box": [0.1, 0.1, 0.3, 0.3]},
    )  # fmt: skip
    street.act(case, "dispatch", assignee="wang")
    return case


def done(street: Street, case: str) -> None:
    answer = street.do("wang", case, "done", evidence={"after": [street.photo()]})
    assert answer.json()["state"] == "verifying", answer.text


def asked(street: Street) -> list[dict[str, Any]]:
    street.operations.rechecks.turn()
    return street.get("/api/looks?state=asked", "hub")["items"]


def answer(street: Street, look: dict[str, Any], verdict: str) -> Any:
    body = {"verdict": verdict, "score": 0.9, "photo": street.photo("hub", "look"), "model": "m1"}
    return street.request("POST", f"/api/looks/{look['id']}", "hub", json=body)


def look_until_decided(street: Street, verdicts: list[str]) -> str:
    """Answer the looks as they fall due; the last decision."""
    decision = ""
    for verdict in verdicts:
        with street.house.database.reading() as connection:
            due = connection.execute(
                sa.select(looks.c.due_at).where(looks.c.answered_at.is_(None))
            ).scalar()
        assert due is not None, "a look is asked"
        street.later(max(0.0, due / 1e6 - street.house.clock.seconds()) + 1)
        [look] = asked(street)
        decision = answer(street, look, verdict).json()["decision"]
        if decision != "look":
            break
    return decision


def test_absent_looks_over_time_close_the_case_at_the_stated_bound(watched: Street) -> None:
    case = seen_by_camera(watched)
    done(watched, case)
    [look] = asked(watched)
    assert (look["thing"], look["problem"], look["box"]) == (
        "camera-1", "litter", [0.1, 0.1, 0.3, 0.3],
    )  # fmt: skip
    assert look_until_decided(watched, ["absent"] * 4) == "close"
    found = watched.case(case)
    assert (found["state"], found["outcome"]) == ("closed", "verified")
    step = found["steps"][-1]
    assert step["action"] == "verify"
    assert step["evidence"]["error_bound"] <= step["evidence"]["bound"] == rechecks.BOUND
    assert len(step["evidence"]["looks"]) == len(found["looks"]) <= 4
    assert all(each["posterior"] is not None for each in found["looks"])
    assert [photo["kind"] for photo in found["photos"]].count("look") == len(found["looks"])


def test_present_looks_send_the_work_back_and_the_next_round_begins_anew(watched: Street) -> None:
    case = seen_by_camera(watched)
    done(watched, case)
    assert look_until_decided(watched, ["present", "present"]) == "reopen"
    found = watched.case(case)
    assert (found["state"], found["steps"][-1]["action"]) == ("dispatched", "rework")
    done(watched, case)
    [look] = asked(watched)
    assert look["round"] == 2
    assert look_until_decided(watched, ["absent"] * 4) == "close"


def test_what_no_camera_sees_goes_to_a_person(watched: Street) -> None:
    case = watched.file(longitude=121.45)
    watched.act(case, "dispatch", assignee="wang")
    done(watched, case)
    assert asked(watched) == []
    assert watched.case(case)["state"] == "reviewing"
    assert [item["id"] for item in watched.get("/api/work/checks", "inspector")["items"]] == [case]


def test_a_class_that_was_never_measured_is_never_closed_by_machine(watched: Street) -> None:
    watched.operations.rechecks.rates.there.clear()
    case = seen_by_camera(watched)
    done(watched, case)
    look_until_decided(watched, ["absent"])
    assert watched.case(case)["state"] == "reviewing"


def test_blind_and_unanswered_looks_end_at_a_person(watched: Street) -> None:
    case = seen_by_camera(watched)
    done(watched, case)
    for number in range(8):
        watched.later(7_300)
        due = asked(watched)
        if watched.case(case)["state"] != "verifying":
            break
        if number % 2:
            continue  # nobody answers; patience runs out
        for look in due:
            answer(watched, look, "blind")
    assert watched.case(case)["state"] == "reviewing"


def test_a_look_is_answered_once(watched: Street) -> None:
    case = seen_by_camera(watched)
    done(watched, case)
    [look] = asked(watched)
    assert answer(watched, look, "absent").json()["decision"] == "look"
    again = answer(watched, look, "present")
    assert (again.status_code, again.json()["decision"]) == (200, None)
    assert watched.case(case)["looks"][0]["verdict"] == "absent"


@pytest.mark.parametrize(
    ("path", "body", "status", "field"),
    [
        ("/api/looks/999", {"verdict": "absent"}, 404, None),
        ("/api/looks/x", {"verdict": "absent"}, 404, None),
        ("/api/looks/1", {"verdict": "maybe"}, 422, "verdict"),
        ("/api/looks/1", {"verdict": "absent", "photo": "f" * 64}, 422, "photo"),
        ("/api/looks/1", {}, 422, "body"),
    ],
)
def test_bad_answers_are_refused(
    watched: Street, path: str, body: dict[str, Any], status: int, field: str | None
) -> None:
    found = watched.request("POST", path, "hub", json=body)
    assert found.status_code == status
    if field:
        assert found.json()["field"] == field


def test_the_fixed_share_is_looked_at_again_and_a_false_close_is_reopened(
    watched: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rechecks, "AUDIT_SHARE", 1.0)
    case = seen_by_camera(watched)
    done(watched, case)
    look_until_decided(watched, ["absent"] * 4)
    assert watched.case(case)["spot_check"]["answered_at"] is None
    refused = watched.request(
        "POST", f"/api/work/spot-checks/{case}", "wang", json={"still_there": True}
    )
    assert refused.status_code == 403
    before = list(watched.operations.rechecks.rates.done["event.0110"])
    told = watched.request(
        "POST",
        f"/api/work/spot-checks/{case}",
        "inspector",
        json={"still_there": True, "note": "在"},
    )
    assert told.status_code == 200
    found = watched.case(case)
    assert (found["state"], found["reopened"]) == ("dispatched", 1)
    after = watched.operations.rechecks.rates.done["event.0110"]
    assert after == [before[0], before[1] + 1], "the rates have learnt it"
    again = watched.request(
        "POST", f"/api/work/spot-checks/{case}", "inspector", json={"still_there": False}
    )
    assert again.status_code == 404


def test_closing_gives_up_open_looks(watched: Street) -> None:
    case = seen_by_camera(watched)
    done(watched, case)
    watched.do("inspector", case, "confirm", evidence={"closing": True})
    with watched.house.database.reading() as connection:
        rows = connection.execute(sa.select(looks.c.verdict)).scalars().all()
        assert connection.execute(sa.select(sa.func.count()).select_from(spot_checks)).scalar() in (
            0,
            1,
        )
    assert rows == ["expired"]
