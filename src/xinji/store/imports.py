"""Things from tables and GeoJSON: every bad row is reported, with its field and the rule it breaks.

Columns of a table (CSV, TSV, XLSX): `id, kind, name, longitude, latitude`, optional `area, owner,
source, in_service_since, retired_at`, and `attributes` as a JSON object; every other column is an
attribute, but for those of our own export that only tell (`TOLD`). A day or time without an offset
is the district's.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from xinji.methods.geodesy import to_wgs84
from xinji.model.things import Thing
from xinji.store.registry import Invalid, Registry
from xinji.store.tables.cells import BadCellError, moment_of, number_of, whole_of
from xinji.store.tables.columns import fault_of
from xinji.store.tables.points import NESTED, Point, read_points
from xinji.store.tables.reading import read_table
from xinji.store.tables.table import Row, Table, UnreadableError

MAXIMUM_ROWS = 1_000_000
ERRORS_SHOWN = 1_000

TOLD = frozenset({"state", "last_seen", "open_events", "open_cases", "h3", "number", "revision"})
"""Columns of our own exports that an import does not take: the house knows them better."""

_FIELDS = ("id", "kind", "name", "longitude", "latitude", "area", "owner", "source",
           "in_service_since", "retired_at")  # fmt: skip
_NEEDED = ("id", "kind", "name", "longitude", "latitude")


class RowError(msgspec.Struct, frozen=True):
    """A fault of a row: as a spreadsheet numbers it (the head line is row 1), or of a feature."""

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


def read_things(body: bytes, form: str) -> Table | list[Point]:
    """A file of things, unjudged: `form` is `geojson`, else it is a table.

    Raises UnreadableError: not such a file, or more than `MAXIMUM_ROWS` rows.
    """
    return read_points(body, MAXIMUM_ROWS) if form == "geojson" else read_table(body, MAXIMUM_ROWS)


def import_things(
    registry: Registry,
    found: Table | list[Point],
    *,
    datum: str = "wgs84",
    dry_run: bool = True,
    area: str = "",
) -> ImportReport:
    """Check, and (unless `dry_run`) register the valid things of a file.

    Args:
        found: what `read_things` gave.
        datum: of the file's coordinates; stored coordinates are WGS-84.
        area: code that every thing lies in, and lay in before; empty for the whole district.

    Raises:
        UnreadableError: a needed column is missing.
    """
    rows = _table_rows(found, registry) if isinstance(found, Table) else map(_of_point, found)
    report = ImportReport(dry_run=dry_run)
    things: dict[str, Thing] = {}
    for number, row in rows:
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
                    RowError(number, fault.field[:200], str(fault)[:500], _shown(fault.value))
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


Numbered = tuple[int, dict[str, Any] | Invalid]


def _table_rows(table: Table, registry: Registry) -> Iterator[Numbered]:
    names = table.head
    missing = [name for name in _NEEDED if name not in names]
    if missing:
        raise UnreadableError(f"column missing: {', '.join(missing)}", row=1, field=missing[0])
    twice = [name for name in dict.fromkeys(names) if name and names.count(name) > 1]
    if twice:
        raise UnreadableError(f"two columns for {', '.join(twice)}", row=1, field=twice[0])
    types = {
        (kind.name, attribute.name): attribute.type
        for kind in registry.kinds.values()
        for attribute in kind.attributes
    }
    used = ["" if name in TOLD else name for name in names]
    for row in table.rows:
        yield row.number, _row(row, used, types)


def _row(row: Row, names: list[str], types: dict[tuple[str, str], str]) -> dict[str, Any] | Invalid:
    """The values of a row by field, or why it has none."""
    if fault := fault_of(row, names):
        return Invalid(fault.field, fault.rule, fault.value)
    cells = {name: cell for name, cell in zip(names, row.cells, strict=True) if name and cell != ""}
    fixed: dict[str, Any] = {name: cells.pop(name) for name in _FIELDS if name in cells}
    attributes: dict[str, Any] = {}
    if (text := cells.pop("attributes", "")) != "":
        try:
            attributes = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.DecodeError, RecursionError):
            return Invalid("attributes", "a JSON object", text)
    kind = fixed.get("kind", "")
    attributes |= {
        name: _typed(types.get((kind, name), "text"), cell) for name, cell in cells.items()
    }
    return fixed | {"attributes": attributes}


def _typed(kind: str, cell: str) -> Any:
    """A cell as its attribute's type, or as it is, for the registry to refuse."""
    try:
        if kind == "number":
            return number_of(cell)
        if kind == "integer":
            return whole_of(cell)
    except BadCellError:
        return cell
    if kind == "boolean" and cell.strip().lower() in ("true", "false", "1", "0"):
        return cell.strip().lower() in ("true", "1")
    return cell


def _of_point(point: Point) -> Numbered:
    if point.fault:
        return point.number, Invalid("row", point.fault)
    for name in point.nested:
        found: Any = point.properties.get(name)
        if name in ("id", "longitude", "latitude"):
            found = getattr(point, name)
        field = name if name in _FIELDS or "." in name else f"attributes.{name}"
        return point.number, Invalid(field, NESTED, found)
    row = dict(point.properties)
    if point.id is not None:
        row.setdefault("id", point.id)
    for name in TOLD:
        row.pop(name, None)
    attributes = point.attributes | {
        name: row.pop(name) for name in list(row) if name not in _FIELDS
    }
    return point.number, row | {
        "longitude": point.longitude, "latitude": point.latitude, "attributes": attributes,
    }  # fmt: skip


def _thing(row: dict[str, Any] | Invalid, datum: str) -> Thing:
    """A row as a thing in WGS-84. Raises Invalid."""
    if isinstance(row, Invalid):
        raise row
    values = {name: row[name] for name in _FIELDS if row.get(name) not in (None, "")}
    for name in _NEEDED:
        if name not in values:
            raise Invalid(name, "required")
    for name in ("longitude", "latitude"):
        values[name] = _degrees(name, values[name])
    for name in ("in_service_since", "retired_at"):
        if name in values:
            values[name] = _day(name, values[name])
    west, south = to_wgs84(datum, values["longitude"], values["latitude"])
    values["longitude"], values["latitude"] = round(float(west), 7), round(float(south), 7)
    try:
        return msgspec.convert({**values, "attributes": row.get("attributes", {})}, Thing)
    except msgspec.ValidationError as error:
        raise Invalid(str(error).rsplit("$.", 1)[-1].rstrip("`"), str(error)) from error


def _degrees(name: str, value: Any) -> float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    try:
        return number_of(value)
    except (BadCellError, AttributeError):
        raise Invalid(name, "a number of degrees", value) from None


def _day(name: str, value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    try:
        return moment_of(str(value))
    except BadCellError as error:
        raise Invalid(name, str(error), value) from None
