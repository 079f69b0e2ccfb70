"""Looks of the machine: asked, and answered by the hub."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.access.scope import within
from xinji.api.call import Call, Problem, Routes, iso
from xinji.api.listing import listing
from xinji.store.schema import cases
from xinji.store.work_schema import looks
from xinji.systems.platforms.operations.api.photos import check_photos
from xinji.systems.platforms.operations.api.reports import need_post, operations

routes = Routes()

VERDICTS = ("present", "absent", "blind")


class Seen(msgspec.Struct):
    """Body of an answer to a look."""

    verdict: str
    score: float | None = None
    photo: str | None = None
    model: str = ""


@routes.get("/api/looks", role=Role.OPERATOR, query="state limit cursor")
def looks_list(call: Call) -> Any:
    """Looks that are due (`state=asked`), or all."""
    query = (
        sa.select(looks)
        .join(cases, cases.c.id == looks.c.case_id)
        .where(within(cases.c.area, call.person.area))
    )
    state = call.text("state")
    if state not in ("", "asked", "answered"):
        raise Problem(400, "Bad parameter", field="state", rule="asked or answered")
    if state == "asked":
        query = query.where(looks.c.answered_at.is_(None), looks.c.due_at <= call.house.clock.now())
    elif state == "answered":
        query = query.where(looks.c.answered_at.is_not(None))
    return listing(call, query, [looks.c.id], _items, name="looks")


def _items(rows: Any) -> list[dict[str, Any]]:
    return [
        {
            "id": row.id,
            "case": row.case_id,
            "round": row.round,
            "thing": row.thing,
            "problem": row.problem,
            "box": row.box,
            "asked_at": iso(row.asked_at),
            "due_at": iso(row.due_at),
            "answered_at": iso(row.answered_at),
            "verdict": row.verdict,
            "score": row.score,
            "photo": row.photo,
        }
        for row in rows
    ]


@routes.post("/api/looks/{id}", role=Role.OPERATOR, reach=Reach.AREA)
def look_answer(call: Call) -> dict[str, Any]:
    """What a camera saw; answered with what follows."""
    given = call.json(Seen)
    need_post(call, "camera")
    number = call.request.path_params["id"]
    if given.verdict not in VERDICTS:
        raise Problem(422, "Bad look", field="verdict", rule=f"one of {', '.join(VERDICTS)}")
    if given.photo and call.house.photos.find(given.photo) is None:
        raise Problem(422, "Bad look", field="photo", rule="a stored photo; send it first")
    if not number.isdigit():
        raise Problem(404, "No such look", number[:32])
    check_photos(call, [given.photo] if given.photo else [], "photo")
    try:
        verdict, case = operations(call).rechecks.answer(
            int(number),
            verdict=given.verdict,
            score=given.score,
            photo=given.photo,
            model=given.model[:64],
            scope=call.person.area,
        )
    except KeyError:
        raise Problem(404, "No such look", number) from None
    return {
        "case": case,
        "decision": verdict.action if verdict else None,
        "posterior": verdict.posterior if verdict else None,
    }
