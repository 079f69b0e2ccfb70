"""Buildings: their outlines on the map, and whether their inside is reached."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from xinji.api.call import Call, Routes
from xinji.systems.network.coverage.api.maps import (
    computed,
    degrees_of,
    finite,
    own_buildings,
    prediction,
)
from xinji.systems.network.coverage.shares import buildings_covered, entry_losses, facade_rsrp

routes = Routes()

MOST_BUILDINGS = 3_000


@routes.get("/api/coverage/buildings", query="west south east north")
def buildings(call: Call) -> dict[str, Any]:
    """Outlines in a box of degrees as GeoJSON, at most 3,000."""
    scene = computed(call).scene
    west, east = degrees_of(call, "west", 180), degrees_of(call, "east", 180)
    south, north = degrees_of(call, "south", 90), degrees_of(call, "north", 90)
    tree = shapely.STRtree(scene.outlines.geometries)
    found = tree.query(shapely.box(west, south, east, north))
    found = found[own_buildings(call, scene)[found]][:MOST_BUILDINGS]
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
    seen = own_buildings(call, scene)
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
                "facade_dbm": finite(float(front[at])),
                "inside_dbm": finite(float(front[at] - loss[at])),
                "reached": bool(reached[at]),
            }
            for at in order[:limit].tolist()
        ],
        "total": len(order),
        "reached": int(reached[seen].sum()),
        "of": int(seen.sum()),
    }
