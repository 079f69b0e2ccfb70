"""What candidates cover, against the power of each one swept to the end, and lines of sight."""

from __future__ import annotations

import numpy as np
import pytest
import shapely

from xinji.methods.radio import candidate_sweep
from xinji.methods.radio.antenna import ELEMENT
from xinji.methods.radio.buildings import Buildings, Grid, from_polygons
from xinji.methods.radio.candidate_sweep import Demand, Places, Reached, points_covered
from xinji.methods.radio.coverage_map import Network, Radio, site_power
from xinji.methods.radio.line_sight import line_is_shut, walls_of
from xinji.methods.radio.path_loss import UMA, UMI
from xinji.methods.radio.sight import sight

GRID = Grid(-300.0, 200.0, 10.0, 120, 90)
AZIMUTHS = np.array([0.0, 120.0, 240.0])


def town(seed: int) -> Buildings:
    """Turned blocks of all sizes, some beyond the map."""
    random = np.random.default_rng(seed)
    shapes = []
    for _ in range(160):
        x, y = random.uniform(-500, 800), random.uniform(0, 1600)
        box = shapely.box(x, y, x + random.uniform(8, 60), y + random.uniform(8, 60))
        shapes.append(shapely.affinity.rotate(box, random.uniform(0, 90)))
    return from_polygons(np.array([*shapes, None])[:-1], random.uniform(3, 70, len(shapes)))


def some_places(seed: int, count: int = 30) -> Places:
    random = np.random.default_rng(seed)
    pole = random.random(count) < 0.5
    return Places(
        x=random.uniform(-400, 700, count),
        y=random.uniform(100, 1500, count),
        height=random.uniform(8, 60, count),
        model=np.where(pole, UMI, UMA).astype(np.int32),
        ghz=np.where(pole, 3.5, 2.6),
        radius=np.where(pole, 300.0, 900.0),
        tilt=np.where(pole, 5.0, 8.0),
        power_dbm=np.where(pole, 11.0, 25.0),
        azimuth=AZIMUTHS,
    )


def some_demand(seed: int, count: int = 4_000, dbm: tuple[float, float] = (-110, -60)) -> Demand:
    random = np.random.default_rng(seed)
    return Demand(
        cell=random.integers(0, GRID.rows * GRID.columns, count),
        need=10 ** (random.uniform(*dbm, count) / 10),
    )


def swept_to_the_end(places: Places, demand: Demand, buildings: Buildings, at: int) -> set[int]:
    """Points that the map's own power of a place covers."""
    network = Network(
        x=places.x[at : at + 1], y=places.y[at : at + 1], height=places.height[at : at + 1],
        model=places.model[at : at + 1], site=np.zeros(3, np.int32), azimuth=AZIMUTHS,
        tilt=np.full(3, places.tilt[at]), power_dbm=np.full(3, places.power_dbm[at]),
        load=np.ones(3),
    )  # fmt: skip
    radio = Radio(ghz=float(places.ghz[at]), radius=float(places.radius[at]))
    (row, column, end_row, end_column), power = site_power(network, buildings, GRID, radio, 0)
    everywhere = np.zeros(GRID.shape, np.float32)
    everywhere[row:end_row, column:end_column] = power
    found = everywhere.ravel()[demand.cell]
    return set(np.flatnonzero((found > 0) & (found >= demand.need)).tolist())


def of(reached: Reached, at: int) -> set[int]:
    return set(reached.points[reached.starts[at] : reached.starts[at + 1]].tolist())


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_place_covers_what_its_whole_sweep_says(seed: int) -> None:
    buildings, places, demand = town(seed), some_places(seed), some_demand(seed)
    reached = points_covered(places, demand, buildings, GRID, threads=1)
    assert len(np.unique(demand.cell)) < len(demand.cell)
    for at in range(len(places)):
        assert of(reached, at) == swept_to_the_end(places, demand, buildings, at)
    assert 1_000 < len(reached.points) < 0.5 * len(places) * len(demand.need)


def test_lines_are_followed_only_where_they_decide() -> None:
    buildings, places = town(4), some_places(4)
    hopeless = points_covered(places, some_demand(4, dbm=(-20, 0)), buildings, GRID, threads=1)
    assert not len(hopeless.points) and not hopeless.lines.any()
    modest = points_covered(places, some_demand(4, dbm=(-300, -250)), buildings, GRID, threads=1)
    assert len(modest.points) and not modest.lines.any()
    mixed = points_covered(places, some_demand(4), buildings, GRID, threads=1)
    assert 0 < mixed.lines.sum() < 0.5 * len(places) * 4_000


def test_a_few_places_far_from_all_demand_look_at_nothing() -> None:
    demand = Demand(cell=np.arange(50), need=np.full(50, 1e-10))
    places = some_places(5)
    away = Places(**{**vars(places), "x": places.x + 50_000})
    reached = points_covered(away, demand, town(5), GRID, threads=1)
    assert not len(reached.points) and not reached.lines.any()
    nobody = Demand(cell=np.empty(0, np.int64), need=np.empty(0))
    assert not len(points_covered(places, nobody, town(5), GRID).points)
    assert points_covered(some_places(5, 0), demand, town(5), GRID).starts.tolist() == [0]


def test_threads_find_the_same() -> None:
    buildings, places, demand = town(6), some_places(6, 300), some_demand(6)
    one = points_covered(places, demand, buildings, GRID, threads=1)
    three = points_covered(places, demand, buildings, GRID, threads=3)
    assert (one.starts == three.starts).all() and (one.points == three.points).all()
    assert (one.lines == three.lines).all()


def test_progress_is_told_and_ends_the_work() -> None:
    buildings, places, demand = town(7), some_places(7, 300), some_demand(7, 400)
    told: list[tuple[int, int]] = []
    points_covered(
        places, demand, buildings, GRID, progress=lambda done, total: told.append((done, total))
    )
    assert told[-1] == (300, 300) and told == sorted(told) and len(told) > 3

    def stop(done: int, _total: int) -> None:
        told.append((done, 0))
        raise InterruptedError

    told.clear()
    with pytest.raises(InterruptedError):
        points_covered(places, demand, buildings, GRID, progress=stop)
    assert len(told) == 1


def test_what_cannot_be_served_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    buildings, places, demand = town(8), some_places(8), some_demand(8)
    low = Places(**{**vars(places), "height": np.full(len(places), 1.0)})
    with pytest.raises(ValueError, match="above receivers"):
        points_covered(low, demand, buildings, GRID)
    monkeypatch.setattr(candidate_sweep, "MOST_PAIRS", 10)
    with pytest.raises(ValueError, match="candidates: 30 of them cover 4,000 places"):
        points_covered(places, demand, buildings, GRID)


def shut(buildings: Buildings, x: float, y: float, height: float) -> np.ndarray:
    """(rows, columns) by single lines."""
    walls = walls_of(buildings)
    east, north = GRID.centres()
    return np.array([
        [line_is_shut(x, y, height, px, py, 1.5, GRID.cell, walls) for px in east] for py in north
    ])  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_lines_say_what_shadows_say(seed: int) -> None:
    buildings = town(seed)
    random = np.random.default_rng(seed)
    for height in (8.0, 25.0, 80.0):
        x, y = random.uniform(-350, 650), random.uniform(150, 1450)
        seen = sight(buildings, GRID, x, y, height, radius=4_000.0)
        assert (shut(buildings, x, y, height) == seen.hidden).all()


def test_lines_along_walls_and_through_corners_say_what_shadows_say() -> None:
    # walls and station on the lines of the grid's centres, and 45 degrees through corners
    boxes = [shapely.box(x, y, x + 60, y + 40) for x in (-255, -55, 145) for y in (305, 505, 905)]
    buildings = from_polygons(np.array([*boxes, None])[:-1], np.linspace(10, 50, len(boxes)))
    for x, y in ((-155.0, 405.0), (-295.0, 305.0), (5.0, 545.0), (-55.0, 475.0)):
        seen = sight(buildings, GRID, x, y, 30.0, radius=4_000.0)
        assert (shut(buildings, x, y, 30.0) == seen.hidden).all()


def test_without_buildings_every_line_is_open() -> None:
    none = from_polygons(np.empty(0, object), np.empty(0))
    assert not shut(none, 0.0, 500.0, 10.0).any()


def test_the_default_antenna_is_the_maps() -> None:
    assert some_places(1).antenna == ELEMENT == Radio().antenna
