"""Power boxes: circuits, their ratings, what they feed, what they carry."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.access.scope import contains
from xinji.api.call import Call, Problem, Routes
from xinji.systems.terminals.poles.api.shown import check_items, circuit_item, poles
from xinji.systems.terminals.poles.ledger import Box, Feed, Ledger
from xinji.systems.terminals.poles.stored import put_circuits, put_feeds, remove_feeds
from xinji.systems.terminals.poles.take_over import FeedItem
from xinji.systems.terminals.poles.types import Circuit, TypesError, check_circuit

routes = Routes()


class CircuitsBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All of a power box: ratings that differ from its type, and what is fed."""

    circuits: Annotated[tuple[Circuit, ...], msgspec.Meta(max_length=20)]
    feeds: Annotated[tuple[FeedItem, ...], msgspec.Meta(max_length=500)]


def _power_box(call: Call, ledger: Ledger) -> Box:
    name = call.request.path_params["id"]
    known = ledger.power_boxes.get(name)
    if known is None or not contains(call.person.area, known.area):
        raise Problem(404, "No such power box", name[:128])
    return known


@routes.get("/api/poles/power-boxes/{id}")
def power_box_sheet(call: Call) -> dict[str, Any]:
    """A power box: its circuits with rating, rated demand, measured load, and what they feed."""
    return _sheet(call)


def _sheet(call: Call) -> dict[str, Any]:
    part = poles(call)
    ledger = part.ledger()
    box = _power_box(call, ledger)
    numbers = {each.number for each in ledger.circuits(box.id)}
    numbers |= {feed[1] for feed in ledger.by_feed if feed is not None and feed[0] == box.id}
    return {
        "id": box.id,
        "name": box.name,
        "type": box.type,
        "area": box.area,
        "source": box.source,
        "utilisation_limit": ledger.types.utilisation_limit,
        "circuits": [circuit_item(call.house, ledger, (box.id, n)) for n in sorted(numbers)],
        "conflicts": check_items(part.conflicts().get(box.id, [])),
    }


@routes.put("/api/poles/power-boxes/{id}/circuits", role=Role.OPERATOR, reach=Reach.AREA)
def circuits_replace(call: Call) -> dict[str, Any]:
    """Replace the ratings and feeds of a power box; what no longer fits becomes a conflict."""
    part = poles(call)
    box = _power_box(call, part.ledger())
    given = call.json(CircuitsBody)
    with call.house.database.writing():
        ledger = part.ledger()
        feeds = _checked(call, ledger, box, given)
        put_circuits(call.house.database, box.id, given.circuits)
        remove_feeds(call.house.database, box.id)
        put_feeds(call.house.database, feeds)
        detail = {"circuits": len(given.circuits), "feeds": sorted(feeds)[:50]}
        call.house.audit.record(call.person.name, "pole.circuits", box.id, detail)
    part.changed()
    return _sheet(call)


def _checked(call: Call, ledger: Ledger, box: Box, given: CircuitsBody) -> dict[str, Feed]:
    """Feeds by what is fed. Raises Problem 422."""
    own = ledger.types.power_boxes.get(box.type)
    numbers = {each.number for each in own.circuits} if own is not None else set()
    for at, circuit in enumerate(given.circuits):
        try:
            check_circuit(f"circuits[{at}]", circuit)
        except TypesError as error:
            raise Problem(422, "Bad circuits", field=error.field, rule=error.rule) from None
        if circuit.number in {each.number for each in given.circuits[:at]}:
            field = f"circuits[{at}].number"
            raise Problem(422, "Bad circuits", field=field, rule="each circuit once")
        numbers.add(circuit.number)
    feeds: dict[str, Feed] = {}
    for at, each in enumerate(given.feeds):
        known = ledger.boxes.get(each.feeds) or ledger.poles.get(each.feeds)
        field = f"feeds[{at}]"
        if known is None or not contains(call.person.area, known.area):
            rule = "a registered equipment box or pole of the caller's area"
            raise Problem(422, "Bad circuits", field=f"{field}.feeds", rule=rule)
        if each.circuit not in numbers:
            rule = f"one of the circuits {', '.join(map(str, sorted(numbers)))}"
            raise Problem(422, "Bad circuits", field=f"{field}.circuit", rule=rule)
        if each.feeds in feeds:
            rule = "each box or pole is fed by one circuit"
            raise Problem(422, "Bad circuits", field=f"{field}.feeds", rule=rule)
        other = ledger.feeds.get(each.feeds)
        if other is not None and other[0] != box.id:
            rule = f"not fed by another power box; {other[0]} feeds it"
            raise Problem(409, "Bad circuits", field=f"{field}.feeds", rule=rule)
        feeds[each.feeds] = (box.id, each.circuit)
    return feeds
