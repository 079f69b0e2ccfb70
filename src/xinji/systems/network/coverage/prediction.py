"""The radio map of an operator: its carriers computed apart, the strongest one serving."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from xinji.methods.radio.coverage_map import (
    CoverageMap,
    Network,
    Radio,
    Rectangle,
    compute,
    empty,
    rsrp,
    sinr,
)
from xinji.methods.radio.height_uncertainty import coverage_probability
from xinji.methods.radio.path_loss import UMA, UMI
from xinji.methods.radio.throughput import Carrier, rate
from xinji.systems.network.coverage.inputs.sectors import Sectors
from xinji.systems.network.coverage.parameters import Covered, Parameters
from xinji.systems.network.coverage.scene import Scene

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CARRIER_STEP_GHZ = 0.05
"""Sectors whose carrier centres are nearer than this share a carrier and disturb each other."""

Place = tuple[slice, slice]
"""Cells of a map: rows and columns."""

Progress = Callable[[int, int], None]
"""Sites done and sites in all; raises to end the work."""


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One carrier of an operator.

    Attributes:
        rows: (S) the sectors' numbers among the operator's.
        stations: (N) ids of the sites, in the order of `network`.
    """

    radio: Radio
    network: Network
    rows: Integers
    stations: tuple[str, ...]
    map: CoverageMap

    @property
    def pairs(self) -> int:
        """Site-cells that a whole computation of the layer looks at."""
        grid, reach = self.map.grid, self.radio.radius
        x, y = grid.centres()
        found = 0
        for sx, sy in zip(self.network.x, self.network.y, strict=True):
            half = np.sqrt(np.maximum(reach**2 - (y - sy) ** 2, 0))
            inside = np.searchsorted(x, sx + half) - np.searchsorted(x, sx - half)
            found += int(inside[half > 0].sum())
        return found


@dataclass(frozen=True, kw_only=True)
class Earlier:
    """The maps before a change: they still hold outside of the rectangle `within`."""

    rsrp: Floats
    sinr: Floats
    server: Integers
    rate_mbps: Floats
    within: Rectangle


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What an operator's outdoor sectors give; every map is (rows, columns).

    Attributes:
        sectors: of the operator, outdoor ones only.
        earlier: of what the prediction came from, so that only what changed is computed.
        rsrp: dBm of the serving sector, -inf where nothing reaches.
        sinr: dB of the serving sector.
        server: number of the serving sector in `sectors`, -1 for none.
        rate_mbps: what a user alone would get from the serving carrier at the network's load.
    """

    operator: str
    scene: Scene
    parameters: Parameters
    sectors: Sectors
    layers: tuple[Layer, ...]
    earlier: Earlier | None = field(default=None, repr=False)

    def judged_by(self, covered: Covered) -> Prediction:
        """The same maps, judged by other thresholds."""
        parameters = msgspec.structs.replace(self.parameters, covered=covered)
        return dataclasses.replace(self, parameters=parameters, earlier=self._so_far(NO_CELLS))

    def changed(self, sectors: Sectors, layers: Iterable[Layer], within: Rectangle) -> Prediction:
        """The prediction after a change that touches the cells of a rectangle only."""
        return dataclasses.replace(
            self, sectors=sectors, layers=tuple(layers), earlier=self._so_far(within)
        )

    def _so_far(self, within: Rectangle) -> Earlier | None:
        """What a prediction that differs within a rectangle can take over."""
        known = {name: self.__dict__[name] for name in _MAPS if name in self.__dict__}
        if len(known) == len(_MAPS):
            return Earlier(**known, within=within)
        if self.earlier is None:
            return None
        return dataclasses.replace(self.earlier, within=around(self.earlier.within, within))

    def of_serving(self, values: Iterable[Floats], none: float) -> Floats:
        """(rows, columns) from one map a carrier: that of the serving one, `none` without any."""
        return self._of_serving(list(values), none, np.s_[:, :])

    def _of_serving(self, found: list[Floats], none: float, place: Place) -> Floats:
        if not found:
            return np.full(self.scene.grid.shape, none)[place]
        chosen, serving = found[0], self._serving(place)
        for number, values in enumerate(found[1:], 1):
            chosen = np.where(serving == number, values, chosen)
        return chosen

    def _serving(self, place: Place) -> npt.NDArray[np.int8]:
        """Number of the carrier with the strongest sector."""
        strongest = self.layers[0].map.best[place]
        found = np.zeros(strongest.shape, np.int8)
        for number, layer in enumerate(self.layers[1:], 1):
            best = layer.map.best[place]
            found[best > strongest] = number
            strongest = np.maximum(best, strongest)
        return found

    def _map(self, name: str, of: Callable[[Place], npt.NDArray[Any]]) -> npt.NDArray[Any]:
        """A whole map from how a part of it is made; what an earlier one holds is taken over."""
        if self.earlier is None:
            return of(np.s_[:, :])
        known: npt.NDArray[Any] = getattr(self.earlier, name)
        row, column, end_row, end_column = self.earlier.within
        if row >= end_row or column >= end_column:
            return known
        place = np.s_[row:end_row, column:end_column]
        found = known.copy()
        found[place] = of(place)
        return found

    @cached_property
    def rsrp(self) -> Floats:
        """See `Prediction`."""

        def of(place: Place) -> Floats:
            each = [rsrp(part_of(layer.map, place)) for layer in self.layers]
            return self._of_serving(each, -math.inf, place)

        return self._map("rsrp", of)

    @cached_property
    def sinr(self) -> Floats:
        """See `Prediction`."""

        def of(place: Place) -> Floats:
            each = [
                sinr(part_of(layer.map, place), layer.network, layer.radio) for layer in self.layers
            ]
            return self._of_serving(each, -math.inf, place)

        return self._map("sinr", of)

    @cached_property
    def server(self) -> Integers:
        """See `Prediction`."""

        def of(place: Place) -> Integers:
            each = []
            for layer in self.layers:
                best = layer.map.best_sector[place]
                each.append(np.where(best >= 0, np.append(layer.rows, -1)[best], -1).astype(float))
            return self._of_serving(each, -1.0, place).astype(np.int64)

        return self._map("server", of)

    @cached_property
    def rate_mbps(self) -> Floats:
        """See `Prediction`."""
        load = self.parameters.network.load

        def of(place: Place) -> Floats:
            given = self.sinr[place]
            if not self.layers:
                return np.zeros(given.shape)
            serving, found = self._serving(place), np.empty(given.shape)
            for number, layer in enumerate(self.layers):
                mine = serving == number
                found[mine] = rate(given[mine], self._carrier(layer.radio), load)
            return found

        return self._map("rate_mbps", of)

    def _carrier(self, radio: Radio) -> Carrier:
        assumed = self.parameters.network
        wide = radio.ghz >= assumed.narrow_below_ghz
        return Carrier(
            bandwidth_mhz=assumed.bandwidth_mhz if wide else assumed.narrow_bandwidth_mhz,
            downlink=assumed.downlink_share if wide else 1.0,
            layers=assumed.layers,
        )

    @cached_property
    def covered(self) -> npt.NDArray[np.bool_]:
        """(rows, columns): both thresholds are reached."""
        limit = self.parameters.covered
        return (self.rsrp >= limit.rsrp_dbm) & (self.sinr >= limit.sinr_db)


_MAPS = ("rsrp", "sinr", "server", "rate_mbps")
NO_CELLS: Rectangle = (0, 0, 0, 0)


def around(one: Rectangle, other: Rectangle) -> Rectangle:
    """The smallest rectangle that holds both; one without cells counts for nothing."""
    if one[0] >= one[2] or one[1] >= one[3]:
        return other
    if other[0] >= other[2] or other[1] >= other[3]:
        return one
    low = min(one[0], other[0]), min(one[1], other[1])
    return *low, max(one[2], other[2]), max(one[3], other[3])


def part_of(whole: CoverageMap, place: Place) -> CoverageMap:
    """The cells of a rectangle, with the grid of the whole map."""
    arrays = {
        each.name: getattr(whole, each.name)[place]
        for each in dataclasses.fields(whole)
        if each.name != "grid"
    }
    return CoverageMap(grid=whole.grid, **arrays)


def layer_of(sectors: Sectors, rows: Integers, scene: Scene, parameters: Parameters) -> Layer:
    """One carrier with an empty map. `rows` number the sectors that send on it."""
    order = rows[np.argsort(sectors.station_id[rows].astype(str), kind="stable")]
    stations, site = np.unique(sectors.station_id[order].astype(str), return_inverse=True)
    first = order[np.searchsorted(site, np.arange(len(stations)))]
    x, y = scene.plane.metres(sectors.longitude[first], sectors.latitude[first])
    radio = Radio(
        ghz=float(np.median(sectors.frequency_ghz[rows])),
        receiver=parameters.receiver.height_m,
        radius=parameters.network.reach_m,
        noise_figure_db=parameters.receiver.noise_figure_db,
    )
    network = Network(
        x=x,
        y=y,
        height=np.maximum.reduceat(
            sectors.height_m[order], np.searchsorted(site, np.arange(len(stations)))
        ),
        model=np.where(sectors.type[first] == "pole", UMI, UMA).astype(np.int32),
        site=site.astype(np.int32),
        azimuth=sectors.azimuth_deg[order],
        tilt=sectors.tilt_deg[order],
        power_dbm=sectors.eirp_dbm[order] - radio.antenna.gain_dbi,
        load=np.full(len(order), parameters.network.load),
    )
    return Layer(
        radio=radio,
        network=network,
        rows=order,
        stations=tuple(stations.tolist()),
        map=empty(scene.grid),
    )


def carriers_of(sectors: Sectors) -> list[Integers]:
    """Row numbers of the outdoor sectors, by carrier, lowest frequency first."""
    outdoor = np.flatnonzero(sectors.type != "indoor")
    order = outdoor[np.argsort(sectors.frequency_ghz[outdoor], kind="stable")]
    breaks = np.flatnonzero(np.diff(sectors.frequency_ghz[order]) > CARRIER_STEP_GHZ) + 1
    return [part for part in np.split(order, breaks) if len(part)]


def predict(
    operator: str,
    sectors: Sectors,
    scene: Scene,
    parameters: Parameters,
    *,
    progress: Progress | None = None,
    threads: int | None = None,
) -> Prediction:
    """The map of one operator, from all of its outdoor sectors.

    Args:
        operator: whose; sectors of others are left out.
        sectors: of the whole district.
        scene, parameters: ground and assumptions.
        progress: told after every few sites; it may raise to end the work.
        threads: default one for every core.

    Raises:
        ValueError: a sector that cannot be computed; names the field.
    """
    own = sectors.take(np.flatnonzero((sectors.operator == operator) & (sectors.type != "indoor")))
    blank = [layer_of(own, rows, scene, parameters) for rows in carriers_of(own)]
    total = sum(len(layer.stations) for layer in blank)
    done = 0
    layers = []
    for layer in blank:
        share = len(layer.stations)

        def tell(part: float, before: int = done, share: int = share) -> None:
            if progress is not None:
                progress(before + round(part * share), total)

        computed = compute(
            layer.network, scene.footprints, scene.grid, layer.radio, threads=threads, progress=tell
        )
        layers.append(dataclasses.replace(layer, map=computed))
        done += share
    return Prediction(
        operator=operator, scene=scene, parameters=parameters, sectors=own, layers=tuple(layers)
    )


def confidence(
    prediction: Prediction,
    samples: int,
    *,
    seed: int = 0,
    progress: Progress | None = None,
    threads: int | None = None,
) -> Floats:
    """(rows, columns) probability that a place is covered, given how uncertain heights are.

    Heights are drawn `samples` times (1 to 256); the carrier that serves today is asked each time.

    Raises:
        ValueError: too many samples.
    """
    outlines, heights = prediction.scene.outlines, prediction.parameters.heights
    spread = np.where(
        outlines.height_known, heights.known_m, heights.unknown_share * outlines.height_m
    )
    limit = prediction.parameters.covered
    each = []
    for number, layer in enumerate(prediction.layers):

        def tell(share: float, before: int = number) -> None:
            if progress is not None:
                progress(round(1000 * (before + share)), 1000 * len(prediction.layers))

        each.append(
            coverage_probability(
                layer.network, prediction.scene.footprints, prediction.scene.grid, layer.radio,
                spread=spread, rsrp_dbm=limit.rsrp_dbm, sinr_db=limit.sinr_db, samples=samples,
                seed=seed, threads=threads, progress=tell,
            )
        )  # fmt: skip
    return prediction.of_serving(each, 0.0)
