"""Datums come back from where they went; the district's own offset is the published one."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xinji.methods.geodesy import (
    LocalPlane,
    bd09_to_gcj02,
    gcj02_to_bd09,
    gcj02_to_wgs84,
    metres_between,
    to_wgs84,
    wgs84_to_gcj02,
)

SHANGHAI = (st.floats(120.85, 122.0), st.floats(30.67, 31.9))
DEGREE = 1e-6


@given(*SHANGHAI)
def test_gcj02_and_back(longitude: float, latitude: float) -> None:
    west, south = gcj02_to_wgs84(*wgs84_to_gcj02(longitude, latitude))
    assert abs(west - longitude) < DEGREE
    assert abs(south - latitude) < DEGREE


@given(*SHANGHAI)
def test_bd09_and_back(longitude: float, latitude: float) -> None:
    west, south = bd09_to_gcj02(*gcj02_to_bd09(longitude, latitude))
    assert abs(west - longitude) < DEGREE
    assert abs(south - latitude) < DEGREE


@given(*SHANGHAI)
def test_every_datum_names_the_same_point(longitude: float, latitude: float) -> None:
    gcj02 = wgs84_to_gcj02(longitude, latitude)
    points = {"wgs84": (longitude, latitude), "gcj02": gcj02, "bd09": gcj02_to_bd09(*gcj02)}
    for datum, point in points.items():
        west, south = to_wgs84(datum, *point)
        assert abs(west - longitude) < DEGREE, datum
        assert abs(south - latitude) < DEGREE, datum


def test_the_offset_of_the_district() -> None:
    east, north = wgs84_to_gcj02(121.40, 31.21)
    assert east - 121.40 == pytest.approx(0.00465, abs=0.0003)
    assert north - 31.21 == pytest.approx(-0.00184, abs=0.0003)


def test_arrays_are_converted_element_by_element() -> None:
    longitudes, latitudes = np.linspace(121.3, 121.5, 7), np.linspace(31.1, 31.3, 7)
    together = wgs84_to_gcj02(longitudes, latitudes)
    alone = [wgs84_to_gcj02(x, y) for x, y in zip(longitudes, latitudes, strict=True)]
    assert np.allclose(np.transpose(together), alone, rtol=0, atol=1e-12)


def test_an_unknown_datum_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match="cgcs"):
        to_wgs84("cgcs", 121.4, 31.2)


@given(*SHANGHAI, *SHANGHAI)
def test_distance_is_symmetric_and_zero_only_at_the_point(
    a: float, b: float, c: float, d: float
) -> None:
    there, back = metres_between(a, b, c, d), metres_between(c, d, a, b)
    assert math.isclose(there, back, rel_tol=1e-9, abs_tol=1e-6)
    assert metres_between(a, b, a, b) == 0
    assert there >= 0


def test_a_degree_of_a_meridian_and_of_a_parallel() -> None:
    metre = 6_371_008.8 * math.pi / 180
    assert metres_between(121.4, 31.0, 121.4, 32.0) == pytest.approx(metre, rel=1e-6)
    parallel = metre * math.cos(math.radians(31.2))
    assert metres_between(121.0, 31.2, 122.0, 31.2) == pytest.approx(parallel, rel=1e-4)


def test_a_local_plane_keeps_distances_of_a_district_and_comes_back() -> None:
    plane = LocalPlane(121.38, 31.22)
    lon, lat = np.array([121.334, 121.431]), np.array([31.193, 31.246])
    east, north = plane.metres(lon, lat)
    flat = math.hypot(east[1] - east[0], north[1] - north[0])
    assert flat == pytest.approx(metres_between(lon[0], lat[0], lon[1], lat[1]), rel=1e-4)
    back = plane.degrees(east, north)
    assert np.allclose(back, [lon, lat], atol=1e-12)
