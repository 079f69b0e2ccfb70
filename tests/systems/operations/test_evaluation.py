"""Counts, rates, scores and grades: by hand on a small history, and against loops."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.systems.operations.street import MONDAY, Street
from xinji.loop.case_row import CaseError, CaseRow
from xinji.model.title import Title
from xinji.store.observations import moment
from xinji.store.schema import case_steps, cases
from xinji.store.work_schema import reports
from xinji.systems.platforms.operations.case_type import ACTIONS
from xinji.systems.platforms.operations.evaluation import PUBLIC, evaluate, stage_limits
from xinji.systems.platforms.operations.evaluation_definitions import (
    COUNTS,
    GRADES,
    RATES,
    SCORES,
    definitions,
    grade,
    score,
)
from xinji.systems.platforms.operations.indicators import INDICATORS

US = 1_000_000
START = int(MONDAY * US)
FOREVER = START + 400 * 86_400 * US


@pytest.mark.parametrize(
    ("points", "wanted"),
    [(100, "A"), (90, "A"), (89.99, "B"), (75, "B"), (74.99, "C"), (60, "C"), (59.99, "D"),
     (0, "D"), (None, None)],
)  # fmt: skip
def test_grades_are_right_at_their_borders(points: float | None, wanted: str | None) -> None:
    assert grade(points) == wanted


def test_a_score_outside_of_its_range_is_refused() -> None:
    for wrong in (-0.01, 100.01):
        with pytest.raises(ValueError, match="score"):
            grade(wrong)


def test_what_is_not_known_shares_its_weight() -> None:
    weights = {"valid_rate": 40, "missed_rate": 20, "checked_in_time_rate": 20,
               "verified_in_time_rate": 20}  # fmt: skip
    assert score({"valid_rate": 0.9, "missed_rate": 0.5}, weights) == 76.67
    assert score(dict.fromkeys(weights, 0.0) | {"missed_rate": 0.0}, weights) == 20
    assert score({"valid_rate": 1.0}, weights) is None, "less than half of the weight is known"
    assert all(sum(each.weights.values()) == 100 for each in SCORES)


def test_every_rate_and_weight_names_something_that_exists() -> None:
    counts = {each.name for each in COUNTS}
    assert all({rate.part, rate.whole} <= counts for rate in RATES)
    named = {each["name"] for each in definitions()}
    assert all(name in named for each in SCORES for name in each.weights)
    assert len(named) == len(definitions())
    assert not stage_limits().verified


class History(Street):
    """Cases moved through the engine at chosen times."""

    def at(self, minutes: float) -> None:
        """The house's clock at so many minutes after Monday nine o'clock."""
        self.later((START + minutes * 60e6 - self.house.clock.now()) / 1e6)

    def case_of(self, channel: str, actor: str, area: str = "310105001", **fields: Any) -> str:
        """A case with its report, as the door makes it but without a duplicate test."""
        house = self.house
        with house.database.writing() as connection:
            case = house.cases.open(
                "event.0110", title=Title("x", "x"), area=area, actor=actor, role=channel,
                fields={"channel": channel, "reports": 1, "limit_us": 240 * 60 * US,
                        "calendar": "natural-days", "department": "greening"} | fields,
            )  # fmt: skip
            self.say(connection, case, channel, actor, area)
        return case

    def say(
        self, connection: sa.Connection, case: str, channel: str, sender: str, area: str
    ) -> None:
        self.count += 1
        connection.execute(
            sa.insert(reports).values(
                id=f"R20261123-{self.count:06d}", sender=sender, channel=channel,
                client_id=str(self.count),
                case_class="event.0110", longitude=121.35, latitude=31.2, place_error_m=5.0,
                area=area, happened_at=self.house.clock.now(),
                received_at=self.house.clock.now(), photos=[], evidence={},
                follow_code=str(self.count), case_id=case, disposition="filed",
                source="measured", revision=self.house.database.changed("reports", "x"),
            )
        )  # fmt: skip

    def step(self, case: str, name: str, actor: str, role: str, **more: Any) -> CaseRow:
        """An action by somebody, of one role."""
        return self.house.cases.act(
            case, name, actor=actor, role=(role, "administrator") if role != "rule" else role,
            note="x", **more,
        )  # fmt: skip


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = History(tmp_path_factory.mktemp("history") / "data")
    yield made
    made.close()


def worked_example(house: History) -> None:
    """Three cases of the west, as docs/evaluation.md tells them."""
    after = {"after": [house.photo()]}
    # One: by the inspector, filed by the machine, dispatched in 10 minutes by dan, returned, and
    # dispatched again after 45 (late), done in time, confirmed by ines after 30 minutes.
    house.at(0)
    one = house.case_of("patrol", "ines")
    house.step(one, "file", "intake", "rule")
    house.at(10)
    house.step(one, "dispatch", "dan", "dispatcher", assignee="wang")
    house.at(20)
    house.step(one, "return", "wang", "worker")
    house.at(65)
    house.step(one, "dispatch", "dan", "dispatcher", assignee="li")
    house.at(100)
    house.step(one, "done", "li", "worker", evidence=after)
    house.at(110)
    house.step(one, "ask-person", "recheck", "rule")
    house.at(140)
    house.step(one, "confirm", "ines", "inspector", evidence={"closing": True})
    # Two: from the hotline; a check asked for after 5 minutes and answered after 90 (late), filed
    # 10 minutes later, dispatched by the machine, never done: overdue after four hours.
    house.at(200)
    two = house.case_of("12345", "hotline")
    house.at(205)
    house.step(two, "ask-check", "ina", "intake")
    house.at(295)
    house.step(two, "answer-check", "ines", "inspector", evidence={"photos": [house.photo()]})
    house.at(305)
    house.step(two, "file", "ina", "intake")
    house.at(306)
    house.step(two, "dispatch", "dispatch", "rule", assignee="wang")
    # Three: from a resident, filed after 40 minutes (late) and voided.
    house.at(400)
    three = house.case_of("resident", "public")
    house.at(440)
    house.step(three, "file", "ina", "intake")
    house.step(three, "void", "ina", "intake")
    # Four: a camera saw the first again; merged.
    four = house.case_of("camera", "hub")
    house.step(four, "file", "intake", "rule")
    house.step(four, "merge", "ina", "intake", fields={"parent": two})
    house.at(1_000)


@pytest.fixture(scope="module")
def told(history: History) -> History:
    worked_example(history)
    return history


def test_the_worked_example_by_area(told: History) -> None:
    [row] = evaluate(told.house, START, FOREVER, "area")
    assert row.key == "310105001"
    assert {name: n for name, n in row.counts.items() if n} == {
        "reported": 4,
        "valid_reports": 3,  # the voided one is not; the merged one counts with its parent
        "missed": 1,  # two; three is void
        "to_find": 2,
        "accepted": 3,
        "check_to_ask": 1,
        "check_asked_in_time": 1,
        "to_check": 1,
        "to_decide": 3,
        "filed": 3,
        "decided_in_time": 2,  # two waited 5 + 10 minutes; three 40
        "filed_accurately": 2,
        "to_dispatch": 3,
        "dispatched": 3,
        "dispatched_in_time": 2,
        "dispatched_accurately": 2,
        "to_handle": 2,
        "handled": 1,
        "handled_in_time": 1,
        "not_handled_overdue": 1,
        "verification_to_ask": 1,
        "verification_asked_in_time": 1,
        "to_verify": 1,
        "verified_in_time": 1,
        "to_close": 2,
        "closed": 1,
        "closed_in_time": 1,
        "voided": 1,
        "merged": 1,
        "cases": 3,
    }
    assert row.rates["handled_in_time_rate"] == 0.5
    assert row.rates["dispatched_in_time_rate"] == pytest.approx(2 / 3, abs=1e-6)
    assert row.rates["missed_rate"] == 0.5
    assert row.rates["checked_in_time_rate"] == 0.0
    assert row.score is None


def test_the_worked_example_by_post(told: History) -> None:
    rows = {row.key: row for row in evaluate(told.house, START, FOREVER, "post")}
    inspector = rows["inspector"]
    # 40 × 1/1 + 20 × (1 - 1/2) + 20 × 0/1 + 20 × 1/1
    assert (inspector.score, inspector.grade) == (70.0, "C")
    # ina: 25 × 1/1 + 40 × 1/1; the machine asked for the other check: 65 of 65 known
    assert (rows["intake"].score, rows["intake"].grade) == (100.0, "A")
    # two and three: 25 × 1/2 + 40 × 1/2 + 35 × 0/1
    assert (rows["shift-leader"].score, rows["shift-leader"].grade) == (32.5, "D")
    # dan: 20 × 1 + 40 × 1/2 + 40 × 1/2
    assert (rows["dispatcher"].score, rows["dispatcher"].grade) == (60.0, "C")
    machine = rows["machine"]
    assert (machine.counts["filed"], machine.counts["dispatched"], machine.score) == (1, 1, None)
    people = {row.key: row for row in evaluate(told.house, START, FOREVER, "person")}
    assert people["dispatcher/dan"].score == 60.0
    assert "inspector/" not in people


def test_the_figures_of_the_plan_on_the_worked_example(told: History) -> None:
    house = told.house
    asof = moment(START + 1_000 * 60 * US)
    values = {
        each.id.removeprefix("platforms.operations."): house.figures.compute(each, asof).value
        for each in INDICATORS
    }
    # one closed in time; two is open; three is void and four merged: neither counts
    assert values["closed_in_time_share"] == 100
    # 140, 40 and 0 minutes
    assert values["median_minutes_to_close"] == 40
    assert values["median_hours_to_close"] == pytest.approx(140 / 60)
    assert values["found_by_machine_share"] == 0, "the camera's case was merged"
    # two of one's, one of two's; three was never dispatched
    assert values["dispatched_by_machine_share"] == pytest.approx(100 / 3)
    assert values["closed_loop_share"] == pytest.approx(200 / 3)
    assert values["closed_by_machine_share"] == 0
    assert values["false_close_rate"] is None, "nothing was checked"


def test_looks_at_the_evaluation_over_http(told: History) -> None:
    for path, field in (
        ("hot-spots?days=0", "days"),
        ("under-reporting?by=mood", "by"),
        ("waiting?level=planet", "level"),
    ):
        answer = told.request("GET", f"/api/evaluation/{path}")
        assert (answer.status_code, answer.json()["field"]) == (400, field)
    spots = told.get("/api/evaluation/hot-spots?days=7")
    assert spots == {"type": "FeatureCollection", "features": []}, "three cases make no hot spot"
    again = told.get("/api/evaluation/under-reporting?days=30")
    assert again["total"] == len(again["items"])
    waits = told.get("/api/evaluation/waiting?days=30")
    assert {row["area"] for row in waits["items"]} == {"310105001"}
    for path in ("hot-spots", "under-reporting", "waiting"):
        other = told.request("GET", f"/api/evaluation/{path}?area=310105002", "west-operator")
        assert other.status_code == 403, path


def test_an_exempt_case_leaves_the_rates_and_stays_a_fact(told: History) -> None:
    with told.house.database.writing() as connection:
        key = cases.c.channel == "12345"
        connection.execute(
            sa.update(cases).where(key).values(
                exempt=True, revision=told.house.database.changed("cases", "x"))
        )  # fmt: skip
    [row] = evaluate(told.house, START, FOREVER, "area")
    assert (row.counts["to_handle"], row.counts["not_handled_overdue"]) == (2, 1)
    assert (row.counts["exempt"], row.rates["handled_in_time_rate"]) == (1, 1.0)
    with told.house.database.writing() as connection:
        connection.execute(
            sa.update(cases).where(key).values(
                exempt=False, revision=told.house.database.changed("cases", "x"))
        )  # fmt: skip


def test_the_api_gives_rows_definitions_and_a_table(told: History) -> None:
    period = "from=2026-11-23T00:00:00Z&to=2026-11-26T00:00:00Z"
    answer = told.get(f"/api/evaluation?{period}&by=channel")
    assert [row["key"] for row in answer["rows"]] == ["12345", "camera", "patrol", "resident"]
    named = {each["name"] for each in answer["definitions"]}
    assert {*answer["rows"][0]["counts"], *answer["rows"][0]["rates"], "score"} <= named
    for by in ("post", "person", "department", "area", "class"):
        table = told.request("GET", f"/api/evaluation?{period}&by={by}&format=csv")
        assert table.text.splitlines()[0].startswith('"key","title_zh"') or "key" in table.text
    assert told.request("GET", "/api/evaluation?by=mood").json()["field"] == "by"
    assert told.request("GET", f"/api/evaluation?{period}&by=person", "viewer").status_code == 403
    none = told.get("/api/evaluation?from=2025-01-01T00:00:00Z&to=2025-02-01T00:00:00Z&by=area")
    assert none["rows"] == []
    assert told.get(f"/api/evaluation?{period}&by=area", "west-operator")["rows"]
    other = told.request("GET", f"/api/evaluation?{period}&area=310105002", "west-operator")
    assert other.status_code == 403


# -- against plain Python ------------------------------------------------------------------------


def wander(house: History, choice: random.Random, steps: int) -> None:
    """A case on a random way through the table, by random people."""
    people = {"rule": "recheck", "timer": "timer"}
    case = house.case_of(
        choice.choice(["patrol", "12345", "camera", "resident"]), choice.choice(["a", "b", "c"]),
        choice.choice(["310105001", "310105002"]),
    )  # fmt: skip
    engine = house.house.cases
    for _ in range(steps):
        house.later(choice.choice([30, 300, 1_500, 4_000, 20_000]))
        row = engine.row(case)
        assert row is not None
        ways = [each for each in ACTIONS if row.state in each.source and not each.guard]
        ways = [each for each in ways if each.name not in ("split", "attach", "hand-over")]
        action = choice.choice(ways)
        role = choice.choice([r for r in action.roles if r != "any"])
        evidence = {"after": ["p"], "photos": ["p"], "closing": True}
        fields: dict[str, Any] = {}
        if action.name == "merge":
            fields = {"parent": "CN0"}
        if action.name == "reclassify":
            continue
        try:
            engine.act(
                case, action.name, actor=people.get(role, choice.choice(["a", "b", "c"])),
                role=(role, "administrator") if role in action.roles[:-1] else role,
                note="x", assignee="w" if action.name == "dispatch" else None,
                evidence=evidence, fields=fields,
            )  # fmt: skip
        except CaseError:
            continue
        if choice.random() < 0.2:
            with house.house.database.writing() as connection:
                channel = choice.choice(["patrol", "resident"])
                house.say(connection, case, channel, choice.choice(["a", "b"]), row.area)


def naive(house: History, start: int, end: int) -> dict[tuple[str, str], Counter[str]]:
    """Counts by (post, actor) and by ("", area), by plain loops over the tables."""
    now = house.house.clock.now()
    limit = {name: value * 60e6 for name, value in stage_limits().minutes.items()}
    out: dict[tuple[str, str], Counter[str]] = {}
    with house.house.database.reading() as connection:
        every = {row.id: row for row in connection.execute(sa.select(cases))}
        said = connection.execute(sa.select(reports)).all()
        steps: dict[str, list[Any]] = {}
        for step in connection.execute(sa.select(case_steps).order_by(case_steps.c.number)):
            steps.setdefault(step.case_id, []).append(step)

    def add(row: Any, post: str, actor: str, *names: str) -> None:
        # Every way of counting at once; exempt ones apart.
        for key in ((post, actor), ("", row.area)) if post else (("", row.area),):
            for name in names:
                out.setdefault(key, Counter())[name] += 1
                if not getattr(row, "exempt", False):
                    out[key][f"{name}_counting"] += 1

    for row in every.values():
        if not (row.type == "urban" and start <= row.opened_at < end):
            continue
        if row.outcome == "merged":
            add(row, "", "", "merged")
            continue
        mine = steps[row.id]
        changes = [each for each in mine if each.from_state != each.to_state]
        spans = []
        for index, step in enumerate(changes):
            after = changes[index + 1] if index + 1 < len(changes) else None
            spans.append((step, after, (after.at if after else now) - step.at))
        machine = ("rule", "timer")
        worked = row.outcome in ("confirmed", "verified", "recovered", "closed")
        late = bool(row.overdue or (row.closed_at is None and row.due_at and row.due_at <= now))
        add(row, "", "", "cases")
        for name, holds in (
            ("reworked", row.reopened or any(s.action in ("rework", "reopen") for s in changes)),
            ("extended", row.extensions),
            ("suspended", any(s.action == "grant-suspension" for s in changes)),
            ("refused", row.outcome == "refused"),
            ("voided", row.outcome == "void"),
            ("exempt", row.exempt),
        ):
            if holds:
                add(row, "", "", name)
        decisions = [s for s in changes if s.action in ("file", "refuse")]
        first = next((s for s in changes if s.action in ("ask-check", "file", "refuse")), None)
        if first:
            add(row, "machine" if first.role in machine else "intake", first.actor, "accepted")
        filed = any(s.action == "file" for s in changes)
        channels = {each.channel for each in said if each.case_id == row.id}
        if (
            filed
            and row.outcome != "void"
            and ("patrol" in channels or channels.intersection(PUBLIC))
        ):
            missed = () if "patrol" in channels else ("missed",)
            add(row, "inspector", "", "to_find", *missed)
        before = decisions[0].number if decisions else 1 << 40
        waited = sum(us for s, _, us in spans if s.to_state == "reported" and s.number < before)
        if decisions or (row.closed_at is None and waited > limit["file"]):
            names = ["to_decide"]
            post, actor = "shift-leader", ""
            if decisions:
                actor = decisions[0].actor
                post = "machine" if decisions[0].role in machine else post
                if waited <= limit["file"]:
                    names.append("decided_in_time")
            if filed:
                names.append("filed")
                if row.outcome != "void":
                    names.append("filed_accurately")
            add(row, post, actor, *names)
        for step, after, us in spans:
            who = after.actor if after else ""
            by_machine = after is not None and after.role in machine
            next_ = after.action if after else ""
            if step.to_state == "reported" and next_ == "ask-check":
                timely = ("check_asked_in_time",) if us <= limit["ask_check"] else ()
                add(row, "machine" if by_machine else "intake", who, "check_to_ask", *timely)
            unmoved = next_ in ("merge", "void")
            if step.to_state == "checking" and not unmoved and (after or us > limit["check"]):
                timely = ("checked_in_time",) if us <= limit["check"] else ()
                add(row, "inspector", who, "to_check", *timely)
            if step.to_state == "filed" and (
                next_ == "dispatch" or (not after and us > limit["dispatch"])
            ):
                names = ["to_dispatch"]
                if after:
                    names.append("dispatched")
                    if us <= limit["dispatch"]:
                        names.append("dispatched_in_time")
                    judges = [
                        s.action for s in mine if s.number > after.number
                        and s.action in ("dispatch", "return", "hand-over", "rework")
                    ]  # fmt: skip
                    if not judges or judges[0] == "dispatch":
                        names.append("dispatched_accurately")
                add(row, "machine" if by_machine else "dispatcher", who, *names)
            if step.to_state == "verifying" and next_ == "ask-person":
                timely = ("verification_asked_in_time",) if us <= limit["ask_verification"] else ()
                who_post = "machine" if by_machine else "intake"
                add(row, who_post, who, "verification_to_ask", *timely)
            asked = step.to_state == "reviewing" and not unmoved and not by_machine
            if asked and (after or us > limit["verify"]):
                timely = ("verified_in_time",) if us <= limit["verify"] else ()
                add(row, "inspector", who, "to_verify", *timely)
        done = row.done_at is not None or worked
        dispatched = any(s.action == "dispatch" for s in changes)
        if dispatched and (row.closed_at is None or worked) and (done or late):
            names = ["to_handle", "handled" if done else "not_handled_overdue"]
            if done and not late:
                names.append("handled_in_time")
            add(row, "department", row.department, *names)
        working = ("filed", "dispatched", "handling")
        last = max((s.number for s in changes if s.to_state in working), default=0)
        closing = sum(
            us for s, _, us in spans
            if s.to_state in ("verifying", "reviewing") and s.number > last
        )  # fmt: skip
        slow = closing > limit["close"]
        if filed and (row.closed_at is None or worked) and (worked or late or slow):
            names = ["to_close"]
            if worked:
                names.append("closed")
                if not late and not slow:
                    names.append("closed_in_time")
                closer = [s for s in changes if s.to_state == "closed"][-1]
                if closer.role in machine:
                    names.append("closed_by_machine")
                doers = [s.actor for s in changes if s.action == "done"]
                if row.outcome == "recovered" or (doers and doers[-1] == changes[0].actor):
                    names.append("self_handled")
            post = "machine" if decisions[0].role in machine else "shift-leader"
            add(row, post, decisions[0].actor, *names)
    for each in said:
        if not start <= each.received_at < end:
            continue
        row = every[each.case_id]
        filed = any(s.action == "file" for s in steps[row.id])
        names = ["reported"] + (["valid_reports"] if filed and row.outcome != "void" else [])
        keys = [("", each.area)]
        if each.channel == "patrol":
            keys.append(("inspector", each.sender))
        for key in keys:
            for name in names:
                out.setdefault(key, Counter())[name] += 1
                if not row.exempt:
                    out[key][f"{name}_counting"] += 1
    return out


@pytest.mark.parametrize("seed", range(3))
def test_sql_counts_as_plain_python_does(history: History, seed: int) -> None:
    choice = random.Random(seed)
    began = history.house.clock.now() + US
    history.later(2)
    # Photos and parents are not what is tested here.
    own = history.house.cases.prepare.pop("urban"), history.house.cases.after.pop("urban")
    try:
        with history.house.database.writing():
            for _ in range(120):
                wander(history, choice, choice.randrange(14))
                history.house.clock._forward(-choice.choice([0.0, 3_000.0, 9_000.0]))
    finally:
        history.house.cases.prepare["urban"], history.house.cases.after["urban"] = own
    history.later(100_000)
    # The house's own chores (timers, re-checks) wait while both ways count.
    with history.house.database.lock:
        compare(history, began)


def compare(history: History, began: int) -> None:
    """The SQL's rows are what the loops count."""
    end = began + 300 * 86_400 * US
    expected = naive(history, began, end)
    names = [each.name for each in COUNTS]
    by_area = {row.key: row for row in evaluate(history.house, began, end, "area")}
    assert set(by_area) == {key[1] for key in expected if not key[0]}
    for area, row in by_area.items():
        wanted = expected["", area]
        assert row.counts == {name: wanted[name] for name in names}
        for rate in RATES:
            whole = wanted[f"{rate.whole}_counting"]
            share = wanted[f"{rate.part}_counting"] / whole if whole else None
            assert row.rates[rate.name] == (None if share is None else round(share, 6))
            assert share is None or 0 <= share <= 1
    people = {row.key: row for row in evaluate(history.house, began, end, "person")}
    wanted_people = {f"{p}/{a}": n for (p, a), n in expected.items() if p and a}
    assert set(people) == set(wanted_people)
    for key, row in people.items():
        assert row.counts == {name: wanted_people[key][name] for name in names}
    posts = evaluate(history.house, began, end, "post")
    for row in posts:
        total: Counter[str] = sum(
            (n for (p, _), n in expected.items() if p == row.key), start=Counter()
        )
        assert row.counts == {name: total[name] for name in names}
        assert row.score is None or row.grade == grade(row.score)
    assert sum(row.counts["cases"] for row in by_area.values()) > 80
    assert len(GRADES) == 3


def test_the_limits_file_is_where_the_module_says(tmp_path: Path) -> None:
    other = tmp_path / "limits.toml"
    other.write_text('verified = true\nsource = "x"\n[minutes]\nfile = 5\n')
    assert stage_limits(other).minutes == {"file": 5}
