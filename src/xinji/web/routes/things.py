"""Things, their latest values, windows and aggregates; import."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa

from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.access.scope import contains, within
from xinji.api.call import Call, Problem, Routes, iso, json_response
from xinji.api.listing import LARGEST_EXPORT, export, listing
from xinji.api.uploads import readable, upload, uploaded_table
from xinji.loop.house import House
from xinji.methods.geodesy import DATUMS
from xinji.model.observations import Quality, Source
from xinji.store.imports import MAXIMUM_ROWS, ImportReport, import_things
from xinji.store.observations import columns_of
from xinji.store.places import cell_of
from xinji.store.registry import in_box
from xinji.store.schema import cases, events, things
from xinji.store.tables.points import Point
from xinji.store.tables.table import Table
from xinji.web.routes.states import in_state, is_stale, shown_state

routes = Routes()

STEPS = {"raw": 0, "1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "6h": 21_600, "1d": 86_400}
DAY_US = 86_400_000_000
LARGEST_AGGREGATE = 500_000
"""Rows that an aggregate may have; 90 days of a district's streets by minute are asked in parts."""


def _filtered(call: Call) -> sa.Select[Any]:
    t = things.c
    query = sa.select(things).where(within(t.area, call.person.area))
    kinds = [kind for kind in call.text("kind").split(",") if kind]
    if kinds:
        query = query.where(t.kind.in_(kinds))
    if name := call.text("system"):
        system = next((each for each in call.house.declared.systems if each.name == name), None)
        if system is None:
            raise Problem(400, "Bad parameter", field="system", rule="a system of the district")
        query = query.where(t.kind.in_(system.kinds))
    if area := call.text("area"):
        query = query.where(within(t.area, area))
    if state := call.text("state"):
        query = query.where(in_state(call.house, state))
    if words := call.text("q"):
        like = f"%{words.replace('%', '').replace('_', '')}%"
        query = query.where(sa.or_(t.name.like(like), t.id.like(like)))
    if box := call.text("bbox"):
        try:
            west, south, east, north = (float(part) for part in box.split(","))
        except ValueError:
            raise Problem(
                400, "Bad parameter", field="bbox", rule="west,south,east,north in degrees"
            ) from None
        query = query.where(
            in_box(west, south, east, north, call.house.database.reader.dialect.name)
        )
    return query


def series_of(house: House, thing: str, kind: str) -> list[tuple[str, int, int]]:
    """(property, source, series) of every series that a thing has."""
    known = house.registry.kinds.get(kind)
    numbers = house.store.table.numbers
    found = []
    for each in known.properties if known else ():
        for source in Source:
            number = numbers.get((thing, each.name, source))
            if number is not None:
                found.append((each.name, int(source), number))
    return found


def _counted(call: Call, column: Any, is_open: Any, wanted: Sequence[str]) -> dict[str, int]:
    query = sa.select(column, sa.func.count()).where(is_open).group_by(column)
    if len(wanted) <= 1_000:
        query = query.where(column.in_(wanted))
    with call.house.database.reading() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def items_of(call: Call, rows: Sequence[Any]) -> list[dict[str, Any]]:
    """Rows of `things` as API items."""
    ids = [row.id for row in rows]
    open_events = _counted(call, events.c.thing, events.c.ended_at.is_(None), ids)
    open_cases = _counted(call, cases.c.thing, cases.c.closed_at.is_(None), ids)
    last_time = call.house.store.table.last_time
    items = []
    for row in rows:
        heard = [
            (name, int(last_time[number]))
            for name, _, number in series_of(call.house, row.id, row.kind)
        ]
        regular = [
            is_stale(call.house, row.kind, name, at)
            for name, at in heard
            if at and call.house.registry.properties[row.kind, name].expected_seconds
        ]
        stale = bool(regular) and all(regular)
        seen = max((at for _, at in heard), default=0)
        items.append(
            {
                "id": row.id,
                "kind": row.kind,
                "name": row.name,
                "longitude": row.longitude,
                "latitude": row.latitude,
                "area": row.area,
                "owner": row.owner,
                "attributes": row.attributes,
                "source": row.source,
                "state": shown_state(call.house, row.kind, row.state, stale=stale),
                "last_seen": iso(seen or None),
                "open_events": open_events.get(row.id, 0),
                "open_cases": open_cases.get(row.id, 0),
                "in_service_since": iso(row.in_service_since),
                "retired_at": iso(row.retired_at),
            }
        )
    return items


@routes.get("/api/things", query="kind system area state q bbox limit cursor format language")
def things_list(call: Call) -> Any:
    """Things, filtered; as GeoJSON the whole selection at once."""
    query = _filtered(call)
    if call.text("format") != "geojson":
        return listing(call, query, [things.c.id], lambda rows: items_of(call, rows), name="things")
    with call.house.database.reading() as connection:
        rows = connection.execute(query.order_by(things.c.id).limit(LARGEST_EXPORT)).all()
    features = [
        {
            "type": "Feature",
            "id": number,
            "geometry": {"type": "Point", "coordinates": [item["longitude"], item["latitude"]]},
            "properties": item,
        }
        for number, item in enumerate(items_of(call, rows))
    ]
    response = json_response({"type": "FeatureCollection", "features": features}, call.request)
    response.headers["Content-Type"] = "application/geo+json"
    return response


def _thing(call: Call) -> Any:
    """The row of the path's thing, inside the caller's area. Raises Problem 404."""
    number = call.request.path_params["id"]
    with call.house.database.reading() as connection:
        row = connection.execute(sa.select(things).where(things.c.id == number)).first()
    if row is None or not contains(call.person.area, row.area):
        raise Problem(404, "No such thing", number)
    return row


def latest_of(house: House, thing: str, kind: str) -> list[dict[str, Any]]:
    """The newest value of each property of a thing."""
    series = series_of(house, thing, kind)
    last = house.store.latest(np.array([number for *_, number in series], np.int32))
    newest: dict[str, tuple[int, int, float, int]] = {}
    for (name, source, _), at, value, quality in zip(
        series, *(column.tolist() for column in last), strict=True
    ):
        if at and (name not in newest or at > newest[name][0]):
            newest[name] = (at, source, value, quality)
    answer = []
    for name, (at, source, value, quality) in newest.items():
        known = house.registry.properties[kind, name]
        answer.append(
            {
                "property": name,
                "time": iso(at),
                "value": value,
                "quality": Quality(quality).name.lower(),
                "source": Source(source).word,
                "unit": known.unit,
                "stale": is_stale(house, kind, name, at),
            }
        )
    return answer


@routes.get("/api/things/{id}")
def thing_one(call: Call) -> dict[str, Any]:
    """A thing with its latest values."""
    row = _thing(call)
    return items_of(call, [row])[0] | {"latest": latest_of(call.house, row.id, row.kind)}


@routes.get("/api/things/{id}/latest")
def thing_latest(call: Call) -> dict[str, Any]:
    """The newest value of each property of a thing."""
    row = _thing(call)
    return {"thing": row.id, "latest": latest_of(call.house, row.id, row.kind)}


@routes.get("/api/things/{id}/observations", query="property from to step limit format")
def thing_observations(call: Call) -> Any:
    """A window of one property: raw rows, or mean, minimum, maximum and count by step."""
    row = _thing(call)
    name = call.text("property")
    known = call.house.registry.properties.get((row.kind, name))
    if known is None:
        raise Problem(400, "Bad parameter", field="property", rule=f"a property of {row.kind}")
    step, start, end = _window(call)
    numbers = [n for p, _, n in series_of(call.house, row.id, row.kind) if p == name]
    table = call.house.store.window(
        np.asarray(numbers, np.int32),
        start,
        end,
        STEPS[step],
        call.number("limit", 10_000, 1, 100_000),
    )
    table = table.drop_columns(["series"]).sort_by("time")
    if (form := call.text("format", "json")) != "json":
        return export(table, form, f"{row.id}-{name}")
    columns = columns_of(table)
    columns["time"] = _times(columns["time"])
    if "quality" in columns:
        del columns["quality"]
    return {"property": name, "unit": known.unit, "step": step, "columns": columns}


def _times(times: Iterable[Any]) -> list[str]:
    """DuckDB's naive UTC timestamps as RFC 3339."""
    return [time.strftime("%Y-%m-%dT%H:%M:%S.%fZ") for time in times]


def _window(call: Call) -> tuple[str, int, int]:
    step = call.text("step", "raw")
    if step not in STEPS:
        raise Problem(400, "Bad parameter", field="step", rule=", ".join(STEPS))
    end = call.time("to", call.house.clock.now() + 1)
    start = call.time("from", end - DAY_US)
    if start >= end:
        raise Problem(400, "Bad parameter", field="from", rule="before `to`")
    return step, start, end


def _selected(call: Call) -> list[tuple[str, str, int]]:
    """(thing, area, series) of one property of a kind, inside the caller's area."""
    kind, name = call.text("kind"), call.text("property")
    if (kind, name) not in call.house.registry.properties:
        raise Problem(400, "Bad parameter", field="property", rule="a property of `kind`")
    numbers = call.house.store.table.numbers
    found = []
    for thing, place in call.house.registry.things.items():
        if place.kind != kind or not contains(call.person.area, place.area):
            continue
        for source in Source:
            number = numbers.get((thing, name, source))
            if number is not None:
                found.append((thing, place.area, number))
    return found


@routes.get("/api/latest", query="kind property")
def latest(call: Call) -> dict[str, Any]:
    """The newest value of one property, of all things of a kind."""
    selected = _selected(call)
    times, values, _ = call.house.store.latest(np.array([n for *_, n in selected], np.int32))
    heard = [i for i in range(len(selected)) if times[i]]
    return {
        "columns": {
            "thing": [selected[i][0] for i in heard],
            "time": [iso(int(times[i])) for i in heard],
            "value": [float(values[i]) for i in heard],
        }
    }


@routes.get("/api/aggregates", query="kind property by step from to format")
def aggregates(call: Call) -> Any:
    """Mean, minimum, maximum and count of one property by group and step."""
    by = call.text("by", "subdistrict")
    selected = _selected(call)
    step, start, end = _window(call)
    if step == "raw":
        raise Problem(400, "Bad parameter", field="step", rule="not raw")
    registry = call.house.registry
    if by == "kind":
        groups = {number: call.text("kind") for *_, number in selected}
    elif by == "subdistrict":
        groups = {number: area[:9] for _, area, number in selected}
    elif by == "h3":
        groups = {
            number: cell_of(registry.things[thing].longitude, registry.things[thing].latitude)
            for thing, _, number in selected
        }
    else:
        raise Problem(400, "Bad parameter", field="by", rule="subdistrict, kind or h3")
    points = ((end - start) // (STEPS[step] * 1_000_000) + 1) * len(set(groups.values()))
    if points > LARGEST_AGGREGATE:
        rule = f"at most {LARGEST_AGGREGATE:,} groups by step: a shorter time or a longer step"
        raise Problem(400, "Bad parameter", field="from", rule=rule)
    table = call.house.store.aggregate(groups, start, end, STEPS[step])
    if (form := call.text("format", "json")) != "json":
        return export(table, form, f"{call.text('kind')}-{call.text('property')}")
    columns = columns_of(table)
    columns["time"] = _times(columns["time"])
    return {"columns": columns}


@routes.post("/api/things/import", role=Role.ADMINISTRATOR, query="dry_run datum", reach=Reach.AREA)
def things_import(call: Call) -> ImportReport:
    """Register things from CSV, TSV, XLSX or GeoJSON; a dry run reports and changes nothing."""
    datum = call.text("datum", "wgs84")
    if datum not in DATUMS:
        raise Problem(400, "Bad parameter", field="datum", rule=", ".join(DATUMS))
    media = call.request.headers.get("content-type", "").split(";")[0]
    dry_run = call.flag("dry_run") is not False
    with readable():
        found: Table | list[Point]
        if "json" in media:
            most = {"most": MAXIMUM_ROWS}
            found = upload("xinji.store.tables.points:read_points", call.body, list[Point], most)
        else:
            found = uploaded_table(call.body, MAXIMUM_ROWS)
        if dry_run:
            return import_things(call.house.registry, found, datum=datum, area=call.person.area)
        with call.house.database.writing():
            report = import_things(
                call.house.registry, found, datum=datum, dry_run=False, area=call.person.area
            )
            detail = {"created": report.created, "updated": report.updated}
            call.house.audit.record(call.person.name, "things.import", "things", detail)
    return report
