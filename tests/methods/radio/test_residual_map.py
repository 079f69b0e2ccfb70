"""Residuals interpolated: better than nothing and than the nearest, honest far away."""

from __future__ import annotations

import numpy as np
import pytest

from xinji.methods.radio.residual_map import learn_residuals


def field(seed: int, spread: float = 5.0, range_m: float = 80.0) -> tuple[np.ndarray, ...]:
    """A Gaussian field with exponential covariance along three roads, and noisy samples of it."""
    generator = np.random.default_rng(seed)
    along = np.arange(0, 2_000, 8.0)
    x = np.concatenate([along, along, np.full(len(along), 700.0)])
    y = np.concatenate([np.zeros(len(along)), np.full(len(along), 600.0), along - 500])
    gap = np.hypot(x[:, None] - x, y[:, None] - y)
    root = np.linalg.cholesky(spread**2 * np.exp(-gap / range_m) + 1e-6 * np.eye(len(x)))
    truth = root @ generator.standard_normal(len(x)) - 2.0
    return x, y, truth, truth + generator.normal(0, 1.5, len(x))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_left_out_stretches_are_predicted_better_than_by_the_baselines(seed: int) -> None:
    x, y, truth, seen = field(seed)
    stretch = (np.arange(len(x)) // 6) % 4 == 0  # 48 m at a time
    found = learn_residuals(x[~stretch], y[~stretch], seen[~stretch])
    mean, deviation = found.at(x[stretch], y[stretch])
    error = np.abs(mean + found.mean - truth[stretch]).mean()
    constant = np.abs(np.median(seen[~stretch]) - truth[stretch]).mean()
    away = np.hypot(x[stretch][:, None] - x[~stretch], y[stretch][:, None] - y[~stretch])
    nearest = np.abs(seen[~stretch][away.argmin(axis=1)] - truth[stretch]).mean()
    assert error < 0.8 * constant
    assert error < nearest
    inside = np.abs(mean + found.mean - truth[stretch]) < 2 * deviation
    assert 0.8 < inside.mean() <= 1.0


def test_far_from_any_sample_it_is_nothing_with_the_spread_of_the_field() -> None:
    x, y, _, seen = field(4)
    found = learn_residuals(x, y, seen)
    mean, deviation = found.at([50_000.0], [50_000.0])
    assert abs(mean[0]) < 1e-6
    assert deviation[0] == pytest.approx(found.spread)
    assert 2.5 < found.spread < 8
    assert found.range_m in (35.0, 60.0, 100.0, 170.0)


def test_noise_alone_gives_next_to_nothing() -> None:
    x, y, _, _ = field(5)
    noise = np.random.default_rng(6).normal(0, 3, len(x))
    found = learn_residuals(x, y, noise)
    assert np.abs(found.at(x, y)[0]).mean() < 1.2


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="of one length"):
        learn_residuals([0.0], [0.0, 1.0], [0.0])
    with pytest.raises(ValueError, match="finite"):
        learn_residuals([0.0], [np.nan], [0.0])
    with pytest.raises(ValueError, match="at least 20"):
        learn_residuals(np.zeros(50), np.zeros(50), np.zeros(50))
