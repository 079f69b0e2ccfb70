"""What runs say of a place: medians over runs, none by a run about itself."""

from __future__ import annotations

import numpy as np
import pytest

from xinji.methods.radio.drive_tracks import Track, between_fixes
from xinji.methods.radio.run_opinions import (
    ALIKE,
    ALL,
    ALONG,
    MEAN,
    MEDIAN,
    SPREAD,
    WEIGHT,
    Samples,
    nearest_medians,
    opinions,
    pieces,
)

WIDTHS = np.array([20.0, 80.0])


def street(levels: list[float], samples: list[int]) -> tuple[Track, np.ndarray]:
    """A run for each level, eastwards past the origin, standing there for its samples."""
    x, run, level = [], [], []
    for number, (value, stand) in enumerate(zip(levels, samples, strict=True)):
        places = np.concatenate([np.arange(-100.0, 0.0, 10.0), np.zeros(stand), [10.0, 20.0]])
        x.append(places)
        run.append(np.full(len(places), number))
        level.append(np.full(len(places), value))
    places = np.concatenate(x)
    none = np.full(len(places), 4)
    return Track(
        run=np.concatenate(run), time_s=np.arange(len(places)) * 1.0, x=places,
        y=np.zeros(len(places)), technology=none, cell=np.concatenate(run) // 2,
    ), np.concatenate(level)  # fmt: skip


def asked(run: int, technology: int = -1) -> Track:
    return Track(
        run=np.array([run]), time_s=np.zeros(1), x=np.zeros(1), y=np.zeros(1),
        technology=np.array([technology]), cell=np.array([1]),
    )  # fmt: skip


def test_the_median_over_runs_ignores_a_run_that_differs_and_stood_long() -> None:
    track, level = street([-80, -82, -84, -40], [1, 1, 1, 400])
    of = pieces(track, between_fixes(track), level, 10.0)
    place = asked(-1)
    said = opinions(place, between_fixes(place), of, WIDTHS, None)[0]
    assert said.shape == (2, 2, 4)
    # the run that stood long weighs more, and at most twice
    assert -84 <= said[ALL, 0, MEDIAN] <= -75 < said[ALL, 0, MEAN]
    assert said[ALL, 0, SPREAD] > 2 and 2 < said[ALL, 0, WEIGHT] < 4


def test_a_run_hears_the_others_alone() -> None:
    track, level = street([-80, -80, -60], [1, 1, 1])
    of = pieces(track, between_fixes(track), level, 10.0)
    place = asked(2)
    said = opinions(place, between_fixes(place), of, WIDTHS, None)[0]
    assert said[:, :, MEDIAN][np.isfinite(said[:, :, MEDIAN])] == pytest.approx(-80)


def test_direction_cell_and_technology_choose_who_is_heard() -> None:
    track, level = street([-80, -80, -60, -60], [1, 1, 1, 1])
    ways = between_fixes(track)
    of = pieces(track, ways, level, 10.0)
    place = asked(-1)
    north = between_fixes(place)  # a place alone faces north, the runs go east
    said = opinions(place, north, of, WIDTHS, (place.cell, of.track.cell))[0]
    assert np.isnan(said[ALONG, 0, MEDIAN]) and said[ALONG, 0, WEIGHT] == 0
    assert said[ALIKE, 0, MEDIAN] == pytest.approx(-60)
    unheard = asked(-1, technology=3)
    assert np.isnan(opinions(unheard, north, of, WIDTHS, None)[0, ALL, :, MEDIAN]).all()


def test_nearest_samples_are_of_other_runs_and_of_the_technology() -> None:
    of = Samples(
        x=np.array([0.0, 1.0, 2.0, 3.0]), y=np.zeros(4), run=np.array([0, 1, 1, 1]),
        technology=np.array([4, 4, 4, 3]), level=np.array([-50.0, -80.0, -90.0, -60.0]),
    )  # fmt: skip
    at = np.zeros(1)
    assert nearest_medians(asked(0), at, at, of, 2)[0] == pytest.approx([-85, -85, 2])
    assert nearest_medians(asked(0, 3), at, at, of, 2)[0] == pytest.approx([-60, -60, 3])
    assert np.isnan(nearest_medians(asked(0, 2), at, at, of, 2)).all()
