"""What receivers get: rates, indoor loss, and how sure it is."""

import math

import numpy as np
import pytest
import shapely

from xinji.methods.radio.buildings import Grid, building_at_cells, from_polygons
from xinji.methods.radio.coverage_map import Network, Radio, compute, rsrp, sinr
from xinji.methods.radio.height_uncertainty import coverage_probability
from xinji.methods.radio.indoors import indoor_loss
from xinji.methods.radio.path_loss import HIGH_LOSS, LOW_LOSS, entry_loss
from xinji.methods.radio.throughput import Carrier, efficiency, rate


def test_rates_by_hand():
    one = Carrier(layers=1)
    assert efficiency(20.0, one) == pytest.approx(0.6 * math.log2(101))
    assert efficiency([-10.1, -np.inf], one).tolist() == [0, 0]
    assert efficiency(-10.0, one) == pytest.approx(0.6 * math.log2(1.1))
    assert efficiency(90.0, one) == 7.4063
    assert efficiency(90.0, Carrier()) == 4 * 7.4063
    assert efficiency(20.0, Carrier()) == pytest.approx(4 * 0.6 * math.log2(26))
    assert rate(20.0, one, 0.25) == pytest.approx(0.6 * math.log2(101) * 98.28 * 0.74 * 0.86 * 0.75)
    assert (np.diff(rate(np.linspace(-20, 60, 400), Carrier())) >= 0).all()
    with pytest.raises(ValueError, match="load"):
        rate(10.0, one, 1.5)
    with pytest.raises(ValueError, match="layers"):
        Carrier(layers=9)


def one_site(height: float = 30.0) -> Network:
    return Network(
        x=np.array([5.0]), y=np.array([55.0]), height=np.array([height]), model=np.array([0]),
        site=np.array([0]), azimuth=np.array([90.0]), tilt=np.array([5.0]),
        power_dbm=np.array([20.0]), load=np.array([0.5]),
    )  # fmt: skip


def test_indoor_loss_and_what_it_does():
    buildings = from_polygons([shapely.box(50, 0, 100, 110), shapely.box(150, 0, 170, 110)], [9, 9])
    grid = Grid(0.0, 0.0, 10.0, 11, 20)
    cells = building_at_cells(buildings, grid)
    loss = indoor_loss(cells, 10.0, 3.5, [LOW_LOSS, HIGH_LOSS])
    assert (loss[cells < 0] == 0).all()
    assert loss[5, 5] == pytest.approx(entry_loss(LOW_LOSS, 3.5, 5.0))
    assert loss[5, 7] == pytest.approx(entry_loss(LOW_LOSS, 3.5, 25.0))
    assert loss[5, 15] == pytest.approx(entry_loss(HIGH_LOSS, 3.5, 5.0))
    assert (indoor_loss(cells, 10.0, 3.5) <= loss).all()
    with pytest.raises(ValueError, match="walls"):
        indoor_loss(cells, 10.0, 3.5, [LOW_LOSS])
    radio, net = Radio(radius=300.0), one_site()
    result = compute(net, buildings, grid, radio)
    np.testing.assert_allclose(rsrp(result) - rsrp(result, loss), loss, atol=1e-9)
    # nobody else sends, so what is left is signal against noise
    noise_limited = sinr(result, net, radio, loss)
    np.testing.assert_allclose(noise_limited, rsrp(result, loss) - radio.noise_dbm, atol=1e-6)


def test_noise_of_a_resource_element():
    assert Radio().noise_dbm == pytest.approx(-174 + 44.7712 + 7, abs=1e-4)


def test_probability_over_heights():
    # the line to x = 195 passes the far edge of the wall 70 m from the site, 30 m high
    buildings = from_polygons([shapely.box(60, 0, 75, 110)], [19.5])
    grid = Grid(0.0, 0.0, 10.0, 11, 20)
    net, radio = one_site(), Radio(radius=300.0)
    flat = compute(net, buildings, grid, radio)
    threshold = float(rsrp(flat)[5, 19]) + 3
    told = {"rsrp_dbm": threshold, "samples": 64}
    sure = coverage_probability(net, buildings, grid, radio, spread=0.0, seed=1, **told)
    assert set(np.unique(sure)) <= {0.0, 1.0} and sure[5, 19] == 0
    seen = 30 - 28.5 * 70 / 190
    # the far cell is seen when the drawn height is below the line: a share known by hand
    share = 0.5 * (1 + math.erf((seen - 19.5) / (5 * math.sqrt(2))))
    drawn = coverage_probability(net, buildings, grid, radio, spread=5.0, seed=1, **told)
    again = coverage_probability(net, buildings, grid, radio, spread=5.0, seed=1, **told)
    assert (drawn == again).all()
    assert drawn[5, 19] == pytest.approx(share, abs=3 * math.sqrt(share * (1 - share) / 64))
    with pytest.raises(ValueError, match="spread"):
        coverage_probability(net, buildings, grid, radio, spread=-1.0, **told)
    with pytest.raises(ValueError, match="samples"):
        coverage_probability(net, buildings, grid, radio, spread=1.0, rsrp_dbm=0, samples=0)


def test_a_site_on_a_roof_moves_with_it():
    buildings = from_polygons([shapely.box(0, 50, 10, 60)], [20.0])
    grid = Grid(0.0, 0.0, 10.0, 11, 20)
    share = coverage_probability(
        one_site(22.0), buildings, grid, Radio(radius=300.0), spread=15.0, seed=3, rsrp_dbm=-110.0
    )
    # 2 m above a roof that reaches 5 m out hides the first street only, whatever the roof's height
    assert (share[5, 15:] > 0.9).all()
