"""Coordinate reference systems of building files, to WGS-84 degrees.

Geographic WGS-84 (EPSG:4326) is taken as it is. CGCS2000 (EPSG:4490) differs from it by less than a
metre and is taken as it is, too. Transverse Mercator systems of Shanghai are inverted by Krueger's
series to the fourth order in the third flattening (Karney, J. Geodesy 85, 2011), which is exact to
well below a millimetre within 3 degrees of the central meridian.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
ToDegrees = Callable[[Floats, Floats], tuple[Floats, Floats]]

WGS84, CGCS2000 = 4326, 4490
CGCS2000_NOTE = "CGCS2000 coordinates are taken for WGS-84; they differ by less than a metre"


@dataclass(frozen=True)
class TransverseMercator:
    """A transverse Mercator system from the equator.

    Attributes:
        meridian: central, degrees. scale: on it. false_easting: metres.
        flattening: of the ellipsoid, whose semi-major axis is 6,378,137 m.
    """

    meridian: float
    scale: float
    false_easting: float
    flattening: float

    def degrees(self, easting: Floats, northing: Floats) -> tuple[Floats, Floats]:
        """Metres to longitude and latitude, element-wise."""
        f = self.flattening
        n = f / (2 - f)
        radius = 6_378_137.0 / (1 + n) * (1 + n**2 / 4 + n**4 / 64)
        xi = northing / (self.scale * radius)
        eta = (easting - self.false_easting) / (self.scale * radius)
        beta = (
            n / 2 - 2 * n**2 / 3 + 37 * n**3 / 96 - n**4 / 360,
            n**2 / 48 + n**3 / 15 - 437 * n**4 / 1440,
            17 * n**3 / 480 - 37 * n**4 / 840,
            4397 * n**4 / 161_280,
        )
        x, y = xi.copy(), eta.copy()
        for k, factor in enumerate(beta, 1):
            x -= factor * np.sin(2 * k * xi) * np.cosh(2 * k * eta)
            y -= factor * np.cos(2 * k * xi) * np.sinh(2 * k * eta)
        conformal = np.sin(x) / np.sqrt(np.sinh(y) ** 2 + np.cos(x) ** 2)
        longitude = self.meridian + np.degrees(np.arctan2(np.sinh(y), np.cos(x)))
        return longitude, np.degrees(np.arctan(self._geodetic(conformal)))

    def _geodetic(self, conformal: Floats) -> Floats:
        """Tangent of the geodetic latitude from that of the conformal one, by Newton's method."""
        e2 = self.flattening * (2 - self.flattening)
        e = math.sqrt(e2)
        tau = conformal.copy()
        for _ in range(5):
            root = np.sqrt(1 + tau**2)
            sigma = np.sinh(e * np.arctanh(e * tau / root))
            here = tau * np.sqrt(1 + sigma**2) - sigma * root
            slope = (1 + (1 - e2) * tau**2) / ((1 - e2) * root * np.sqrt(1 + here**2))
            tau = tau + (conformal - here) * slope
        return np.asarray(tau, dtype=np.float64)


_WGS84_F, _CGCS2000_F = 1 / 298.257223563, 1 / 298.257222101
SYSTEMS = {
    32650: TransverseMercator(117, 0.9996, 500_000, _WGS84_F),
    32651: TransverseMercator(123, 0.9996, 500_000, _WGS84_F),
    4499: TransverseMercator(123, 1, 21_500_000, _CGCS2000_F),
    4510: TransverseMercator(123, 1, 500_000, _CGCS2000_F),
    4528: TransverseMercator(120, 1, 40_500_000, _CGCS2000_F),
    4529: TransverseMercator(123, 1, 41_500_000, _CGCS2000_F),
    4549: TransverseMercator(120, 1, 500_000, _CGCS2000_F),
    4550: TransverseMercator(123, 1, 500_000, _CGCS2000_F),
}


def to_degrees(code: int) -> ToDegrees | None:
    """The way from an EPSG code's coordinates to WGS-84 degrees; None for degrees already.

    Raises:
        ValueError: a system that is not known here; the message says which are.
    """
    if code in (WGS84, CGCS2000):
        return None
    if code not in SYSTEMS:
        known = ", ".join(str(each) for each in (WGS84, CGCS2000, *SYSTEMS))
        raise ValueError(f"coordinate reference system EPSG:{code}: known are {known}")
    return SYSTEMS[code].degrees


def code_of_text(text: str) -> int:
    """EPSG code of a CRS written as a URN, as WKT with an authority, or by Esri's names.

    Raises:
        ValueError: none of these.
    """
    if "CRS84" in text:
        return WGS84
    codes = re.findall(r"EPSG[\"',:\s/]+(?:[\d.]*:)?(\d{4,6})", text)
    if codes:
        return int(codes[-1])
    name = re.search(r"\"([^\"]*)\"", text)
    plain = name[1] if name else text
    if match := re.fullmatch(r"WGS_1984_UTM_Zone_(\d+)N", plain):
        return 32600 + int(match[1])
    if match := re.fullmatch(r"CGCS2000_3_Degree_GK_CM_(\d+)E", plain):
        return 4534 + (int(match[1]) - 75) // 3
    if match := re.fullmatch(r"CGCS2000_3_Degree_GK_Zone_(\d+)", plain):
        return 4513 + int(match[1]) - 25
    if match := re.fullmatch(r"CGCS2000_GK_CM_(\d+)E", plain):
        return 4502 + (int(match[1]) - 75) // 6
    if match := re.fullmatch(r"CGCS2000_GK_Zone_(\d+)", plain):
        return 4491 + int(match[1]) - 13
    if plain in ("GCS_WGS_1984", "WGS 84"):
        return WGS84
    if plain in (
        "GCS_China_Geodetic_Coordinate_System_2000",
        "China Geodetic Coordinate System 2000",
    ):
        return CGCS2000
    raise ValueError(f"coordinate reference system {plain[:100]!r}: not known")
