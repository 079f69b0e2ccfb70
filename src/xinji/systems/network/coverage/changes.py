"""What a planner tries out: sectors turned, stations added or taken out, and the map after it.

A change touches the cells within reach of its station and nothing else; the map that it starts
from is left as it is.
"""

from __future__ import annotations

import dataclasses
from typing import Annotated, Literal

import msgspec
import numpy as np

from xinji.methods.radio.coverage_map import (
    Network,
    Rectangle,
    Scratch,
    put_in,
    reach,
    refresh,
    take_out,
)
from xinji.methods.radio.path_loss import UMA, UMI
from xinji.systems.network.coverage.inputs.sectors import UNKNOWN_PCI, UNKNOWN_TIME, Sectors
from xinji.systems.network.coverage.prediction import (
    CARRIER_STEP_GHZ,
    NO_CELLS,
    Integers,
    Layer,
    Prediction,
    around,
    carriers_of,
    layer_of,
)

Degrees = Annotated[float, msgspec.Meta(ge=0, le=360)]
Tilt = Annotated[float, msgspec.Meta(ge=-30, le=60)]
Height = Annotated[float, msgspec.Meta(gt=1.5, le=600)]
Power = Annotated[float, msgspec.Meta(ge=-60, le=60)]
Frequency = Annotated[float, msgspec.Meta(ge=0.5, le=7.125)]

MOST_CHANGES = 500


class TurnSector(msgspec.Struct, frozen=True, tag_field="change", tag="sector"):
    """Change a sector; what is left out stays."""

    sector: str
    azimuth_deg: Degrees | None = None
    tilt_deg: Tilt | None = None
    eirp_dbm: Power | None = None


class NewSector(msgspec.Struct, frozen=True):
    """A sector of a new station; EIRP is per resource element."""

    azimuth_deg: Degrees
    tilt_deg: Tilt
    eirp_dbm: Power
    frequency_ghz: Frequency


class AddStation(msgspec.Struct, frozen=True, tag_field="change", tag="add"):
    """A new outdoor station."""

    station: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    type: Literal["macro", "pole"]
    longitude: Annotated[float, msgspec.Meta(ge=-180, le=180)]
    latitude: Annotated[float, msgspec.Meta(ge=-90, le=90)]
    height_m: Height
    sectors: Annotated[tuple[NewSector, ...], msgspec.Meta(min_length=1, max_length=12)]
    name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    mounted_on: Annotated[str, msgspec.Meta(max_length=128)] = ""


class RemoveStation(msgspec.Struct, frozen=True, tag_field="change", tag="remove"):
    """Switch a station off."""

    station: str


class RaiseStation(msgspec.Struct, frozen=True, tag_field="change", tag="height"):
    """Hang the antennas of a station higher or lower."""

    station: str
    height_m: Height


Edit = TurnSector | AddStation | RemoveStation | RaiseStation


def apply(prediction: Prediction, change: Edit) -> Prediction:
    """The prediction after a change; the one given is not touched.

    Raises:
        ValueError: no such sector or station, or a station whose id is taken; names the field.
    """
    if isinstance(change, AddStation):
        return _add(prediction, change)
    station, sectors = altered(prediction.operator, prediction.sectors, change)
    return replaced(settled(prediction, station), station, sectors)


def altered(
    operator: str, sectors: Sectors, change: TurnSector | RemoveStation | RaiseStation
) -> tuple[str, Sectors]:
    """The station that a change is about, and the sectors after it.

    Raises:
        ValueError: no such sector or station; names the field.
    """
    if isinstance(change, TurnSector):
        found = np.flatnonzero(sectors.sector_id == change.sector)
        if len(found) == 0:
            raise ValueError(f"sector: {change.sector} is no outdoor sector of {operator}")
        columns = {}
        for name in ("azimuth_deg", "tilt_deg", "eirp_dbm"):
            value = getattr(change, name)
            if value is not None:
                columns[name] = getattr(sectors, name).copy()
                columns[name][found[0]] = value % 360 if name == "azimuth_deg" else value
        station = str(sectors.station_id[found[0]])
        return station, dataclasses.replace(sectors, **columns)
    rows = sectors.station_id == change.station
    if not rows.any():
        raise ValueError(f"station: {change.station} is no outdoor station of {operator}")
    if isinstance(change, RaiseStation):
        height = np.where(rows, change.height_m, sectors.height_m)
        return change.station, dataclasses.replace(sectors, height_m=height)
    power = np.where(rows, -np.inf, sectors.eirp_dbm)
    return change.station, dataclasses.replace(sectors, eirp_dbm=power)


def settled(prediction: Prediction, station: str) -> Prediction:
    """The same maps, ready for a change of a station.

    Where a site was taken out, the second server is not known until somebody needs it: here, in
    the cells that the station serves. Kept by the caller, it is computed once.
    """
    layers = [
        _refreshed(prediction, layer, layer.stations.index(station))
        if station in layer.stations
        else layer
        for layer in prediction.layers
    ]
    if all(new is old for new, old in zip(layers, prediction.layers, strict=True)):
        return prediction
    return prediction.changed(prediction.sectors, layers, NO_CELLS)


def _refreshed(prediction: Prediction, layer: Layer, site: int) -> Layer:
    low, high = layer.network.first[site], layer.network.first[site + 1]
    row, column, end_row, end_column = reach(layer.network, layer.radio, layer.map.grid, site)
    place = np.s_[row:end_row, column:end_column]
    best = layer.map.best_sector[place]
    needed = layer.map.stale[place] & (best >= low) & (best < high)
    rows, columns = np.flatnonzero(needed.any(axis=1)), np.flatnonzero(needed.any(axis=0))
    if not len(rows):
        return layer
    within = row + rows[0], column + columns[0], row + rows[-1] + 1, column + columns[-1] + 1
    fresh = layer.map.copy()
    refresh(fresh, layer.network, prediction.scene.footprints, layer.radio, within)
    return dataclasses.replace(layer, map=fresh)


def replaced(prediction: Prediction, station: str, sectors: Sectors) -> Prediction:
    """The prediction with a station as `sectors` has it now, however many changes that took.

    Raises:
        ValueError: the prediction is not `settled` for the station.
    """
    layers, within = [], NO_CELLS
    for layer in prediction.layers:
        if station not in layer.stations:
            layers.append(layer)
            continue
        after, cells = _with_site_as(prediction, layer, layer.stations.index(station), sectors)
        layers.append(after)
        within = around(within, cells)
    return prediction.changed(sectors, layers, within)


def _with_site_as(
    prediction: Prediction, layer: Layer, site: int, sectors: Sectors
) -> tuple[Layer, Rectangle]:
    """The layer with one of its sites as `sectors` has it now, and the cells within its reach."""
    buildings, radio = prediction.scene.footprints, layer.radio
    scratch = Scratch(layer.map.grid, radio.radius)
    after = layer.map.copy()
    # stale cells that other stations serve keep their best and total, and stay stale
    unknown = after.stale.copy()
    after.stale[:] = False
    within = take_out(after, layer.network, buildings, radio, site, scratch)
    np.logical_or(after.stale, unknown, out=after.stale)
    height = layer.network.height.copy()
    height[site] = sectors.height_m[layer.rows[layer.network.site == site]].max()
    network = dataclasses.replace(
        layer.network,
        height=height,
        azimuth=sectors.azimuth_deg[layer.rows],
        tilt=sectors.tilt_deg[layer.rows],
        power_dbm=sectors.eirp_dbm[layer.rows] - radio.antenna.gain_dbi,
    )
    if np.isfinite(network.power_dbm[network.site == site]).any():
        put_in(after, network, buildings, radio, site, scratch)
    return dataclasses.replace(layer, network=network, map=after), within


def _add(prediction: Prediction, change: AddStation) -> Prediction:
    sectors = prediction.sectors
    if change.station in set(sectors.station_id.tolist()):
        raise ValueError(f"station: {change.station} is there already")
    if prediction.scene.cell_of(change.longitude, change.latitude) is None:
        raise ValueError("longitude, latitude: outside the district's map")
    grown = _appended(sectors, prediction.operator, change)
    layers, within = list(prediction.layers), NO_CELLS
    new = np.arange(len(sectors), len(grown))
    for part in carriers_of(grown.take(new)):
        rows = new[part]
        ghz = float(np.median(grown.frequency_ghz[rows]))
        near = [n for n, each in enumerate(layers) if abs(each.radio.ghz - ghz) < CARRIER_STEP_GHZ]
        if near:
            layers[near[0]], cells = _with_site(prediction, layers[near[0]], grown, rows)
        else:
            blank = layer_of(grown, rows, prediction.scene, prediction.parameters)
            cells = put_in(blank.map, blank.network, prediction.scene.footprints, blank.radio, 0)
            layers.append(blank)
        within = around(within, cells)
    return prediction.changed(grown, layers, within)


def _appended(sectors: Sectors, operator: str, change: AddStation) -> Sectors:
    count = len(change.sectors)

    same: dict[str, object] = {
        "station_id": change.station,
        "name": change.name or change.station,
        "operator": operator,
        "type": change.type,
        "longitude": change.longitude,
        "latitude": change.latitude,
        "height_m": change.height_m,
        "pci": UNKNOWN_PCI,
        "in_service_since": UNKNOWN_TIME,
        "mounted_on": change.mounted_on,
    }
    new: dict[str, list[object]] = {name: [value] * count for name, value in same.items()} | {
        "sector_id": [f"{change.station}:{n + 1}" for n in range(count)],
        "azimuth_deg": [each.azimuth_deg % 360 for each in change.sectors],
        "tilt_deg": [each.tilt_deg for each in change.sectors],
        "eirp_dbm": [each.eirp_dbm for each in change.sectors],
        "frequency_ghz": [each.frequency_ghz for each in change.sectors],
    }
    return Sectors(
        **{
            name: np.concatenate(
                [
                    getattr(sectors, name),
                    np.array([*values, None], object)[:-1].astype(getattr(sectors, name).dtype),
                ]
            )
            for name, values in new.items()
        }
    )


def _with_site(
    prediction: Prediction, layer: Layer, sectors: Sectors, rows: Integers
) -> tuple[Layer, Rectangle]:
    """The layer with a new station, whose sectors on this carrier are `rows`, and its cells."""
    before, after, radio = layer.network, layer.map.copy(), layer.radio
    first, site = rows[0], len(layer.stations)
    x, y = prediction.scene.plane.metres(sectors.longitude[first], sectors.latitude[first])
    network = Network(
        x=np.append(before.x, x),
        y=np.append(before.y, y),
        height=np.append(before.height, sectors.height_m[first]),
        model=np.append(before.model, UMI if sectors.type[first] == "pole" else UMA),
        site=np.append(before.site, np.full(len(rows), site)),
        azimuth=np.append(before.azimuth, sectors.azimuth_deg[rows]),
        tilt=np.append(before.tilt, sectors.tilt_deg[rows]),
        power_dbm=np.append(before.power_dbm, sectors.eirp_dbm[rows] - radio.antenna.gain_dbi),
        load=np.append(before.load, np.full(len(rows), prediction.parameters.network.load)),
    )
    within = put_in(after, network, prediction.scene.footprints, radio, site)
    layer = dataclasses.replace(
        layer,
        network=network,
        rows=np.append(layer.rows, rows),
        stations=(*layer.stations, str(sectors.station_id[first])),
        map=after,
    )
    return layer, within
