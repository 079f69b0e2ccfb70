"""Signal of unseen runs: made-up runs, what may be known of them, and real ones where they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xinji.methods.radio.drive_tracks import Track
from xinji.methods.radio.signal_prediction import Known, learn, nearest_mean, run_folds
from xinji.systems.network.coverage.inputs.drive_tests import import_drive_tests

REAL = Path(__file__).parents[4] / "shared" / "data" / "drive_test_5g" / "cork_5g_drive.csv.gz"
LTE, UMTS = 4, 3


def town(runs: int = 8, seed: int = 1, umts_share: float = 0.0) -> tuple[Track, np.ndarray]:
    """Runs along three streets, a fix every 90 m; the field has waves of about 300 m.

    On UMTS, for stretches of 30 samples, the log writes a level 18 dB higher.
    """
    generator = np.random.default_rng(seed)
    parts = []
    for run in range(runs):
        along = np.arange(0.0, 1500.0, 9.0)
        along = along if run % 2 else along[::-1]
        x, y = along, np.full(len(along), 400.0 * (run % 3))
        level = -85 + 9 * np.sin(x / 60 + y / 300) + generator.normal(0, 2)
        umts = np.repeat(generator.random(len(x) // 30 + 1) < umts_share, 30)[: len(x)]
        fix = np.repeat(np.arange(0, len(x), 10), 10)[: len(x)]
        parts.append((np.full(len(x), run), np.arange(len(x)) * 1.0, x[fix], y[fix],
                      np.where(umts, UMTS, LTE),
                      level + 18 * umts + generator.normal(0, 1, len(x))))  # fmt: skip
    run_, time, fx, fy, technology, level = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    cell = (fx // 300).astype(np.int64)
    return Track(run=run_, time_s=time, x=fx, y=fy, technology=technology, cell=cell), level


def test_better_than_nearest_samples() -> None:
    track, level = town()
    test = run_folds(track.run, 4, 3) == 0
    rest = ~test
    found = learn(track.take(rest), level[rest], trees=40).predict(track.take(test))
    near = nearest_mean(track.x[rest], track.y[rest], level[rest], track.x[test], track.y[test], 50)
    assert np.abs(found - level[test]).mean() < 0.8 * np.abs(near - level[test]).mean()


def test_a_technology_that_is_known_keeps_the_two_quantities_apart() -> None:
    track, level = town(runs=12, umts_share=0.35)
    test = run_folds(track.run, 4, 3) == 0
    rest, truth = ~test, level[test]
    every: tuple[Known, ...] = ("places", "technology", "cell")
    off = {}
    for known in every:
        learned = learn(track.take(rest), level[rest], known=known, trees=20)
        off[known] = np.abs(learned.predict(track.take(test)) - truth).mean()
    assert off["technology"] < 0.6 * off["places"]
    assert off["cell"] < 0.6 * off["places"]


def test_what_is_not_known_is_not_used() -> None:
    track, level = town(umts_share=0.35)
    other = replace(track, technology=np.full_like(track.technology, UMTS), cell=track.cell + 50)
    places = learn(track, level, trees=5)
    assert (places.predict(track) == places.predict(other)).all()
    technology = learn(track, level, known="technology", trees=5)
    moved = replace(track, cell=track.cell + 50)
    assert (technology.predict(track) == technology.predict(moved)).all()
    assert (technology.predict(track) != technology.predict(other)).any()


def test_a_run_of_other_level_moves_the_prediction_little() -> None:
    track, level = town(runs=13)
    test = track.run == 3
    odd = np.where(track.run == 6, level + 25, level)
    calm, moved = (
        learn(track.take(~test), of[~test], trees=5).predict(track.take(test))
        for of in (level, odd)
    )
    assert np.median(np.abs(moved - calm)) < 25 / 4 / 2


def test_a_technology_never_measured_is_still_answered() -> None:
    track, level = town()
    asked = replace(track, technology=np.full_like(track.technology, 9), cell=track.cell + 99)
    found = learn(track, level, known="cell", trees=5).predict(asked)
    assert np.isfinite(found).all() and np.abs(found - level.mean()).max() < 20


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
    none = np.full(len(run), -1)
    track = Track(run=run, time_s=tests.time / 1e6, x=x, y=y, technology=none, cell=none).take(keep)
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
