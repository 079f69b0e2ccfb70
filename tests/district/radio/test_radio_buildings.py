import numpy as np
import pytest
import shapely

from xinji.district.geography import shape_of
from xinji.district.radio.buildings import (
    HALF_WIDTHS_M,
    STATION_RADIUS_M,
    buildable_land,
    in_metres,
    simulate_buildings,
)
from xinji.methods.geodesy import LocalPlane


@pytest.fixture(scope="module")
def plane(district):
    return LocalPlane(*district.center)


@pytest.fixture(scope="module")
def shapes(buildings, plane):
    return in_metres(buildings.geometries, plane)


def test_five_thousand_footprints_stand_on_eighteen_per_cent_of_the_land(
    district, buildings, shapes, plane
):
    assert len(buildings) == 5_000
    cover = shapely.area(shapes).sum() / buildable_land(district, plane).area
    assert 0.16 < cover < 0.20
    assert shapely.is_valid(shapes).all()
    assert buildings.height_known.all()
    assert len(set(buildings.id)) == len(buildings)


def test_no_building_on_a_road_on_water_at_a_station_or_on_another(
    district, buildings, shapes, plane
):
    tree = shapely.STRtree(shapes)
    for line in district.lines:
        if line.layer in HALF_WIDTHS_M:
            path = shapely.LineString(np.column_stack(plane.metres(*line.points.T)))
            near = tree.query(path, predicate="dwithin", distance=HALF_WIDTHS_M[line.layer] - 0.1)
            assert len(near) == 0, line.name
    for station in district.stations:
        point = shapely.Point(*plane.metres(station.longitude, station.latitude))
        assert len(tree.query(point, predicate="dwithin", distance=STATION_RADIUS_M - 1)) == 0
    one, other = tree.query(shapes, predicate="intersects")
    assert (one == other).all()
    assert shapely.contains(district.outline, buildings.geometries).all()


def test_heights_follow_the_sub_districts(district, buildings):
    middle = shapely.centroid(buildings.geometries)
    means = {
        area.title.zh: buildings.height_m[shapely.contains(shape_of(area), middle)].mean()
        for area in district.subdistricts
    }
    for high in ("虹桥街道", "天山路街道", "江苏路街道"):
        for low in ("新华路街道", "华阳路街道", "程家桥街道", "新泾镇"):
            assert means[high] > 1.3 * means[low], (high, low, means)
    west = shapely.get_x(middle) < 121.35
    assert buildings.height_m[west].max() <= 24.0
    assert buildings.height_m.max() <= 190.0
    assert (buildings.floors >= 1).all()


def test_rectangles_ells_and_courts_by_seed(district, buildings):
    corners = shapely.get_num_points(shapely.get_exterior_ring(buildings.geometries))
    assert {5, 7} == set(corners.tolist())
    assert (shapely.get_num_interior_rings(buildings.geometries) == 1).sum() > 50
    again = simulate_buildings(district, 1)
    assert shapely.equals_exact(again.geometries, buildings.geometries, 0.0).all()
    assert (again.height_m == buildings.height_m).all()
    other = simulate_buildings(district, 2)
    assert not (other.height_m[:100] == buildings.height_m[:100]).all()
