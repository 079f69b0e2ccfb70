"""Areas, kinds and things: what the district consists of."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Any

import msgspec

from xinji.model.title import Title

THING_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
"""A thing's id is also a level of an MQTT topic: no `/`, `+`, `#`, no space."""

RESERVED_THING_IDS = frozenset({"batch"})
"""Second topic levels that are not things."""


class AreaLevel(StrEnum):
    """Levels of the administrative hierarchy, outermost first."""

    DISTRICT = "district"
    SUBDISTRICT = "subdistrict"
    COMMITTEE = "committee"
    GRID = "grid"


class Area(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the district.

    Codes nest by prefix (310105 > 310105001 > 310105001003), so that "inside" is a prefix test.
    `geometry` is a GeoJSON Polygon or MultiPolygon in WGS-84, or None when only the code is known.
    """

    code: str
    level: AreaLevel
    title: Title
    parent: str | None = None
    area_km2: float | None = None
    geometry: dict[str, Any] | None = None


class Property(msgspec.Struct, frozen=True, kw_only=True):
    """What can be observed of a thing of a kind.

    Attributes:
        name: as in topics and columns, `snake_case`.
        unit: UCUM code (https://ucum.org), `1` when there is none.
        minimum, maximum: the physical range; an observation outside is refused, not stored.
        states: names of the values 0, 1, 2 ... of a property that is a state, else empty.
        expected_seconds: how often a healthy device reports; the page's measure of freshness.
    """

    name: str
    title: Title
    unit: str = "1"
    minimum: float | None = None
    maximum: float | None = None
    states: tuple[Title, ...] = ()
    expected_seconds: float | None = None
    decimals: int = 1


class Attribute(msgspec.Struct, frozen=True, kw_only=True):
    """A fixed fact of a thing (its operator, its capacity), checked when the thing is registered.

    `type` is one of `text`, `number`, `integer`, `boolean`; `choices` limits a text, `minimum` and
    `maximum` (both included) a number: what no such thing can have is refused.
    """

    name: str
    title: Title
    type: str = "text"
    unit: str = "1"
    required: bool = False
    choices: tuple[str, ...] = ()
    minimum: float | None = None
    maximum: float | None = None


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """The schema of a thing: attributes, properties, how the map draws it.

    `icon` is the name of a symbol of the page (`ui/src/map/symbols.ts`). `reports` is false when
    things of it never report by design: they are computed, compared or only kept, so that nothing
    is missing when nothing was heard.
    """

    name: str
    title: Title
    icon: str = "dot"
    properties: tuple[Property, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    reports: bool = True


class Thing(msgspec.Struct, kw_only=True):
    """Anything registered. Longitude and latitude in degrees, WGS-84.

    `area` is the code of the smallest area that holds the thing; the registry computes it when it
    is left empty. `in_service_since` and `retired_at` are Unix microseconds; a count of things
    "as of" a day uses them. `source` says where the thing comes from: see `Source`.
    """

    id: str
    kind: str
    name: str
    longitude: float
    latitude: float
    area: str = ""
    owner: str = ""
    attributes: dict[str, Any] = {}
    source: str = "measured"
    in_service_since: int | None = None
    retired_at: int | None = None
