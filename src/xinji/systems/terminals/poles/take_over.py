"""Inventories that come with the registration of poles and boxes, taken over into the ledger.

What was there when a pole was registered is a fact and is not refused by the checks: what is wrong
with it becomes a conflict. One that cannot be read is kept with its fault and shown on the sheet.
"""

from __future__ import annotations

import hashlib
import logging
from typing import Annotated

import msgspec

from xinji.loop.house import House
from xinji.systems.terminals.poles.changes import Name, NewMount, mount_of
from xinji.systems.terminals.poles.kinds import POLE, POWER_BOX
from xinji.systems.terminals.poles.ledger import Feed, Mount
from xinji.systems.terminals.poles.stored import (
    Inventory,
    add_mounts,
    known_clients,
    open_inventories,
    put_circuits,
    put_feeds,
    taken_over,
)
from xinji.systems.terminals.poles.types import Circuit, TypesError, check_circuit

log = logging.getLogger(__name__)

SENDER = "@registration"
"""No account has such a name."""

LARGEST_TEXT = 64 * 1024
MOST_MOUNTS = 100
MOST_FEEDS = 500


class FeedItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A circuit and the equipment box or pole that it feeds."""

    circuit: Annotated[int, msgspec.Meta(ge=1, le=100)]
    feeds: Name


class Contents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An inventory: `mounts` of a pole; `feeds` and `circuits` of a power box."""

    mounts: Annotated[tuple[NewMount, ...], msgspec.Meta(max_length=MOST_MOUNTS)] = ()
    feeds: Annotated[tuple[FeedItem, ...], msgspec.Meta(max_length=MOST_FEEDS)] = ()
    circuits: Annotated[tuple[Circuit, ...], msgspec.Meta(max_length=20)] = ()


def read_contents(inventory: Inventory) -> Contents:
    """The contents of an inventory. Raises ValueError: says where it breaks which rule."""
    if len(inventory.text) > LARGEST_TEXT:
        raise ValueError(f"inventory: at most {LARGEST_TEXT:,} characters")
    try:
        found = msgspec.json.decode(inventory.text, type=Contents)
        for at, circuit in enumerate(found.circuits):
            check_circuit(f"circuits[{at}]", circuit)
    except (msgspec.DecodeError, TypesError, RecursionError) as error:
        raise ValueError(f"inventory: {error}") from None
    if found.mounts and inventory.kind != POLE:
        raise ValueError(f"mounts: of a pole, not of a {inventory.kind}")
    if (found.feeds or found.circuits) and inventory.kind != POWER_BOX:
        raise ValueError(f"feeds, circuits: of a power box, not of a {inventory.kind}")
    return found


def take_over(house: House) -> list[Mount]:
    """Take over what is new, in one transaction; the mounts that this added."""
    if not open_inventories(house.database):
        return []
    now = house.clock.now()
    added: list[Mount] = []
    with house.database.writing():
        for inventory in open_inventories(house.database):
            fault = ""
            try:
                contents = read_contents(inventory)
            except ValueError as error:
                fault = str(error)
                log.warning("%s: %s", inventory.thing, fault)
            else:
                added += _add(house, inventory, contents, now)
            taken_over(house.database, inventory, now, fault)
        house.audit.record(SENDER, "pole.take-over", "poles", {"mounts": len(added)})
    return added


def _add(house: House, inventory: Inventory, contents: Contents, now: int) -> list[Mount]:
    since = min(inventory.since or now, now)
    mounts: dict[str, Mount] = {}
    for given in contents.mounts:
        digest = hashlib.sha256(msgspec.json.encode(given)).hexdigest()[:16]
        # the same device in an inventory that is registered again is the same mount
        client = f"{inventory.thing}:{given.client_id or digest}"[-128:]
        id_ = hashlib.sha256(client.encode()).hexdigest()[:16]
        dated = msgspec.structs.replace(given, client_id=client, since=given.since or since)
        mounts[client] = mount_of(
            dated, inventory.thing, id_=id_, sender=SENDER, now=now, source=inventory.source
        )
    before = known_clients(house.database, SENDER, list(mounts))
    added = [mount for client, mount in mounts.items() if client not in before]
    add_mounts(house.database, added)
    feeds: dict[str, Feed] = {
        each.feeds: (inventory.thing, each.circuit) for each in contents.feeds
    }
    put_feeds(house.database, feeds)
    if contents.circuits:
        put_circuits(house.database, inventory.thing, contents.circuits)
    return added
