"""The radio network of the simulated district: three operators' sectors, and what is true of them.

The registered table is what an operator would hand in; a few azimuths in it are wrong on purpose,
and every sector's power is off by a little. The truth is kept apart, so that whoever finds wrong
azimuths from drive tests can be measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import shapely

from xinji.district.geography import Floats
from xinji.district.truth import TruthFile
from xinji.model.things import Thing
from xinji.systems.network.coverage.inputs.buildings import Buildings
from xinji.systems.network.coverage.inputs.sectors import UNKNOWN_TIME, Sectors

SECTORS_A_MACRO = 3
POLE_HEIGHT_M = 10.0
AZIMUTH_SPREAD_DEG = 12.0
WRONG_AZIMUTHS = 0.04
WRONG_BY_DEG = (30.0, 180.0)
POWER_SIGMA_DB = 2.0

# centres of the carriers, GHz: the public assignments of n41 to Mobile, n78 and n1 to the others
# (MIIT, 2018-12); the shares of 3.5 and 2.1 GHz sites are ours
CARRIERS_GHZ = {
    "mobile": ((2.565, 1.0),),
    "telecom": ((3.45, 0.75), (2.12, 0.25)),
    "unicom": ((3.55, 0.75), (2.1425, 0.25)),
}
POLE_CARRIER_GHZ = {"mobile": 4.85, "telecom": 3.45, "unicom": 3.55}
# W in all, resource elements of the carrier (TS 38.101-1, table 5.3.2-1), dBi of a broadcast beam
_MACRO_WIDE = (200.0, 273 * 12, 17.0)
_MACRO_NARROW = (80.0, 106 * 12, 16.0)
_POLE = (20.0, 273 * 12, 11.0)


@dataclass(frozen=True, kw_only=True)
class NetworkTruth:
    """What is true of n sectors; every array has shape (n,), in the order of the sectors.

    Attributes:
        sector_id: of the sector.
        azimuth_deg: where it really points.
        azimuth_wrong: True where the registered azimuth differs by 30 degrees or more.
        power_offset_db: real minus registered EIRP.
    """

    sector_id: npt.NDArray[np.object_]
    azimuth_deg: Floats
    azimuth_wrong: npt.NDArray[np.bool_]
    power_offset_db: Floats


@dataclass(frozen=True, kw_only=True)
class Network:
    """The registered sectors, and the truth beside them."""

    sectors: Sectors
    truth: NetworkTruth

    @property
    def true_sectors(self) -> Sectors:
        """The sectors as they really are: true azimuths, and EIRP with its offset."""
        return replace(
            self.sectors,
            azimuth_deg=self.truth.azimuth_deg,
            eirp_dbm=self.sectors.eirp_dbm + self.truth.power_offset_db,
        )


def simulate_network(stations: Sequence[Thing], buildings: Buildings, seed: int) -> Network:
    """Three sectors for each macro station and one or two for each pole station.

    Args:
        stations: things of kind `base-station` with the attributes `type` and `operator`; others
            are passed over. Ids, places, operators and dates in service stay theirs.
        buildings: a macro station on a footprint stands on its roof.
        seed: of everything else.

    Raises:
        ValueError: no base station among the things, or one of an unknown operator.
    """
    found = [thing for thing in stations if thing.kind == "base-station"]
    if not found:
        raise ValueError("stations: no thing of kind base-station")
    for thing in found:
        if thing.attributes.get("operator") not in CARRIERS_GHZ:
            raise ValueError(f"{thing.id}: operator: one of {', '.join(CARRIERS_GHZ)}")
    generator = np.random.default_rng([seed, 0x5EC7])
    pole = np.array([thing.attributes["type"] == "pole" for thing in found])
    per_site = np.where(pole, generator.integers(1, 3, len(found)), SECTORS_A_MACRO)
    site = np.repeat(np.arange(len(found)), per_site)
    number = np.arange(len(site)) - np.repeat(np.cumsum(per_site) - per_site, per_site)
    height, roof = _heights(found, pole, buildings, generator)
    frequency, eirp = _carriers(found, pole, generator)
    azimuth = _azimuths(per_site, site, number, pole, generator)
    tilt = np.where(
        pole[site], generator.uniform(2.0, 6.0, len(site)), generator.uniform(3.0, 10.0, len(site))
    )
    wrong, registered = _wrong_azimuths(azimuth, site, pole[site], generator)
    offset = np.round(generator.normal(0.0, POWER_SIGMA_DB, len(site)), 2)
    ids = np.array([f"{found[s].id}:{n + 1}" for s, n in zip(site, number, strict=True)], object)
    sectors = Sectors(
        station_id=_texts([thing.id for thing in found])[site],
        sector_id=ids,
        name=_texts([thing.name for thing in found])[site],
        operator=_texts([thing.attributes["operator"] for thing in found])[site],
        type=_texts([thing.attributes["type"] for thing in found])[site],
        longitude=np.array([thing.longitude for thing in found])[site],
        latitude=np.array([thing.latitude for thing in found])[site],
        height_m=height[site],
        azimuth_deg=registered,
        tilt_deg=np.round(tilt, 1).astype(np.float64),
        eirp_dbm=eirp[site],
        frequency_ghz=frequency[site],
        pci=_identities(found, site, number, generator),
        in_service_since=np.array(
            [t.in_service_since if t.in_service_since is not None else UNKNOWN_TIME for t in found],
            dtype=np.int64,
        )[site],
        mounted_on=roof[site],
    )
    return Network(
        sectors=sectors,
        truth=NetworkTruth(
            sector_id=ids,
            azimuth_deg=azimuth,
            azimuth_wrong=wrong,
            power_offset_db=offset,
        ),
    )


def write_truth(file: TruthFile, network: Network) -> None:
    """One record `sector` for each sector, in the order of the table."""
    truth = network.truth
    for at, sector in enumerate(truth.sector_id.tolist()):
        file.write(
            "sector",
            id=sector,
            azimuth=float(truth.azimuth_deg[at]),
            azimuth_registered=float(network.sectors.azimuth_deg[at]),
            azimuth_wrong=bool(truth.azimuth_wrong[at]),
            power_offset_db=float(truth.power_offset_db[at]),
        )


def _texts(values: Sequence[str]) -> npt.NDArray[np.object_]:
    return np.array(values, dtype=object)


def _heights(
    found: Sequence[Thing],
    pole: npt.NDArray[np.bool_],
    buildings: Buildings,
    generator: np.random.Generator,
) -> tuple[Floats, npt.NDArray[np.object_]]:
    """Antenna heights, and the building under each macro station (empty: a mast of its own)."""
    points = shapely.points([thing.longitude for thing in found], [t.latitude for t in found])
    at, building = shapely.STRtree(buildings.geometries).query(points, predicate="intersects")
    height = generator.uniform(25.0, 35.0, len(found))
    mast = generator.uniform(3.0, 6.0, len(found))
    roof = np.full(len(found), "", dtype=object)
    on_roof = ~pole[at]
    at, building = at[on_roof], building[on_roof]
    height[at] = buildings.height_m[building] + mast[at]
    roof[at] = buildings.id[building]
    height[pole] = POLE_HEIGHT_M
    return np.round(height, 1), roof


def _carriers(
    found: Sequence[Thing], pole: npt.NDArray[np.bool_], generator: np.random.Generator
) -> tuple[Floats, Floats]:
    """Carrier of each station in GHz, and its EIRP per resource element in dBm."""
    chance = generator.random(len(found))
    spread = generator.integers(-1, 2, len(found))
    frequency, eirp = np.empty(len(found)), np.empty(len(found))
    for row, thing in enumerate(found):
        operator = thing.attributes["operator"]
        choices = CARRIERS_GHZ[operator]
        if pole[row]:
            frequency[row], kit = POLE_CARRIER_GHZ[operator], _POLE
        else:
            second = len(choices) > 1 and chance[row] >= choices[0][1]
            frequency[row] = choices[int(second)][0]
            kit = _MACRO_NARROW if second else _MACRO_WIDE
        watts, elements, gain = kit
        eirp[row] = 10 * np.log10(watts * 1000 / elements) + gain
    return frequency, np.round(eirp + spread, 1)


def _azimuths(
    per_site: npt.NDArray[np.int64],
    site: npt.NDArray[np.int64],
    number: npt.NDArray[np.int64],
    pole: npt.NDArray[np.bool_],
    generator: np.random.Generator,
) -> Floats:
    """Macro sectors near 0, 120, 240; pole sectors any way, a second one opposite the first."""
    start = np.where(pole, generator.uniform(0, 360, len(pole)), 0.0)
    regular = start[site] + number * 360.0 / per_site[site]
    spread = generator.normal(0.0, AZIMUTH_SPREAD_DEG, len(site))
    return np.asarray(np.round(regular + spread) % 360.0, np.float64)


def _wrong_azimuths(
    azimuth: Floats,
    site: npt.NDArray[np.int64],
    pole: npt.NDArray[np.bool_],
    generator: np.random.Generator,
) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Which registered azimuths are wrong, and what is registered."""
    n = len(azimuth)
    wrong = (generator.random(n) < WRONG_AZIMUTHS) & ~pole
    by = np.round(generator.uniform(WRONG_BY_DEG[0], WRONG_BY_DEG[1] - 5, n))
    sign = generator.choice((-1.0, 1.0), n)
    registered = np.where(wrong, (azimuth + sign * by) % 360.0, azimuth)
    # no ledger holds two sectors of a site with one azimuth
    for row in np.flatnonzero(wrong).tolist():
        others = np.flatnonzero((site == site[row]) & (np.arange(n) != row))
        while registered[row] in registered[others]:
            registered[row] = (registered[row] + sign[row]) % 360.0
    return wrong, registered


def _identities(
    found: Sequence[Thing],
    site: npt.NDArray[np.int64],
    number: npt.NDArray[np.int64],
    generator: np.random.Generator,
) -> npt.NDArray[np.int64]:
    """Physical cell identities: 3 x group + sector, so that a site's sectors differ modulo 3."""
    group = np.empty(len(found), dtype=np.int64)
    operator = np.array([thing.attributes["operator"] for thing in found])
    for name in CARRIERS_GHZ:
        rows = np.flatnonzero(operator == name)
        # all 336 groups are used before one comes again
        group[rows] = np.resize(generator.permutation(336), len(rows))
    return 3 * group[site] + number
