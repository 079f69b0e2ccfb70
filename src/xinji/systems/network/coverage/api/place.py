"""One place explained: what serves it, the strongest links, what stands in the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from xinji.api.call import Call, Problem, Routes
from xinji.methods.radio.link_profile import budget, link_profile
from xinji.systems.network.coverage.api.maps import (
    computed,
    degrees_of,
    finite,
    own_sectors,
    prediction,
    visible,
)
from xinji.systems.network.coverage.prediction import Layer, Prediction

routes = Routes()

LINKS = 6
NEAREST = 60


@routes.get("/api/coverage/place", query="operator longitude latitude scenario")
def place(call: Call) -> dict[str, Any]:
    """A place explained: what serves it, the strongest links, and what stands in the way."""
    found = prediction(call)
    longitude, latitude = degrees_of(call, "longitude", 180), degrees_of(call, "latitude", 90)
    scene = found.scene
    number = scene.cell_of(longitude, latitude)
    if number is None or not visible(call, scene).ravel()[number]:
        raise Problem(404, "Outside the map", field="longitude, latitude", rule="in the district")
    x, y = (float(each) for each in scene.plane.metres(longitude, latitude))
    own = own_sectors(call, found)
    links = sorted(
        (link for layer in found.layers for link in _links(found, layer, x, y, own)),
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
        "rsrp_dbm": finite(rsrp),
        "sinr_db": finite(sinr),
        "rate_mbps": round(float(found.rate_mbps.ravel()[number])),
        "covered": not weak,
        "missing": weak,
        "server": found.sectors.sector_id[server] if server >= 0 and own[server] else None,
        "residual": None if call.text("scenario") else _residual(call, found, number),
        "links": links,
    }


def _residual(call: Call, found: Prediction, cell: int) -> dict[str, float] | None:
    """What drive tests add at a cell, None where nobody measured near it."""
    known = computed(call).residuals.get(found.operator)
    residual = float("nan") if known is None else float(known.residual.ravel()[cell])
    if known is None or np.isnan(residual):
        return None
    return {
        "residual_db": round(residual, 1),
        "deviation_db": round(float(known.deviation.ravel()[cell]), 1),
        "corrected_dbm": round(float(found.rsrp.ravel()[cell]) + residual, 1),
    }


def _links(
    found: Prediction, layer: Layer, x: float, y: float, own: npt.NDArray[np.bool_]
) -> list[dict[str, Any]]:
    """The link of the best of the caller's `own` sectors of each of the nearest sites."""
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
            if np.isfinite(network.power_dbm[sector]) and own[int(layer.rows[sector])]
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
