"""Sectors and building outlines as the house has registered them, in columns."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import shapely
import sqlalchemy as sa

from xinji.model.things import Thing
from xinji.store.database import Database
from xinji.store.network_schema import buildings as buildings_table
from xinji.store.schema import things
from xinji.systems.network.coverage.inputs.buildings import Buildings
from xinji.systems.network.coverage.inputs.sectors import UNKNOWN_PCI, UNKNOWN_TIME, Sectors

SECTOR = "radio-sector"
STATION = "base-station"
BUILDING = "building"
POLE = "pole"
"""A kind of another system: systems meet in the registry."""


def _texts(values: list[str]) -> Any:
    return np.array([*values, None], dtype=object)[:-1]


def read_sectors(database: Database, asof: int | None = None) -> Sectors:
    """The sectors in service at a moment (Unix microseconds; None for all that are not retired)."""
    query = sa.select(things).where(things.c.kind == SECTOR).order_by(things.c.id)
    if asof is None:
        query = query.where(things.c.retired_at.is_(None))
    else:
        since, until = things.c.in_service_since, things.c.retired_at
        query = query.where(since.is_(None) | (since <= asof), until.is_(None) | (until > asof))
    with database.reading() as connection:
        rows = connection.execute(query).all()
    facts = [row.attributes for row in rows]

    def number(name: str) -> Any:
        return np.array([fact[name] for fact in facts], np.float64)

    def known(value: int | None, unknown: int) -> int:
        return unknown if value is None else value

    return Sectors(
        station_id=_texts([fact["station"] for fact in facts]),
        sector_id=_texts([row.id for row in rows]),
        name=_texts([row.name for row in rows]),
        operator=_texts([fact["operator"] for fact in facts]),
        type=_texts([fact["type"] for fact in facts]),
        longitude=np.array([row.longitude for row in rows], np.float64),
        latitude=np.array([row.latitude for row in rows], np.float64),
        height_m=number("height_m"),
        azimuth_deg=number("azimuth_deg"),
        tilt_deg=number("tilt_deg"),
        eirp_dbm=number("eirp_dbm"),
        frequency_ghz=number("frequency_ghz"),
        pci=np.array([fact.get("pci", UNKNOWN_PCI) for fact in facts], np.int64),
        in_service_since=np.array(
            [known(row.in_service_since, UNKNOWN_TIME) for row in rows], np.int64
        ),
        mounted_on=_texts([fact.get("mounted_on", "") for fact in facts]),
    )


def digest_of(sectors: Sectors) -> str:
    """What tells whether sectors have changed, in any column."""
    digest = hashlib.blake2b(digest_size=12)
    for column in fields(sectors):
        values = getattr(sectors, column.name)
        digest.update(repr(values.tolist()).encode())
    return digest.hexdigest()


def sector_things(sectors: Sectors, source: str) -> Iterator[Thing]:
    """Sectors as things of the registry, each under its own id."""
    for at in range(len(sectors)):
        attributes = {
            "station": str(sectors.station_id[at]),
            "type": str(sectors.type[at]),
            "operator": str(sectors.operator[at]),
            "height_m": round(float(sectors.height_m[at]), 2),
            "azimuth_deg": round(float(sectors.azimuth_deg[at]), 2),
            "tilt_deg": round(float(sectors.tilt_deg[at]), 2),
            "eirp_dbm": round(float(sectors.eirp_dbm[at]), 2),
            "frequency_ghz": round(float(sectors.frequency_ghz[at]), 6),
        }
        if sectors.pci[at] != UNKNOWN_PCI:
            attributes["pci"] = int(sectors.pci[at])
        if sectors.mounted_on[at]:
            attributes["mounted_on"] = str(sectors.mounted_on[at])
        since = int(sectors.in_service_since[at])
        yield Thing(
            id=str(sectors.sector_id[at]),
            kind=SECTOR,
            name=str(sectors.name[at] or sectors.sector_id[at]),
            longitude=float(sectors.longitude[at]),
            latitude=float(sectors.latitude[at]),
            owner=str(sectors.operator[at]),
            attributes=attributes,
            source=source,
            in_service_since=None if since == UNKNOWN_TIME else since,
        )


@dataclass(frozen=True)
class Places:
    """Where new sites may stand and where indoor distribution is already.

    Attributes:
        poles: id, longitude, latitude of the registered poles.
        indoor: longitude and latitude of the buildings with a 5G indoor system.
    """

    poles: tuple[tuple[str, float, float], ...]
    indoor: tuple[tuple[float, float], ...]


def places_of(known: Iterable[Thing]) -> Places:
    """Poles and equipped buildings among some things."""
    poles, indoor = [], []
    for thing in known:
        if thing.kind == POLE:
            poles.append((thing.id, thing.longitude, thing.latitude))
        elif thing.kind == BUILDING and thing.attributes.get("indoor_5g"):
            indoor.append((thing.longitude, thing.latitude))
    return Places(tuple(poles), tuple(indoor))


def read_places(database: Database) -> Places:
    """Poles and equipped buildings of the registry."""
    query = sa.select(things).where(
        things.c.kind.in_((POLE, BUILDING)), things.c.retired_at.is_(None)
    )
    with database.reading() as connection:
        rows = connection.execute(query.order_by(things.c.id)).all()
    return places_of(
        Thing(
            id=row.id,
            kind=row.kind,
            name=row.name,
            longitude=row.longitude,
            latitude=row.latitude,
            attributes=row.attributes,
        )
        for row in rows
    )


def read_buildings(database: Database) -> Buildings:
    """All building outlines, in order of id."""
    with database.reading() as connection:
        rows = connection.execute(sa.select(buildings_table).order_by(buildings_table.c.id)).all()
    return Buildings(
        geometries=np.array([*shapely.from_wkb([row.outline for row in rows]), None])[:-1],
        height_m=np.array([row.height_m for row in rows], np.float64),
        height_known=np.array([row.height_known for row in rows], np.bool_),
        floors=np.array([row.floors for row in rows], np.int64),
        use=_texts([row.use for row in rows]),
        name=_texts([row.name for row in rows]),
        id=_texts([row.id for row in rows]),
    )


def put_buildings(
    database: Database,
    found: Buildings,
    *,
    source: str,
    now: int,
    areas_of: Callable[[Any, Any], list[str]],
) -> tuple[int, int]:
    """Add outlines, or replace those of the same id; returns (new, replaced).

    A building without an id of its own takes one from its outline, so that the same file again
    changes nothing.
    """
    centres = shapely.get_coordinates(shapely.centroid(found.geometries))
    outlines = shapely.to_wkb(found.geometries)
    areas = areas_of(centres[:, 0], centres[:, 1])
    rows = {}
    for at in range(len(found)):
        name = str(found.id[at]) or hashlib.sha256(outlines[at]).hexdigest()[:24]
        longitude, latitude = (float(v) for v in centres[at])
        rows[name] = {
            "id": name,
            "name": str(found.name[at]),
            "use": str(found.use[at])[:32],
            "height_m": float(found.height_m[at]),
            "height_known": bool(found.height_known[at]),
            "floors": int(found.floors[at]),
            "outline": bytes(outlines[at]),
            "longitude": longitude,
            "latitude": latitude,
            "area": areas[at],
            "source": source,
            "added_at": now,
        }
    with database.writing() as connection:
        ids = connection.execute(sa.select(buildings_table.c.id)).scalars()
        replaced = set(ids) & set(rows)
        for each in replaced:
            connection.execute(sa.delete(buildings_table).where(buildings_table.c.id == each))
        if rows:
            connection.execute(sa.insert(buildings_table), list(rows.values()))
    return len(rows) - len(replaced), len(replaced)
