"""Calibration on a small town of nine sites, three sectors each, driven along a grid of roads."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from xinji.methods.radio.antenna import ELEMENT, gain
from xinji.methods.radio.calibration import calibrate, registered_dbm
from xinji.methods.radio.calibration_inputs import Assumed, Registered, Samples
from xinji.methods.radio.calibration_scores import blocks, detection, held_out
from xinji.methods.radio.path_loss import UMA, path_loss

SITES = np.array([(x, y) for x in (-450.0, 0.0, 450.0) for y in (-450.0, 0.0, 450.0)])
SITE = np.repeat(np.arange(9), 3)
TRUE = np.tile([10.0, 130.0, 250.0], 9)


def ledger(azimuth: np.ndarray = TRUE) -> Registered:
    return Registered(
        site=SITE, azimuth_deg=azimuth, tilt_deg=np.full(27, 6.0), power_dbm=np.full(27, 15.0)
    )


def planted(seed: int) -> tuple[Registered, np.ndarray]:
    """Three azimuths of the ledger are wrong by 60 to 170 degrees."""
    generator = np.random.default_rng([seed, 1])
    rows = generator.choice(9, 3, replace=False) * 3 + generator.integers(0, 3, 3)
    azimuth = TRUE.copy()
    azimuth[rows] += generator.uniform(60, 170, 3) * generator.choice((-1, 1), 3)
    return ledger(azimuth % 360), np.isin(np.arange(27), rows)


def drive(seed: int, runs: int = 3, outliers: float = 0.0) -> tuple[Samples, np.ndarray]:
    """What a phone measures on roads every 150 m, and its places: smooth shadowing of 5 dB."""
    generator = np.random.default_rng([seed, 2])
    along = np.arange(-700.0, 700.0, 12.0)
    lines = [np.column_stack([along, np.full(len(along), at)]) for at in np.arange(-600, 601, 150)]
    lines += [line[:, ::-1] for line in lines]
    place = np.concatenate(lines)
    place = np.concatenate([place] * runs) + generator.normal(0, 3, (runs * len(place), 2))
    run = np.repeat(np.arange(runs), len(place) // runs)
    waves = generator.normal(0, 1 / 50.0, (2, 200)), generator.uniform(0, 2 * np.pi, 200)
    shadow = 5 * np.sqrt(2 / 200) * np.cos(place @ waves[0] + waves[1]).sum(axis=1)
    away = place[:, None, :] - SITES
    distance = np.hypot(away[..., 0], away[..., 1])
    bearing = np.degrees(np.arctan2(away[..., 0], away[..., 1])) % 360
    below = np.degrees(np.arctan2(25.0 - 1.5, distance))
    loss = path_loss(UMA, distance, 25.0, 1.5, 3.5, np.zeros_like(distance, np.bool_))
    level = 15.0 - loss[:, SITE] + gain(ELEMENT, bearing[:, SITE] - TRUE, below[:, SITE], 6.0)
    level = level + generator.normal(0, 2, 27)
    best = np.argmax(level, axis=1)
    rows = np.arange(len(place))
    measured = level[rows, best] + shadow + generator.normal(0, 1.5, len(place))
    bad = generator.random(len(place)) < outliers
    measured[bad] += generator.choice((-30.0, 30.0), int(bad.sum()))
    site = SITE[best]
    samples = Samples(
        sector=best, run=run, measured_dbm=measured, distance_m=distance[rows, site],
        bearing_deg=bearing[rows, site], below_deg=below[rows, site], loss_db=loss[rows, site],
        hidden=np.ones(len(place), np.bool_), depth_m=np.zeros(len(place)),
    )  # fmt: skip
    return samples, place


@pytest.mark.parametrize("outliers", [0.0, 0.05])
def test_planted_errors_are_found(outliers: float) -> None:
    found, judged, called, errors = 0, 0, 0, []
    for seed in range(4):
        registered, wrong = planted(seed)
        score = detection(
            calibrate(drive(seed, outliers=outliers)[0], registered, ELEMENT), wrong, TRUE
        )
        found, judged, called = found + score.found, judged + score.judged, called + score.called
        errors += score.error_deg.tolist()
    assert judged >= 11 and found >= 0.9 * judged and called - found <= 1
    assert np.median(errors) < 8


def test_nothing_planted_nothing_found() -> None:
    for seed in range(10, 16):
        assert calibrate(drive(seed)[0], ledger(), ELEMENT).wrong.sum() == 0


def test_standard_errors_are_honest() -> None:
    scores = []
    for seed in range(20, 24):
        registered, wrong = planted(seed)
        found = calibrate(drive(seed)[0], registered, ELEMENT)
        error = (found.azimuth_deg - TRUE + 180) % 360 - 180
        scores += (error / found.azimuth_se_deg)[wrong & found.wrong].tolist()
    assert np.sqrt(np.mean(np.square(scores))) < 2


def test_held_out_runs_and_blocks_beat_the_ledger() -> None:
    registered, _ = planted(3)
    samples, place = drive(3)
    for group in (samples.run, blocks(place[:, 0], place[:, 1], 250.0, 3, 7)):
        found = held_out(samples, registered, ELEMENT, group)
        assert found.rmse("calibrated") < 0.85 * found.rmse("shifted") < found.rmse("constant")
        assert found.mae("calibrated") < found.mae("shifted")


def test_a_held_out_run_is_not_seen() -> None:
    registered, _ = planted(3)
    samples, _ = drive(3)
    other = samples.run == 1
    changed = replace(samples, measured_dbm=samples.measured_dbm + np.where(other, 25.0, 0.0))
    before = held_out(samples, registered, ELEMENT, samples.run).calibrated
    after = held_out(changed, registered, ELEMENT, samples.run).calibrated
    assert (before[other] == after[other]).all()
    assert np.abs(before - after)[~other].max() > 1


def test_a_calibrated_map_knows_the_offset_and_the_common_terms() -> None:
    samples, _ = drive(5)
    shaded = np.arange(len(samples)) % 2 == 0
    level = samples.measured_dbm - 7.0 - np.where(shaded, 6.0, 0.0)
    found = calibrate(replace(samples, hidden=shaded, measured_dbm=level), ledger(), ELEMENT)
    assert found.common_db[1] == pytest.approx(-6.0, abs=0.7)
    assert found.common_db[0] + found.offset_db.mean() == pytest.approx(-7.0, abs=2.5)
    before = registered_dbm(ledger(), samples, ELEMENT)
    after = found.predict(replace(samples, hidden=shaded))
    assert np.std(level - after) < 0.9 * np.std(level - before)


def test_too_few_samples_say_why() -> None:
    samples, _ = drive(1)
    narrow = np.flatnonzero((samples.sector == 4) & (np.abs(samples.bearing_deg - 130) < 4))
    few = np.flatnonzero(samples.sector == 7)[:10]
    still = np.repeat(np.flatnonzero(samples.sector == 12)[:1], 50)
    found = calibrate(samples.take(np.concatenate([narrow, few, still])), ledger(), ELEMENT)
    assert "fewer than 20" in found.reason[7]
    assert "spots" in found.reason[12]
    assert "degrees" in found.reason[4] or "fewer" in found.reason[4]
    assert found.reason[0] == "no samples"
    assert (found.azimuth_deg == TRUE).all() and not found.wrong.any()


def test_bad_input_names_the_field() -> None:
    samples, _ = drive(1)
    with pytest.raises(ValueError, match="sector: row 99"):
        calibrate(replace(samples, sector=np.full(len(samples), 99)), ledger(), ELEMENT)
    with pytest.raises(ValueError, match="samples: none"):
        calibrate(replace(samples, sector=np.full(len(samples), -1)), ledger(), ELEMENT)
    with pytest.raises(ValueError, match="loss_db"):
        replace(samples, loss_db=np.zeros(3))
    with pytest.raises(ValueError, match="tilt_deg"):
        replace(ledger(), tilt_deg=np.full(27, np.nan))
    with pytest.raises(ValueError, match="sure"):
        Assumed(sure=1.5)
    with pytest.raises(ValueError, match="group"):
        held_out(samples, ledger(), ELEMENT, np.zeros(len(samples), np.int64))
