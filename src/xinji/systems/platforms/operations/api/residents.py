"""What a resident may do without an account: report, follow, rate. Rates are capped by address."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from starlette.responses import Response

from xinji.access.allowance import Allowance
from xinji.api.call import Call, Problem, Routes, iso, json_response
from xinji.model.title import Title
from xinji.store.schema import case_steps
from xinji.store.work_schema import photos, reports
from xinji.systems.platforms.operations.api.photos import photo_item, photo_response, put_photo
from xinji.systems.platforms.operations.api.reports import operations
from xinji.systems.platforms.operations.new_report import NewReport, ReportError

routes = Routes()

REPORTS_AN_HOUR = 10
PHOTOS_AN_HOUR = 30
FOLLOWS_AN_HOUR = 600
SHOWN = ("open", "file", "dispatch", "accept", "done", "verify", "verify-signal", "confirm",
         "rework", "reopen", "refuse", "void", "merge")  # fmt: skip
"""Steps that the sender of a report sees; notes and names stay inside."""


_reports, _photos = Allowance(REPORTS_AN_HOUR), Allowance(PHOTOS_AN_HOUR)
_follows = Allowance(FOLLOWS_AN_HOUR)


@routes.get("/api/public/classes", role=None)
def public_classes(call: Call) -> dict[str, Any]:
    """What a resident may report."""
    items = [
        {"code": known.code, "title": known.title, "big": known.big}
        for known in operations(call).classes.classes.values()
        if known.enabled and known.conditions
    ]
    return {"items": items, "next": None, "total": len(items)}


@routes.post("/api/public/photos", role=None, query="taken_at longitude latitude", body="image")
def public_photo(call: Call) -> dict[str, Any]:
    """Store a resident's picture."""
    call.allow(_photos)
    return photo_item(put_photo(call, "resident"))


@routes.post("/api/public/reports", role=None)
def public_report(call: Call) -> Any:
    """A resident's report; the answer holds the code to follow it by."""
    given = call.json(NewReport)
    part = operations(call)
    sender = f"resident:{given.client_id}"
    known = part.intake.answer(sender, given.client_id)
    if known is None:
        call.allow(_reports)
        given.channel, given.thing, given.condition = "resident", "", ""
        given.evidence, given.external_id, given.confidence = {}, "", None
        given.place_error_m = None
        try:
            known = part.intake.receive(given, sender)
        except ReportError as error:
            raise Problem(422, "Bad report", field=error.field, rule=error.rule) from error
    response = json_response(
        {
            "report": known.report,
            "follow_code": known.follow_code,
            "class_title": known.class_title,
            "disposition": known.disposition,
        },
        call.request,
    )
    response.status_code = 200 if known.repeated else 201
    return response


def _report(call: Call) -> Any:
    call.allow(_follows)
    code = call.request.path_params["code"].upper()[:16]
    with call.house.database.reading() as connection:
        row = connection.execute(sa.select(reports).where(reports.c.follow_code == code)).first()
    if row is None:
        raise Problem(404, "No such report", "check the code")
    return row


@routes.get("/api/public/reports/{code}", role=None)
def public_follow(call: Call) -> dict[str, Any]:
    """How far a report has come: its stages, and pictures after the work."""
    row = _report(call)
    house, part = call.house, operations(call)
    case = house.cases.row(row.case_id)
    if case is None:
        raise Problem(404, "No such report", "check the code")
    kind = house.cases.types[case.type]
    titles = {action.name: action.title for action in kind.actions}
    titles["open"] = Title("已受理", "Received")
    with house.database.reading() as connection:
        steps = connection.execute(
            sa.select(case_steps.c.at, case_steps.c.action, case_steps.c.evidence)
            .where(case_steps.c.case_id == case.id)
            .order_by(case_steps.c.number)
        ).all()
        after = [
            photo
            for step in steps
            if step.action == "done"
            for photo in msgspec.json.decode(step.evidence).get("after") or ()
        ]
        # A picture that was not screened for faces and plates is not for the public.
        shown = (
            connection.execute(
                sa.select(photos.c.id).where(photos.c.id.in_(after), photos.c.screened)
            )
            .scalars()
            .all()
        )
    known = part.classes.classes.get(row.case_class)
    return {
        "report": row.id,
        "case_class_title": known.title if known else Title("", ""),
        "address": row.address,
        "text": row.text,
        "stage": case.stage,
        "state_title": kind.state(case.state).title,
        "received_at": iso(row.received_at),
        "due_at": iso(case.due_at),
        "closed_at": iso(case.closed_at),
        "outcome": case.outcome,
        "steps": [
            {"at": iso(step.at), "title": titles.get(step.action, Title("", ""))}
            for step in steps
            if step.action in SHOWN
        ],
        "rating": row.rating,
        "photos_after": list(shown),
    }


@routes.get("/api/public/reports/{code}/photos/{id}", role=None, query="width")
def public_after(call: Call) -> Response:
    """A picture after the work, to whom has the code."""
    key = call.request.path_params["id"]
    if key not in public_follow(call)["photos_after"]:
        raise Problem(404, "No such photo", key[:64])
    return photo_response(call, key)


class Rating(msgspec.Struct):
    """Body of a rating."""

    stars: int
    note: str = ""


@routes.post("/api/public/reports/{code}/rating", role=None)
def public_rating(call: Call) -> dict[str, Any]:
    """Rate the work on a closed report, once."""
    given = call.json(Rating)
    if not 1 <= given.stars <= 5:
        raise Problem(422, "Bad body", field="stars", rule="1 to 5")
    row = _report(call)
    house = call.house
    case = house.cases.row(row.case_id)
    if case is None or case.closed_at is None:
        raise Problem(409, "Not done", "a report is rated when its case is closed")
    with house.database.writing() as connection:
        done = connection.execute(
            sa.update(reports)
            .where(reports.c.id == row.id, reports.c.rating.is_(None))
            .values(
                rating=given.stars,
                rating_note=given.note[:500],
                revision=house.database.changed("reports", row.id),
            )
        )
        if done.rowcount:
            rated = connection.execute(sa.select(reports).where(reports.c.id == row.id)).one()
            house.audit.bind_report("resident", "report.rate", rated._mapping)
    if not done.rowcount:
        raise Problem(409, "Not done", "rated already")
    return {"report": row.id, "rating": given.stars}
