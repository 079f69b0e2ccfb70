"""Datums used in China, and small distances.

GCJ-02 is the offset datum of Chinese map services; BD-09 adds Baidu's own shift. Neither has an
official open definition: the formulas are the well-known public reconstruction (`unverified`
against any standard), good to a few metres; the inverse below iterates to about 1e-9 degrees.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]

METRES_PER_DEGREE = 111_195.0
"""Metres per degree of latitude on the sphere of radius 6,371 km."""

DATUMS = ("wgs84", "gcj02", "bd09")

# Krasovsky 1940 ellipsoid, the one that the offset formulas use.
_A = 6_378_245.0
_E2 = 0.006_693_421_622_965_943


def _offset(longitude: Float64, latitude: Float64) -> tuple[Float64, Float64]:
    x, y = longitude - 105.0, latitude - 35.0
    pi = np.pi
    wave = (20 * np.sin(6 * x * pi) + 20 * np.sin(2 * x * pi)) * 2 / 3
    north = (
        -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * np.sqrt(np.abs(x)) + wave
        + (20 * np.sin(y * pi) + 40 * np.sin(y / 3 * pi)) * 2 / 3
        + (160 * np.sin(y / 12 * pi) + 320 * np.sin(y * pi / 30)) * 2 / 3
    )  # fmt: skip
    east = (
        300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * np.sqrt(np.abs(x)) + wave
        + (20 * np.sin(x * pi) + 40 * np.sin(x / 3 * pi)) * 2 / 3
        + (150 * np.sin(x / 12 * pi) + 300 * np.sin(x / 30 * pi)) * 2 / 3
    )  # fmt: skip
    phi = np.radians(latitude)
    w = 1 - _E2 * np.sin(phi) ** 2
    return (
        np.degrees(east / (_A / np.sqrt(w) * np.cos(phi))),
        np.degrees(north / (_A * (1 - _E2) / (w * np.sqrt(w)))),
    )


def wgs84_to_gcj02(longitude: ArrayLike, latitude: ArrayLike) -> tuple[Float64, Float64]:
    """Degrees to degrees, element-wise."""
    lon, lat = np.asarray(longitude, np.float64), np.asarray(latitude, np.float64)
    east, north = _offset(lon, lat)
    return lon + east, lat + north


def gcj02_to_wgs84(longitude: ArrayLike, latitude: ArrayLike) -> tuple[Float64, Float64]:
    """Degrees to degrees, element-wise, by fixed-point iteration."""
    lon, lat = np.asarray(longitude, np.float64), np.asarray(latitude, np.float64)
    west, south = lon.copy(), lat.copy()
    for _ in range(6):
        east, north = _offset(west, south)
        west, south = lon - east, lat - north
    return west, south


def gcj02_to_bd09(longitude: ArrayLike, latitude: ArrayLike) -> tuple[Float64, Float64]:
    """Degrees to degrees, element-wise."""
    lon, lat = np.asarray(longitude, np.float64), np.asarray(latitude, np.float64)
    k = np.pi * 3000 / 180
    radius = np.hypot(lon, lat) + 2e-5 * np.sin(lat * k)
    angle = np.arctan2(lat, lon) + 3e-6 * np.cos(lon * k)
    return radius * np.cos(angle) + 0.0065, radius * np.sin(angle) + 0.006


def bd09_to_gcj02(longitude: ArrayLike, latitude: ArrayLike) -> tuple[Float64, Float64]:
    """Degrees to degrees, element-wise, by fixed-point iteration."""
    lon, lat = np.asarray(longitude, np.float64), np.asarray(latitude, np.float64)
    west, south = lon - 0.0065, lat - 0.006
    for _ in range(6):
        there = gcj02_to_bd09(west, south)
        west, south = west + lon - there[0], south + lat - there[1]
    return west, south


def to_wgs84(datum: str, longitude: ArrayLike, latitude: ArrayLike) -> tuple[Float64, Float64]:
    """Degrees in one of `DATUMS` to WGS-84. Raises ValueError for another datum."""
    if datum == "wgs84":
        return np.asarray(longitude, np.float64), np.asarray(latitude, np.float64)
    if datum == "gcj02":
        return gcj02_to_wgs84(longitude, latitude)
    if datum == "bd09":
        return gcj02_to_wgs84(*bd09_to_gcj02(longitude, latitude))
    raise ValueError(f"datum: {datum!r} is not one of {', '.join(DATUMS)}")


def metres_between(a: ArrayLike, b: ArrayLike, c: ArrayLike, d: ArrayLike) -> Any:
    """Distance of (longitude a, latitude b) and (c, d) on a sphere, element-wise (haversine)."""
    lon1, lat1, lon2, lat2 = (np.radians(np.asarray(v, np.float64)) for v in (a, b, c, d))
    h = (
        np.sin((lat2 - lat1) / 2) ** 2
        + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    )
    return 2 * 6_371_008.8 * np.arcsin(np.sqrt(h))


@dataclass(frozen=True)
class LocalPlane:
    """Metres east and north of a place, equirectangular: good to 0.1 % within 50 km of it.

    Attributes:
        longitude, latitude: the origin, WGS-84 degrees.
    """

    longitude: float
    latitude: float

    @property
    def _squash(self) -> float:
        return math.cos(math.radians(self.latitude))

    def metres(self, longitude: ArrayLike, latitude: ArrayLike) -> tuple[Float64, Float64]:
        """Degrees to metres east and north, element-wise."""
        lon, lat = np.asarray(longitude, np.float64), np.asarray(latitude, np.float64)
        east = (lon - self.longitude) * (METRES_PER_DEGREE * self._squash)
        return east, (lat - self.latitude) * METRES_PER_DEGREE

    def degrees(self, east: ArrayLike, north: ArrayLike) -> tuple[Float64, Float64]:
        """Metres east and north to degrees, element-wise."""
        x, y = np.asarray(east, np.float64), np.asarray(north, np.float64)
        lon = self.longitude + x / (METRES_PER_DEGREE * self._squash)
        return lon, self.latitude + y / METRES_PER_DEGREE
