"""Work on the street: my tasks, positions, dispatch, checks, shifts."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.access.accounts import may_see
from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.access.scope import within
from xinji.api.call import Call, Problem, Routes, iso
from xinji.api.case_actions import action_items
from xinji.loop.case_row import CaseRow
from xinji.methods.geodesy import metres_between
from xinji.model.title import Title
from xinji.store.schema import cases, users
from xinji.store.work_schema import overrides, shifts, spot_checks, workers
from xinji.systems.platforms.operations.api.photos import check_photos
from xinji.systems.platforms.operations.api.reports import need_post, operations
from xinji.systems.platforms.operations.case_type import POSTS
from xinji.systems.platforms.operations.inside import cases_inside, of_area

routes = Routes()

US = 1_000_000
IN_HAND = ("dispatched", "handling", "extension-asked", "extension-endorsed",
           "suspension-asked", "suspended")  # fmt: skip


def _place(call: Call) -> tuple[float, float] | None:
    """The caller's place, from the query."""
    if not call.text("longitude"):
        return None
    try:
        longitude, latitude = float(call.text("longitude")), float(call.text("latitude"))
    except ValueError:
        raise Problem(400, "Bad parameter", field="longitude", rule="degrees") from None
    if not (abs(longitude) <= 180 and abs(latitude) <= 90):
        raise Problem(400, "Bad parameter", field="longitude", rule="degrees")
    return longitude, latitude


def work_item(call: Call, row: CaseRow, here: tuple[float, float] | None) -> dict[str, Any]:
    """A case as a person on the street needs it."""
    house, part = call.house, operations(call)
    kind = house.cases.types[row.type]
    urban = part.classes.classes.get(row.case_class)
    found = part.classes.condition(row.condition)
    distance = None
    if here is not None and row.longitude is not None and row.latitude is not None:
        distance = round(float(metres_between(*here, row.longitude, row.latitude)))
    return {
        "id": row.id,
        "number": row.id,
        "assignee": row.assignee,
        "calendar": row.calendar,
        "address": row.title.partition(" · ")[2],
        "title": Title(row.title, row.title_en),
        "case_class": row.case_class,
        "class_title": urban.title if urban else Title("", ""),
        "condition": row.condition,
        "closing": found[1].closing if found else None,
        "state": row.state,
        "state_title": kind.state(row.state).title,
        "stage": row.stage,
        "severity": row.severity,
        "longitude": row.longitude,
        "latitude": row.latitude,
        "area": row.area,
        "opened_at": iso(row.opened_at),
        "due_at": iso(row.due_at),
        "limit_seconds": row.limit_us / 1e6 if row.limit_us else None,
        "clock_seconds": house.cases.clock_reading(row, house.clock.now()) / 1e6,
        "clock_running": row.clock_at is not None,
        "overdue": row.overdue or (row.due_at is not None and row.due_at < house.clock.now()),
        "supervised": row.supervised,
        "reports": row.reports,
        "distance_m": distance,
        "source": row.source,
        "actions": action_items(call, row),
    }


@routes.get("/api/work/mine", role=Role.OPERATOR, query="longitude latitude")
def work_mine(call: Call) -> dict[str, Any]:
    """The caller's open cases, the one that is due first on top, and the order of the plan."""
    here = _place(call)
    c = cases.c
    with call.house.database.reading() as connection:
        rows = connection.execute(
            sa.select(cases)
            .where(
                c.assignee == call.person.name,
                c.type == "urban",
                c.closed_at.is_(None),
                c.state.in_(IN_HAND),
                within(c.area, call.person.area),
            )
            .order_by(c.due_at.is_(None), c.due_at)
            .limit(200)
        ).all()
    items = [work_item(call, CaseRow(*row), here) for row in rows]
    plan = operations(call).dispatching.plan
    route: list[str] = []
    if plan is not None:
        own = {item["id"] for item in items}
        for each in plan.routes:
            if each.worker == call.person.name:
                route = [stop.case for stop in each.stops if stop.case in own]
    return {"items": items, "next": None, "total": len(items), "route": route}


class Position(msgspec.Struct):
    """Body of a position."""

    longitude: float
    latitude: float
    on_duty: bool = True


@routes.put("/api/work/position", role=Role.OPERATOR, reach=Reach.OWN)
def work_position(call: Call) -> dict[str, Any]:
    """Where the caller is, and whether on duty; only the latest place is kept."""
    given = call.json(Position)
    house, person = call.house, call.person
    need_post(call, "worker", "inspector")
    if not (abs(given.longitude) <= 180 and abs(given.latitude) <= 90):
        raise Problem(422, "Bad body", field="longitude", rule="degrees")
    now = house.clock.now()
    with house.database.writing() as connection:
        known = connection.execute(
            sa.update(workers)
            .where(workers.c.person == person.name)
            .values(
                longitude=given.longitude,
                latitude=given.latitude,
                on_duty=given.on_duty,
                seen_at=now,
            )
        )
        if not known.rowcount:
            department = operations(call).classes.departments.get(person.department)
            connection.execute(
                sa.insert(workers).values(
                    person=person.name,
                    department=person.department,
                    skills=list(department.skills) if department else [],
                    longitude=given.longitude,
                    latitude=given.latitude,
                    seen_at=now,
                    on_duty=given.on_duty,
                )
            )
    return {"seen_at": iso(now), "on_duty": given.on_duty}


@routes.get("/api/work/workers", role=Role.OPERATOR)
def work_workers(call: Call) -> dict[str, Any]:
    """Who works on the street: place, skills, cases in hand."""
    items = [
        {
            "person": row.person,
            "department": row.department,
            "skills": row.skills,
            "longitude": row.longitude,
            "latitude": row.latitude,
            "seen_at": iso(row.seen_at),
            "on_duty": row.on_duty,
            "open_cases": row.open_cases,
        }
        for row in operations(call).dispatching.workers(on_duty=False, scope=call.person.area)
    ]
    return {"items": items, "next": None, "total": len(items)}


class Skills(msgspec.Struct):
    """Body of a worker's skills."""

    skills: list[str]
    department: str = ""


@routes.put("/api/work/workers/{person}", reach=Reach.AREA)
def work_skills(call: Call) -> dict[str, Any]:
    """Set a worker's skills and department (administrator)."""
    given = call.json(Skills)
    name = call.request.path_params["person"]
    part = operations(call)
    if given.department and given.department not in part.classes.departments:
        raise Problem(422, "Bad body", field="department", rule="a department of the table")
    with call.house.database.writing() as connection:
        if not may_see(call.house.identity, call.person, name):
            raise Problem(404, "No such person", name[:64])
        if not connection.execute(sa.select(users.c.name).where(users.c.name == name)).first():
            raise Problem(404, "No such person", name[:64])
        values = {"skills": given.skills[:20], "department": given.department}
        known = connection.execute(
            sa.update(workers).where(workers.c.person == name).values(values)
        )
        if not known.rowcount:
            connection.execute(sa.insert(workers).values(person=name, on_duty=False, **values))
        call.house.audit.record(call.person.name, "worker.put", name, values)
    return values


@routes.get("/api/work/plan", role=Role.OPERATOR)
def work_plan(call: Call) -> dict[str, Any]:
    """The rolling plan: who goes where in which order, and what nobody can reach in time."""
    part = operations(call).dispatching
    plan = part.plan
    if plan is None:
        return {"made_at": None, "workers": [], "unserved": [], "mean_wait_seconds": None}
    planned = [stop.case for each in plan.routes for stop in each.stops]
    planned += [each.case for each in plan.unserved]
    mine = cases_inside(call.house.database, call.person.area, planned)
    crew = {row.person for row in part.workers(on_duty=False, scope=call.person.area)}
    return {
        "made_at": iso(part.planned_at),
        "workers": [
            {
                "person": each.worker,
                "travel_m": each.travel_m,
                "route": [
                    {
                        "case": stop.case,
                        "arrive_at": iso(stop.arrive_us),
                        "late_minutes": round(stop.late_seconds / 60, 1),
                    }
                    for stop in each.stops
                    if stop.case in mine
                ],
            }
            for each in plan.routes
            if not call.person.area or each.worker in crew
        ],
        "unserved": [
            {"case": each.case, "reason": each.reason}
            for each in plan.unserved
            if each.case in mine
        ],
        "mean_wait_seconds": plan.mean_wait_s,
        "travel_m": plan.travel_m,
        "on_time": plan.on_time,
    }


@routes.post("/api/work/dispatch", role=Role.OPERATOR, reach=Reach.AREA)
def work_dispatch(call: Call) -> dict[str, Any]:
    """Dispatch what is filed now, by the machine."""
    need_post(call, "dispatcher", "shift-leader")
    part = operations(call).dispatching
    sent, left = part.turn(automatic=True, scope=call.person.area)
    return {
        "dispatched": [
            {
                "case": each.assignment.case,
                "worker": each.worker,
                "explanation": each.explanation,
            }
            for each in sent
        ],
        "left": [{"case": case, "reason": reason} for case, reason in left.items()],
    }


@routes.get("/api/work/overrides", role=Role.OPERATOR)
def work_overrides(call: Call) -> dict[str, Any]:
    """Where a person dispatched otherwise than proposed, and why; newest first."""
    with call.house.database.reading() as connection:
        rows = connection.execute(
            sa.select(overrides)
            .join(cases, cases.c.id == overrides.c.case_id)
            .where(within(cases.c.area, call.person.area))
            .order_by(overrides.c.id.desc())
            .limit(200)
        ).all()
    items = [{**row._mapping, "at": iso(row.at)} for row in rows]
    return {"items": items, "next": None, "total": len(items)}


@routes.get("/api/work/checks", role=Role.OPERATOR, query="longitude latitude")
def work_checks(call: Call) -> dict[str, Any]:
    """What a person is asked to look at: before filing, before closing, and spot checks."""
    here = _place(call)
    c, s = cases.c, spot_checks.c
    scope = within(c.area, call.person.area)
    with call.house.database.reading() as connection:
        waiting = connection.execute(
            sa.select(cases)
            .where(c.type == "urban", c.state.in_(("checking", "reviewing")), scope)
            .order_by(c.opened_at)
            .limit(200)
        ).all()
        again = connection.execute(
            sa.select(cases)
            .join(spot_checks, s.case_id == c.id)
            .where(s.answered_at.is_(None), scope)
            .order_by(s.asked_at)
            .limit(200)
        ).all()
    items = [
        work_item(call, CaseRow(*row), here) | {"check": CaseRow(*row).state} for row in waiting
    ]
    items += [work_item(call, CaseRow(*row), here) | {"check": "spot-check"} for row in again]
    if here is not None:
        items.sort(key=lambda item: item["distance_m"] if item["distance_m"] is not None else 1e9)
    return {"items": items, "next": None, "total": len(items)}


class SpotCheck(msgspec.Struct):
    """Body of a spot check."""

    still_there: bool
    note: str = ""
    photos: list[str] = []


@routes.post("/api/work/spot-checks/{case}", role=Role.OPERATOR, reach=Reach.AREA)
def work_spot_check(call: Call) -> dict[str, Any]:
    """A person says whether a case that the machine closed is really gone."""
    given = call.json(SpotCheck)
    case = call.request.path_params["case"]
    need_post(call, "inspector")
    check_photos(call, given.photos[:20], "photos")
    try:
        operations(call).rechecks.spot_checked(
            case,
            call.person.name,
            call.person.roles,
            still_there=given.still_there,
            note=given.note[:4_000],
            photos=given.photos[:20],
            scope=call.person.area,
        )
    except KeyError:
        raise Problem(404, "No spot check", f"{case} is not asked for") from None
    return {"case": case, "still_there": given.still_there}


class Shift(msgspec.Struct):
    """Body of a shift."""

    person: str
    post: str
    starts_at: dt.datetime
    ends_at: dt.datetime


@routes.get("/api/work/shifts", role=Role.OPERATOR, query="from")
def shifts_list(call: Call) -> dict[str, Any]:
    """Who holds which post when; those that have not ended, or from a time on."""
    since = call.time("from", call.house.clock.now())
    with call.house.database.reading() as connection:
        rows = connection.execute(
            sa.select(shifts)
            .where(shifts.c.ends_at > since, of_area(shifts.c.person, call.person.area))
            .order_by(shifts.c.starts_at)
            .limit(1_000)
        ).all()
    items = [
        {
            "id": row.id,
            "person": row.person,
            "post": row.post,
            "post_title": POSTS.get(row.post, Title(row.post, row.post)),
            "starts_at": iso(row.starts_at),
            "ends_at": iso(row.ends_at),
        }
        for row in rows
    ]
    return {"items": items, "next": None, "total": len(items)}


@routes.put("/api/work/shifts", reach=Reach.AREA)
def shift_put(call: Call) -> dict[str, Any]:
    """Add a shift (administrator)."""
    given = call.json(Shift)
    starts, ends = (
        int((at if at.tzinfo else at.replace(tzinfo=dt.UTC)).timestamp() * US)
        for at in (given.starts_at, given.ends_at)
    )
    if given.post not in POSTS:
        raise Problem(422, "Bad body", field="post", rule=f"one of {', '.join(POSTS)}")
    if not 0 < ends - starts <= 31 * 86_400 * US:
        raise Problem(422, "Bad body", field="ends_at", rule="after starts_at, at most 31 days")
    with call.house.database.writing() as connection:
        known = connection.execute(
            sa.select(users.c.name).where(
                users.c.name == given.person, within(users.c.area, call.person.area)
            )
        )
        if known.first() is None:
            raise Problem(422, "Bad body", field="person", rule="an account")
        made = connection.execute(
            sa.insert(shifts).values(
                person=given.person, post=given.post, starts_at=starts, ends_at=ends
            )
        )
        call.house.audit.record(
            call.person.name, "shift.put", given.person, {"post": given.post, "starts_at": starts}
        )
    return {"id": made.inserted_primary_key[0] if made.inserted_primary_key else None}


@routes.delete("/api/work/shifts/{id}", reach=Reach.AREA)
def shift_delete(call: Call) -> None:
    """Take a shift back (administrator)."""
    number = call.request.path_params["id"]
    with call.house.database.writing() as connection:
        gone = connection.execute(
            sa.delete(shifts).where(
                shifts.c.id == (int(number) if number.isdigit() else -1),
                of_area(shifts.c.person, call.person.area),
            )
        )
        if not gone.rowcount:
            raise Problem(404, "No such shift", number[:32])
        call.house.audit.record(call.person.name, "shift.delete", number)


@routes.get("/api/posts")
def posts_list(_call: Call) -> dict[str, Any]:
    """The posts of urban work."""
    return {"items": [{"name": name, "title": title} for name, title in POSTS.items()]}
