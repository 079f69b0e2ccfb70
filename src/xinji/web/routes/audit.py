"""What was done, by whom; and what was refused at the door."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from xinji.access.audit import Fault, verify
from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.access.scope import within
from xinji.api.call import Call, Routes, failures, iso
from xinji.api.listing import listing
from xinji.store.schema import audit, refusals, users

routes = Routes()


MOST_SENDERS = 20
EARLIEST, LATEST = 0, 1 << 62


def _filtered(call: Call, query: sa.Select[Any], table: sa.Table, names: str) -> sa.Select[Any]:
    """Narrow a query by the parameters `from`, `to` and, each a column of several, `names`."""
    for name in names.split():
        if wanted := call.text(name):
            query = query.where(table.c[name].in_(wanted.split(",")))
    start, end = call.time("from", EARLIEST), call.time("to", LATEST)
    return query.where(table.c.at >= start, table.c.at < end)


def _refusals(call: Call) -> sa.Select[Any]:
    """The refused records that are asked for. They have no area: whoever has one sees none."""
    query = sa.select(refusals).where(within(sa.literal(""), call.person.area))
    return _filtered(call, query, refusals, "sender reason")


@routes.get("/api/refusals", role=Role.OPERATOR, query="sender reason from to limit cursor format")
def refusals_list(call: Call) -> Any:
    """Refused records, newest first."""
    return listing(
        call,
        _refusals(call),
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


@routes.get("/api/refusals/counts", role=Role.OPERATOR, query="sender reason from to")
def refusals_counts(call: Call) -> dict[str, Any]:
    """How many records were refused, by reason and by sender; and requests that the server failed.

    `failures` count from the start of the process, whatever the filter.
    """
    chosen = _refusals(call).subquery()
    number = sa.func.count().label("count")

    def by(name: str) -> sa.Select[Any]:
        column = chosen.c[name]
        return sa.select(column, number).group_by(column).order_by(number.desc(), column)

    with call.house.database.reading() as connection:
        reasons = connection.execute(by("reason")).mappings().all()
        senders = connection.execute(by("sender").limit(MOST_SENDERS)).mappings().all()
    failed = [] if call.person.area else failures.most_common()
    return {
        "total": sum(row["count"] for row in reasons),
        "by_reason": [dict(row) for row in reasons],
        "by_sender": [dict(row) for row in senders],
        "failures": [{"route": route, "count": count} for route, count in failed],
    }


@routes.get(
    "/api/audit",
    role=Role.ADMINISTRATOR,
    query="actor action object from to limit cursor format",
)
def audit_list(call: Call) -> Any:
    """The audit chain, newest first; to whoever has an area what the accounts inside it did.

    Of an account that came from another area, what it did since. `object` is a part of it.
    """
    query = _filtered(call, sa.select(audit), audit, "actor action")
    if part := call.text("object"):
        query = query.where(audit.c.object.contains(part, autoescape=True))
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
