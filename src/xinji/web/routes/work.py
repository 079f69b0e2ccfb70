"""Events and cases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.access.scope import contains, within
from xinji.api.call import Call, Problem, Routes, iso
from xinji.api.case_actions import action_items
from xinji.api.listing import listing
from xinji.loop.case_row import CaseError, CaseRow
from xinji.loop.house import House
from xinji.model.title import Title
from xinji.store.schema import case_steps, cases, events

routes = Routes()

NO_TITLE = Title("", "")
LARGEST_EVIDENCE = 65_536

_CASE: sa.BindParameter[str] = sa.bindparam("case")
STEPS_OF_CASE = (
    sa.select(case_steps).where(case_steps.c.case_id == _CASE).order_by(case_steps.c.number)
)
EVENTS_SHOWN = 200
"""Events that stand on the page of a case; an incident has thousands, `/api/events?case=` all."""
_OF_CASE = events.c.case_id == _CASE
EVENTS_OF_CASE = (
    sa.select(events)
    .where(_OF_CASE)
    .order_by(events.c.ended_at.is_not(None), events.c.started_at, events.c.id)
    .limit(EVENTS_SHOWN)
)
EVENTS_COUNTED = sa.select(
    sa.func.count().label("total"),
    sa.func.count().filter(events.c.ended_at.is_(None)).label("open"),
).where(_OF_CASE)


def event_items(house: House, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows of `events` as API items."""
    titles = house.rule_titles()
    names = house.registry.things
    return [
        {
            "id": row.id,
            "rule": row.rule,
            "title": titles.get(row.rule, Title(row.rule, row.rule)),
            "thing": row.thing,
            "thing_name": names[row.thing].name if row.thing in names else "",
            "area": row.area,
            "started_at": iso(row.started_at),
            "detected_at": iso(row.detected_at),
            "ended_at": iso(row.ended_at),
            "severity": row.severity,
            "value": row.value,
            "extreme": row.extreme,
            "limit": row.limit,
            "source": row.source,
            "case": row.case_id,
        }
        for row in rows
    ]


def case_items(house: House, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows of `cases` as API items."""
    now = house.clock.now()
    items = []
    for found in rows:
        row = found if isinstance(found, CaseRow) else CaseRow(*found)
        kind, known = house.cases.types.get(row.type), house.cases.classes.get(row.case_class)
        place = house.registry.things.get(row.thing)
        items.append(
            {
                "id": row.id,
                "number": row.id,
                "type": row.type,
                "case_class": row.case_class,
                "class_title": known.title if known else NO_TITLE,
                "state": row.state,
                "state_title": kind.state(row.state).title if kind else NO_TITLE,
                "stage": row.stage,
                "title": Title(row.title, row.title_en),
                "thing": row.thing,
                "thing_name": place.name if place else "",
                "longitude": place.longitude if place else row.longitude,
                "latitude": place.latitude if place else row.latitude,
                "area": row.area,
                "severity": row.severity,
                "opened_at": iso(row.opened_at),
                "due_at": iso(row.due_at),
                "closed_at": iso(row.closed_at),
                "outcome": row.outcome,
                "assignee": row.assignee,
                "department": row.department,
                "overdue": row.overdue or (row.due_at is not None and row.due_at < now),
                "clock_seconds": house.cases.clock_reading(row, now) / 1e6,
                "clock_running": row.clock_at is not None,
                "limit_seconds": row.limit_us / 1e6 if row.limit_us else None,
                "indicator": row.indicator,
                "source": row.source,
                "condition": row.condition,
                "calendar": row.calendar,
                "level": row.level,
                "parent": row.parent,
                "exempt": row.exempt,
                "supervised": row.supervised,
                "reopened": row.reopened,
                "channel": row.channel,
                "reports": row.reports,
            }
        )
    return items


@routes.get("/api/events", query="thing rule case area open from to limit cursor format language")
def events_list(call: Call) -> Any:
    """Events, newest first."""
    e = events.c
    query = sa.select(events).where(within(e.area, call.person.area))
    for name, column in (("thing", e.thing), ("rule", e.rule), ("case", e.case_id)):
        if value := call.text(name):
            query = query.where(column == value)
    if area := call.text("area"):
        query = query.where(within(e.area, area))
    is_open = call.flag("open")
    if is_open is not None:
        query = query.where(e.ended_at.is_(None) if is_open else e.ended_at.is_not(None))
    query = query.where(
        e.started_at >= call.time("from", 0), e.started_at < call.time("to", 1 << 62)
    )
    return listing(
        call,
        query,
        [e.started_at, e.id],
        lambda rows: event_items(call.house, rows),
        descending=True,
        name="events",
    )


@routes.get(
    "/api/cases",
    query="state stage class type area thing open overdue q indicator limit cursor format language",
)
def cases_list(call: Call) -> Any:
    """Cases, newest first."""
    c = cases.c
    query = sa.select(cases).where(within(c.area, call.person.area))
    for name, column in (
        ("state", c.state),
        ("stage", c.stage),
        ("class", c.case_class),
        ("type", c.type),
        ("thing", c.thing),
        ("indicator", c.indicator),
    ):
        values = [value for value in call.text(name).split(",") if value]
        if values:
            query = query.where(column.in_(values))
    if area := call.text("area"):
        query = query.where(within(c.area, area))
    is_open, overdue = call.flag("open"), call.flag("overdue")
    if is_open is not None:
        query = query.where(c.closed_at.is_(None) if is_open else c.closed_at.is_not(None))
    if overdue is not None:
        late = sa.or_(c.overdue, c.due_at < call.house.clock.now())
        query = query.where(late if overdue else sa.not_(sa.func.coalesce(late, sa.false())))
    if words := call.text("q"):
        like = f"%{words.replace('%', '').replace('_', '')}%"
        query = query.where(sa.or_(c.title.like(like), c.title_en.like(like), c.id.like(like)))
    return listing(
        call,
        query,
        [c.opened_at, c.id],
        lambda rows: case_items(call.house, rows),
        descending=True,
        name="cases",
    )


def _case(call: Call) -> CaseRow:
    row = call.house.cases.row(call.request.path_params["id"])
    if row is None or not contains(call.person.area, row.area):
        raise Problem(404, "No such case", call.request.path_params["id"])
    return row


@routes.get("/api/cases/{id}")
def case_one(call: Call) -> dict[str, Any]:
    """A case with its steps, its events, and what the caller may do now."""
    return _full(call, _case(call))


def _full(call: Call, row: CaseRow) -> dict[str, Any]:
    house = call.house
    kind = house.cases.types[row.type]
    actions = {action.name: action.title for action in kind.actions}
    actions["open"] = kind.state(kind.initial).title
    steps = house.database.rows(STEPS_OF_CASE, case=row.id)
    found = house.database.rows(EVENTS_OF_CASE, case=row.id)
    [counted] = house.database.rows(EVENTS_COUNTED, case=row.id)
    return case_items(house, [row])[0] | {
        "steps": [
            {
                "number": step.number,
                "at": iso(step.at),
                "action": step.action,
                "action_title": actions.get(step.action, NO_TITLE),
                "from_state": step.from_state,
                "to_state": step.to_state,
                "to_title": kind.state(step.to_state).title,
                "actor": step.actor,
                "role": step.role,
                "note": step.note,
                "evidence": msgspec.json.decode(step.evidence),
                "hash": step.hash,
            }
            for step in steps
        ],
        "events": event_items(house, found),
        "event_counts": {"total": counted.total, "open": counted.open},
        "actions": action_items(call, row),
        "details": {
            package: details
            for package, service in house.services.items()
            if (details := service.case_details(row))
        },
    }


class ActionBody(msgspec.Struct):
    """Body of an action."""

    action: str
    note: str = ""
    assignee: str | None = None
    evidence: dict[str, Any] | None = None
    set: dict[str, Any] | None = None
    client_id: str = ""


@routes.post("/api/cases/{id}/actions", role=Role.OPERATOR, query="brief", reach=Reach.AREA)
def case_act(call: Call) -> dict[str, Any]:
    """Do an action on a case; answered when the step is stored.

    With `brief=true` the answer is the case as in a list, for programs that do not show it.
    """
    brief = call.flag("brief")
    given = call.json(ActionBody)
    for name, value, longest in (
        ("note", given.note, 4_000),
        ("assignee", given.assignee, 128),
        ("client_id", given.client_id, 64),
    ):
        if value and len(value) > longest:
            raise Problem(422, "Bad body", field=name, rule=f"at most {longest} characters")
    for name, facts in (("evidence", given.evidence), ("set", given.set)):
        if facts and len(msgspec.json.encode(facts)) > LARGEST_EVIDENCE:
            raise Problem(422, "Bad body", field=name, rule=f"at most {LARGEST_EVIDENCE:,} bytes")
    try:
        row = call.house.database.together(
            lambda: call.house.cases.act(
                call.request.path_params["id"],
                given.action,
                actor=call.person.name,
                role=call.person.roles,
                note=given.note,
                assignee=given.assignee,
                evidence=given.evidence,
                fields=given.set,
                scope=call.person.area,
                client_id=given.client_id,
            )
        )
    except CaseError as error:
        raise Problem(error.status, "Not done", str(error), field=error.field) from error
    return case_items(call.house, [row])[0] if brief else _full(call, row)
