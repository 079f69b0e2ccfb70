"""Reports in, reports out, duplicate questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.access.scope import contains, within
from xinji.api.call import Call, Problem, Routes, iso, json_response
from xinji.api.listing import listing
from xinji.methods.geodesy import METRES_PER_DEGREE, metres_between
from xinji.model.title import Title
from xinji.store.schema import cases
from xinji.store.work_schema import questions, reports
from xinji.systems.platforms.operations.api.photos import check_photos
from xinji.systems.platforms.operations.duplicates import Sighting
from xinji.systems.platforms.operations.intake import plain_code
from xinji.systems.platforms.operations.items import report_items
from xinji.systems.platforms.operations.new_report import CHANNELS, NewReport, ReportError
from xinji.systems.platforms.operations.service import Operations

routes = Routes()

NEAR_M = 200.0
MOST_PHOTOS = 20


def operations(call: Call) -> Operations:
    """The service of this system."""
    return call.house.service(Operations)


def need_post(call: Call, *posts: str) -> None:
    """Raises Problem 403 unless the caller holds one of the posts (or `any`, or administers)."""
    if not {*posts, "any", "administrator"}.intersection(call.person.roles):
        raise Problem(403, "Not allowed", f"needs the post {' or '.join(posts)}")


def source_of(call: Call) -> str:
    """Reports of accounts that only simulate say so."""
    return "simulated" if "simulated" in call.person.posts else "measured"


@routes.post("/api/reports", role=Role.OPERATOR, reach=Reach.AREA)
def report_add(call: Call) -> Any:
    """Report a problem; answered when the report and its case are stored."""
    given = call.json(NewReport)
    check_photos(call, given.photos[:MOST_PHOTOS], "photos")
    try:
        filed = operations(call).intake.receive(
            given, call.person.name, source_of(call), scope=call.person.area
        )
    except ReportError as error:
        raise Problem(422, "Bad report", field=error.field, rule=error.rule) from error
    response = json_response(filed, call.request)
    response.status_code = 200 if filed.repeated else 201
    return response


@routes.get(
    "/api/reports",
    query="q channel case area disposition class from to limit cursor format language",
)
def reports_list(call: Call) -> Any:
    """Reports, newest first."""
    r = reports.c
    query = sa.select(reports).where(within(r.area, call.person.area))
    for name, column in (
        ("channel", r.channel),
        ("case", r.case_id),
        ("disposition", r.disposition),
        ("class", r.case_class),
    ):
        values = [value for value in call.text(name).split(",") if value]
        if values:
            query = query.where(column.in_(values))
    if area := call.text("area"):
        query = query.where(within(r.area, area))
    if words := call.text("q"):
        like = f"%{words.replace('%', '').replace('_', '')}%"
        query = query.where(sa.or_(r.text.like(like), r.address.like(like), r.id.like(like)))
    query = query.where(
        r.received_at >= call.time("from", 0), r.received_at < call.time("to", 1 << 62)
    )
    return listing(
        call,
        query,
        [r.received_at, r.id],
        lambda rows: report_items(operations(call).classes, rows),
        descending=True,
        name="reports",
    )


@routes.get("/api/reports/near", query="longitude latitude class case_class channel")
def reports_near(call: Call) -> dict[str, Any]:
    """Open cases near a place: what a new report there may be the same as."""
    house = call.house
    try:
        longitude, latitude = float(call.text("longitude")), float(call.text("latitude"))
    except ValueError:
        raise Problem(400, "Bad parameter", field="longitude", rule="degrees") from None
    if not (abs(longitude) <= 180 and abs(latitude) <= 90):
        raise Problem(400, "Bad parameter", field="longitude", rule="degrees")
    step = 2 * NEAR_M / METRES_PER_DEGREE
    c = cases.c
    with house.database.reading() as connection:
        rows = connection.execute(
            sa.select(cases).where(
                c.type == "urban",
                c.closed_at.is_(None),
                c.longitude.between(longitude - step, longitude + step),
                c.latitude.between(latitude - step, latitude + step),
                within(c.area, call.person.area),
            )
        ).all()
    odds: dict[str, float] = {}
    wanted = call.text("class") or call.text("case_class")
    part = operations(call)
    if wanted in part.classes.classes:
        channel = call.text("channel", "patrol")
        sighting = Sighting(
            report="",
            channel=channel if channel in CHANNELS else "patrol",
            class_code=plain_code(wanted),
            longitude=longitude,
            latitude=latitude,
            time_us=house.clock.now(),
        )
        with house.database.lock:
            odds = {each.case: each.log_odds for each in part.intake.index.candidates(sighting)}
    items = []
    for row in rows:
        distance = float(metres_between(longitude, latitude, row.longitude, row.latitude))
        if distance > NEAR_M:
            continue
        known = house.cases.classes.get(row.case_class)
        items.append(
            {
                "case": row.id,
                "title": Title(row.title, row.title_en),
                "case_class": row.case_class,
                "class_title": known.title if known else Title("", ""),
                "state": row.state,
                "state_title": house.cases.types[row.type].state(row.state).title,
                "longitude": row.longitude,
                "latitude": row.latitude,
                "distance_m": round(distance, 1),
                "opened_at": iso(row.opened_at),
                "reports": row.reports,
                "log_odds": odds.get(row.id),
            }
        )
    items.sort(key=lambda item: item["distance_m"])
    return {"items": items[:50], "next": None, "total": len(items)}


@routes.get("/api/reports/{id}")
def report_one(call: Call) -> dict[str, Any]:
    """A report."""
    with call.house.database.reading() as connection:
        row = connection.execute(
            sa.select(reports).where(reports.c.id == call.request.path_params["id"])
        ).first()
    if row is None or not contains(call.person.area, row.area):
        raise Problem(404, "No such report", call.request.path_params["id"])
    item = report_items(operations(call).classes, [row])[0]
    if {"intake", "shift-leader", "any"}.intersection(call.person.roles) and row.contact:
        item["contact"] = row.contact
    return item


class Text(msgspec.Struct):
    """Body of a reading."""

    text: str


@routes.post("/api/reports/read", role=Role.OPERATOR, reach=Reach.AREA)
def report_read(call: Call) -> dict[str, Any]:
    """What the machine reads in a text: classes, place, urgency, each with its confidence.

    No class is named when the machine does not know.
    """
    given = call.json(Text)
    if len(given.text) > 2_000:
        raise Problem(422, "Bad body", field="text", rule="at most 2,000 characters")
    part = operations(call)
    if part.intake.read is None or not given.text.strip():
        return {"classes": [], "place": None, "urgency": "normal", "urgency_confidence": 0.0}
    reading = part.intake.read(given.text)
    return {
        "classes": [
            {
                "case_class": code,
                "title": part.classes.classes[code].title,
                "confidence": round(sure, 4),
            }
            for code, sure in (reading.classes[:5] if reading.known else ())
            if code in part.classes.classes
        ],
        "place": reading.place,
        "urgency": reading.urgency,
        "urgency_confidence": reading.urgency_confidence,
    }


@routes.get("/api/questions", role=Role.OPERATOR, query="limit cursor")
def questions_list(call: Call) -> Any:
    """Reports that may be about an open case, oldest first: a person decides."""
    q = questions.c
    query = (
        sa.select(questions)
        .join(reports, reports.c.id == q.report)
        .join(cases, cases.c.id == q.case_id)
        .where(
            q.answered_at.is_(None),
            within(reports.c.area, call.person.area),
            within(cases.c.area, call.person.area),
        )
    )
    return listing(call, query, [q.id], lambda rows: _question_items(call, rows), name="questions")


def _question_items(call: Call, rows: Sequence[Any]) -> list[dict[str, Any]]:
    house, table = call.house, operations(call).classes
    with house.database.reading() as connection:
        found = connection.execute(
            sa.select(reports).where(reports.c.id.in_([row.report for row in rows]))
        ).all()
        beside = connection.execute(
            sa.select(reports).where(reports.c.case_id.in_([row.case_id for row in rows]))
        ).all()
        known = connection.execute(
            sa.select(cases).where(cases.c.id.in_([row.case_id for row in rows]))
        ).all()
    by_id = {item["id"]: item for item in report_items(table, found)}
    of_case: dict[str, list[dict[str, Any]]] = {}
    for item in report_items(table, beside):
        of_case.setdefault(item["case"], []).append(item)
    case_of = {
        row.id: {
            "id": row.id,
            "title": Title(row.title, row.title_en),
            "case_class": row.case_class,
            "state": row.state,
            "stage": row.stage,
            "opened_at": iso(row.opened_at),
            "longitude": row.longitude,
            "latitude": row.latitude,
            "reports": of_case.get(row.id, []),
        }
        for row in known
    }
    return [
        {
            "id": row.id,
            "report": by_id[row.report],
            "case": case_of.get(row.case_id),
            "score": row.score,
            "reasons": row.reasons,
            "asked_at": iso(row.asked_at),
        }
        for row in rows
    ]


class Answer(msgspec.Struct):
    """Body of an answer."""

    same: bool


@routes.post("/api/questions/{id}", role=Role.OPERATOR, reach=Reach.AREA)
def question_answer(call: Call) -> dict[str, Any]:
    """Join the report to the case, or keep them apart."""
    given = call.json(Answer)
    need_post(call, "intake", "shift-leader")
    number = call.request.path_params["id"]
    if not number.isdigit():
        raise Problem(404, "No such question", number[:32])
    return operations(call).answer_question(call.person, int(number), same=given.same)
