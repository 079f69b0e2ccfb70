"""The maps: what there is, the grids themselves, one place explained."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import shapely
from starlette.responses import Response

from xinji.access.identity import Role
from xinji.api.call import Call, Problem, Routes, iso
from xinji.api.job import job_item, start
from xinji.loop.jobs import Job
from xinji.methods.radio.height_uncertainty import MOST_SAMPLES
from xinji.methods.radio.link_profile import budget, link_profile
from xinji.systems.network.coverage import scenarios
from xinji.systems.network.coverage.part import SYSTEM, Coverage, Maps
from xinji.systems.network.coverage.prediction import Layer, Prediction
from xinji.systems.network.coverage.scene import CELLS_M, Scene, roads_of
from xinji.systems.network.coverage.shares import buildings_covered, entry_losses, facade_rsrp

routes = Routes()

NONE = -32_768
"""No value in a grid of 16-bit numbers."""

LAYERS = {
    "rsrp": {"unit": "dB[mW]", "scale": 0.1},
    "sinr": {"unit": "dB", "scale": 0.1},
    "rate": {"unit": "Mbit/s", "scale": 1.0},
    "server": {"unit": "1", "scale": 1.0},
    "confidence": {"unit": "1", "scale": 0.001},
    "residual": {"unit": "dB", "scale": 0.1},
}
LINKS = 6
NEAREST = 60
MOST_BUILDINGS = 3_000


def coverage(call: Call) -> Coverage:
    """The running part."""
    part: Coverage = call.house.parts[SYSTEM]
    return part


def computed(call: Call) -> Maps:
    """The maps. Raises Problem 409: none were computed yet."""
    maps = coverage(call).maps
    if maps is None:
        raise Problem(409, "Nothing computed yet", "POST /api/coverage/compute first")
    return maps


def prediction(call: Call) -> Prediction:
    """The map that the query names by `operator` and `scenario`."""
    operator = call.request.path_params.get("operator") or call.text("operator")
    known, scenario = computed(call).predictions, call.text("scenario")
    if scenario:
        stored = scenarios.read(call.house.database, scenario)
        if stored is None:
            raise Problem(404, "No such scenario", field="scenario")
        edits = [(each.operator, each.edit) for each in stored.edits]
        try:
            known = coverage(call).tried(edits)
        except ValueError as error:
            raise Problem(409, "The scenario does not fit any more", str(error)) from None
    if operator not in known:
        raise Problem(404, "No such operator", field="operator", rule=", ".join(sorted(known)))
    return known[operator]


def may_see(call: Call, code: str) -> bool:
    """Whether an area, by its code, lies in the caller's or holds it."""
    mine = call.person.area
    return not mine or code.startswith(mine) or (bool(code) and mine.startswith(code))


def visible(call: Call, scene: Scene) -> Any:
    """(rows, columns) cells that the caller may see."""
    if not call.person.area:
        return scene.area >= 0
    allowed = [number for number, code in enumerate(scene.areas) if may_see(call, code)]
    return np.isin(scene.area, allowed)


@routes.get("/api/coverage")
def summary(call: Call) -> dict[str, Any]:
    """What was computed, from what, and the figures by operator and area."""
    part = coverage(call)
    stamp, maps = part.stamp(), part.maps
    answer: dict[str, Any] = {
        "sectors": stamp[0],
        "buildings": stamp[2],
        "computed_at": None,
        "stale": False,
        "parameters": msgspec.to_builtins(part.parameters),
        "layers": LAYERS,
        "operators": [],
        "jobs": [_running(call, job) for job in part.jobs()],
    }
    if maps is None:
        return answer
    grid = maps.scene.grid
    return answer | {
        "computed_at": iso(maps.computed_at),
        "stale": maps.stamp != stamp,
        "source": maps.source,
        "grid": {
            "rows": grid.rows,
            "columns": grid.columns,
            "cell_m": grid.cell,
            "corners": maps.scene.corners(),
        },
        "operators": [
            {
                "operator": operator,
                "stations": len(set(found.sectors.station_id.tolist())),
                "sectors": len(found.sectors),
                "confidence": operator in maps.confidence,
                "carriers_ghz": [round(layer.radio.ghz, 4) for layer in found.layers],
                "areas": {
                    code: share
                    for code, share in maps.shares[operator].items()
                    if may_see(call, code)
                },
            }
            for operator, found in maps.predictions.items()
        ],
    }


def _running(call: Call, job: Job) -> dict[str, Any]:
    """A computation as everybody sees it; the person who asked and administrators may end it."""
    shown = job_item(job)
    mine = job.person == call.person.name
    return {name: shown[name] for name in ("id", "name", "state", "done", "total")} | {
        "mine": mine,
        "may_cancel": mine or call.person.role is Role.ADMINISTRATOR,
    }


def begin(call: Call, name: str, work: Callable[[Job], Any]) -> dict[str, Any]:
    """Begin a computation that changes the maps: `GET /api/coverage` tells of it to everybody."""
    item = start(call, name, work)
    job = call.house.jobs.find(item["id"])
    if job is not None:
        coverage(call).follow(job)
    return item


class Compute(msgspec.Struct, forbid_unknown_fields=True):
    """Body of a computation."""

    cell_m: float = 10.0
    history: bool = False


@routes.post("/api/coverage/compute")
def compute(call: Call) -> dict[str, Any]:
    """Compute the maps of all operators anew, as a job; `history` adds each year's end."""
    given = call.json(Compute) if call.body else Compute()
    if not CELLS_M[0] <= given.cell_m <= CELLS_M[1]:
        rule = f"from {CELLS_M[0]:g} to {CELLS_M[1]:g} m"
        raise Problem(422, "Bad body", field="cell_m", rule=rule)
    part, roads = coverage(call), roads_of(call.site.basemap)
    return begin(
        call,
        "coverage.compute",
        lambda job: part.compute(job, roads, given.cell_m, history=given.history),
    )


class Confide(msgspec.Struct, forbid_unknown_fields=True):
    """Body: how often heights are drawn anew."""

    operator: str
    samples: int = 16


@routes.post("/api/coverage/confidence")
def confide(call: Call) -> dict[str, Any]:
    """Compute how sure a map is, given how uncertain heights are, as a job."""
    given = call.json(Confide)
    if not 1 <= given.samples <= MOST_SAMPLES:
        raise Problem(422, "Bad body", field="samples", rule=f"from 1 to {MOST_SAMPLES}")
    if given.operator not in computed(call).predictions:
        raise Problem(422, "Bad body", field="operator", rule="one with a map")
    part = coverage(call)
    return begin(
        call, "coverage.confidence", lambda job: part.confide(job, given.operator, given.samples)
    )


@routes.get("/api/coverage/maps/{operator}/{layer}", query="scenario")
def grid(call: Call) -> Response:
    """A grid as 16-bit little-endian numbers, southern row first; -32768 is nothing there.

    Multiply by the layer's `scale`; a server's number is its place in `/api/coverage/sectors`.
    """
    layer = call.request.path_params["layer"]
    if layer not in LAYERS:
        raise Problem(404, "No such layer", field="layer", rule=", ".join(LAYERS))
    found = prediction(call)
    if layer in ("confidence", "residual"):
        known = getattr(computed(call), layer).get(found.operator)
        if known is None or call.text("scenario"):
            ask = {"confidence": "confidence", "residual": "residuals"}[layer]
            raise Problem(409, "Nothing computed yet", f"POST /api/coverage/{ask} first")
        values = known
    else:
        name = "rate_mbps" if layer == "rate" else layer
        values = np.asarray(getattr(found, name), np.float64)
    shown = visible(call, found.scene) & (found.scene.building < 0) & (found.rsrp > -160)
    scale = float(str(LAYERS[layer]["scale"]))
    numbers = np.full(values.shape, NONE, "<i2")
    numbers[shown] = np.clip(np.round(values[shown] / scale), -32_000, 32_000)
    return Response(
        gzip.compress(numbers.tobytes(), 1),
        media_type="application/octet-stream",
        headers={"Content-Encoding": "gzip", "Cache-Control": "no-store"},
    )


@routes.get("/api/coverage/sectors", query="operator scenario")
def sectors(call: Call) -> dict[str, Any]:
    """The outdoor sectors of an operator, in the order that the layer `server` numbers."""
    found = prediction(call)
    known = found.sectors
    return {
        "items": [
            {
                "sector": known.sector_id[at],
                "station": known.station_id[at],
                "name": known.name[at],
                "type": known.type[at],
                "longitude": float(known.longitude[at]),
                "latitude": float(known.latitude[at]),
                "height_m": float(known.height_m[at]),
                "azimuth_deg": float(known.azimuth_deg[at]),
                "tilt_deg": float(known.tilt_deg[at]),
                # a station that is switched off sends nothing
                "eirp_dbm": float(known.eirp_dbm[at]) if np.isfinite(known.eirp_dbm[at]) else None,
                "frequency_ghz": float(known.frequency_ghz[at]),
                "pci": int(known.pci[at]) if known.pci[at] >= 0 else None,
                "mounted_on": known.mounted_on[at],
            }
            for at in range(len(known))
        ],
        "total": len(known),
    }


@routes.get("/api/coverage/place", query="operator longitude latitude scenario")
def place(call: Call) -> dict[str, Any]:
    """A place explained: what serves it, the strongest links, and what stands in the way."""
    found = prediction(call)
    longitude, latitude = _degrees(call, "longitude", 180), _degrees(call, "latitude", 90)
    scene = found.scene
    number = scene.cell_of(longitude, latitude)
    if number is None or not visible(call, scene).ravel()[number]:
        raise Problem(404, "Outside the map", field="longitude, latitude", rule="in the district")
    x, y = (float(each) for each in scene.plane.metres(longitude, latitude))
    links = sorted(
        (link for layer in found.layers for link in _links(found, layer, x, y)),
        key=lambda link: -float(link["rsrp_dbm"]),
    )[:LINKS]
    building = int(scene.building.ravel()[number])
    rsrp, sinr = float(found.rsrp.ravel()[number]), float(found.sinr.ravel()[number])
    limit = found.parameters.covered
    weak = [
        name
        for name, value, least in (
            ("rsrp", rsrp, limit.rsrp_dbm),
            ("sinr", sinr, limit.sinr_db),
        )
        if not value >= least
    ]
    server = int(found.server.ravel()[number])
    return {
        "longitude": longitude,
        "latitude": latitude,
        "building": scene.outlines.name[building] or scene.outlines.id[building]
        if building >= 0
        else None,
        "rsrp_dbm": _number(rsrp),
        "sinr_db": _number(sinr),
        "rate_mbps": round(float(found.rate_mbps.ravel()[number])),
        "covered": not weak,
        "missing": weak,
        "server": found.sectors.sector_id[server] if server >= 0 else None,
        "links": links,
    }


def _degrees(call: Call, name: str, most: float) -> float:
    try:
        value = float(call.text(name))
    except ValueError:
        value = float("nan")
    if not -most <= value <= most:
        rule = f"degrees from {-most:g} to {most:g}"
        raise Problem(400, "Bad parameter", field=name, rule=rule)
    return value


def _number(value: float) -> float | None:
    return round(value, 1) if np.isfinite(value) else None


def _links(found: Prediction, layer: Layer, x: float, y: float) -> list[dict[str, Any]]:
    """The link of the best sector of each of the nearest sites."""
    network, radio, scene = layer.network, layer.radio, found.scene
    away = np.hypot(network.x - x, network.y - y)
    links = []
    for site in np.argsort(away)[:NEAREST].tolist():
        if not 0 < away[site] <= radio.radius:
            continue
        station = (float(network.x[site]), float(network.y[site]), float(network.height[site]))
        profile = link_profile(scene.footprints, station, (x, y, radio.receiver))
        budgets = [
            (budget(profile, network, radio, sector, x, y), sector)
            for sector in range(int(network.first[site]), int(network.first[site + 1]))
            if np.isfinite(network.power_dbm[sector])
        ]
        if not budgets:
            continue
        best, sector = max(budgets, key=lambda each: each[0].rsrp_dbm)
        row = int(layer.rows[sector])
        links.append(
            {
                "sector": found.sectors.sector_id[row],
                "station": found.sectors.station_id[row],
                "name": found.sectors.name[row],
                "distance_m": round(profile.distance, 1),
                "station_height_m": round(profile.station, 1),
                "in_sight": profile.in_sight,
                "depth_m": round(profile.depth, 1),
                "gain_db": round(best.gain_db, 1),
                "off_axis_deg": round(best.off_axis, 1),
                "loss_db": round(best.loss_db, 1),
                "loss_in_sight_db": round(best.loss_in_sight_db, 1),
                "rsrp_dbm": round(best.rsrp_dbm, 1),
                "crossings": [
                    {
                        "building": scene.outlines.name[each.building]
                        or scene.outlines.id[each.building],
                        "entry_m": round(each.entry, 1),
                        "exit_m": round(each.exit, 1),
                        "top_m": round(each.top, 1),
                        "line_at_entry_m": round(each.line_at_entry, 1),
                        "line_at_exit_m": round(each.line_at_exit, 1),
                        "depth_m": round(each.depth, 1),
                    }
                    for each in profile.crossings
                ],
            }
        )
    return links


@routes.get("/api/coverage/buildings", query="west south east north")
def buildings(call: Call) -> dict[str, Any]:
    """Outlines in a box of degrees as GeoJSON, at most 3,000."""
    scene = computed(call).scene
    west, east = _degrees(call, "west", 180), _degrees(call, "east", 180)
    south, north = _degrees(call, "south", 90), _degrees(call, "north", 90)
    tree = shapely.STRtree(scene.outlines.geometries)
    found = tree.query(shapely.box(west, south, east, north))[:MOST_BUILDINGS]
    return {
        "type": "FeatureCollection",
        "features": [
            {
                "type": "Feature",
                "geometry": shapely.geometry.mapping(scene.outlines.geometries[at]),
                "properties": {
                    "id": scene.outlines.id[at],
                    "name": scene.outlines.name[at],
                    "use": scene.outlines.use[at],
                    "height_m": round(float(scene.outlines.height_m[at]), 1),
                    "height_known": bool(scene.outlines.height_known[at]),
                },
            }
            for at in found.tolist()
        ],
    }


@routes.get("/api/coverage/indoor", query="operator scenario reached limit")
def indoor(call: Call) -> dict[str, Any]:
    """Buildings by how well their inside is reached from outdoors, the worst first."""
    found = prediction(call)
    scene, only = found.scene, call.flag("reached")
    front, reached = facade_rsrp(found), buildings_covered(found)
    ghz = found.layers[0].radio.ghz if found.layers else 3.5
    loss = entry_losses(scene.outlines.use.tolist(), found.parameters, ghz)
    seen = np.ones(len(front), np.bool_)
    if call.person.area:
        numbers = np.unique(scene.building[visible(call, scene)])
        seen = np.isin(np.arange(len(front)), numbers)
    chosen = np.flatnonzero(seen & (reached == only if only is not None else True))
    order = chosen[np.argsort((front - loss)[chosen], kind="stable")]
    limit = call.number("limit", 200, 1, 20_000)
    lon, lat = scene.plane.degrees(scene.footprints.x, scene.footprints.y)
    return {
        "items": [
            {
                "id": scene.outlines.id[at],
                "name": scene.outlines.name[at],
                "use": scene.outlines.use[at],
                "height_m": round(float(scene.outlines.height_m[at]), 1),
                "longitude": round(float(lon[at]), 6),
                "latitude": round(float(lat[at]), 6),
                "facade_dbm": _number(float(front[at])),
                "inside_dbm": _number(float(front[at] - loss[at])),
                "reached": bool(reached[at]),
            }
            for at in order[:limit].tolist()
        ],
        "total": len(order),
        "reached": int(reached[seen].sum()),
        "of": int(seen.sum()),
    }
