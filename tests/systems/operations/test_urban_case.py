"""The urban case: every way through the table, its clock, and who may do what."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from tests.systems.operations.street import Street
from xinji.access.audit import verify
from xinji.loop.case_row import CaseError
from xinji.store.schema import case_steps
from xinji.systems.platforms.operations.case_type import ACTIONS, OPEN, STATES, URBAN
from xinji.systems.platforms.operations.clock_story import reading, replay

HOUR = 3_600


@pytest.fixture
def case(street: Street) -> str:
    """A filed case, 09:00 on a Monday, four working hours."""
    return street.file()


def handled(street: Street, case: str) -> None:
    street.act(case, "dispatch", assignee="wang")
    street.do("wang", case, "accept")


def clock(street: Street, case: str) -> float:
    """The clock's reading in hours, and the one that its steps tell."""
    found = street.case(case)
    with street.house.database.reading() as connection:
        steps = connection.execute(
            sa.select(case_steps).where(case_steps.c.case_id == case).order_by(case_steps.c.number)
        ).all()
    told = reading(replay(URBAN, steps, street.house.calendars, street.house.clock.now()))
    assert found["clock_seconds"] == pytest.approx(told / 1e6, abs=2)
    assert found["clock_seconds"] == pytest.approx(
        sum(span["counted_seconds"] for span in found["clock_story"]), abs=2
    )
    return round(found["clock_seconds"] / HOUR, 2)


def test_the_table_is_whole() -> None:
    names = {state.name for state in STATES}
    for action in ACTIONS:
        assert set(action.source) <= names, action.name
        assert action.target in names | {""}, action.name
    reached = {action.target for action in ACTIONS} | {URBAN.initial}
    assert names <= reached
    left = {
        state for action in ACTIONS for state in action.source if action.target not in ("", state)
    }
    assert set(OPEN) <= left, "no open state is a dead end"


def test_from_filing_to_a_persons_confirmation(street: Street, case: str) -> None:
    street.act(case, "dispatch", assignee="wang")
    assert street.do("li", case, "accept").status_code == 403, "it was given to wang"
    assert street.do("wang", case, "accept").status_code == 200
    refused = street.do("wang", case, "done")
    assert (refused.status_code, refused.json()["field"]) == (422, "after")
    refused = street.do("wang", case, "done", evidence={"after": ["f" * 64]})
    assert (refused.status_code, refused.json()["field"]) == (422, "photos")
    done = street.do("wang", case, "done", evidence={"after": [street.photo()]})
    assert (done.status_code, done.json()["state"]) == (200, "verifying")
    assert street.do("wang", case, "confirm").status_code == 403
    refused = street.do("inspector", case, "confirm")
    assert (refused.status_code, refused.json()["field"]) == (422, "closing")
    street.do("inspector", case, "confirm", evidence={"closing": True})
    closed = street.case(case)
    assert (closed["state"], closed["outcome"], closed["stage"]) == ("closed", "confirmed", "结案")
    kinds = {photo["kind"] for photo in closed["photos"]}
    assert "after" in kinds
    assert verify(street.house.database, street.house.folder.checkpoints) == []


def test_the_clock_runs_in_working_hours_only_and_explains_itself(
    street: Street, case: str
) -> None:
    handled(street, case)
    street.later(2 * HOUR)  # 11:00
    assert clock(street, case) == 2
    assert street.do("wang", case, "ask-extension", note="需要吊车").status_code == 200
    street.later(3 * HOUR + 600)  # 14:10
    assert clock(street, case) == 2, "paused"
    assert street.do("shift", case, "endorse-extension").status_code == 200
    assert street.do("leader", case, "grant-extension").status_code == 200
    granted = street.case(case)
    assert granted["limit_seconds"] == 8 * HOUR
    assert "paused 3 h 10 min: extension asked" in granted["clock_sentence"]["en"]
    assert "延期待批" in granted["clock_sentence"]["zh"]
    street.later(20 * HOUR)  # Tuesday 10:10: 14:10-18:00 and 8:00-10:10
    assert clock(street, case) == 8
    assert street.case(case)["due_at"] == "2026-11-24T02:10:00.000000Z" or clock(street, case) == 8


def test_an_extension_needs_two_levels_and_comes_twice_at_most(street: Street, case: str) -> None:
    handled(street, case)
    for round_ in (1, 2):
        street.do("wang", case, "ask-extension", note="再延")
        assert street.do("leader", case, "grant-extension").status_code == 409, "not endorsed yet"
        street.do("shift", case, "endorse-extension")
        assert street.do("shift", case, "grant-extension").status_code == 403
        assert street.do("leader", case, "grant-extension").status_code == 200, round_
    assert street.case(case)["limit_seconds"] == 3 * 4 * HOUR, "the original limit is added twice"
    street.do("wang", case, "ask-extension", note="三延")
    street.do("shift", case, "endorse-extension")
    third = street.do("leader", case, "grant-extension")
    assert (third.status_code, "at most 2" in third.text) == (409, True)
    assert street.do("leader", case, "refuse-extension", note="已两次").status_code == 200


def test_a_suspended_case_does_not_age(street: Street, case: str) -> None:
    handled(street, case)
    street.later(HOUR)
    street.do("wang", case, "ask-suspension", note="等产权单位")
    assert street.do("wang", case, "grant-suspension").status_code == 403
    street.do("shift", case, "grant-suspension")
    street.later(30 * 86_400)
    assert clock(street, case) == 1
    assert street.do("dispatcher", case, "resume").json()["state"] == "handling"
    street.later(366 * 86_400)


def test_a_suspension_ends_after_a_year(street: Street, case: str) -> None:
    handled(street, case)
    street.do("wang", case, "ask-suspension", note="等产权单位")
    street.do("shift", case, "grant-suspension")
    street.later(365 * 86_400 + 5)
    street.house.cases.run_timers()
    assert street.case(case)["state"] == "handling"


def test_a_missed_limit_escalates_and_an_appeal_leaves_the_fact(street: Street, case: str) -> None:
    handled(street, case)
    street.later(7 * HOUR)  # 16:00: 5 working hours
    street.house.cases.run_timers()
    found = street.case(case)
    assert found["overdue"] is True
    assert found["steps"][-1]["action"] == "escalate"
    street.do("wang", case, "done", evidence={"after": [street.photo()]})
    street.do("inspector", case, "confirm", evidence={"closing": True})
    assert street.do("wang", case, "appeal", note="道路封闭").json()["state"] == "appealed"
    street.do("shift", case, "endorse-appeal")
    granted = street.do("leader", case, "grant-appeal").json()
    assert (granted["exempt"], granted["overdue"], granted["state"]) == (True, True, "closed")
    assert street.do("wang", case, "appeal", note="again").status_code == 409


def test_returned_work_keeps_its_data_and_is_dispatched_anew(street: Street, case: str) -> None:
    handled(street, case)
    assert street.do("wang", case, "return").json()["field"] == "note"
    assert street.do("wang", case, "return", note="不属我部门").json()["state"] == "filed"
    assert street.do("li", case, "accept").status_code == 409, "nobody skips the dispatch"
    assert street.act(case, "dispatch", assignee="li").assignee == "li"


def test_hand_over_goes_to_another_level_and_department(street: Street, case: str) -> None:
    refused = street.do("dispatcher", case, "hand-over", note="x", set={"level": "city",
                        "department": "nobody"})  # fmt: skip
    assert (refused.status_code, refused.json()["field"]) == (422, "department")
    moved = street.do("dispatcher", case, "hand-over", note="市级事权",
                      set={"level": "city", "department": "drainage"}).json()  # fmt: skip
    assert (moved["level"], moved["department"], moved["state"]) == ("city", "drainage", "filed")
    assert moved["steps"][-1]["evidence"]["set"]["level"] == "city"


def test_a_department_that_no_longer_exists_gets_nothing(street: Street, case: str) -> None:
    known = next(d for d in street.get("/api/departments")["items"] if d["code"] == "greening")
    street.request("PUT", "/api/departments/greening", json=known | {"enabled": False})
    refused = street.do("dispatcher", case, "dispatch", assignee="wang",
                        set={"department": "greening"})  # fmt: skip
    assert (refused.status_code, refused.json()["field"]) == (422, "department")


def test_a_corrected_class_brings_its_own_limit(street: Street, case: str) -> None:
    named = {"case_class": "event.0112", "condition": "event.0112.1"}
    found = street.do("intake", case, "reclassify", note="是坑洞", set=named).json()
    assert (found["calendar"], found["limit_seconds"]) == ("work-days", 5 * 86_400)
    assert found["department"] == "roads"
    wrong = street.do("intake", case, "reclassify", note="x", set={"condition": "event.0110.9"})
    assert (wrong.status_code, wrong.json()["field"]) == (422, "condition")
    forged = street.do("intake", case, "reclassify", note="x",
                       set={"condition": "event.0112.1", "limit_us": 1})  # fmt: skip
    assert forged.json()["limit_seconds"] == 5 * 86_400, "a limit is never given by hand"


def test_merge_and_its_undoing(street: Street, case: str) -> None:
    other = street.file(longitude=121.36, text="别处")
    assert street.do("intake", other, "merge", set={"parent": other}).status_code == 422
    assert street.do("intake", other, "merge", set={"parent": "CN0"}).status_code == 422
    merged = street.do("intake", other, "merge", set={"parent": case}).json()
    assert (merged["outcome"], merged["parent"]) == ("merged", case)
    kept = street.case(case)
    assert (kept["reports"], len(kept["reports_list"]), kept["merged"]) == (2, 2, [other])
    assert street.operations.intake.index.case_of(kept["reports_list"][1]["id"]) == case
    assert street.do("intake", other, "unmerge", note="不是一件事").status_code == 200
    undone = street.case(other)
    assert (undone["state"], undone["parent"], len(undone["reports_list"])) == ("filed", None, 1)
    assert street.case(case)["reports"] == 1
    assert street.do("intake", case, "unmerge", note="x").status_code == 409


def test_split_takes_reports_out_into_a_case_of_their_own(street: Street, case: str) -> None:
    joined = street.report("hub", channel="camera", case_class=None, problem="litter",
                           place_error_m=4).json()  # fmt: skip
    assert joined["case"] == case
    both = [report["id"] for report in street.case(case)["reports_list"]]
    whole = street.do("intake", case, "split", evidence={"reports": both})
    assert (whole.status_code, whole.json()["field"]) == (422, "reports"), "one must stay"
    alien = street.do("intake", case, "split", evidence={"reports": ["R0"]})
    assert alien.json()["field"] == "reports"
    taken = street.do("intake", case, "split", evidence={"reports": [joined["report"]]})
    assert taken.status_code == 200
    left = street.case(case)
    assert left["reports"] == len(left["reports_list"]) == 1
    moved = street.get(f"/api/reports/{joined['report']}")
    assert (moved["disposition"], moved["case"] != case) == ("split", True)
    assert street.case(moved["case"])["state"] == "filed"


def test_a_reopened_case_counts_on(street: Street, case: str) -> None:
    handled(street, case)
    street.later(HOUR)
    street.do("wang", case, "done", evidence={"after": [street.photo()]})
    street.do("inspector", case, "confirm", evidence={"closing": True})
    street.later(HOUR)
    opened = street.do("inspector", case, "reopen", note="还在").json()
    assert (opened["state"], opened["reopened"], opened["closed_at"]) == ("dispatched", 1, None)
    street.later(HOUR / 2)
    assert clock(street, case) == 1.5


def test_checks_before_filing(street: Street) -> None:
    street.operations.intake.read = None
    answer = street.report("intake", channel="12345", text="垃圾", case_class="event.0110")
    case = answer.json()["case"]
    found = street.case(case)
    if found["state"] == "reported":
        assert street.do("intake", case, "ask-check").json()["state"] == "checking"
        refused = street.do("inspector", case, "answer-check", note="属实")
        assert refused.json()["field"] == "photos"
        photo = street.photo(kind="scene")
        back = street.do("inspector", case, "answer-check", note="属实",
                         evidence={"photos": [photo]})  # fmt: skip
        assert back.json()["state"] == "reported"
        assert street.do("wang", case, "file").status_code == 403
        assert street.do("intake", case, "file").json()["state"] == "filed"


@pytest.mark.parametrize("who", ["wang", "inspector", "dispatcher", "hub"])
def test_only_intake_may_void_and_merge(street: Street, case: str, who: str) -> None:
    assert street.do(who, case, "void", note="x").status_code == 403
    assert street.do(who, case, "merge", set={"parent": case}).status_code in (403, 422)
    names = {action["name"] for action in street.get(f"/api/cases/{case}", who)["actions"]}
    assert not names & {"void", "merge", "grant-extension", "supervise"}


def test_a_repeated_action_is_done_once(street: Street, case: str) -> None:
    street.act(case, "dispatch", assignee="wang")
    first = street.do("wang", case, "accept", client_id="phone:7")
    again = street.do("wang", case, "accept", client_id="phone:7")
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json()["steps"] == first.json()["steps"]
    assert street.do("wang", case, "accept", client_id="phone:8").status_code == 409
    assert street.do("wang", case, "accept", client_id="x" * 65).status_code == 422


def test_an_unknown_field_is_not_set(street: Street, case: str) -> None:
    with pytest.raises(CaseError, match="does not set it"):
        street.act(case, "remind", note="x", set={"exempt": True})
    with pytest.raises(CaseError, match="does not set it"):
        street.act(case, "dispatch", assignee="x", set={"closed_at": 1})


def test_supervision_marks_the_case(street: Street, case: str) -> None:
    assert street.do("shift", case, "supervise", note="重点").status_code == 403
    assert street.do("leader", case, "supervise", note="重点").json()["supervised"] is True


def _times(found: dict[str, Any]) -> list[str]:
    return [step["at"] for step in found["steps"]]


def test_steps_never_go_back_in_time(street: Street, case: str) -> None:
    handled(street, case)
    times = _times(street.case(case))
    assert times == sorted(times)
