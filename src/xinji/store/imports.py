"""Things from CSV and GeoJSON: every bad row is reported, with its field and the rule it breaks.

CSV columns: `id, kind, name, longitude, latitude`, optional `area, owner, source,
in_service_since, retired_at`; every other column is an attribute. Dates are ISO 8601 days or
date-times (without an offset: the district's time).
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Iterator
from typing import Any

import msgspec

from xinji.methods.geodesy import to_wgs84
from xinji.model.things import Thing
from xinji.store.observations import microseconds
from xinji.store.registry import Invalid, Registry

MAXIMUM_ROWS = 1_000_000
ERRORS_SHOWN = 1_000
DISTRICT_TIME = dt.timezone(dt.timedelta(hours=8))

_FIELDS = ("id", "kind", "name", "longitude", "latitude", "area", "owner", "source",
           "in_service_since", "retired_at")  # fmt: skip
_NEEDED = ("id", "kind", "name", "longitude", "latitude")


class UnreadableError(ValueError):
    """The file as a whole cannot be read; the message says where it stops making sense."""


class RowError(msgspec.Struct, frozen=True):
    """A fault of a row (numbered from 1, without the header)."""

    row: int
    field: str
    rule: str
    value: Any = None


class ImportReport(msgspec.Struct, kw_only=True):
    """What an import did, or with a dry run would do."""

    read: int = 0
    valid: int = 0
    created: int = 0
    updated: int = 0
    errors: list[RowError] = []
    warnings: list[RowError] = []
    dry_run: bool = True


def import_things(
    registry: Registry,
    body: bytes,
    *,
    form: str,
    datum: str = "wgs84",
    dry_run: bool = True,
    area: str = "",
) -> ImportReport:
    """Read, check, and (unless `dry_run`) register the valid things of a file.

    Args:
        form: `csv` or `geojson`.
        datum: of the file's coordinates; stored coordinates are WGS-84.
        area: code that every thing lies in, and lay in before; empty for the whole district.

    Raises:
        UnreadableError: not a CSV or GeoJSON file, a needed column is missing, too many rows.
    """
    rows = _csv_rows(body, registry) if form == "csv" else _geojson_rows(body)
    report = ImportReport(dry_run=dry_run)
    things: dict[str, Thing] = {}
    for number, row in enumerate(rows, 1):
        if number > MAXIMUM_ROWS:
            raise UnreadableError(f"more than {MAXIMUM_ROWS} rows")
        report.read += 1
        try:
            thing = registry.check(_thing(row, datum))
            if thing.id in things:
                raise Invalid("id", "appears twice in the file", thing.id)
            present = registry.things.get(thing.id)
            stands = registry.places.areas_of(thing.longitude, thing.latitude)[0] or thing.area
            if not thing.area.startswith(area) or not stands.startswith(area):
                raise Invalid("area", f"inside {area}")
            if present is not None and not present.area.startswith(area):
                raise Invalid("id", f"not one that is in use outside {area}", thing.id)
        except Invalid as fault:
            if len(report.errors) < ERRORS_SHOWN:
                report.errors.append(
                    RowError(number, fault.field, str(fault)[:500], _shown(fault.value))
                )
            continue
        doubt = registry.places.datum_doubt(thing.longitude, thing.latitude)
        if doubt and len(report.warnings) < ERRORS_SHOWN:
            place = [round(thing.longitude, 6), round(thing.latitude, 6)]
            report.warnings.append(RowError(number, "longitude, latitude", doubt, place))
        things[thing.id] = thing
    report.valid = len(things)
    if dry_run:
        report.updated = sum(1 for each in things if each in registry.things)
        report.created = len(things) - report.updated
    elif things:
        report.created, report.updated = registry.put(list(things.values()))
    return report


def _shown(value: Any) -> Any:
    """A refused value as a report can hold it."""
    if isinstance(value, int) and not -(1 << 63) <= value < 1 << 63:
        return f"a whole number of {value.bit_length()} bits"
    if value is None or isinstance(value, (bool, int, float)):
        return value
    return value[:200] if isinstance(value, str) else f"a JSON {type(value).__name__}"


def _csv_rows(body: bytes, registry: Registry) -> Iterator[dict[str, Any]]:
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"not UTF-8 at byte {error.start}") from error
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        header = reader.fieldnames or ()
        missing = [name for name in _NEEDED if name not in header]
        if missing:
            raise UnreadableError(f"column missing: {', '.join(missing)}")
        types = {
            (kind.name, attribute.name): attribute.type
            for kind in registry.kinds.values()
            for attribute in kind.attributes
        }
        for row in reader:
            if None in row or None in row.values():
                yield {"id": row.get("id") or "", "fault": "as many cells as the header has"}
                continue
            fixed = {name: row[name] for name in _FIELDS if row.get(name)}
            attributes = {
                name: _typed(types.get((row["kind"], name), "text"), cell)
                for name, cell in row.items()
                if name not in _FIELDS and cell != ""
            }
            yield fixed | {"attributes": attributes}
    except csv.Error as error:
        raise UnreadableError(f"line {reader.line_num}: {error}") from error


def _typed(kind: str, cell: str) -> Any:
    """A cell as its attribute's type, or as it is, for the registry to refuse."""
    try:
        if kind == "number":
            return float(cell)
        if kind == "integer":
            return int(cell)
    except ValueError:
        return cell
    if kind == "boolean" and cell.lower() in ("true", "false", "1", "0"):
        return cell.lower() in ("true", "1")
    return cell


def _geojson_rows(body: bytes) -> Iterator[dict[str, Any]]:
    try:
        document = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UnreadableError(f"not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get("features"), list):
        raise UnreadableError("not a GeoJSON FeatureCollection")
    for feature in document["features"]:
        if not isinstance(feature, dict):
            yield {"fault": "a GeoJSON Feature"}
            continue
        geometry = feature.get("geometry")
        if not isinstance(geometry, dict) or geometry.get("type") != "Point":
            yield {"fault": "geometry: a Point"}
            continue
        point = geometry.get("coordinates")
        if not isinstance(point, list) or len(point) < 2:
            yield {"fault": "geometry: a Point has longitude and latitude"}
            continue
        properties = feature.get("properties") or {}
        more = properties.get("attributes") or {} if isinstance(properties, dict) else None
        if not isinstance(more, dict):
            yield {"fault": "properties and attributes: objects"}
            continue
        row = dict(properties)
        if "id" in feature:
            row.setdefault("id", feature["id"])
        row.pop("attributes", None)
        attributes = more | {name: row.pop(name) for name in list(row) if name not in _FIELDS}
        yield row | {"longitude": point[0], "latitude": point[1], "attributes": attributes}


def _thing(row: dict[str, Any], datum: str) -> Thing:
    """A row as a thing in WGS-84. Raises Invalid."""
    if "fault" in row:
        raise Invalid("row", row["fault"])
    values = {name: row[name] for name in _FIELDS if row.get(name) not in (None, "")}
    for name in _NEEDED:
        if name not in values:
            raise Invalid(name, "required")
    for name in ("longitude", "latitude"):
        try:
            values[name] = float(values[name])
        except (TypeError, ValueError, OverflowError):
            raise Invalid(name, "a number of degrees", values[name]) from None
    for name in ("in_service_since", "retired_at"):
        if name in values:
            values[name] = _day(name, values[name])
    west, south = to_wgs84(datum, values["longitude"], values["latitude"])
    values["longitude"], values["latitude"] = round(float(west), 7), round(float(south), 7)
    try:
        return msgspec.convert({**values, "attributes": row.get("attributes", {})}, Thing)
    except msgspec.ValidationError as error:
        raise Invalid(str(error).rsplit("$.", 1)[-1].rstrip("`"), str(error)) from error


def _day(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        moment = dt.datetime.fromisoformat(str(value))
    except ValueError:
        raise Invalid(name, "an ISO 8601 day or time", value) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=DISTRICT_TIME)
    return microseconds(moment)
