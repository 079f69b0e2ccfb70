"""The maps themselves: a layer as a grid of numbers or as a table, and the sectors they are of."""

from __future__ import annotations

import gzip
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from starlette.responses import Response

from xinji.api.call import Call, Problem, Routes
from xinji.api.listing import export
from xinji.systems.network.coverage.api.maps import (
    LAYERS,
    computed,
    own_sectors,
    prediction,
    visible,
)
from xinji.systems.network.coverage.prediction import Prediction
from xinji.systems.network.coverage.residuals import Residuals

routes = Routes()

NONE = -32_768
"""No value in a grid of 16-bit numbers."""

COMPUTED_BY = {
    "confidence": "confidence",
    "residual": "residuals",
    "deviation": "residuals",
    "corrected": "residuals",
}
"""Layers that are computed when somebody asks for them, of today only; by which request."""

COLUMNS = {
    "rsrp": "rsrp_dbm",
    "sinr": "sinr_db",
    "rate": "rate_mbps",
    "server": "sector",
    "confidence": "probability",
}

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def _layer(call: Call) -> tuple[str, Prediction]:
    layer = call.request.path_params["layer"]
    if layer not in LAYERS:
        raise Problem(404, "No such layer", field="layer", rule=", ".join(LAYERS))
    return layer, prediction(call)


def _values(call: Call, layer: str, found: Prediction) -> Floats:
    """(rows, columns) of a layer; NaN where it has nothing to say."""
    if layer == "server":
        return _servers(call, found)
    if layer not in COMPUTED_BY:
        name = "rate_mbps" if layer == "rate" else layer
        return np.asarray(getattr(found, name), np.float64)
    maps = computed(call)
    if layer == "confidence" and not call.text("scenario") and found.operator in maps.confidence:
        return maps.confidence[found.operator]
    if layer != "confidence":
        known = _residuals(call, found)
        if layer == "corrected":
            return found.rsrp + known.residual
        return known.residual if layer == "residual" else known.deviation
    raise _not_computed(layer)


def _servers(call: Call, found: Prediction) -> Floats:
    """(rows, columns) place of the serving sector among the caller's own; NaN for another's."""
    own = own_sectors(call, found)
    numbers = np.where(own, np.cumsum(own) - 1.0, np.nan)
    # nothing serves: -1, the last
    return np.asarray(np.append(numbers, np.nan)[found.server], np.float64)


def _residuals(call: Call, found: Prediction) -> Residuals:
    known = computed(call).residuals.get(found.operator)
    if known is None or call.text("scenario"):
        raise _not_computed("residual")
    return known


def _not_computed(layer: str) -> Problem:
    ask = f"POST /api/coverage/{COMPUTED_BY[layer]} first; there is none of a scenario"
    return Problem(409, "Nothing computed yet", ask)


def _shown(call: Call, found: Prediction, values: Floats) -> Mask:
    """(rows, columns) cells that have a value and that the caller may see."""
    reached = (found.scene.building < 0) & (found.rsrp > -160) & ~np.isnan(values)
    return np.asarray(visible(call, found.scene) & reached)


@routes.get("/api/coverage/maps/{operator}/{layer}", query="scenario")
def grid(call: Call) -> Response:
    """A grid as 16-bit little-endian numbers, southern row first; -32768 is nothing there.

    Multiply by the layer's `scale`; a server's number is its place in `/api/coverage/sectors`.
    """
    layer, found = _layer(call)
    values = _values(call, layer, found)
    shown = _shown(call, found, values)
    scale = float(str(LAYERS[layer]["scale"]))
    numbers = np.full(values.shape, NONE, "<i2")
    numbers[shown] = np.clip(np.round(values[shown] / scale), -32_000, 32_000)
    return Response(
        gzip.compress(numbers.tobytes(), 1),
        media_type="application/octet-stream",
        headers={"Content-Encoding": "gzip", "Cache-Control": "no-store"},
    )


@routes.get("/api/coverage/maps/{operator}/{layer}/cells", query="scenario format")
def cells(call: Call) -> Response:
    """A layer as a table, one row a cell with its middle: csv, parquet or arrow.

    What drive tests add comes whole: predicted, residual, deviation and corrected side by side.
    """
    layer, found = _layer(call)
    values = _values(call, layer, found)
    shown = _shown(call, found, values)
    rows, columns = np.nonzero(shown)
    x, y = found.scene.grid.centres()
    longitude, latitude = found.scene.plane.degrees(x[columns], y[rows])
    table: dict[str, Any] = {"longitude": np.round(longitude, 6), "latitude": np.round(latitude, 6)}
    if layer == "server":
        own = found.sectors.sector_id[own_sectors(call, found)]
        table["sector"] = own[values[shown].astype(np.int64)]
    elif layer in COLUMNS:
        table[COLUMNS[layer]] = np.round(values[shown], 3)
    else:
        known = _residuals(call, found)
        table["predicted_dbm"] = np.round(found.rsrp[shown], 2)
        table["residual_db"] = np.round(known.residual[shown], 2)
        table["deviation_db"] = np.round(known.deviation[shown], 2)
        table["corrected_dbm"] = np.round((found.rsrp + known.residual)[shown], 2)
    name = f"{found.operator}-{layer}"
    return export(pa.table(table), call.text("format", "csv"), name)


@routes.get("/api/coverage/sectors", query="operator scenario")
def sectors(call: Call) -> dict[str, Any]:
    """The outdoor sectors of an operator, in the order that the layer `server` numbers.

    To whoever has an area those inside it; a cell that another one serves has no number.
    """
    found = prediction(call)
    known = found.sectors.take(np.flatnonzero(own_sectors(call, found)))
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
