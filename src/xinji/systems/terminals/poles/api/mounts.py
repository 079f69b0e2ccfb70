"""Mounts: put on, moved, taken down, listed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.access.scope import contains, within
from xinji.api.call import Call, Problem, Routes
from xinji.api.listing import listing
from xinji.store.pole_schema import pole_mounts
from xinji.store.schema import things
from xinji.systems.terminals.poles import changes
from xinji.systems.terminals.poles.api.shown import (
    check_items,
    mount_item,
    pole_of,
    poles,
    refusal,
)
from xinji.systems.terminals.poles.changes import Move, NewMount, Outcome, Refused
from xinji.systems.terminals.poles.ledger import Ledger, Mount
from xinji.systems.terminals.poles.stored import mounts_where

routes = Routes()


@routes.get("/api/poles/mounts", query="pole device owner area standing limit cursor format")
def mounts_list(call: Call) -> Any:
    """Mounts that stand, or all with `standing=false`; `format=csv` can be imported again."""
    query = (
        sa.select(pole_mounts)
        .join(things, things.c.id == pole_mounts.c.pole)
        .where(within(things.c.area, call.person.area), within(things.c.area, call.text("area")))
    )
    for name in ("pole", "device", "owner"):
        if value := call.text(name):
            query = query.where(pole_mounts.c[name] == value)
    if call.flag("standing") is not False:
        query = query.where(pole_mounts.c.until.is_(None))

    def items(rows: Sequence[Any]) -> list[dict[str, Any]]:
        ids = [row.id for row in rows]
        known = {
            mount.id: mount
            for at in range(0, len(ids), 500)
            for mount in mounts_where(call.house.database, pole_mounts.c.id.in_(ids[at : at + 500]))
        }
        return [mount_item(known[name]) for name in ids if name in known]

    return listing(call, query, [pole_mounts.c.pole, pole_mounts.c.id], items, name="pole-mounts")


@routes.post("/api/poles/{id}/mounts", role=Role.OPERATOR, query="dry_run", reach=Reach.AREA)
def mount_add(call: Call) -> dict[str, Any]:
    """Mount a device when every check holds; `dry_run=true` answers the checks with numbers."""
    part = poles(call)
    pole = pole_of(call, part.ledger(), call.request.path_params["id"])
    given = call.json(NewMount)
    _own_boxes(call, part.ledger(), given)
    dry_run = call.flag("dry_run") is True
    try:
        done = changes.mount(
            call.house, part.ledger, pole.id, given, call.person.name, dry_run=dry_run
        )
    except Refused as error:
        raise Problem(422, "Bad mount", field=error.field, rule=error.rule) from None
    return _answer(call, done)


@routes.post("/api/poles/mounts/{id}/move", role=Role.OPERATOR, query="dry_run", reach=Reach.AREA)
def mount_move(call: Call) -> dict[str, Any]:
    """Move a device to another slot or pole; its history stays."""
    part = poles(call)
    ledger = part.ledger()
    standing = _mount_of(call)
    given = call.json(Move)
    if given.pole is not None:
        pole_of(call, ledger, given.pole)
    _own_boxes(call, ledger, given)
    dry_run = call.flag("dry_run") is True
    try:
        done = changes.move(
            call.house, part.ledger, standing, given, call.person.name, dry_run=dry_run
        )
    except Refused as error:
        status = 409 if error.field == "id" else 422
        raise Problem(status, "Cannot be moved", field=error.field, rule=error.rule) from None
    return _answer(call, done)


@routes.delete("/api/poles/mounts/{id}", role=Role.OPERATOR, reach=Reach.AREA)
def mount_remove(call: Call) -> dict[str, Any]:
    """Take a device down; a second time answers the same."""
    standing = _mount_of(call)
    done = changes.remove(call.house, standing, call.person.name)
    if standing.until is None:
        poles(call).changed()
    return mount_item(done)


def _own_boxes(call: Call, ledger: Ledger, given: NewMount | Move) -> None:
    """Bays and circuits are those of the caller's area. Raises Problem 422."""
    for field, known in (("box", ledger.boxes), ("power_box", ledger.power_boxes)):
        box = known.get(getattr(given, field) or "")
        if box is not None and not contains(call.person.area, box.area):
            raise Problem(422, "Bad mount", field=field, rule="of the caller's area")


def _mount_of(call: Call) -> Mount:
    """The path's mount, on a pole inside the caller's area. Raises Problem 404."""
    name = call.request.path_params["id"]
    found = mounts_where(call.house.database, pole_mounts.c.id == name)
    if found:
        pole = call.house.registry.things.get(found[0].pole)
        if pole is not None and contains(call.person.area, pole.area):
            return found[0]
    raise Problem(404, "No such mount", name[:64])


def _answer(call: Call, done: Outcome) -> dict[str, Any]:
    if not done.allowed and not done.dry_run:
        raise refusal(done.checks)
    if not done.dry_run and not done.repeated:
        poles(call).changed()
    return {
        "allowed": done.allowed,
        "dry_run": done.dry_run,
        "repeated": done.repeated,
        "mount": mount_item(done.mount),
        "checks": check_items(done.checks),
    }
