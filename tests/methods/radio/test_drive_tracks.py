"""Places between a receiver's fixes."""

from __future__ import annotations

import numpy as np
import pytest

from xinji.methods.radio.drive_tracks import Track, between_fixes


def track(x: np.ndarray, time: np.ndarray | None = None) -> Track:
    none = np.full(len(x), -1)
    time = np.arange(len(x)) * 1.0 if time is None else time
    return Track(run=none + 1, time_s=time, x=x, y=np.zeros(len(x)), technology=none, cell=none)


def test_places_between_fixes_follow_the_time() -> None:
    ways = between_fixes(track(np.repeat(np.arange(0.0, 500.0, 90.0), 10)))
    assert np.abs(ways.x[:50] - 9.0 * np.arange(50)).max() < 1e-9
    assert ways.heading[:50] == pytest.approx(np.pi / 2)
    assert ways.speed[:50] == pytest.approx(9.0) and (ways.wait[:50] == 10).all()


def test_a_receiver_that_was_lost_draws_no_line() -> None:
    ways = between_fixes(track(np.repeat([0.0, 5000.0, 5090.0], 10)))
    assert set(ways.x[:10].tolist()) <= {0.0, 5000.0}


def test_a_run_of_one_fix_stays_there() -> None:
    ways = between_fixes(track(np.full(20, 7.0)))
    assert (ways.x == 7.0).all() and (ways.speed == 0).all()
