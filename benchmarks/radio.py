"""The radio map of a district: CPU seconds, agreement with exact geometry, one changed site.

Input: a square of 6,164 m (38.0 km2), 5,000 boxes not overlapping that cover 18 % of it, heights
lognormal with mean 22.6 m; 913 sites 3 m above the middle of a roof with 3 sectors each, 3.5 GHz,
receivers at 1.5 m; every cell within the radius of every site, all sectors, strongest and second
server and total power. Seconds are of CPU over all threads, after a small run that compiles.
Agreement with shapely is over outdoor cells within 600 m (farther away nearly all are hidden),
drawn evenly over 200 sites. The plain peer is the same map by a ray march in numpy over a raster of
heights, its seconds measured on a sample within the whole radius and scaled up; the naive one says
hidden everywhere.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely

from benchmarks.figures import Goal, Measured, Row, Setting, median_of

SIDE = 6_164.0
NEAR = 600.0
STUDY = (
    "in the study of this input, on another machine: radial sweep 1.45 CPU-s (10 m), 1.8 CPU-s "
    "(5 m) with 92.0 and 94.3 % of flags right, per-cell march in numba 9.3 CPU-s, numpy 43 "
    "CPU-min, Sionna RT 2.2.0 on 2 cores 5.7 min for 1e6 rays a sector"
)


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Boxes with heights and the network on their roofs."""

    polygons: Any
    heights: Any
    network: Any


def scene(seed: int, buildings: int, sites: int, side: float) -> Scene:
    from xinji.methods.radio.coverage_map import Network

    generator = np.random.default_rng([seed, 7])
    along = int(np.ceil(np.sqrt(buildings)))
    slot = side / along
    area = generator.lognormal(0, 0.4, buildings)
    area *= 0.18 * side * side / area.sum()
    width = np.minimum(np.sqrt(area * generator.uniform(0.6, 1.7, buildings)), 0.95 * slot)
    depth = np.minimum(area / width, 0.95 * slot)
    place = generator.permutation(along * along)[:buildings]
    x = (place % along) * slot + width / 2 + generator.uniform(0, 1, buildings) * (slot - width)
    y = (place // along) * slot + depth / 2 + generator.uniform(0, 1, buildings) * (slot - depth)
    heights = generator.lognormal(-0.125, 0.5, buildings)
    heights = np.clip(heights * 22.6 / heights.mean(), 3, 300)
    under = generator.choice(buildings, sites, replace=False)
    turn = generator.uniform(0, 120, sites)
    network = Network(
        x=x[under], y=y[under], height=heights[under] + 3.0, model=np.zeros(sites, np.int32),
        site=np.repeat(np.arange(sites, dtype=np.int32), 3),
        azimuth=(turn[:, None] + [0, 120, 240]).ravel(), tilt=np.full(3 * sites, 8.0),
        power_dbm=np.full(3 * sites, 27.0), load=np.full(3 * sites, 0.5),
    )  # fmt: skip
    polygons = shapely.box(x - width / 2, y - depth / 2, x + width / 2, y + depth / 2)
    return Scene(polygons=polygons, heights=heights, network=network)


def site_cells(network: Any, grid: Any, radius: float) -> int:
    """Pairs of a site and a cell within its radius."""
    x, y = grid.centres()
    return sum(
        int((np.hypot(x[None] - a, y[:, None] - b) <= radius).sum())
        for a, b in zip(network.x, network.y, strict=True)
    )


def outdoor_points(
    town: Scene, grid: Any, radius: float, count: int, seed: int
) -> list[tuple[int, Any, Any]]:
    """(site, rows, columns) of outdoor cells within the radius, `count` in all."""
    from xinji.methods.radio.buildings import building_at_cells, from_polygons

    generator = np.random.default_rng([seed, 8])
    outside = building_at_cells(from_polygons(town.polygons, town.heights), grid) < 0
    x, y = grid.centres()
    sites = generator.choice(len(town.network.x), min(200, len(town.network.x)), replace=False)
    points = []
    for site in sites:
        away = np.hypot(x[None] - town.network.x[site], y[:, None] - town.network.y[site])
        row, column = np.nonzero(outside & (away <= radius))
        take = generator.choice(len(row), min(len(row), -(-count // len(sites))), replace=False)
        points.append((int(site), row[take], column[take]))
    return points


def exact_flags(town: Scene, grid: Any, points: list[tuple[int, Any, Any]]) -> Any:
    from xinji.methods.radio.exact_sight import exact_depth

    x, y = grid.centres()
    net, flags = town.network, []
    for site, row, column in points:
        ends = np.column_stack([x[column], y[row], np.full(len(row), 1.5)])
        station = (net.x[site], net.y[site], net.height[site])
        flags.append(exact_depth(town.polygons, town.heights, station, ends) > 1e-6)
    return np.concatenate(flags)


def our_flags(town: Scene, grid: Any, points: list[tuple[int, Any, Any]], radius: float) -> Any:
    from xinji.methods.radio.buildings import from_polygons
    from xinji.methods.radio.sight import sight

    buildings, net = from_polygons(town.polygons, town.heights), town.network
    flags = []
    for site, row, column in points:
        window = sight(
            buildings, grid, net.x[site], net.y[site], net.height[site], radius=radius
        )  # fmt: skip
        flags.append(window.hidden[row - window.row, column - window.column])
    return np.concatenate(flags)


def ray_march(
    town: Scene, grid: Any, raster: Any, site: int, row: Any, column: Any
) -> tuple[Any, Any]:
    """(hidden, power of the strongest of the site's sectors) by numpy, a sample each half cell."""
    from xinji.methods.radio import antenna, path_loss

    x, y = grid.centres()
    net = town.network
    east, north = x[column] - net.x[site], y[row] - net.y[site]
    away = np.hypot(east, north)
    steps = int(np.ceil(away.max() / (grid.cell / 2)))
    part = (np.arange(steps) + 0.5) / steps
    at_x = ((net.x[site] + part[:, None] * east - grid.west) / grid.cell).astype(np.int32)
    at_y = ((net.y[site] + part[:, None] * north - grid.south) / grid.cell).astype(np.int32)
    line = net.height[site] - part[:, None] * (net.height[site] - 1.5)
    at_x, at_y = at_x.clip(0, grid.columns - 1), at_y.clip(0, grid.rows - 1)
    hidden = (raster[at_y, at_x] > line).any(axis=0)
    loss = path_loss.path_loss(0, away, net.height[site], 1.5, 3.5, ~hidden)
    compass = np.degrees(np.arctan2(east, north))
    below = np.degrees(np.arctan2(net.height[site] - 1.5, away))
    power = np.full(len(row), -np.inf)
    for sector in range(3 * site, 3 * site + 3):
        gain = antenna.gain(antenna.ELEMENT, compass - net.azimuth[sector], below, 8.0)
        power = np.maximum(power, 27.0 + gain - loss)
    return hidden, power


def _raster(town: Scene, grid: Any) -> Any:
    from xinji.methods.radio.buildings import building_at_cells, from_polygons

    cells = building_at_cells(from_polygons(town.polygons, town.heights), grid)
    return np.append(town.heights, 0.0)[cells]


def plain_seconds(
    town: Scene, grid: Any, points: list[tuple[int, Any, Any]], pairs: int
) -> Measured:
    """CPU seconds of the whole map by ray march, scaled up from the points."""
    raster = _raster(town, grid)
    start = time.process_time()
    for each in points:
        ray_march(town, grid, raster, *each)
    cpu, size = time.process_time() - start, sum(len(row) for _, row, _ in points)
    return Measured(
        system="ray march, numpy", value=cpu / size * pairs,
        note=f"{size:,} site-cells took {cpu:.2f} CPU-s, scaled up to {pairs:,}",
    )  # fmt: skip


def plain_flags(town: Scene, grid: Any, points: list[tuple[int, Any, Any]], truth: Any) -> Measured:
    """Share of its flags that are right, percent."""
    raster = _raster(town, grid)
    flags = np.concatenate([ray_march(town, grid, raster, *each)[0] for each in points])
    right = float((flags == truth).mean()) * 100
    missed = float((truth & ~flags).mean()) * 100
    return Measured(
        system="ray march, numpy", value=round(right, 2),
        note=f"{missed:.1f} % of points wrongly in sight, a sample each half cell",
    )  # fmt: skip


def changed_site(town: Scene, grid: Any, radio: Any, result: Any, sites: Any) -> list[float]:
    """Milliseconds of CPU to turn a site by 30 degrees, for each site."""
    from dataclasses import replace

    from xinji.methods.radio.buildings import from_polygons
    from xinji.methods.radio.coverage_map import Scratch, put_in, take_out

    buildings, scratch, times = from_polygons(town.polygons, town.heights), None, []
    for site in sites:
        azimuth = town.network.azimuth.copy()
        azimuth[3 * site : 3 * site + 3] += 30
        after, changed = replace(town.network, azimuth=azimuth), result.copy()
        scratch = scratch or Scratch(grid, radio.radius)
        start = time.process_time()
        take_out(changed, town.network, buildings, radio, int(site), scratch)
        put_in(changed, after, buildings, radio, int(site), scratch)
        times.append((time.process_time() - start) * 1e3)
    return times


def measure(setting: Setting) -> list[Row]:
    """Two grids: CPU seconds, rate, agreement; one changed site."""
    from xinji.methods.radio.buildings import Grid, from_polygons
    from xinji.methods.radio.coverage_map import Radio, compute

    count, sites, side = (300, 40, 1_500.0) if setting.quick else (5_000, 913, SIDE)
    town = scene(setting.seed, count, sites, side)
    buildings = from_polygons(town.polygons, town.heights)
    sample = 2_000 if setting.quick else 20_000
    rows = []
    for cell, radius, most in ((10.0, 2_000.0, 4.2), (5.0, 1_000.0, 5.0)):
        side_cells = int(np.ceil(side / cell))
        grid, radio = Grid(0.0, 0.0, cell, side_cells, side_cells), Radio(radius=radius)
        small = scene(setting.seed, 50, 16, 800.0)
        compute(small.network, from_polygons(small.polygons, small.heights),
                Grid(0.0, 0.0, cell, 40, 40), radio)  # fmt: skip
        pairs = site_cells(town.network, grid, radius)
        runs = []
        for _ in range(setting.repeats):
            setting.quiet()
            wall, cpu = time.perf_counter(), time.process_time()
            result = compute(town.network, buildings, grid, radio)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            runs.append(Measured(
                system="xinji", value=round(cpu, 3), note=f"{wall:.2f} s wall, {pairs:,} site-cells"
            ))  # fmt: skip
        ours = median_of("xinji", runs)
        points = outdoor_points(town, grid, NEAR, sample, setting.seed)
        truth = exact_flags(town, grid, points)
        right = (our_flags(town, grid, points, radius) == truth).mean() * 100
        peers = []
        naive = [Measured(system="hidden everywhere", value=round(float(truth.mean()) * 100, 2))]
        if setting.peers:
            spread = outdoor_points(town, grid, radius, sample // 10, setting.seed)
            peers.append(plain_seconds(town, grid, spread, pairs))
            naive.append(plain_flags(town, grid, points, truth))
        about = f"seed {setting.seed}, {count:,} boxes, {sites} sites; {STUDY}"
        name = f"{cell:g} m, {radius / 1000:g} km"
        rate = Measured(system="xinji", value=pairs / ours.value / 1e6)
        flags = Measured(
            system="xinji", value=round(float(right), 3), note=f"{len(truth):,} points, "
            f"{round(len(truth) * (1 - right / 100))} wrong, {truth.mean() * 100:.0f} % hidden"
        )  # fmt: skip
        rows += [
            Row(work="radio", what=f"map, {name}", unit="CPU-s", ours=ours, peers=peers,
                goal=Goal(most=most), lower_is_better=True, input=about),
            Row(work="radio", what=f"map, {name}", unit="M site-cells/CPU-s", ours=rate,
                goal=Goal(least=20.0)),
            Row(work="radio", what=f"sight as exact geometry, {name}", unit="%", ours=flags,
                peers=naive, goal=Goal(least=99.0)),
        ]  # fmt: skip
        picked = np.random.default_rng([setting.seed, 9]).choice(sites, min(sites, 30), False)
        times = changed_site(town, grid, radio, result, picked)
        changed = Measured(
            system="xinji", value=round(float(np.median(times)), 2),
            note=f"median of {len(times)} sites turned by 30 degrees, worst {max(times):.1f} ms",
        )  # fmt: skip
        rows.append(
            Row(work="radio", what=f"one changed site, {name}", unit="ms CPU", ours=changed,
                goal=Goal(most=10.0), lower_is_better=True)
        )  # fmt: skip
    return rows
