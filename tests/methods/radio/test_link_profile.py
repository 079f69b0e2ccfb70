"""A link explained: against shapely's exact depth, and against the map's own power."""

import numpy as np
import pytest
import shapely

from tests.methods.radio.test_coverage_map import network, town
from xinji.methods.radio.buildings import Grid, building_at_points, from_polygons
from xinji.methods.radio.coverage_map import Radio, compute, rsrp
from xinji.methods.radio.exact_sight import exact_depth
from xinji.methods.radio.link_profile import budget, link_profile


def test_by_hand():
    court = shapely.box(10, -5, 40, 5).difference(shapely.box(20, -2, 30, 2))
    buildings = from_polygons([shapely.box(60, -5, 64, 5), court], [30.0, 18.0])
    profile = link_profile(buildings, (0, 0, 41.5), (80, 0, 1.5))
    assert [(each.building, each.entry, each.exit) for each in profile.crossings] == [
        (1, 10.0, 20.0), (1, 30.0, 40.0), (0, 60.0, 64.0)]  # fmt: skip
    assert [each.line_at_entry for each in profile.crossings] == [36.5, 26.5, 11.5]
    assert [each.depth for each in profile.crossings] == pytest.approx([0, 0, 4])
    assert profile.depth == pytest.approx(4) and not profile.in_sight
    # the receiver in the last building is taken as outside of it
    inside = link_profile(buildings, (0, 0, 41.5), (62, 0, 1.5))
    assert [each.building for each in inside.crossings] == [1, 1]
    # the line is below 18 m from 62 x 23.5 / 40 m on
    assert inside.depth == pytest.approx(40 - 62 * 23.5 / 40)
    assert link_profile(buildings, (0, 0, 41.5), (0, 0, 1.5)).in_sight
    with pytest.raises(ValueError, match="above receivers"):
        link_profile(buildings, (0, 0, 1.0), (5, 5, 1.5))


def test_as_exact_geometry():
    generator = np.random.default_rng(8)
    slots = np.arange(100)
    x, y = slots % 10 * 60 + 30, slots // 10 * 60 + 30
    w, d = generator.uniform(5, 25, (2, 100))
    polygons = shapely.box(x - w, y - d, x + w, y + d)
    heights = generator.uniform(5, 40, 100)
    buildings = from_polygons(polygons, heights)
    places = generator.uniform(0, 600, (500, 2))
    places = places[building_at_points(buildings, *places.T) < 0]
    stations = np.column_stack([generator.uniform(0, 600, (len(places), 2)),
                                generator.uniform(10, 60, len(places))])  # fmt: skip
    receivers = np.column_stack([places, np.full(len(places), 1.5)])
    truth = exact_depth(polygons, heights, stations, receivers)
    found = [
        link_profile(buildings, tuple(a), tuple(b)).depth
        for a, b in zip(stations, receivers, strict=True)
    ]
    np.testing.assert_allclose(found, truth, atol=1e-6)
    assert (truth > 0).any() and (truth == 0).any()


def test_the_budget_is_the_maps_power():
    polygons, heights = town(6)
    buildings, grid = from_polygons(polygons, heights), Grid(0.0, 0.0, 20.0, 45, 45)
    net, radio = network(6), Radio(radius=800.0)
    result = compute(net, buildings, grid, radio)
    x, y = grid.centres()
    outside = shapely.contains_xy(shapely.union_all(polygons), *np.meshgrid(x, y))
    for row, column in np.argwhere((result.best_sector >= 0) & ~outside)[::37]:
        sector = int(result.best_sector[row, column])
        site = int(net.site[sector])
        profile = link_profile(
            buildings, (net.x[site], net.y[site], net.height[site]), (x[column], y[row], 1.5)
        )
        told = budget(profile, net, radio, sector, x[column], y[row])
        assert told.rsrp_dbm == pytest.approx(rsrp(result)[row, column], abs=0.1)
        assert told.loss_db >= told.loss_in_sight_db
