"""Path loss of 3GPP TR 38.901 (v16 to v19), clauses 7.4.1 and 7.4.3: UMa, UMi street canyon, InH.

`in sight` (LOS) comes from geometry and is the caller's, not the standard's LOS probability.
Median loss: shadow fading is not in it. Stated validity: 0.5 to 100 GHz, base station 25 m (UMa)
or 10 m (UMi), receiver 1.5 to 22.5 m, 10 m to 5 km; InH 1 to 150 m. Distances below the least are
taken as the least. The effective environment height is 1 m, which the standard has as certain for
receivers below 13 m; above that it draws at random, and we do not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit, vectorize
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]

UMA, UMI, INH = 0, 1, 2
MODELS = ("UMa", "UMi", "InH")
"""Names of the models, by number."""

SHADOW_FADING_DB = {UMA: (4.0, 6.0), UMI: (4.0, 7.82), INH: (3.0, 8.03)}
"""Standard deviation (LOS, NLOS) of shadow fading in dB, table 7.4.1-1."""

LIGHT = 3.0e8  # m/s, the value that the standard gives with the breakpoint distance
ENVIRONMENT_HEIGHT = 1.0
LEAST_DISTANCE = 10.0
LEAST_INDOOR_DISTANCE = 1.0


@njit(nogil=True, cache=True)
def loss_pair(
    model: int, distance: float, station: float, receiver: float, ghz: float
) -> tuple[float, float]:
    """(LOS, NLOS) loss in dB at one horizontal `distance`; NLOS is never below LOS."""
    rise = station - receiver
    if model == INH:
        d3 = math.log10(max(math.sqrt(distance * distance + rise * rise), LEAST_INDOOR_DISTANCE))
        f = math.log10(ghz)
        los = 32.4 + 17.3 * d3 + 20.0 * f
        return los, max(los, 17.3 + 38.3 * d3 + 24.9 * f)
    flat = max(distance, LEAST_DISTANCE)
    d3 = 0.5 * math.log10(flat * flat + rise * rise)
    f = math.log10(ghz)
    breakpoint_ = (
        4.0
        * max(station - ENVIRONMENT_HEIGHT, 0.0)
        * max(receiver - ENVIRONMENT_HEIGHT, 0.0)
        * (ghz * 1e9 / LIGHT)
    )
    beyond = flat > breakpoint_
    if model == UMA:
        los = 28.0 + (40.0 if beyond else 22.0) * d3 + 20.0 * f
        if beyond:
            los -= 9.0 * math.log10(breakpoint_ * breakpoint_ + rise * rise)
        nlos = 13.54 + 39.08 * d3 + 20.0 * f - 0.6 * (receiver - 1.5)
    else:
        los = 32.4 + (40.0 if beyond else 21.0) * d3 + 20.0 * f
        if beyond:
            los -= 9.5 * math.log10(breakpoint_ * breakpoint_ + rise * rise)
        nlos = 22.4 + 35.3 * d3 + 21.3 * f - 0.3 * (receiver - 1.5)
    return los, max(los, nlos)


@vectorize(cache=True)  # type: ignore[no-untyped-call, untyped-decorator]
def _loss(
    model: int, distance: float, station: float, receiver: float, ghz: float, in_sight: bool
) -> float:
    los, nlos = loss_pair(model, distance, station, receiver, ghz)
    return los if in_sight else nlos


def path_loss(
    model: int,
    distance: ArrayLike,
    station: ArrayLike,
    receiver: ArrayLike,
    ghz: ArrayLike,
    in_sight: ArrayLike,
) -> Float64:
    """Median loss in dB, element-wise with broadcasting (TR 38.901 table 7.4.1-1).

    Args:
        model: `UMA`, `UMI` or `INH`.
        distance: horizontal, metres.
        station, receiver: heights of the antennas above ground, metres.
        ghz: carrier frequency, 0.5 to 100.
        in_sight: True for LOS.

    Raises:
        ValueError: unknown model, frequency out of range, or a number that is not finite.
    """
    if model not in (UMA, UMI, INH):
        raise ValueError(f"model: {model!r} is not one of 0 (UMa), 1 (UMi), 2 (InH)")
    check_frequency(ghz)
    numbers = [np.asarray(each, np.float64) for each in (distance, station, receiver, ghz)]
    for name, each in zip(("distance", "station", "receiver"), numbers, strict=False):
        if not np.isfinite(each).all():
            raise ValueError(f"{name}: holds a number that is not finite")
    return np.asarray(_loss(model, *numbers, np.asarray(in_sight, np.bool_)), np.float64)


def check_frequency(ghz: ArrayLike) -> None:
    """Raises ValueError unless all are within 0.5 to 100 GHz, the range of the standard."""
    values = np.asarray(ghz, np.float64)
    if not ((values >= 0.5) & (values <= 100)).all():
        raise ValueError("ghz: outside 0.5 to 100, the range of TR 38.901")


@dataclass(frozen=True)
class Wall:
    """How a building's outside is made: shares of materials of the loss mix, table 7.4.3-2.

    Attributes:
        glass: "glass" or "coated" (infrared reflecting, IRR).
        glass_share: the rest is concrete.
        spread_db: standard deviation of the whole.
    """

    glass: str
    glass_share: float
    spread_db: float


LOW_LOSS = Wall("glass", 0.3, 4.4)
HIGH_LOSS = Wall("coated", 0.7, 6.5)
INDOOR_DB_PER_METRE = 0.5
NON_PERPENDICULAR_DB = 5.0

# a + b * GHz in dB, table 7.4.3-1
MATERIALS = {
    "glass": (2.0, 0.2),
    "coated": (23.0, 0.3),
    "concrete": (5.0, 4.0),
    "wood": (4.85, 0.12),
}


def material_loss(material: str, ghz: ArrayLike) -> Float64:
    """Penetration loss in dB of one of `MATERIALS` (table 7.4.3-1)."""
    if material not in MATERIALS:
        raise ValueError(f"material: {material!r} is not one of {', '.join(MATERIALS)}")
    check_frequency(ghz)
    a, b = MATERIALS[material]
    return np.asarray(a + b * np.asarray(ghz, np.float64))


def entry_loss(wall: Wall, ghz: ArrayLike, indoor_metres: ArrayLike = 0.0) -> Any:
    """Median outdoor-to-indoor loss in dB: the wall and 0.5 dB for each metre inside (7.4.3.1)."""
    passed = wall.glass_share * 10 ** (-material_loss(wall.glass, ghz) / 10)
    passed = passed + (1 - wall.glass_share) * 10 ** (-material_loss("concrete", ghz) / 10)
    inside = INDOOR_DB_PER_METRE * np.asarray(indoor_metres, np.float64)
    return NON_PERPENDICULAR_DB - 10 * np.log10(passed) + inside
