"""The drawing holds together: it tiles, its areas are about right, its places lie inside."""

import numpy as np
import pytest
import shapely

from xinji.district.geography import area_km2, load_district, shape_of

DISTRICT = load_district()


def test_ten_subdistricts_with_official_codes():
    assert [a.code for a in DISTRICT.subdistricts] == [
        "310105001", "310105002", "310105004", "310105005", "310105006",
        "310105008", "310105009", "310105010", "310105011", "310105102",
    ]  # fmt: skip
    assert all(a.code.startswith(DISTRICT.code) for a in DISTRICT.subdistricts)
    assert DISTRICT.illustrative


def test_polygons_are_valid_and_tile_the_district():
    shapes = [shape_of(a) for a in DISTRICT.subdistricts]
    assert all(s.is_valid and s.geom_type == "Polygon" for s in shapes)
    assert DISTRICT.outline.is_valid and DISTRICT.outline.geom_type == "Polygon"
    assert len(DISTRICT.areas[0].geometry["coordinates"]) == 1, "a gap between two areas"
    total = sum(area_km2(s) for s in shapes)
    assert total == pytest.approx(area_km2(DISTRICT.outline), rel=0.01)
    for i, one in enumerate(shapes):
        for other in shapes[i + 1 :]:
            assert one.intersection(other).area < 1e-12


@pytest.mark.parametrize("area", DISTRICT.areas, ids=lambda a: a.code)
def test_areas_are_near_the_published_figures(area):
    assert area_km2(shape_of(area)) == pytest.approx(area.area_km2, rel=0.10)


def test_vertices_are_rounded_facts():
    for area in DISTRICT.areas:
        xy = shapely.get_coordinates(shape_of(area))
        assert np.allclose(xy, np.round(xy, 3), atol=1e-12)


@pytest.mark.parametrize("station", DISTRICT.stations, ids=lambda s: s.title.en)
def test_stations_lie_inside(station):
    assert DISTRICT.area_of(station.longitude, station.latitude).startswith("310105")
    assert DISTRICT.outline.covers(shapely.Point(station.longitude, station.latitude))


def test_known_places_fall_in_their_subdistricts():
    assert DISTRICT.area_of(121.427, 31.221) == "310105002"
    assert DISTRICT.area_of(121.398, 31.201) == "310105009"
    assert DISTRICT.area_of(121.343, 31.193) == "310105010"
    assert DISTRICT.area_of(121.47, 31.23) == ""


def test_basemap_has_every_layer():
    features = DISTRICT.basemap["features"]
    layers = {f["properties"]["layer"] for f in features}
    assert layers == {
        "district", "subdistrict", "road", "elevated", "metro-line", "metro-station", "water",
    }  # fmt: skip
    assert {"长宁路", "凯旋路"} <= {f["properties"]["name"] for f in features}


def test_scatter_is_deterministic_and_inside():
    lon, lat = DISTRICT.scatter(500, np.random.default_rng(1))
    again, _ = DISTRICT.scatter(500, np.random.default_rng(1))
    assert np.array_equal(lon, again)
    assert shapely.contains_xy(DISTRICT.outline, lon, lat).all()
    one, other = DISTRICT.scatter(20, np.random.default_rng(1), ("310105011",))
    assert {DISTRICT.area_of(x, y) for x, y in zip(one, other, strict=True)} == {"310105011"}


def test_along_a_road():
    lon, lat = DISTRICT.along("凯旋路", 31)
    assert len(lon) == 31 and shapely.contains_xy(DISTRICT.outline, lon, lat).all()
    with pytest.raises(KeyError):
        DISTRICT.along("no such road", 3)
