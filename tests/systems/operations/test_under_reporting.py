"""Reporting rates on simulated incidents whose true rates are known."""

from __future__ import annotations

import numpy as np

from xinji.systems.platforms.operations.under_reporting import posterior, rates_of


def simulated(seed: int) -> tuple[dict[str, float], list[str], np.ndarray, np.ndarray]:
    """True rates by area; of each incident the area, its further reports and its days."""
    generator = np.random.default_rng(seed)
    true = {f"area-{n:02d}": float(generator.gamma(4.0, 0.1)) for n in range(12)}
    keys, further, days = [], [], []
    for area, rate in true.items():
        for _ in range(int(generator.integers(3, 60))):
            length = float(generator.exponential(1.5))
            keys.append(area)
            days.append(length)
            further.append(int(generator.poisson(rate * length)))
    return true, keys, np.array(further, dtype=float), np.array(days)


def test_intervals_hold_the_true_rate_as_often_as_they_say() -> None:
    held = total = 0
    error = naive_error = 0.0
    for seed in range(100):
        true, keys, further, days = simulated(seed)
        for row in rates_of(keys, further, days):
            held += row.lower <= true[row.key] <= row.upper
            total += 1
            error += (row.rate_per_day - true[row.key]) ** 2
            naive_error += (row.plain_per_day - true[row.key]) ** 2
    assert total == 1_200
    assert 0.92 <= held / total <= 0.98, f"{held / total:.3f} of the intervals at 0.95"
    assert error < naive_error, "shrinkage beats the plain share"


def test_an_area_of_which_nothing_is_known_lies_with_the_others_and_is_unsure() -> None:
    keys = ["a"] * 200 + ["b"] * 200 + ["c"]
    days = np.ones(401)
    further = np.array([1.0] * 200 + [0.5] * 200 + [0.0])
    rows = {row.key: row for row in rates_of(keys, further, days)}
    assert 0.2 < rows["c"].rate_per_day < rows["b"].rate_per_day + 0.2
    assert rows["c"].upper - rows["c"].lower > rows["a"].upper - rows["a"].lower
    assert rows["c"].plain_per_day == 0


def test_few_or_no_groups_have_a_weak_prior() -> None:
    assert rates_of([], np.zeros(0), np.zeros(0)) == []
    [row] = rates_of(["a"], np.array([3.0]), np.array([10.0]))
    assert row.lower < 0.3 < row.upper
    mean, lower, upper = posterior(np.array([0.0, 0.0]), np.array([5.0, 5.0]))
    assert (lower < mean).all()
    assert (mean < upper).all()
    assert upper.max() < 1
