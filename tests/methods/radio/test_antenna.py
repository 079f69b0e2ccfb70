"""Antenna patterns by hand and beside quadriga-lib."""

import numpy as np
import pytest
import quadriga_lib

from xinji.methods.radio.antenna import ELEMENT, OMNI, SECTOR, Antenna, gain


def test_values_of_the_tables():
    assert gain(ELEMENT, 0, 0, 0) == 8.0
    assert gain(ELEMENT, 32.5, 0, 0) == pytest.approx(8 - 3)
    assert gain(ELEMENT, 180, 0, 0) == pytest.approx(8 - 30)
    assert gain(ELEMENT, 0, 32.5 + 6, 6) == pytest.approx(8 - 3)
    assert gain(ELEMENT, 65, 65, 0) == pytest.approx(8 - 24)
    assert gain(ELEMENT, 90, 90, 0) == pytest.approx(8 - 30)
    assert gain(SECTOR, 35, 15, 15) == pytest.approx(14 - 3)
    assert gain(SECTOR, 0, 20, 15) == pytest.approx(14 - 3)
    assert gain(SECTOR, 0, 40, 15) == pytest.approx(14 - 20)
    assert gain(SECTOR, 360 + 35, 15, 15) == gain(SECTOR, -35, 15, 15)
    assert (gain(OMNI, np.arange(360), 10, 3) == 0).all()


def test_as_quadriga():
    theirs = quadriga_lib.arrayant.generate("3gpp", res=1.0)
    parts = ("e_theta_re", "e_theta_im", "e_phi_re", "e_phi_im")
    power = sum(theirs[part][..., 0] ** 2 for part in parts)
    azimuth, elevation = np.degrees(theirs["azimuth_grid"]), np.degrees(theirs["elevation_grid"])
    ours = gain(ELEMENT, azimuth[None], -elevation[:, None], 0.0)
    assert power.shape == (181, 361)
    np.testing.assert_allclose(ours, 10 * np.log10(power), atol=1e-3)


def test_bad_input_names_field_and_rule():
    with pytest.raises(ValueError, match="width"):
        Antenna(8, 0, 65, 30, 30, 30)
    with pytest.raises(ValueError, match="limit"):
        Antenna(8, 65, 65, -1, 30, 30)
