"""GeoJSON points as plain values; features of other shapes are faults."""

from __future__ import annotations

from typing import Any

import msgspec

from xinji.store.tables.table import UnreadableError

Plain = str | int | float | bool | None

NESTED = "a text, a number, true, false or null"
MOST_PROPERTIES = 200


class Point(msgspec.Struct, array_like=True):
    """A feature: its number from 1, its place, what it says of itself; or a fault of the whole.

    `properties` and `attributes` hold plain values; `nested` names those that were not.
    """

    number: int
    fault: str = ""
    longitude: Plain = None
    latitude: Plain = None
    id: Plain = None
    properties: dict[str, Plain] = {}
    attributes: dict[str, Plain] = {}
    nested: tuple[str, ...] = ()


def read_points(data: bytes, most: int) -> list[Point]:
    """The features of a FeatureCollection.

    Raises UnreadableError: not such a file, or more than `most` features.
    """
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError(f"not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("features"), list):
        raise UnreadableError("not a GeoJSON FeatureCollection")
    features = document["features"]
    if len(features) > most:
        raise UnreadableError(f"more than {most:,} rows")
    return [_point(number, feature) for number, feature in enumerate(features, 1)]


def _point(number: int, feature: Any) -> Point:
    if not isinstance(feature, dict):
        return Point(number, "a GeoJSON Feature")
    geometry = feature.get("geometry")
    if not isinstance(geometry, dict) or geometry.get("type") != "Point":
        return Point(number, "geometry: a Point")
    place = geometry.get("coordinates")
    if not isinstance(place, list) or len(place) < 2:
        return Point(number, "geometry: a Point has longitude and latitude")
    properties = feature.get("properties") or {}
    more = properties.pop("attributes", None) or {} if isinstance(properties, dict) else None
    if not isinstance(more, dict):
        return Point(number, "properties and attributes: objects")
    if len(properties) + len(more) > MOST_PROPERTIES:
        return Point(number, f"at most {MOST_PROPERTIES} properties")
    nested: list[str] = []

    def plain(name: str, value: Any) -> Plain:
        if value is None or isinstance(value, (str, float, bool)):
            return value
        if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
            return value
        nested.append(name)
        return f"a whole number of {value.bit_length()} bits" if isinstance(value, int) else ""

    return Point(
        number,
        "",
        plain("longitude", place[0]),
        plain("latitude", place[1]),
        plain("id", feature.get("id")),
        {name: plain(name, value) for name, value in properties.items()},
        {name: plain(f"attributes.{name}", value) for name, value in more.items()},
        tuple(nested),
    )
