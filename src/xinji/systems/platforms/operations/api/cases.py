"""The history of a case, for an outsider to verify."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from xinji.access.audit import CHAINS, step_digest
from xinji.access.scope import contains
from xinji.api.call import Call, Problem, Routes, iso
from xinji.store.schema import case_steps, checkpoints

routes = Routes()

LONGEST_BRIDGE = 200_000


@routes.get("/api/cases/{id}/history", query="anchor")
def case_history(call: Call) -> dict[str, Any]:
    """The steps of a case as links of the hash chain; docs/verify-history.md says how to check.

    With `anchor=true`, tags and digests of all steps from the case's first to the newest
    checkpoint, or with a number to the checkpoint at that record: they tie the case to a line of
    `checkpoints.jsonl`, and show that no step of it was left out, without showing anybody else's.
    """
    house = call.house
    row = house.cases.row(call.request.path_params["id"])
    if row is None or not contains(call.person.area, row.area):
        raise Problem(404, "No such case", call.request.path_params["id"])
    names = CHAINS["steps"][1]
    s = case_steps.c
    with house.database.reading() as connection:
        own = connection.execute(
            sa.select(*(s[name] for name in names), s.hash)
            .where(s.case_id == row.id)
            .order_by(s.number)
        ).all()
        before = {
            row.id: row.hash
            for row in connection.execute(
                sa.select(s.id, s.hash).where(s.id.in_([step.id - 1 for step in own]))
            )
        }
        answer: dict[str, Any] = {
            "case": row.id,
            "state": row.state,
            "steps_stored": row.steps,
            "columns": list(names),
            "steps": [
                {
                    "record": list(step)[:-1],
                    "at": iso(step.at),
                    "previous": before.get(step.id - 1, "0" * 64),
                    "hash": step.hash,
                }
                for step in own
            ],
        }
        wanted = call.text("anchor", "false")
        if wanted != "false":
            at = 0 if wanted == "true" else call.number("anchor", 0, 1, 1 << 53)
            answer["anchor"] = _anchor(connection, own[0].id, own[-1].id, at)
    return answer


def _anchor(connection: sa.Connection, first: int, last: int, wanted: int) -> dict[str, Any] | None:
    """Tags and digests of the steps `first` to a checkpoint at or after `last`.

    `wanted` is the checkpoint's record; 0 is the newest within reach, so that nothing after the
    last step shown can be kept back.
    """
    c = checkpoints.c
    reach = sa.and_(c.chain == "steps", c.last_id.between(last, first + LONGEST_BRIDGE))
    mark = connection.execute(
        sa.select(checkpoints)
        .where(reach, c.last_id == wanted if wanted else sa.true())
        .order_by(c.last_id.desc())
        .limit(1)
    ).first()
    if mark is None:
        return None
    names = CHAINS["steps"][1]
    rows = connection.execute(
        sa.select(*(case_steps.c[name] for name in names))
        .where(case_steps.c.id.between(first, mark.last_id))
        .order_by(case_steps.c.id)
    ).all()
    return {
        "first_id": first,
        "tags": [row.tag for row in rows],
        "digests": [step_digest(row) for row in rows],
        "checkpoint": {
            "chain": "steps",
            "last_id": mark.last_id,
            "hash": mark.hash,
            "at": mark.at,
        },
    }
