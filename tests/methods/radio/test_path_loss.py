"""Path loss beside the standard's formulas by hand and beside Sionna's independent code."""

import math

import numpy as np
import pytest

from xinji.methods.radio.path_loss import (
    HIGH_LOSS,
    INH,
    LOW_LOSS,
    UMA,
    UMI,
    entry_loss,
    material_loss,
    path_loss,
)


def test_values_by_hand():
    # d = 300 m, 25 m against 1.5 m, 3.5 GHz; breakpoint 4 x 24 x 0.5 x 3.5e9 / 3e8 = 560 m
    d3 = math.log10(math.hypot(300, 23.5))
    f = math.log10(3.5)
    near = 28 + 22 * d3 + 20 * f
    assert path_loss(UMA, 300, 25, 1.5, 3.5, True) == pytest.approx(near, abs=1e-9)
    hidden = 13.54 + 39.08 * d3 + 20 * f
    assert path_loss(UMA, 300, 25, 1.5, 3.5, False) == pytest.approx(hidden, abs=1e-9)
    d3 = math.log10(math.hypot(1000, 23.5))
    far = 28 + 40 * d3 + 20 * f - 9 * math.log10(560**2 + 23.5**2)
    assert path_loss(UMA, 1000, 25, 1.5, 3.5, True) == pytest.approx(far, abs=1e-9)
    # pole of 10 m: breakpoint 4 x 9 x 0.5 x 3.5e9 / 3e8 = 210 m
    d3 = math.log10(math.hypot(400, 8.5))
    far = 32.4 + 40 * d3 + 20 * f - 9.5 * math.log10(210**2 + 8.5**2)
    assert path_loss(UMI, 400, 10, 1.5, 3.5, True) == pytest.approx(far, abs=1e-9)
    hidden = 22.4 + 35.3 * d3 + 21.3 * f
    assert path_loss(UMI, 400, 10, 1.5, 3.5, False) == pytest.approx(hidden, abs=1e-9)
    d3 = math.log10(math.hypot(30, 2))
    assert path_loss(INH, 30, 3, 1, 3.5, True) == pytest.approx(32.4 + 17.3 * d3 + 20 * f)
    assert path_loss(INH, 30, 3, 1, 3.5, False) == pytest.approx(17.3 + 38.3 * d3 + 24.9 * f)


def test_what_holds_everywhere():
    distance = np.geomspace(0.5, 5_000, 400)
    for model in (UMA, UMI, INH):
        for height in (3.0, 10.0, 25.0, 60.0):
            los = path_loss(model, distance, height, 1.5, 3.5, True)
            nlos = path_loss(model, distance, height, 1.5, 3.5, False)
            assert (nlos >= los).all()
            assert (np.diff(los) >= -1e-9).all() and (np.diff(nlos) >= -1e-9).all()
    close = path_loss(UMA, [0.0, 5.0, 10.0], 25, 1.5, 3.5, True)
    assert close[0] == close[1] == close[2]


def test_walls_by_hand():
    glass, coated, concrete = 2 + 0.2 * 3.5, 23 + 0.3 * 3.5, 5 + 4 * 3.5
    low = 5 - 10 * math.log10(0.3 * 10 ** (-glass / 10) + 0.7 * 10 ** (-concrete / 10))
    high = 5 - 10 * math.log10(0.7 * 10 ** (-coated / 10) + 0.3 * 10 ** (-concrete / 10))
    assert entry_loss(LOW_LOSS, 3.5) == pytest.approx(low)
    assert entry_loss(HIGH_LOSS, 3.5, 8.0) == pytest.approx(high + 4.0)
    assert low == pytest.approx(12.70, abs=0.01) and high == pytest.approx(26.85, abs=0.01)
    assert material_loss("wood", 10.0) == pytest.approx(6.05)


def test_bad_input_names_field_and_rule():
    with pytest.raises(ValueError, match="model"):
        path_loss(7, 100, 25, 1.5, 3.5, True)
    with pytest.raises(ValueError, match=r"ghz.*0\.5 to 100"):
        path_loss(UMA, 100, 25, 1.5, 3500, True)
    with pytest.raises(ValueError, match=r"distance.*finite"):
        path_loss(UMA, [np.nan], 25, 1.5, 3.5, True)
    with pytest.raises(ValueError, match="material"):
        material_loss("paper", 3.5)


DISTANCES = np.geomspace(10, 4_900, 60)
RECEIVERS = (1.5, 5.0, 12.5)


def by_sionna(monkeypatch, model: int, ghz: float, station: float, receiver: float, seen: bool):
    """Basic path loss of Sionna at DISTANCES, with the standard's 3e8 m/s for the breakpoint."""
    torch = pytest.importorskip("torch", reason="Sionna needs PyTorch")
    channels = pytest.importorskip("sionna.phy.channel.tr38901", reason="Sionna is not installed")
    import sionna.phy.channel.tr38901.uma_scenario as uma
    import sionna.phy.channel.tr38901.umi_scenario as umi

    monkeypatch.setattr(uma, "SPEED_OF_LIGHT", 3e8)
    monkeypatch.setattr(umi, "SPEED_OF_LIGHT", 3e8)
    array = channels.PanelArray(1, 1, "single", "V", "omni", ghz * 1e9, precision="double")
    common = {"ut_array": array, "bs_array": array, "direction": "downlink",
              "precision": "double", "carrier_frequency": ghz * 1e9}  # fmt: skip
    if model == INH:
        channel = channels.InH(**common)
    else:
        channel = {UMA: channels.UMa, UMI: channels.UMi}[model](o2i_model="low", **common)
    count = len(DISTANCES)

    def many(values: np.ndarray):
        return torch.tensor(values[None], dtype=torch.float64)

    places = np.column_stack([DISTANCES, np.zeros(count), np.full(count, receiver)])
    channel.set_topology(
        many(places), many(np.array([[0.0, 0.0, station]])), many(np.zeros((count, 3))),
        many(np.zeros((1, 3))), many(np.zeros((count, 3))),
        torch.full((1, count), model == INH), los=seen,
    )  # fmt: skip
    return channel._scenario.basic_pathloss.numpy().reshape(-1)


@pytest.mark.parametrize("seen", [True, False])
@pytest.mark.parametrize("ghz", [0.7, 2.1, 3.5, 4.9, 26.0])
@pytest.mark.parametrize(
    ("model", "heights"), [(UMA, (20.0, 25.0, 60.0)), (UMI, (6.0, 10.0, 15.0)), (INH, (3.0,))]
)
def test_as_sionna(monkeypatch, model, heights, ghz, seen):
    for station in heights:
        for receiver in (1.0,) if model == INH else RECEIVERS:
            theirs = by_sionna(monkeypatch, model, ghz, station, receiver, seen)
            ours = path_loss(model, DISTANCES, station, receiver, ghz, seen)
            np.testing.assert_allclose(ours, theirs, atol=1e-6)
