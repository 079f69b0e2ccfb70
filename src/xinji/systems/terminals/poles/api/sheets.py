"""Poles: the list, the sheet of one, the table of types, free places."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.access.identity import Role
from xinji.access.scope import contains, within
from xinji.api.call import Call, Problem, Routes, iso
from xinji.api.listing import export, listing
from xinji.store.exports import table_of
from xinji.store.pole_schema import pole_mounts
from xinji.store.schema import things
from xinji.systems.terminals.poles.api.shown import (
    check_items,
    circuit_item,
    floating,
    mount_item,
    pole_of,
    poles,
    sum_item,
)
from xinji.systems.terminals.poles.figures import candidates, pole_figures
from xinji.systems.terminals.poles.kinds import POLE
from xinji.systems.terminals.poles.ledger import Ledger, Mount
from xinji.systems.terminals.poles.stored import inventory_fault, mounts_where
from xinji.systems.terminals.poles.types import PoleType, TypesError

routes = Routes()

HISTORY_SHOWN = 200
MOST_CANDIDATES = 5_000


@routes.get("/api/poles", query="q road type status area conflicts station limit cursor format")
def poles_list(call: Call) -> Any:
    """Poles with their figures, filtered; `format=csv` is the whole selection."""
    part = poles(call)
    ledger, wrong = part.ledger(), part.conflicts()
    query = sa.select(things).where(
        things.c.kind == POLE,
        things.c.retired_at.is_(None),
        within(things.c.area, call.person.area),
        within(things.c.area, call.text("area")),
    )
    for name in ("road", "type", "status"):
        if value := call.text(name):
            query = query.where(things.c.attributes[name].as_string() == value)
    if word := call.text("q"):
        query = query.where(
            sa.or_(things.c.id.contains(word, autoescape=True),
                   things.c.name.contains(word, autoescape=True))
        )  # fmt: skip
    with_station = sorted(
        pole for pole, each in ledger.by_pole.items() if any(m.device == "station" for m in each)
    )
    for name, members in (("conflicts", sorted(wrong)), ("station", with_station)):
        wanted = call.flag(name)
        if wanted is not None:
            among = things.c.id.in_(members)
            query = query.where(among if wanted else ~among)

    def items(rows: Sequence[Any]) -> list[dict[str, Any]]:
        return [_head(row, ledger) | {"conflicts": len(wrong.get(row.id, ()))} for row in rows]

    return listing(call, query, [things.c.id], items, name="poles")


def _head(row: Any, ledger: Ledger) -> dict[str, Any]:
    attributes = {
        name: row.attributes.get(name)
        for name in ("type", "height_m", "road", "status", "role", "box")
    }
    counted = pole_figures(ledger, row.id, ledger.by_pole.get(row.id, ()))
    return {
        "id": row.id,
        "name": row.name,
        "longitude": row.longitude,
        "latitude": row.latitude,
        "area": row.area,
        "owner": row.owner,
        **attributes,
        "source": row.source,
        "state": row.state,
        "in_service_since": iso(row.in_service_since),
        **{name: int(value) for name, value in counted.items()},
    }


@routes.get("/api/poles/types")
def types_shown(call: Call) -> Any:
    """The table of types with its version; what was not read in a standard is not `verified`."""
    return poles(call).types


@routes.put("/api/poles/types")
def types_replace(call: Call) -> Any:
    """Replace the table of types; what no longer fits becomes a conflict."""
    given = call.json(dict[str, Any])
    try:
        return poles(call).set_types(given, call.person.name)
    except TypesError as error:
        raise Problem(422, "Bad table", field=error.field, rule=error.rule) from None


@routes.get(
    "/api/poles/candidates",
    query="height weight wind_area power device interface area format limit",
)
def candidates_list(call: Call) -> Any:
    """Free slots where a device of at least these needs passes every check."""
    part = poles(call)
    ledger = part.ledger()
    device = call.text("device", "station")
    if device not in ledger.types.devices:
        rule = f"one of {', '.join(ledger.types.devices)}"
        raise Problem(400, "Bad parameter", field="device", rule=rule)
    area = call.text("area")
    limit = call.number("limit", MOST_CANDIDATES, 1, MOST_CANDIDATES)
    asked = (
        pole.id
        for pole in ledger.poles.values()
        if contains(call.person.area, pole.area) and contains(area, pole.area)
    )
    found = candidates(
        ledger,
        asked,
        height_m=floating(call, "height", 0.0, 0.0, 120.0),
        weight_kg=floating(call, "weight", 0.0, 0.0, 10_000.0),
        wind_area_m2=floating(call, "wind_area", 0.0, 0.0, 100.0),
        power_w=floating(call, "power", 0.0, 0.0, 100_000.0),
        device=device,
        interface=call.text("interface"),
    )
    items: list[dict[str, Any]] = msgspec.to_builtins(found[:limit])
    form = call.text("format", "json")
    if form != "json":
        return export(table_of(items), form, "pole-candidates")
    return {"items": items, "total": len(found), "poles": len({each.pole for each in found})}


@routes.get("/api/poles/{id}", role=Role.VIEWER)
def pole_sheet(call: Call) -> dict[str, Any]:
    """The sheet of a pole: slots by height with what is in them, sums, box, circuits, history."""
    part = poles(call)
    ledger = part.ledger()
    pole = pole_of(call, ledger, call.request.path_params["id"])
    with call.house.database.reading() as connection:
        row = connection.execute(sa.select(things).where(things.c.id == pole.id)).one()
    standing = ledger.by_pole.get(pole.id, [])
    type_ = ledger.type_of(pole.id)
    feeds = dict.fromkeys(feed for mount in standing if (feed := ledger.feed_of(mount)))
    if own := ledger.feeds.get(pole.id) or ledger.feeds.get(pole.box):
        feeds.setdefault(own)
    return _head(row, ledger) | {
        "types_version": ledger.types.version,
        "type_title": None if type_ is None else {"zh": type_.zh, "en": type_.en},
        "verified": type_ is not None and type_.verified,
        "slots": _slots(type_, standing),
        "elsewhere": [mount_item(m) for m in standing if not type_ or not type_.slot(m.slot)],
        "sums": _sums(type_, ledger, standing),
        "conflicts": check_items(part.conflicts().get(pole.id, [])),
        "equipment_box": _box(ledger, pole.box, part.conflicts().get(pole.box, [])),
        "circuits": [
            circuit_item(call.house, ledger, feed)
            | {"conflicts": check_items(part.conflicts().get(feed[0], []))}
            for feed in feeds
        ],
        "history": _history(call, pole.id),
        "inventory_fault": inventory_fault(call.house.database, pole.id),
    }


def _slots(type_: PoleType | None, standing: list[Mount]) -> list[dict[str, Any]]:
    """The highest first, as the drawing shows them."""
    slots = sorted(type_.slots if type_ else (), key=lambda slot: (-slot.high_m, slot.name))
    found = []
    for slot in slots:
        inside = [mount_item(mount) for mount in standing if mount.slot == slot.name]
        found.append(msgspec.to_builtins(slot) | {"mounts": inside, "free": not inside})
    return found


def _sums(type_: PoleType | None, ledger: Ledger, standing: list[Mount]) -> dict[str, Any]:
    weight = sum(mount.weight_kg for mount in standing)
    wind = sum(mount.wind_area_m2 for mount in standing)
    return {
        "weight_kg": sum_item(type_.weight_kg, weight) if type_ else {"used": weight},
        "wind_area_m2": sum_item(type_.wind_area_m2, wind) if type_ else {"used": wind},
        "rated_w": sum(mount.rated_w for mount in standing),
        "demand_w": round(sum(map(ledger.demand, standing)), 3),
    }


def _box(ledger: Ledger, name: str, wrong: list[Any]) -> dict[str, Any] | None:
    box = ledger.boxes.get(name)
    if box is None:
        return None
    type_ = ledger.types.boxes.get(box.type)
    inside = ledger.by_box.get(name, [])
    bays = [
        {
            "number": number,
            "mounts": [
                {"id": m.id, "pole": m.pole, "device": m.device, "name": m.name}
                for m in inside
                if number in m.bays
            ],
        }
        for number in range(1, (type_.bays if type_ else 0) + 1)
    ]
    feed = ledger.feeds.get(name)
    return {
        "id": box.id,
        "name": box.name,
        "type": box.type,
        "bays": bays,
        "power_w": sum_item(type_.power_w, ledger.box_watts.get(name, 0.0)) if type_ else None,
        "fed_by": None if feed is None else {"power_box": feed[0], "circuit": feed[1]},
        "conflicts": check_items(wrong),
    }


def _history(call: Call, pole: str) -> list[dict[str, Any]]:
    """What was mounted and taken down here, the newest first."""
    found: list[tuple[int, dict[str, Any]]] = []
    for mount in mounts_where(call.house.database, pole_mounts.c.pole == pole):
        head = {"mount": mount.id, "slot": mount.slot, "device": mount.device,
                "name": mount.name, "owner": mount.owner}  # fmt: skip
        what = "moved here" if mount.moved_from else "mounted"
        found.append((mount.since, head | {"what": what, "by": mount.added_by}))
        if mount.until is not None:
            found.append((mount.until, head | {"what": "taken down", "by": ""}))
    found.sort(key=lambda each: -each[0])
    return [{"at": iso(at), **each} for at, each in found[:HISTORY_SHOWN]]
