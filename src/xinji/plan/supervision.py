"""督办: a target that falls behind becomes a case, and the case closes when it is back on path."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

import sqlalchemy as sa

from xinji.loop.house import House
from xinji.loop.rules import Found
from xinji.model.cases import Action, CaseClass, CaseType, Clock, State, Timer
from xinji.model.indicators import Plan, Status
from xinji.model.observations import Source
from xinji.model.rules import Rule, Severity, Threshold
from xinji.model.title import Title
from xinji.plan.board import Line, line_as_of
from xinji.store.schema import events

_PEOPLE = ("operator", "administrator")
_WORK = ("filed", "led", "working")
_DAY = 86_400.0

SUPERVISION = CaseType(
    name="supervision",
    title=Title("督办事项", "Supervision item"),
    initial="filed",
    states=(
        State(name="filed", title=Title("已立项", "Filed"), stage="立案"),
        State(name="led", title=Title("已交办", "Lead appointed"), stage="派遣"),
        State(name="working", title=Title("推进中", "Under way"), stage="处置"),
        State(
            name="review", title=Title("待核查", "Under review"), stage="核查", clock=Clock.PAUSE
        ),
        State(
            name="closed",
            title=Title("已办结", "Closed"),
            stage="结案",
            clock=Clock.STOP,
            final=True,
        ),
    ),
    actions=(
        Action(
            name="appoint",
            title=Title("交办", "Appoint a lead"),
            source=("filed", "led"),
            target="led",
            roles=_PEOPLE,
            requires=("assignee",),
        ),
        Action(
            name="start",
            title=Title("开始推进", "Start"),
            source=("led",),
            target="working",
            roles=_PEOPLE,
        ),
        Action(
            name="report",
            title=Title("报告进展", "Report progress"),
            source=("led", "working"),
            roles=_PEOPLE,
            requires=("note",),
        ),
        Action(
            name="remind",
            title=Title("催办", "Remind"),
            source=_WORK,
            roles=("administrator",),
            requires=("note",),
        ),
        Action(
            name="done",
            title=Title("提请核查", "Submit for review"),
            source=("led", "working"),
            target="review",
            roles=_PEOPLE,
            requires=("note",),
        ),
        Action(
            name="rework",
            title=Title("退回推进", "Send back"),
            source=("review",),
            target="working",
            roles=_PEOPLE,
            requires=("note",),
        ),
        Action(
            name="verify",
            title=Title("复核通过", "Back on path"),
            source=("review", *_WORK),
            target="closed",
            roles=("rule",),
            guard="signal-good",
            outcome="back on path",
        ),
        Action(
            name="escalate", title=Title("超时升级", "Escalate"), source=_WORK, roles=("timer",)
        ),
    ),
    timers=(Timer(name="limit", states=_WORK, action="escalate", starts="limit"),),
    limit_seconds=30 * _DAY,
)

TARGET_BEHIND = CaseClass(
    name="target-behind",
    title=Title("规划指标滞后", "Plan target behind"),
    type="supervision",
    department="区发展改革委",
)

RULE_PREFIX = "plan."


def rule_title(indicator: Title) -> Title:
    """Title of the rule that watches an indicator."""
    return Title(f"指标滞后：{indicator.zh}", f"Behind: {indicator.en}")


def lines_today(house: House, plan: Plan, day: dt.date | None = None) -> list[Line]:
    """Every target's line at the end of a day; on any thread."""
    day = day or house.clock.day()
    return [line_as_of(house.figures, target, day) for target in plan.targets]


def supervise(house: House, plan: Plan, lines: list[Line] | None = None) -> list[Line]:
    """Open or end the event of every target; returns those that are behind.

    Runs on the keeper thread; `lines` defaults to `lines_today`. A target without data opens
    nothing and ends nothing.
    """
    if lines is None:
        lines = lines_today(house, plan)
    with house.database.reading() as connection:
        open_events = {
            row.rule: row
            for row in connection.execute(
                sa.select(events).where(
                    events.c.rule.startswith(RULE_PREFIX), events.c.ended_at.is_(None)
                )
            )
        }
    now = house.clock.now()
    over = [
        (open_events[RULE_PREFIX + line.id].id, "", now, line.value)
        for line in lines
        if RULE_PREFIX + line.id in open_events and line.status in (Status.ON_PATH, Status.AHEAD)
    ]
    house.writer.write(_behind(house, plan, lines, set(open_events)), ended=over)
    return [line for line in lines if line.status is Status.BEHIND]


def _behind(house: House, plan: Plan, lines: Iterable[Line], already: set[str]) -> Iterable[Found]:
    now = house.clock.now()
    for line in lines:
        if line.status is not Status.BEHIND or RULE_PREFIX + line.id in already:
            continue
        assert line.value is not None
        assert line.required_today is not None
        rule = Rule(
            id=RULE_PREFIX + line.id,
            title=rule_title(line.title),
            kind="",
            property="",
            condition=Threshold(op="<", limit=line.required_today),
            severity=Severity.MAJOR,
            case_class=TARGET_BEHIND.name,
            system="plan",
        )
        yield Found(
            rule=rule,
            opens=True,
            thing="",
            area=plan.district,
            source=int(Source.of(line.source or "measured")),
            onset=now,
            at=now,
            detected=now,
            value=line.value,
            extreme=line.value,
            bound=line.required_today,
            indicator=line.id,
        )
