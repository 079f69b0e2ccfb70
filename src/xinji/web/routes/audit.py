"""What was done, by whom; and what was refused at the door."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from xinji.access.audit import Fault, verify
from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.access.scope import within
from xinji.api.call import Call, Routes, iso
from xinji.api.listing import listing
from xinji.store.schema import audit, refusals, users

routes = Routes()


@routes.get("/api/refusals", role=Role.OPERATOR, query="limit cursor format")
def refusals_list(call: Call) -> Any:
    """Refused records, newest first. They have no area: whoever is limited to one sees none."""
    return listing(
        call,
        sa.select(refusals).where(within(sa.literal(""), call.person.area)),
        [refusals.c.id],
        lambda rows: [
            {
                "id": row.id,
                "at": iso(row.at),
                "sender": row.sender,
                "reason": row.reason,
                "detail": row.detail,
            }
            for row in rows
        ],
        descending=True,
        name="refusals",
    )


@routes.get("/api/audit", role=Role.ADMINISTRATOR, query="limit cursor format")
def audit_list(call: Call) -> Any:
    """The audit chain, newest first; to whoever has an area what the accounts inside it did.

    Of an account that came from another area, what it did since.
    """
    query = sa.select(audit)
    if call.person.area:
        query = query.join(users, users.c.name == audit.c.actor).where(
            within(users.c.area, call.person.area), audit.c.id >= users.c.audit_from
        )
    return listing(
        call,
        query,
        [audit.c.id],
        lambda rows: [dict(row._mapping) | {"at": iso(row.at)} for row in rows],
        descending=True,
        name="audit",
    )


@routes.get("/api/audit/verify", role=Role.ADMINISTRATOR, reach=Reach.DISTRICT)
def audit_verify(call: Call) -> dict[str, Any]:
    """Walk both hash chains."""
    faults: list[Fault] = verify(call.house.database, call.house.folder.checkpoints)
    return {"whole": not faults, "faults": faults[:100]}
