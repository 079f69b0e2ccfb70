"""Hot spots on simulated counts: what is planted is found, what is not is not."""

from __future__ import annotations

import numpy as np
import pytest

from xinji.systems.platforms.operations.hot_spots import (
    DAY_US,
    HISTORY_WEEKS,
    false_discovery,
    surprise,
    windows_of_history,
)

SUNDAY_NIGHT_US = 1_795_363_200_000_000
"""2026-11-23 00:00 in Shanghai is a Monday; this is its beginning."""


def test_the_share_of_false_alarms_is_held_and_planted_spots_are_found() -> None:
    false, planted, found = 0, 0, 0
    for seed in range(40):
        generator = np.random.default_rng(seed)
        rate = generator.gamma(1.5, 2.0, 300)
        hot = np.zeros(300, dtype=bool)
        hot[:10] = True
        past = generator.poisson(rate * HISTORY_WEEKS)
        counts = generator.poisson(np.where(hot, rate * 4 + 12, rate))
        _, p = surprise(counts, past, float(HISTORY_WEEKS))
        alarm = false_discovery(p, counts > 0) < 0.1
        false += int((alarm & ~hot).sum()) / max(1, int(alarm.sum()))
        planted += int(hot.sum())
        found += int((alarm & hot).sum())
    assert false / 40 < 0.12, "false discovery rate asked: 0.1"
    assert found / planted > 0.9


def test_a_busy_cell_is_expected_to_be_busy() -> None:
    # The plain way, largest count first, would name the cell that is always full.
    past = np.array([800, 8, 8, 8])
    counts = np.array([100, 1, 12, 1])
    expected, p = surprise(counts, past, 8.0)
    assert expected[0] == pytest.approx(100, rel=0.02)
    assert p[0] > 0.3
    assert p[2] < 1e-3
    assert p.argmin() == 2


def test_without_a_past_cells_are_compared_with_each_other() -> None:
    expected, p = surprise(np.array([1, 1, 1, 17]), np.zeros(4, dtype=int), 0.0)
    assert expected.tolist() == [5, 5, 5, 5]
    assert p[3] < 1e-3
    assert surprise(np.zeros(0, dtype=int), np.zeros(0, dtype=int), 8.0)[1].shape == (0,)


def test_a_window_of_a_quiet_day_is_not_expected_to_be_a_busy_one() -> None:
    days = np.arange(-HISTORY_WEEKS * 7, 0)
    # 20 cases on weekdays and Saturday, 10 on Sundays; the window's Sunday is day -1.
    each = np.where(days % 7 == 6, 10, 20)
    times = np.repeat(SUNDAY_NIGHT_US + days * DAY_US + 3_600_000_000, each)
    whole = windows_of_history(times, SUNDAY_NIGHT_US, 7)
    assert whole == pytest.approx(HISTORY_WEEKS)
    sunday = windows_of_history(times, SUNDAY_NIGHT_US + 6 * DAY_US, 1)
    monday = windows_of_history(times, SUNDAY_NIGHT_US, 1)
    assert monday == pytest.approx(HISTORY_WEEKS * 6.5, rel=0.01)
    assert sunday == pytest.approx(HISTORY_WEEKS * 13, rel=0.02)
