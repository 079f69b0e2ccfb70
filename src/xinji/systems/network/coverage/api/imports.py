"""Ledgers of sectors and building outlines: what planners bring."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import shapely

from xinji.access.identity import Role
from xinji.api.call import Call, Download, Problem, Routes
from xinji.api.uploads import readable, upload
from xinji.methods.geodesy import DATUMS
from xinji.model.things import AreaLevel, Thing
from xinji.store.registry import Invalid
from xinji.systems.network.coverage.inputs.apart import (
    Read,
    imported_buildings,
    imported_sites,
    shapes_packed,
)
from xinji.systems.network.coverage.inputs.report import ImportReport
from xinji.systems.network.coverage.inputs.sectors import UNKNOWN_TIME, Sectors
from xinji.systems.network.coverage.inputs.sites import sites_csv
from xinji.systems.network.coverage.registered import (
    STATION,
    put_buildings,
    read_buildings,
    read_sectors,
    sector_things,
)
from xinji.systems.network.coverage.scene import roads_of

routes = Routes()

SHOWN_FAULTS = 200
APART = "xinji.systems.network.coverage.inputs.apart"


def choice(call: Call, name: str, values: tuple[str, ...]) -> str | None:
    """A query parameter that is one of some words, None when it is not given."""
    text = call.text(name)
    if text and text not in values:
        raise Problem(400, "Bad parameter", field=name, rule=", ".join(values))
    return text or None


def outline_of(call: Call) -> Any:
    """The district's polygon, None when it has no geometry."""
    shapes = [
        shapely.geometry.shape(area.geometry)
        for area in call.house.registry.areas.values()
        if area.level is AreaLevel.DISTRICT and area.geometry is not None
    ]
    return shapely.union_all(shapes) if shapes else None


def options_of(call: Call) -> dict[str, Any]:
    """What every reader of planning data is told: the district's outline and the file's datum."""
    outline = outline_of(call)
    return {
        "outline": None if outline is None else shapely.to_wkb(outline),
        "datum": choice(call, "datum", DATUMS),
    }


def roads_packed(call: Call) -> bytes:
    """The centre-lines of the base map, as the readers take them."""
    return shapes_packed(shapely.LineString(road) for road in roads_of(call.house.locality.basemap))


def answer_of(report: ImportReport, *, dry_run: bool, **stored: int) -> dict[str, Any]:
    """An import's report as the API shows it."""
    shown: dict[str, Any] = msgspec.to_builtins(report)
    for name in ("faults", "doubts"):
        shown[name] = shown[name][:SHOWN_FAULTS]
    return {"dry_run": dry_run, "refused": report.refused} | shown | stored


@routes.post(
    "/api/coverage/sites", role=Role.ADMINISTRATOR, query="dry_run datum source", body="table"
)
def sites_import(call: Call) -> dict[str, Any]:
    """A ledger of sectors, CSV or XLSX, one row a sector: good rows are stored, bad ones named.

    `dry_run=true` (the default) stores nothing; `datum` is the file's (wgs84, gcj02, bd09).
    """
    dry_run = call.flag("dry_run") is not False
    source = choice(call, "source", ("measured", "simulated")) or "measured"
    house = call.house
    given = options_of(call) | {
        "footprints": shapes_packed(read_buildings(house.database).geometries)
    }
    with readable():
        found = imported_sites(upload(f"{APART}:sites", call.body, Read, given))
    if dry_run or not len(found.sectors):
        return answer_of(found.report, dry_run=dry_run, new=0, changed=0)
    try:
        checked = [
            house.registry.check(thing)
            for thing in (
                *_stations(found.sectors, source, set(house.registry.things)),
                *sector_things(found.sectors, source),
            )
        ]
    except Invalid as error:
        raise Problem(422, "Bad sector", field=error.field, rule=error.rule) from None
    with house.database.writing():
        new, changed = house.registry.put(checked)
        house.audit.record(
            call.person.name,
            "coverage.sites",
            str(len(found.sectors)),
            {"refused": found.report.refused},
        )
    return answer_of(found.report, dry_run=False, new=new, changed=changed)


def _stations(sectors: Sectors, source: str, known: set[str]) -> list[Thing]:
    """Base stations that the registry does not know yet."""
    ids, first = np.unique(sectors.station_id.astype(str), return_index=True)
    made = []
    for station, at in zip(ids.tolist(), first.tolist(), strict=True):
        if station in known:
            continue
        since = int(sectors.in_service_since[at])
        made.append(
            Thing(
                id=station,
                kind=STATION,
                name=str(sectors.name[at] or station),
                longitude=float(sectors.longitude[at]),
                latitude=float(sectors.latitude[at]),
                owner=str(sectors.operator[at]),
                attributes={
                    "type": str(sectors.type[at]),
                    "operator": str(sectors.operator[at]),
                },
                source=source,
                in_service_since=None if since == UNKNOWN_TIME else since,
            )
        )
    return made


@routes.get("/api/coverage/sites.csv", role=Role.OPERATOR)
def sites_export(call: Call) -> Download:
    """The registered sectors as a table that can be brought back."""
    sectors = read_sectors(call.house.database)
    if call.person.area:
        places = call.house.registry.things
        inside = [places[name].area.startswith(call.person.area) for name in sectors.sector_id]
        sectors = sectors.take(np.array(inside, np.bool_))
    content, count = sites_csv(sectors), len(sectors)
    return Download(content, "text/csv; charset=utf-8", "sectors.csv", count)


@routes.post(
    "/api/coverage/buildings", role=Role.ADMINISTRATOR, query="dry_run datum source", body="file"
)
def buildings_import(call: Call) -> dict[str, Any]:
    """Outlines with heights: GeoJSON, GeoPackage or a zipped Shapefile, up to 16 MiB a request.

    Outlines of the same id are replaced. `dry_run=true` (the default) stores nothing.
    """
    dry_run = call.flag("dry_run") is not False
    source = choice(call, "source", ("measured", "simulated")) or "measured"
    house = call.house
    given = options_of(call) | {"roads": roads_packed(call)}
    with readable():
        found = imported_buildings(upload(f"{APART}:buildings", call.body, Read, given))
    new = changed = 0
    if not dry_run:
        places = house.registry.places
        with house.database.writing():
            new, changed = put_buildings(
                house.database,
                found.buildings,
                source=source,
                now=house.clock.now(),
                areas_of=places.areas_of,
            )
            house.audit.record(
                call.person.name,
                "coverage.buildings",
                str(len(found.buildings)),
                {"refused": found.report.refused},
            )
    return answer_of(found.report, dry_run=dry_run, new=new, changed=changed)
