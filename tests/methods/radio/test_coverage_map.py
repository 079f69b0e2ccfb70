"""The map beside a brute-force one in plain numpy, and its changes beside a full run."""

import numpy as np
import pytest
import shapely

from xinji.methods.radio import antenna, path_loss
from xinji.methods.radio.antenna import ELEMENT, SECTOR
from xinji.methods.radio.buildings import Grid, building_at_cells, from_polygons
from xinji.methods.radio.coverage_map import (
    Cancelled,
    Network,
    Radio,
    Scratch,
    compute,
    put_in,
    refresh,
    rsrp,
    share_above,
    sinr,
    site_power,
    take_out,
)
from xinji.methods.radio.exact_sight import exact_depth

ARRAYS = ("best", "best_sector", "second", "second_sector", "stale")


def town(seed: int, side: float = 900.0, count: int = 60):
    generator = np.random.default_rng(seed)
    x, y = generator.uniform(0, side, (2, count))
    w, d = generator.uniform(8, 25, (2, count))
    polygons = shapely.box(x - w, y - d, x + w, y + d)
    return polygons, generator.uniform(6, 45, count)


def network(seed: int, sites: int = 7, side: float = 900.0, **changes) -> Network:
    generator = np.random.default_rng([seed, 1])
    turn = generator.uniform(0, 120, sites)
    values = {
        "x": generator.uniform(-100, side + 100, sites),
        "y": generator.uniform(-100, side + 100, sites),
        "height": generator.uniform(20, 60, sites),
        "model": np.arange(sites) % 2,
        "site": np.repeat(np.arange(sites), 3),
        "azimuth": (turn[:, None] + [0, 120, 240]).ravel(),
        "tilt": generator.uniform(2, 12, 3 * sites),
        "power_dbm": generator.uniform(20, 30, 3 * sites),
        "load": generator.choice([0.25, 0.5, 1.0], 3 * sites),
    }
    return Network(**(values | changes))


def brute_force(net: Network, polygons, heights, grid: Grid, radio: Radio):
    """(sectors, rows, columns) mW by the formulas themselves, sight by shapely."""
    x, y = grid.centres()
    power = np.zeros((len(net.site), *grid.shape))
    for sector, site in enumerate(net.site):
        east, north = x[None] - net.x[site], y[:, None] - net.y[site]
        distance = np.hypot(east, north)
        seen = np.full(grid.shape, False)
        for row in range(grid.rows):
            ends = np.column_stack([x, np.full(len(x), y[row]), np.full(len(x), radio.receiver)])
            station = (net.x[site], net.y[site], net.height[site])
            seen[row] = exact_depth(polygons, heights, station, ends) == 0
        loss = path_loss.path_loss(
            int(net.model[site]), distance, net.height[site], radio.receiver, radio.ghz, seen
        )
        gain = antenna.gain(
            radio.antenna,
            np.degrees(np.arctan2(east, north)) - net.azimuth[sector],
            np.degrees(np.arctan2(net.height[site] - radio.receiver, distance)),
            net.tilt[sector],
        )
        mw = 10 ** ((net.power_dbm[sector] + gain - loss) / 10)
        power[sector] = np.where(distance <= radio.radius, mw, 0)
    return power


@pytest.mark.parametrize("pattern", [ELEMENT, SECTOR])
def test_the_map_is_the_formulas_map(pattern):
    polygons, heights = town(1)
    buildings, grid = from_polygons(polygons, heights), Grid(-30.0, 10.0, 10.0, 80, 95)
    radio, net = Radio(radius=500.0, antenna=pattern), network(1)
    power = brute_force(net, polygons, heights, grid, radio)
    result = compute(net, buildings, grid, radio, threads=1)
    outside = building_at_cells(buildings, grid) < 0
    reached = (power.max(axis=0) > 0) & outside
    assert reached.sum() > 4000
    error = 10 * np.log10(result.best[reached] / power.max(axis=0)[reached])
    assert np.abs(error).max() < 0.1
    total = (power * net.load[:, None, None]).sum(axis=0)
    assert np.abs(10 * np.log10(result.total[reached] / total[reached])).max() < 0.1
    ordered = np.sort(power, axis=0)
    plain = (ordered[-1] - ordered[-2])[reached] > 0.03 * ordered[-1][reached]
    assert (result.best_sector[reached] == power.argmax(axis=0)[reached])[plain].all()
    of_site = power.reshape(-1, 3, *grid.shape).max(axis=1)
    second = np.sort(of_site, axis=0)[-2]
    both = reached & (second > 0)
    assert np.abs(10 * np.log10(result.second[both] / second[both])).max() < 0.1
    assert (result.second[reached & (second == 0)] == 0).all()
    assert (result.best[(power.max(axis=0) == 0)] == 0).all()

    best = power.max(axis=0)
    others = total - net.load[power.argmax(axis=0)] * best
    best = np.maximum(best, 1e-30)
    expected = 10 * np.log10(best / (others + 10 ** (radio.noise_dbm / 10)))
    difference = np.abs(sinr(result, net, radio) - expected)[reached][plain]
    assert difference.max() < 0.2
    assert rsrp(result)[reached].max() < 30 + pattern.gain_dbi - 60


def test_threads_give_the_same_map():
    polygons, heights = town(2)
    buildings, grid = from_polygons(polygons, heights), Grid(0.0, 0.0, 15.0, 60, 60)
    net = network(2, sites=40)
    one = compute(net, buildings, grid, Radio(radius=400.0), threads=1)
    three = compute(net, buildings, grid, Radio(radius=400.0), threads=3)
    for name in ARRAYS:
        assert (getattr(one, name) == getattr(three, name)).all()
    np.testing.assert_allclose(three.total, one.total, rtol=1e-13)


@pytest.mark.parametrize("site", [0, 3, 11])
def test_a_changed_site_is_a_full_run(site):
    polygons, heights = town(3)
    buildings, grid, radio = (
        from_polygons(polygons, heights), Grid(0.0, 0.0, 10.0, 90, 90), Radio(radius=450.0)
    )  # fmt: skip
    before = network(3, sites=12)
    azimuth, x = before.azimuth.copy(), before.x.copy()
    azimuth[3 * site : 3 * site + 3] += 50
    x[site] += 33.3
    after = network(3, sites=12, azimuth=azimuth, x=x)
    result = compute(before, buildings, grid, radio)
    first = take_out(result, before, buildings, radio, site)
    gone = compute(
        network(3, sites=12, power_dbm=np.where(before.site == site, -np.inf, before.power_dbm)),
        buildings, grid, radio,
    )  # fmt: skip
    assert (result.best == gone.best).all() and (result.best_sector == gone.best_sector).all()
    np.testing.assert_allclose(result.total, gone.total, rtol=1e-9, atol=1e-25)
    second = put_in(result, after, buildings, radio, site)
    full = compute(after, buildings, grid, radio)
    assert (result.best == full.best).all() and (result.best_sector == full.best_sector).all()
    np.testing.assert_allclose(result.total, full.total, rtol=1e-9, atol=1e-25)
    fresh = ~result.stale
    assert (result.second[fresh] == full.second[fresh]).all()
    assert result.stale.any()
    with pytest.raises(ValueError, match="refresh"):
        take_out(result.copy(), after, buildings, radio, site)
    for within in (first, second):
        refresh(result, after, buildings, radio, within)
    for name in ARRAYS:
        assert (getattr(result, name) == getattr(full, name)).all(), name


def test_a_new_site_comes_last():
    polygons, heights = town(4)
    buildings, grid, radio = (
        from_polygons(polygons, heights), Grid(0.0, 0.0, 10.0, 90, 90), Radio(radius=450.0)
    )  # fmt: skip
    full = network(4, sites=9)
    off = np.where(full.site == 8, -np.inf, full.power_dbm)
    result = compute(network(4, sites=9, power_dbm=off), buildings, grid, radio)
    put_in(result, full, buildings, radio, 8)
    expected = compute(full, buildings, grid, radio)
    for name in ARRAYS:
        assert (getattr(result, name) == getattr(expected, name)).all()


def test_one_site_alone():
    polygons, heights = town(4)
    buildings, grid, radio = (
        from_polygons(polygons, heights), Grid(0.0, 0.0, 10.0, 90, 90), Radio(radius=450.0)
    )  # fmt: skip
    net = network(4, sites=5)
    best = np.zeros(grid.shape, np.float32)
    for site in range(5):
        (row, column, end_row, end_column), power = site_power(net, buildings, grid, radio, site)
        view = best[row:end_row, column:end_column]
        np.maximum(view, power, out=view)
    np.testing.assert_allclose(best, compute(net, buildings, grid, radio).best, rtol=1e-4)
    away = network(4, sites=5, x=np.full(5, 9_000.0))
    assert site_power(away, buildings, grid, radio, 0)[1].size == 0


def test_progress_and_cancel():
    polygons, heights = town(5)
    buildings, grid, net = (
        from_polygons(polygons, heights),
        Grid(0, 0, 20.0, 40, 40),
        network(5, 30),
    )
    shares: list[float] = []
    compute(net, buildings, grid, Radio(radius=300.0), threads=2, progress=shares.append)
    assert shares[-1] == 1.0 or max(shares) == 1.0
    with pytest.raises(Cancelled):
        compute(net, buildings, grid, Radio(), threads=2, cancelled=lambda: True)


def test_bad_input_names_field_and_rule():
    for field, value, rule in (
        ("load", np.full(21, 1.5), "0 to 1"),
        ("height", np.full(7, np.nan), "not finite"),
        ("model", np.full(7, 2), "outdoor"),
        ("site", np.arange(21)[::-1] // 3, "ascend"),
        ("tilt", np.zeros(20), "shape"),
    ):
        with pytest.raises(ValueError, match=f"{field}.*{rule}"):
            network(1, **{field: value})
    with pytest.raises(ValueError, match="radius"):
        Radio(radius=9_000.0)
    grid = Grid(0, 0, 10, 9, 9)
    with pytest.raises(ValueError, match=r"scratch.*radius"):
        Scratch(grid, 100.0).check(grid, 200.0)
    with pytest.raises(ValueError, match=r"scratch.*smaller"):
        Scratch(grid, 100.0).check(Grid(0, 0, 10, 9, 10), 100.0)
    polygons, heights = town(1)
    with pytest.raises(ValueError, match="above receivers"):
        compute(network(1, height=np.full(7, 1.0)), from_polygons(polygons, heights),
                Grid(0, 0, 10, 9, 9), Radio())  # fmt: skip


def test_share_above():
    assert share_above([-110.0, -100.0], -105.0) == 0.5
    assert share_above([-110.0, -100.0], -105.0, [1.0, 3.0]) == 0.75
    assert np.isnan(share_above([], 0.0))
