"""The registry: areas, kinds and things; checked on the way in, in memory for the hot path."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.model.things import (
    RESERVED_THING_IDS,
    THING_ID,
    Area,
    AreaLevel,
    Attribute,
    Kind,
    Property,
    Thing,
)
from xinji.model.title import Title
from xinji.store.database import Database
from xinji.store.places import Places, cell_of
from xinji.store.schema import areas as areas_table
from xinji.store.schema import things as things_table

_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "number": (int, float),
    "integer": (int,),
    "boolean": (bool,),
}


_TIMES = (-4_417_977_600_000_000, 7_258_118_400_000_000)
"""Unix microseconds of the years 1830 to 2199: nothing of a district is older, or planned later."""

LONGEST_ATTRIBUTE = 1_000_000
LONGEST_OWNER = 200
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


class Invalid(ValueError):
    """A thing that breaks a rule: the field, the rule, and the value."""

    def __init__(self, field: str, rule: str, value: Any = None) -> None:
        super().__init__(f"{field}: {rule}")
        self.field, self.rule, self.value = field, rule, value


@dataclass(frozen=True, slots=True)
class Place:
    """What the loop needs of a thing."""

    kind: str
    name: str
    area: str
    longitude: float
    latitude: float
    source: str


class Registry:
    """Areas, kinds and things of a house. Safe to read from any thread.

    Attributes:
        version: rises when things or areas were put.
    """

    def __init__(self, database: Database, kinds: Iterable[Kind]) -> None:
        self.database = database
        self.version = 0
        self.kinds: dict[str, Kind] = {kind.name: kind for kind in kinds}
        self.properties: dict[tuple[str, str], Property] = {
            (kind.name, each.name): each for kind in self.kinds.values() for each in kind.properties
        }
        self.areas: dict[str, Area] = {}
        self.things: dict[str, Place] = {}
        with database.reading() as connection:
            for row in connection.execute(sa.select(areas_table)):
                self.areas[row.code] = Area(
                    code=row.code,
                    level=AreaLevel(row.level),
                    title=Title(row.title_zh, row.title_en),
                    parent=row.parent,
                    area_km2=row.area_km2,
                    geometry=row.geometry,
                )
            t = things_table.c
            for row in connection.execute(
                sa.select(t.id, t.kind, t.name, t.area, t.longitude, t.latitude, t.source)
            ):
                self.things[row.id] = Place(*row[1:])
        self.places = Places(self.areas.values())

    def put_areas(self, areas: Sequence[Area]) -> None:
        """Add or replace areas. Raises ValueError for an invalid polygon."""
        merged = self.areas | {area.code: area for area in areas}
        places = Places(merged.values())
        with self.database.writing() as connection:
            for area in areas:
                if self.areas.get(area.code) == area:
                    continue
                connection.execute(sa.delete(areas_table).where(areas_table.c.code == area.code))
                connection.execute(
                    sa.insert(areas_table).values(
                        code=area.code,
                        level=area.level.value,
                        title_zh=area.title.zh,
                        title_en=area.title.en,
                        parent=area.parent,
                        area_km2=area.area_km2,
                        geometry=area.geometry,
                        revision=self.database.changed("areas", area.code),
                    )
                )
        self.areas, self.places = merged, places
        self.version += 1

    def check(self, thing: Thing) -> Thing:
        """The thing with its area filled in. Raises Invalid."""
        if not THING_ID.fullmatch(thing.id) or thing.id in RESERVED_THING_IDS:
            raise Invalid("id", "1 to 128 letters, digits, '.', '_', ':' or '-'", thing.id)
        kind = self.kinds.get(thing.kind)
        if kind is None:
            raise Invalid("kind", f"unknown; one of {', '.join(sorted(self.kinds))}", thing.kind)
        if not -180 <= thing.longitude <= 180:
            raise Invalid("longitude", "degrees from -180 to 180", thing.longitude)
        if not -90 <= thing.latitude <= 90:
            raise Invalid("latitude", "degrees from -90 to 90", thing.latitude)
        if not thing.name or len(thing.name) > 200:
            raise Invalid("name", "1 to 200 characters", thing.name[:40])
        if len(thing.owner) > LONGEST_OWNER:
            raise Invalid("owner", f"at most {LONGEST_OWNER} characters", thing.owner[:40])
        for name in ("name", "owner"):
            if _CONTROLS.search(getattr(thing, name)):
                raise Invalid(name, "no control characters", repr(getattr(thing, name))[:80])
        if thing.area and thing.area not in self.areas:
            raise Invalid("area", "unknown code", thing.area)
        if thing.source not in ("measured", "replayed", "simulated"):
            raise Invalid("source", "measured, replayed or simulated", thing.source)
        for name in ("in_service_since", "retired_at"):
            at = getattr(thing, name)
            if at is not None and not _TIMES[0] <= at <= _TIMES[1]:
                raise Invalid(name, "a time of the years 1830 to 2199", str(at))
        since, until = thing.in_service_since, thing.retired_at
        if since is not None and until is not None and until < since:
            raise Invalid("retired_at", "not before in_service_since", str(until))
        known = {attribute.name: attribute for attribute in kind.attributes}
        for name, value in thing.attributes.items():
            attribute = known.get(name)
            if attribute is None:
                raise Invalid(f"attributes.{name}", f"not an attribute of {kind.name}", value)
            if not _is_a(attribute.type, value):
                raise Invalid(f"attributes.{name}", f"a {attribute.type}", value)
            if attribute.choices and value not in attribute.choices:
                raise Invalid(f"attributes.{name}", f"one of {', '.join(attribute.choices)}", value)
            if rule := _broken(attribute, value):
                raise Invalid(f"attributes.{name}", rule, value)
        for attribute in kind.attributes:
            if attribute.required and attribute.name not in thing.attributes:
                raise Invalid(f"attributes.{attribute.name}", "required")
        if not thing.area:
            area = self.places.areas_of(thing.longitude, thing.latitude)[0]
            thing = msgspec.structs.replace(thing, area=area)
        return thing

    def put(self, things: Sequence[Thing]) -> tuple[int, int]:
        """Register or update checked things in one transaction; returns (created, updated)."""
        t = things_table
        created = updated = 0
        with self.database.writing() as connection:
            for thing in things:
                values = {
                    "kind": thing.kind,
                    "name": thing.name,
                    "longitude": thing.longitude,
                    "latitude": thing.latitude,
                    "area": thing.area,
                    "owner": thing.owner,
                    "attributes": thing.attributes,
                    "source": thing.source,
                    "h3": cell_of(thing.longitude, thing.latitude),
                    "in_service_since": thing.in_service_since,
                    "retired_at": thing.retired_at,
                    "revision": self.database.changed("things", thing.id),
                }
                if thing.id in self.things:
                    updated += 1
                    connection.execute(sa.update(t).where(t.c.id == thing.id).values(values))
                else:
                    created += 1
                    connection.execute(sa.insert(t).values(id=thing.id, state="no data", **values))
                self._box(connection, thing)
        for thing in things:
            self.things[thing.id] = Place(
                thing.kind, thing.name, thing.area, thing.longitude, thing.latitude, thing.source
            )
        self.version += 1
        return created, updated

    def _box(self, connection: sa.Connection, thing: Thing) -> None:
        if connection.dialect.name != "sqlite":
            return
        connection.exec_driver_sql(
            "insert or replace into things_box select number, ?, ?, ?, ? from things where id = ?",
            (thing.longitude, thing.longitude, thing.latitude, thing.latitude, thing.id),
        )

    def property_of(self, thing: str, name: str) -> Property | None:
        """The property of a registered thing, or None."""
        place = self.things.get(thing)
        return None if place is None else self.properties.get((place.kind, name))


def _is_a(type_: str, value: Any) -> bool:
    """True for a value of an attribute's type that every table can hold."""
    if isinstance(value, bool):
        return type_ == "boolean"
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return False
    if isinstance(value, float) and not math.isfinite(value):
        return False
    return isinstance(value, _TYPES[type_])


def _broken(attribute: Attribute, value: Any) -> str:
    """The limit that a value of the right type breaks, empty for none."""
    if isinstance(value, str):
        if len(value) > LONGEST_ATTRIBUTE:
            return f"at most {LONGEST_ATTRIBUTE:,} characters"
        return "no control characters" if _CONTROLS.search(value) else ""
    if isinstance(value, bool):
        return ""
    low, high = attribute.minimum, attribute.maximum
    if (low is None or value >= low) and (high is None or value <= high):
        return ""
    if high is None:
        return f"at least {low:g}"
    return f"at most {high:g}" if low is None else f"from {low:g} to {high:g}"


def in_box(west: float, south: float, east: float, north: float, dialect: str) -> Any:
    """Condition on `things`: inside a box of degrees, by the R*Tree where there is one."""
    t = things_table.c
    exact = sa.and_(t.longitude.between(west, east), t.latitude.between(south, north))
    if dialect != "sqlite":
        return exact
    # The R*Tree holds 32-bit floats, rounded outwards: it finds what may lie inside.
    box = sa.text(
        "select number from things_box where east >= :w and west <= :e "
        "and north >= :s and south <= :n"
    ).bindparams(w=west, e=east, s=south, n=north)
    return sa.and_(t.number.in_(box.columns(sa.column("number", sa.Integer))), exact)


def now_us() -> int:
    """The server's clock, Unix microseconds."""
    return int(time.time() * 1e6)
