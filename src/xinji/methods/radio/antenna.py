"""Antenna patterns of a sector: TR 38.901 table 7.3-1 (one element) and TR 36.814 table A.2.1.1-2.

Both have one form: horizontal and vertical cuts 12 (angle / beam width)^2, each with a limit, and a
limit to their sum. Tilt is counted downwards from the horizon.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True)
class Antenna:
    """A pattern, degrees and dB.

    Attributes:
        gain_dbi: largest gain.
        horizontal_width, vertical_width: 3 dB beam widths.
        horizontal_limit, vertical_limit, limit: most attenuation of the cuts and of their sum.
    """

    gain_dbi: float
    horizontal_width: float
    vertical_width: float
    horizontal_limit: float
    vertical_limit: float
    limit: float

    def __post_init__(self) -> None:
        if self.horizontal_width <= 0 or self.vertical_width <= 0:
            raise ValueError("antenna: a beam width must be above 0 degrees")
        if min(self.horizontal_limit, self.vertical_limit, self.limit) < 0:
            raise ValueError("antenna: a limit of attenuation must not be negative")
        if not math.isfinite(self.gain_dbi):
            raise ValueError("antenna: gain_dbi is not finite")


ELEMENT = Antenna(8.0, 65.0, 65.0, 30.0, 30.0, 30.0)
"""TR 38.901 table 7.3-1: a single element, 8 dBi."""

SECTOR = Antenna(14.0, 70.0, 10.0, 25.0, 20.0, 25.0)
"""TR 36.814 table A.2.1.1-2: a sector of three in 3GPP case 1, 14 dBi, narrow in elevation."""

OMNI = Antenna(0.0, 65.0, 65.0, 0.0, 0.0, 0.0)
"""The same in all directions."""


@njit(nogil=True, cache=True)
def cut_db(angle: float, width: float, limit: float) -> float:
    """Attenuation in dB (0 or below) of one cut; `angle` in degrees from the axis."""
    off = (angle + 180.0) % 360.0 - 180.0
    return -min(12.0 * (off / width) ** 2, limit)


def gain(
    antenna: Antenna, azimuth: ArrayLike, below: ArrayLike, tilt: ArrayLike
) -> NDArray[np.float64]:
    """Gain in dBi, element-wise.

    Args:
        antenna: the pattern.
        azimuth: degrees from the axis of the sector, clockwise or not.
        below: degrees below the horizon at which the receiver is seen (negative: above).
        tilt: degrees below the horizon of the axis.
    """
    off = (np.asarray(azimuth, np.float64) + 180.0) % 360.0 - 180.0
    across = np.minimum(12.0 * (off / antenna.horizontal_width) ** 2, antenna.horizontal_limit)
    down = np.asarray(below, np.float64) - np.asarray(tilt, np.float64)
    along = np.minimum(12.0 * (down / antenna.vertical_width) ** 2, antenna.vertical_limit)
    return np.asarray(antenna.gain_dbi - np.minimum(across + along, antenna.limit), np.float64)
