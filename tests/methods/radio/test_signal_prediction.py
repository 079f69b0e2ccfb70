"""Signal of unseen runs: places between fixes, made-up runs, and real ones where they are here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xinji.methods.radio.signal_prediction import (
    Track,
    between_fixes,
    learn,
    nearest_mean,
    run_folds,
)
from xinji.systems.network.coverage.inputs.drive_tests import import_drive_tests

REAL = Path(__file__).parents[4] / "shared" / "data" / "drive_test_5g" / "cork_5g_drive.csv.gz"


def town(runs: int = 8, seed: int = 1) -> tuple[Track, np.ndarray]:
    """Runs along three streets, a fix every 90 m; the field has waves of about 300 m."""
    generator = np.random.default_rng(seed)
    parts = []
    for run in range(runs):
        along = np.arange(0.0, 1500.0, 9.0)
        along = along if run % 2 else along[::-1]
        x, y = along, np.full(len(along), 400.0 * (run % 3))
        level = -85 + 9 * np.sin(x / 60 + y / 300) + generator.normal(0, 2)
        fix = np.repeat(np.arange(0, len(x), 10), 10)[: len(x)]
        parts.append((np.full(len(x), run), np.arange(len(x)) * 1.0, x[fix], y[fix],
                      level + generator.normal(0, 1, len(x)), x))  # fmt: skip
    run_, time, fx, fy, level, _ = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Track(run=run_, time_s=time, x=fx, y=fy, cell=(fx // 300).astype(np.int64)), level


def test_places_between_fixes_follow_the_time() -> None:
    track, _ = town(runs=2)
    ways = between_fixes(track)
    first = np.flatnonzero(track.run == 1)[:90]
    assert np.abs(ways.x[first] - 9.0 * np.arange(90)).max() < 1e-9
    assert ways.heading[first] == pytest.approx(np.pi / 2)
    assert ways.speed[first] == pytest.approx(9.0) and (ways.wait[first] == 10).all()


def test_better_than_nearest_samples() -> None:
    track, level = town()
    test = run_folds(track.run, 4, 3) == 0
    rest = ~test
    found = learn(track.take(rest), level[rest], trees=40).predict(track.take(test))
    near = nearest_mean(track.x[rest], track.y[rest], level[rest], track.x[test], track.y[test], 50)
    assert np.abs(found - level[test]).mean() < 0.8 * np.abs(near - level[test]).mean()


def test_numbers_of_runs_do_not_leak_and_folds_share_no_run() -> None:
    track, level = town()
    fold = run_folds(track.run, 4, 3)
    for run in np.unique(track.run):
        assert len(set(fold[track.run == run].tolist())) == 1
    assert set(fold.tolist()) == {0, 1, 2, 3}
    learned = learn(track, level, trees=5)
    again = replace(track, run=track.run + 100)
    assert (learned.predict(track) == learned.predict(again)).all()


def test_bad_input_names_the_field() -> None:
    track, level = town(runs=2)
    with pytest.raises(ValueError, match="run: 2 runs"):
        learn(track, level)
    with pytest.raises(ValueError, match="rsrp_dbm"):
        learn(track, level[:-1])
    with pytest.raises(ValueError, match="time_s"):
        replace(track, time_s=np.zeros(3))


@pytest.mark.skipif(not REAL.exists(), reason="no real drive tests beside the repository")
@pytest.mark.slow
def test_real_runs_every_fifth_sample() -> None:
    tests = import_drive_tests(REAL, utc_offset_hours=0.0).tests
    _, run = np.unique(tests.run.astype(str), return_inverse=True)
    keep = np.isfinite(tests.rsrp_dbm) & (np.arange(len(run)) % 5 == 0)
    x = (tests.longitude + 8.45) * 111_320 * np.cos(np.radians(51.9))
    y = (tests.latitude - 51.9) * 111_320
    track = Track(
        run=run, time_s=tests.time / 1e6, x=x, y=y, cell=np.full(len(run), -1)
    ).take(keep)  # fmt: skip
    level = tests.rsrp_dbm[keep]
    ours, nearest = [], []
    fold = run_folds(track.run, 3, 1)
    for number in range(3):
        test, rest = fold == number, fold != number
        found = learn(track.take(rest), level[rest], trees=40).predict(track.take(test))
        near = nearest_mean(
            track.x[rest], track.y[rest], level[rest], track.x[test], track.y[test], 10
        )
        ours += np.abs(found - level[test]).tolist()
        nearest += np.abs(near - level[test]).tolist()
    assert np.mean(ours) < 0.95 * np.mean(nearest)
