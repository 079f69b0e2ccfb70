import numpy as np
import pytest
import shapely

from xinji.methods.geodesy import DATUMS, gcj02_to_bd09, wgs84_to_gcj02
from xinji.systems.network.coverage.inputs.datum import (
    CONFIDENT,
    guess_datum,
    likely_datum_of_outsiders,
)


def offset(datum, x, y):
    if datum != "wgs84":
        x, y = wgs84_to_gcj02(x, y)
    if datum == "bd09":
        x, y = gcj02_to_bd09(x, y)
    return np.asarray(x), np.asarray(y)


@pytest.mark.parametrize("datum", DATUMS)
@pytest.mark.parametrize("count", [30, 300])
def test_points_anywhere_in_the_district_tell_their_datum(district, datum, count):
    generator = np.random.default_rng(count)
    for _ in range(10):
        x, y = offset(datum, *district.scatter(count, generator))
        guess = guess_datum(x, y, district.outline)
        # thirty points may leave it open, but must not be sure of a wrong one
        assert guess.datum == datum or guess.confidence < CONFIDENT
        if count == 300:
            assert guess.datum == datum and guess.confidence > CONFIDENT


@pytest.mark.parametrize("datum", DATUMS)
def test_ten_sites_on_roofs_are_enough(district, buildings, datum):
    generator = np.random.default_rng(7)
    points = shapely.get_coordinates(shapely.point_on_surface(buildings.geometries))
    for _ in range(10):
        x, y = offset(datum, *generator.choice(points, 10, replace=False).T)
        guess = guess_datum(x, y, district.outline, buildings.geometries)
        assert guess.datum == datum and guess.confidence > CONFIDENT


@pytest.mark.parametrize("datum", DATUMS)
def test_a_file_of_the_whole_city_tells_nothing(district, datum):
    generator = np.random.default_rng(3)
    x, y = offset(datum, generator.uniform(121.2, 121.7, 3000), generator.uniform(31, 31.4, 3000))
    assert guess_datum(x, y, district.outline).confidence < 0.5


def test_no_point_no_guess(district):
    assert guess_datum(np.array([np.nan]), np.array([1.0]), district.outline) is None


def test_hints_for_points_outside(district):
    lon, lat = wgs84_to_gcj02(121.431, 31.208)
    x = np.array([float(lon), 31.21, 120.0])
    y = np.array([float(lat), 121.40, 31.21])
    hints = likely_datum_of_outsiders(x, y, district.outline).tolist()
    assert hints == ["; looks like GCJ-02", "; longitude and latitude look swapped", ""]
