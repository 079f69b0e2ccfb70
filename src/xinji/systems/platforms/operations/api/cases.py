"""The history of a case, for an outsider to verify."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from xinji.access.audit import CHAINS
from xinji.access.chain import digest
from xinji.access.scope import contains
from xinji.api.call import Call, Problem, Routes, iso
from xinji.store.schema import case_steps, checkpoints

routes = Routes()

LONGEST_BRIDGE = 200_000


@routes.get("/api/cases/{id}/history", query="anchor")
def case_history(call: Call) -> dict[str, Any]:
    """The steps of a case as links of the hash chain; docs/verify-history.md says how to check.

    With `anchor=true`, the digests of all steps from the case's first to the next checkpoint: they
    tie the case to a line of `checkpoints.jsonl` without showing anybody else's case.
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
        if call.flag("anchor"):
            answer["anchor"] = _anchor(connection, own[0].id, own[-1].id)
    return answer


def _anchor(connection: sa.Connection, first: int, last: int) -> dict[str, Any] | None:
    """Digests of the steps `first` to the first checkpoint at or after `last`."""
    mark = connection.execute(
        sa.select(checkpoints)
        .where(checkpoints.c.chain == "steps", checkpoints.c.last_id >= last)
        .order_by(checkpoints.c.last_id)
        .limit(1)
    ).first()
    if mark is None or mark.last_id - first > LONGEST_BRIDGE:
        return None
    names = CHAINS["steps"][1]
    rows = connection.execute(
        sa.select(*(case_steps.c[name] for name in names))
        .where(case_steps.c.id.between(first, mark.last_id))
        .order_by(case_steps.c.id)
    )
    return {
        "first_id": first,
        "digests": [digest(row) for row in rows],
        "checkpoint": {"chain": "steps", "last_id": mark.last_id, "hash": mark.hash},
    }
