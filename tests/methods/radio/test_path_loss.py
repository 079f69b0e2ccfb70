"""Path loss beside the standard's formulas by hand and beside Sionna's independent code."""

import itertools
import json
import math
import subprocess
from pathlib import Path

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


REPOSITORY = Path(__file__).parents[3]
ORACLES = REPOSITORY / ".venv-oracles" / "bin" / "python"
NAMES = {UMA: "UMa", UMI: "UMi", INH: "InH"}
STATIONS = {UMA: (20.0, 25.0, 60.0), UMI: (6.0, 10.0, 15.0), INH: (3.0,)}
RECEIVERS = {UMA: (1.5, 5.0, 12.5), UMI: (1.5, 5.0, 12.5), INH: (1.0,)}
BANDS = (0.7, 2.1, 3.5, 4.9, 26.0)
DISTANCES = np.geomspace(10, 4_900, 60)


@pytest.fixture(scope="module")
def sionna() -> dict[tuple[int, float, float, float, bool], np.ndarray]:
    """Sionna's losses at DISTANCES by (model, GHz, station height, receiver height, seen)."""
    if not ORACLES.is_file():
        pytest.skip("Sionna is not installed: run `make oracles`")
    cases = [
        (model, ghz, station, receiver, seen)
        for model in NAMES
        for ghz, station, receiver, seen in itertools.product(
            BANDS, STATIONS[model], RECEIVERS[model], (True, False)
        )
    ]
    asked = [
        {"model": NAMES[model], "ghz": ghz, "station": station, "receiver": receiver,
         "seen": seen, "distances": DISTANCES.tolist()}
        for model, ghz, station, receiver, seen in cases
    ]  # fmt: skip
    answer = subprocess.run(
        [ORACLES, Path(__file__).with_name("sionna_path_loss.py")],
        input=json.dumps(asked), text=True, stdout=subprocess.PIPE, check=True,
    )  # fmt: skip
    return dict(zip(cases, map(np.array, json.loads(answer.stdout)), strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("seen", [True, False], ids=["seen", "hidden"])
@pytest.mark.parametrize("ghz", BANDS)
@pytest.mark.parametrize("model", NAMES, ids=NAMES.get)
def test_as_sionna(sionna, model, ghz, seen):
    for station, receiver in itertools.product(STATIONS[model], RECEIVERS[model]):
        theirs = sionna[model, ghz, station, receiver, seen]
        ours = path_loss(model, DISTANCES, station, receiver, ghz, seen)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-6)
