"""Shadows beside exact geometry by shapely."""

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from shapely import affinity

from xinji.methods.geodesy import LocalPlane
from xinji.methods.radio.buildings import (
    Grid,
    building_at_cells,
    building_at_points,
    from_polygons,
)
from xinji.methods.radio.exact_sight import exact_depth
from xinji.methods.radio.sight import sight

OUTLINES = Path(__file__).parents[4] / "shared/data/shanghai_buildings/buildings_west.geojson"


def town(seed: int, side: float, count: int):
    """Boxes, rotated ones, L shapes and courtyards, not overlapping."""
    generator = np.random.default_rng(seed)
    along = int(np.ceil(np.sqrt(count)))
    slot = side / along
    polygons = []
    for at in range(count):
        w, d = generator.uniform(0.25, 0.65, 2) * slot
        shape = shapely.box(-w / 2, -d / 2, w / 2, d / 2)
        if at % 4 == 1:
            shape = shape.difference(shapely.box(0, 0, w, d))
        if at % 4 == 2:
            shape = shape.difference(affinity.scale(shape, 0.5, 0.4))
        if at % 4:
            shape = affinity.rotate(shape, generator.uniform(0, 360), origin=(0, 0))
        polygons.append(
            affinity.translate(shape, (at % along + 0.5) * slot, (at // along + 0.5) * slot)
        )
    heights = generator.lognormal(np.log(20), 0.5, count).clip(3, 150)
    return np.array(polygons, dtype=object), heights


def compare(polygons, heights, grid, stations, radius, sample, generator):
    """(points, flags that differ, depth errors) over outdoor cells."""
    buildings = from_polygons(polygons, heights)
    inside = building_at_cells(buildings, grid) >= 0
    xs, ys = grid.centres()
    points, differ, errors = 0, 0, []
    for x, y, z in stations:
        window = sight(buildings, grid, x, y, z, radius=radius, with_depth=True)
        rows, columns = window.hidden.shape
        place = np.s_[window.row : window.row + rows, window.column : window.column + columns]
        wx, wy = xs[place[1]], ys[place[0]]
        near = np.hypot(wx[None] - x, wy[:, None] - y) <= radius
        row, column = np.nonzero(near & ~inside[place])
        take = generator.choice(len(row), min(sample, len(row)), replace=False)
        row, column = row[take], column[take]
        ends = np.column_stack([wx[column], wy[row], np.full(len(row), 1.5)])
        truth = exact_depth(polygons, heights, (x, y, z), ends)
        points += len(row)
        differ += int((window.hidden[row, column] != (truth > 1e-6)).sum())
        errors.append(window.depth[row, column] - truth)
        plain = sight(buildings, grid, x, y, z, radius=radius)
        assert (plain.hidden == window.hidden).all() and plain.depth is None
    return points, differ, np.abs(np.concatenate(errors))


@pytest.mark.parametrize("cell", [10.0, 5.0])
def test_as_exact_geometry(cell):
    polygons, heights = town(1, 2_000.0, 600)
    generator = np.random.default_rng(2)
    roofs = shapely.get_coordinates(shapely.point_on_surface(polygons[:10]))
    stations = [(*roofs[at], heights[at] + 2.0) for at in range(10)]
    # in the street, outside the map, on a cell's centre, on a cell's corner, above all
    stations += [(777.7, 900.1, 10.0), (-55.0, 2_100.0, 40.0), (1_005.0, 1_005.0, 35.0),
                 (1_000.0, 1_000.0, 35.0), (300.0, 1_500.0, 400.0)]  # fmt: skip
    grid = Grid(0.0, 0.0, cell, int(2_000 / cell), int(2_000 / cell))
    points, differ, errors = compare(polygons, heights, grid, stations, 900.0, 300, generator)
    assert points == 300 * len(stations)
    assert differ <= points // 2000
    assert errors.max() < 0.05


@pytest.mark.slow
@pytest.mark.parametrize("cell", [10.0, 5.0])
def test_a_district_as_exact_geometry(cell):
    polygons, heights = town(3, 6_164.0, 5_000)
    generator = np.random.default_rng(4)
    ids = generator.choice(5_000, 100, replace=False)
    roofs = shapely.get_coordinates(shapely.point_on_surface(polygons[ids]))
    stations = [(*roof, heights[at] + 3.0) for roof, at in zip(roofs, ids, strict=True)]
    side = int(np.ceil(6_164 / cell))
    grid = Grid(0.0, 0.0, cell, side, side)
    points, differ, errors = compare(polygons, heights, grid, stations, 1_500, 250, generator)
    assert points >= 20_000
    assert differ <= points // 1000
    assert errors.max() < 0.1


def test_real_outlines_as_exact_geometry():
    if not OUTLINES.exists():
        pytest.skip("shared/data/shanghai_buildings is absent")
    plane = LocalPlane(121.48, 31.235)
    polygons, heights = [], []
    for feature in json.loads(OUTLINES.read_text())["features"]:
        height = feature["properties"]["height_m"]
        shape = shapely.geometry.shape(feature["geometry"])
        shape = shapely.transform(shape, lambda at: np.column_stack(plane.metres(*at.T)))
        if height and shape.is_valid:
            polygons.append(shape)
            heights.append(height)
    assert len(polygons) > 500
    shapes, tops = np.array(polygons, dtype=object), np.array(heights)
    west, south, east, north = shapely.total_bounds(shapes)
    grid = Grid(west, south, 5.0, int((north - south) / 5), int((east - west) / 5))
    generator = np.random.default_rng(3)
    stations = [
        (generator.uniform(west, east), generator.uniform(south, north), z)
        for z in (12.0, 25.0, 40.0, 90.0, 250.0)
    ]
    points, differ, errors = compare(shapes, tops, grid, stations, 800.0, 600, generator)
    assert points > 2000
    assert differ <= points // 1000
    assert errors.max() < 0.1


def test_cells_in_footprints_are_those_of_shapely():
    polygons, heights = town(5, 600.0, 100)
    buildings, grid = from_polygons(polygons, heights), Grid(-20.0, 0.0, 2.0, 300, 310)
    cells = building_at_cells(buildings, grid)
    x, y = np.meshgrid(*grid.centres())
    for at in range(len(polygons)):
        held = shapely.contains_xy(polygons[at], x, y)
        assert (held == (cells == at)).all()
    points = np.random.default_rng(1).uniform(0, 600, (500, 2))
    found = building_at_points(buildings, *points.T)
    truth = shapely.contains_xy(polygons[:, None], *points.T)
    assert (found == np.where(truth.any(axis=0), truth.argmax(axis=0), -1)).all()


def test_of_overlapping_footprints_the_highest_counts():
    low, high = shapely.box(0, 0, 20, 20), shapely.box(10, 0, 30, 20)
    cells = building_at_cells(from_polygons([high, low], [50, 10]), Grid(0, 0, 10, 2, 4))
    assert cells.tolist() == [[1, 0, 0, -1]] * 2


def test_shadow_of_one_wall_by_hand():
    # 20 m high, 30 m away, station 40 m: the shadow ends at 34 x 38.5 / 20 = 65.45 m
    buildings = from_polygons([shapely.box(30, -50, 34, 50)], [20.0])
    window = sight(buildings, Grid(0, -0.5, 1, 1, 100), 0.0, 0.0, 40.0, radius=100, with_depth=True)
    hidden = window.hidden[0]
    assert not hidden[:34].any() and hidden[34:65].all() and not hidden[65:].any()
    # at 50.5 m the line passes below 20 m from 26.2 m on: all 4 m of the building are in it
    assert window.depth[0, 50] == pytest.approx(4.0, abs=1e-4)
    # at 60.5 m from 60.5 x 20 / 38.5 = 31.43 m on
    assert window.depth[0, 60] == pytest.approx(34 - 60.5 * 20 / 38.5, abs=1e-4)


def test_terrain_moves_stations_buildings_and_receivers():
    wall = [shapely.box(30, -50, 34, 50)]
    grid = Grid(0, -0.5, 1, 1, 100)
    flat = sight(from_polygons(wall, [20.0]), grid, 0, 0, 40.0, radius=100, with_depth=True)
    raised = sight(from_polygons(wall, [20.0], [7.0]), grid, 0, 0, 40.0, radius=100,
                   with_depth=True, terrain=np.full((1, 100), 7.0), ground=7.0)  # fmt: skip
    assert (flat.hidden == raised.hidden).all()
    np.testing.assert_allclose(flat.depth, raised.depth, atol=1e-4)
    # receivers beyond 50 m stand 10 m higher: the shadow ends at 34 x 28.5 / 20 = 48.45 m for them
    slope = np.where(np.arange(100) >= 50, 10.0, 0.0)[None]
    stepped = sight(from_polygons(wall, [20.0]), grid, 0, 0, 40.0, radius=100, terrain=slope)
    assert stepped.hidden[0, 34:50].all() and not stepped.hidden[0, 50:].any()


def test_bad_input_names_field_and_rule():
    box = shapely.box(0, 0, 1, 1)
    for polygons, heights, rule in (
        ([shapely.Point(0, 0)], [1], "not a polygon"),
        ([shapely.Polygon()], [1], "empty"),
        ([shapely.Polygon([(0, 0), (1, 1), (1, 0), (0, 1)])], [1], "not valid"),
        ([box], [0], "heights"),
        ([box], [np.nan], "heights"),
        ([box], [1, 2], "as many"),
    ):
        with pytest.raises(ValueError, match=rule):
            from_polygons(polygons, heights)
    buildings, grid = from_polygons([box], [5]), Grid(0, 0, 1, 9, 9)
    with pytest.raises(ValueError, match="above receivers"):
        sight(buildings, grid, 0, 0, 1.0, radius=5)
    with pytest.raises(ValueError, match="radius"):
        sight(buildings, grid, 0, 0, 9.0, radius=0)
    with pytest.raises(ValueError, match="grid"):
        Grid(0, 0, 1, 0, 5)


@pytest.mark.parametrize("seed", range(6))
def test_lines_through_corners_and_along_walls(seed):
    """Everything on whole metres: lines meet vertices and run along walls all the time."""
    generator = np.random.default_rng(seed)
    slots = generator.permutation(25)[:12]
    x, y = (
        slots % 5 * 8 + generator.integers(0, 3, 12),
        slots // 5 * 8 + generator.integers(0, 3, 12),
    )
    w, d = generator.integers(1, 6, (2, 12))
    polygons = shapely.box(x, y, x + w, y + d)
    diamond = [at % 3 == 0 and w[at] % 2 == 0 and d[at] % 2 == 0 for at in range(12)]
    for at in np.flatnonzero(diamond):
        a, b, c, e = x[at], y[at], w[at], d[at]
        polygons[at] = shapely.Polygon(
            [(a + c / 2, b), (a + c, b + e / 2), (a + c / 2, b + e), (a, b + e / 2)]
        )
    heights = generator.integers(2, 15, 12).astype(float)
    buildings, grid = from_polygons(polygons, heights), Grid(-0.5, -0.5, 1.0, 40, 40)
    outside = building_at_cells(buildings, grid) < 0
    # a receiver exactly on a corner is on an entry and an exit: not defined
    corners = np.rint(shapely.get_coordinates(polygons)).astype(int)
    outside[corners[:, 1], corners[:, 0]] = False
    columns, rows = np.meshgrid(*grid.centres())
    receivers = np.column_stack([columns.ravel(), rows.ravel(), np.full(1600, 1.5)])
    for station in ((20.0, 20.0, 12.0), (0.0, 7.0, 9.0), (*generator.integers(0, 40, 2), 20.0)):
        window = sight(buildings, grid, *station, radius=80.0, with_depth=True)
        assert window.hidden.shape == (40, 40)
        depths = np.array([
            exact_depth(polygons, heights, (station[0] + 3e-7, station[1] - 7e-7, station[2]),
                        receivers + np.array([dx, dy, 0.0]))
            for dx, dy in ((1e-5, 2e-5), (-2e-5, 1e-5), (1e-5, -2e-5), (-1e-5, -1e-5))
        ]).reshape(4, 40, 40)  # fmt: skip
        clear = outside & ((depths > 1e-4).all(axis=0) | (depths < 1e-9).all(axis=0))
        clear &= np.ptp(depths, axis=0) < 1e-3
        assert clear.sum() > 600
        assert (window.hidden[clear] == (depths[0] > 1e-4)[clear]).all()
        np.testing.assert_allclose(window.depth[clear], depths[0][clear], atol=2e-3)
