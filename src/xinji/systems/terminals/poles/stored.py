"""The ledger in the database: read whole, changed by rows, in the caller's transaction."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.store.database import Database
from xinji.store.pole_schema import (
    pole_bays,
    pole_inventories,
    pole_mounts,
    power_circuits,
    power_feeds,
)
from xinji.store.schema import things
from xinji.store.settings import read_setting, write_setting
from xinji.systems.terminals.poles.kinds import BOX, POLE, POWER_BOX
from xinji.systems.terminals.poles.ledger import Box, Feed, Ledger, Mount, Pole
from xinji.systems.terminals.poles.types import Circuit, Types

NUMBER = "pole-ledger"
"""Setting that counts the changes of the ledger."""

_COLUMNS = tuple(column.name for column in pole_mounts.columns)
_KINDS = (POLE, BOX, POWER_BOX)


class Inventory(msgspec.Struct, frozen=True):
    """What came with the registration of a thing, and what became of it before."""

    thing: str
    kind: str
    text: str
    source: str
    since: int | None
    digest: str
    known: bool


def read_ledger(database: Database, types: Types) -> Ledger:
    """What stands now."""
    with database.reading() as connection:
        rows = connection.execute(
            sa.select(
                things.c.id, things.c.kind, things.c.name, things.c.area, things.c.longitude,
                things.c.latitude, things.c.attributes, things.c.source, things.c.retired_at,
                things.c.in_service_since,
            ).where(things.c.kind.in_(_KINDS)).order_by(things.c.id)
        ).all()  # fmt: skip
        standing = connection.execute(
            sa.select(pole_mounts)
            .where(pole_mounts.c.until.is_(None))
            .order_by(pole_mounts.c.pole, pole_mounts.c.slot, pole_mounts.c.id)
        ).all()
        bays = _bays(connection, sa.select(pole_bays))
        feeds = connection.execute(sa.select(power_feeds)).all()
        circuits = connection.execute(sa.select(power_circuits)).all()
    poles = {row.id: _pole(row) for row in rows if row.kind == POLE}
    boxes = {
        kind: {row.id: _box(row) for row in rows if row.kind == kind} for kind in (BOX, POWER_BOX)
    }
    return Ledger(
        types=types,
        poles=poles,
        boxes=boxes[BOX],
        power_boxes=boxes[POWER_BOX],
        mounts=[_mount(row, bays) for row in standing],
        feeds={row.fed: (row.power_box, row.circuit) for row in feeds},
        ratings={
            (row.power_box, row.circuit): Circuit(
                row.circuit, row.rating_a, row.voltage_v, row.phase
            )
            for row in circuits
        },
    )


def stamp(database: Database) -> tuple[int, int, int]:
    """Count and newest change of the registered poles and boxes, and number of the ledger's last.

    In a transaction it is that of the transaction.
    """
    with database.reading() as connection:
        row = connection.execute(
            sa.select(sa.func.count(), sa.func.max(things.c.revision)).where(
                things.c.kind.in_(_KINDS)
            )
        ).one()
    return int(row[0]), int(row[1] or 0), _number(database)


def _number(database: Database) -> int:
    return int(read_setting(database, NUMBER) or 0)


def _touch(database: Database) -> None:
    """Number a change of the ledger, in the open transaction."""
    write_setting(database, NUMBER, _number(database) + 1)


def mounts_where(database: Database, *conditions: sa.ColumnElement[bool]) -> list[Mount]:
    """Mounts, past ones too, in order of their beginning."""
    query = sa.select(pole_mounts).where(*conditions)
    with database.reading() as connection:
        rows = connection.execute(query.order_by(pole_mounts.c.since, pole_mounts.c.id)).all()
        wanted = sa.select(pole_bays).where(
            pole_bays.c.mount.in_(sa.select(pole_mounts.c.id).where(*conditions))
        )
        bays = _bays(connection, wanted)
    return [_mount(row, bays) for row in rows]


def add_mounts(database: Database, mounts: Sequence[Mount]) -> None:
    """Store mounts, in the open transaction."""
    if not mounts:
        return
    with database.writing() as connection:
        _touch(database)
        rows = [{name: getattr(mount, name) for name in _COLUMNS} for mount in mounts]
        connection.execute(sa.insert(pole_mounts), rows)
        bays = [
            {"mount": mount.id, "bay": bay} for mount in mounts for bay in dict.fromkeys(mount.bays)
        ]
        if bays:
            connection.execute(sa.insert(pole_bays), bays)


def end_mount(database: Database, mount: str, at: int) -> None:
    """A device is taken down, in the open transaction."""
    with database.writing() as connection:
        _touch(database)
        connection.execute(
            sa.update(pole_mounts)
            .where(pole_mounts.c.id == mount, pole_mounts.c.until.is_(None))
            .values(until=at)
        )


def known_clients(database: Database, sender: str, ids: Sequence[str]) -> dict[str, str]:
    """Mount by client id, of those that a sender has sent before."""
    found: dict[str, str] = {}
    with database.reading() as connection:
        for at in range(0, len(ids), 500):
            rows = connection.execute(
                sa.select(pole_mounts.c.client_id, pole_mounts.c.id).where(
                    pole_mounts.c.sender == sender,
                    pole_mounts.c.client_id.in_(ids[at : at + 500]),
                )
            )
            found |= {row.client_id: row.id for row in rows}
    return found


def put_feeds(database: Database, feeds: dict[str, Feed]) -> None:
    """What is fed by which circuit, in the open transaction; each fed thing has one."""
    if not feeds:
        return
    with database.writing() as connection:
        _touch(database)
        for fed, (power_box, circuit) in feeds.items():
            connection.execute(sa.delete(power_feeds).where(power_feeds.c.fed == fed))
            connection.execute(
                sa.insert(power_feeds).values(fed=fed, power_box=power_box, circuit=circuit)
            )


def remove_feeds(database: Database, power_box: str) -> None:
    """Forget what a power box feeds, in the open transaction."""
    with database.writing() as connection:
        _touch(database)
        connection.execute(sa.delete(power_feeds).where(power_feeds.c.power_box == power_box))


def put_circuits(database: Database, power_box: str, circuits: Sequence[Circuit]) -> None:
    """Ratings that differ from the type's, in the open transaction; replaces all of the box."""
    with database.writing() as connection:
        _touch(database)
        connection.execute(sa.delete(power_circuits).where(power_circuits.c.power_box == power_box))
        for each in circuits:
            connection.execute(
                sa.insert(power_circuits).values(
                    power_box=power_box, circuit=each.number, rating_a=each.rating_a,
                    voltage_v=each.voltage_v, phase=each.phase,
                )
            )  # fmt: skip


# -- inventories --------------------------------------------------------------------------------


def open_inventories(database: Database) -> list[Inventory]:
    """Inventories of registered things that were not taken over, or have changed since."""
    text = things.c.attributes["inventory"].as_string()
    query = (
        sa.select(
            things.c.id, things.c.kind, text.label("text"), things.c.source,
            things.c.in_service_since, pole_inventories.c.digest,
        )
        .outerjoin(pole_inventories, pole_inventories.c.thing == things.c.id)
        .where(things.c.kind.in_(_KINDS), text.is_not(None), text != "")
        .order_by(things.c.id)
    )  # fmt: skip
    with database.reading() as connection:
        rows = connection.execute(query).all()
    found = []
    for row in rows:
        digest = hashlib.sha256(row.text.encode()).hexdigest()
        if digest != row.digest:
            found.append(
                Inventory(
                    row.id, row.kind, row.text, row.source, row.in_service_since, digest,
                    row.digest is not None,
                )
            )  # fmt: skip
    return found


def taken_over(database: Database, inventory: Inventory, at: int, fault: str) -> None:
    """Note that an inventory was taken over, in the open transaction."""
    with database.writing() as connection:
        where = pole_inventories.c.thing == inventory.thing
        connection.execute(sa.delete(pole_inventories).where(where))
        connection.execute(
            sa.insert(pole_inventories).values(
                thing=inventory.thing, digest=inventory.digest, taken_at=at, fault=fault[:2_000]
            )
        )


def inventory_fault(database: Database, thing: str) -> str:
    """Why an inventory could not be taken over; empty when it could, or when there is none."""
    with database.reading() as connection:
        found = connection.execute(
            sa.select(pole_inventories.c.fault).where(pole_inventories.c.thing == thing)
        ).scalar()
    return found or ""


# -- rows ---------------------------------------------------------------------------------------


def _bays(connection: sa.Connection, query: sa.Select[Any]) -> dict[str, tuple[int, ...]]:
    found: dict[str, list[int]] = defaultdict(list)
    for mount, bay in connection.execute(query.order_by(pole_bays.c.mount, pole_bays.c.bay)):
        found[mount].append(bay)
    return {mount: tuple(bays) for mount, bays in found.items()}


def _mount(row: Any, bays: dict[str, tuple[int, ...]]) -> Mount:
    values = {name: getattr(row, name) for name in _COLUMNS}
    return Mount(**values, bays=bays.get(row.id, ()))


def _text(row: Any, name: str) -> str:
    return str(row.attributes.get(name) or "")


def _pole(row: Any) -> Pole:
    return Pole(
        id=row.id,
        name=row.name,
        type=_text(row, "type"),
        area=row.area,
        longitude=row.longitude,
        latitude=row.latitude,
        box=_text(row, "box"),
        road=_text(row, "road"),
        status=_text(row, "status"),
        source=row.source,
        retired=row.retired_at is not None,
        since=row.in_service_since,
    )


def _box(row: Any) -> Box:
    return Box(
        id=row.id,
        name=row.name,
        type=_text(row, "type"),
        area=row.area,
        source=row.source,
        retired=row.retired_at is not None,
    )
