"""RSRP along a run that was never driven, from other runs alone: no site is known.

A first prediction needs no learning. It is the median of the nearest samples, replaced by what runs
say as far as enough of them do: every run is one opinion of a place within a Gaussian window,
whatever the time it stood there, and the runs, those of the same direction after all, are joined by
weighted medians. The window is narrow where the vehicle moved, broader where it stood somewhere
between two fixes. Gradient-boosted trees (Friedman 2001, loss: the absolute error) learn what is
left, from runs whose own samples were left out of the opinions, so that they meet in training what
they meet in an unseen run. They are small and count by a part only: larger ones, and features that
tell runs apart (coordinates, likeness of routes), learned the runs and were worse on others.

How much is known of the unseen run is the caller's to say:

- "places": places and times, from which come the direction and the places between two fixes.
- "technology": also the radio technology of each sample, so which quantity is asked. A phone's log
  writes the RSRP of LTE and the RSCP of UMTS (TS 36.214 5.1.1, TS 25.215 5.1.1) in one column; the
  second is of the whole carrier's pilot, not of one resource element, and lies about 18 dB higher.
- "cell": also the serving cells.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy.spatial import cKDTree
from sklearn.ensemble import HistGradientBoostingRegressor

from xinji.methods.radio.drive_tracks import NOT_GIVEN, Floats, Integers, Track, Ways, between_fixes
from xinji.methods.radio.run_opinions import (
    ALL,
    ALONG,
    MEDIAN,
    WEIGHT,
    Pieces,
    Samples,
    nearest_medians,
    opinions,
    pieces,
)

Known = Literal["places", "technology", "cell"]

FINE_M, COARSE_M = 10.0, 100.0
"""Sides of the squares in which samples are joined, for narrow and for broad windows."""
FINE_WIDTHS = np.array([12.0, 30.0, 70.0])
COARSE_WIDTHS = np.array([150.0, 400.0, 1200.0])
NARROW, BROADER = (1, 0), (2,)
"""Of FINE_WIDTHS, for the first prediction, in the order in which they replace each other."""
NEAREST = 50
TRUSTED_RUNS = 2.5
"""So many runs' opinions count as much as what they replace."""
SLOW_M_S = 3.0
PART_OF_CORRECTION = 0.6
LEAST_RUNS = 3


@dataclass(frozen=True, kw_only=True)
class SignalMap:
    """What the runs taught; `predict` tells other runs.

    Attributes:
        known: what of an unseen run is used.
    """

    known: Known
    _runs: _Runs
    _trees: HistGradientBoostingRegressor

    def predict(self, track: Track) -> Floats:
        """(n) dBm along runs that are not among those that taught.

        Numbers of the runs do not matter: none is taken for one of the map's.
        """
        away = replace(track, run=np.full(len(track), -1))
        table, first = _features(away, between_fixes(track), self._runs, self.known)
        return np.asarray(first + PART_OF_CORRECTION * self._trees.predict(table))


@dataclass(frozen=True, kw_only=True)
class _Runs:
    """Measured runs: their pieces in squares of two sides, their samples between and at fixes."""

    fine: Pieces
    coarse: Pieces
    between: Samples
    fixes: Samples


def _measured(track: Track, level: Floats) -> _Runs:
    ways = between_fixes(track)
    fine, coarse = (pieces(track, ways, level, side) for side in (FINE_M, COARSE_M))
    between, fixes = (
        Samples(x=at.x, y=at.y, run=track.run, technology=track.technology, level=level)
        for at in (ways, track)
    )
    return _Runs(fine=fine, coarse=coarse, between=between, fixes=fixes)


def _features(places: Track, ways: Ways, runs: _Runs, known: Known) -> tuple[Floats, Floats]:
    """(n, features), and (n) dBm as a first prediction."""
    usual = int(np.bincount(runs.between.technology - NOT_GIVEN).argmax()) + NOT_GIVEN
    if known == "places":
        places = replace(places, technology=np.full(len(places), NOT_GIVEN))
    said = []
    for of, widths in ((runs.fine, FINE_WIDTHS), (runs.coarse, COARSE_WIDTHS)):
        alike = {
            "places": (np.full(len(places), usual), of.track.technology),
            "technology": None,
            "cell": (places.cell, of.track.cell),
        }[known]
        said.append(opinions(places, ways, of, widths, alike))
    joined = np.concatenate(said, axis=2)
    near = nearest_medians(places, ways.x, ways.y, runs.between, NEAREST)
    fixes = nearest_medians(places, places.x, places.y, runs.fixes, NEAREST)
    own = np.column_stack([
        np.sin(ways.heading), np.cos(ways.heading), ways.speed, ways.apart, ways.wait,
        places.technology,
    ])  # fmt: skip
    table = np.column_stack([own, joined.reshape(len(places), -1), near])
    broadest = np.median(runs.between.level)
    near_level, fix_level = (
        np.where(np.isfinite(of[:, 0]), of[:, 0], broadest) for of in (near, fixes)
    )
    return table, _first(joined, near_level, fix_level, ways.speed)


def _first(joined: Floats, near: Floats, fixes: Floats, speed: Floats) -> Floats:
    """(n) dBm: the nearest samples, replaced by what runs say as far as enough of them do."""

    def replaced(widths: tuple[int, ...]) -> Floats:
        found = near
        for width in widths:
            for kind in (ALL, ALONG):
                median, weight = joined[:, kind, width, MEDIAN], joined[:, kind, width, WEIGHT]
                trust = np.where(np.isfinite(median), weight / (weight + TRUSTED_RUNS), 0.0)
                found = trust * np.nan_to_num(median) + (1 - trust) * found
        return found

    # where the vehicle stood between two fixes is not known: less narrow windows there
    narrow, broader = replaced(NARROW), replaced(BROADER)
    return np.where(speed < SLOW_M_S, narrow / 2 + fixes / 4 + broader / 4, narrow)


def learn(
    track: Track, rsrp_dbm: Floats, *, known: Known = "places", seed: int = 0, trees: int = 60
) -> SignalMap:
    """Learn from runs.

    Args:
        track: of all runs; their numbers do not matter.
        rsrp_dbm: (n) measured, finite.
        known: what may be used of an unseen run, and must then be given to `predict`.
        seed, trees: of the boosting.

    Raises:
        ValueError: fewer than three runs, or a level that is not finite.
    """
    if rsrp_dbm.shape != track.run.shape or not np.isfinite(rsrp_dbm).all():
        raise ValueError("rsrp_dbm: one finite level for each place")
    _, run = np.unique(track.run, return_inverse=True)
    count = int(run.max()) + 1 if len(run) else 0
    if count < LEAST_RUNS:
        raise ValueError(f"run: {count} runs, at least {LEAST_RUNS} are needed")
    runs = _measured(replace(track, run=run), rsrp_dbm)
    fine = runs.fine
    table, first = _features(fine.track, fine.ways, runs, known)
    model = HistGradientBoostingRegressor(
        loss="absolute_error", learning_rate=0.05, max_iter=trees, max_leaf_nodes=6,
        min_samples_leaf=100, l2_regularization=10.0, max_features=0.5, early_stopping=False,
        random_state=seed,
    )  # fmt: skip
    # a long stand is worth less than as many samples on the way
    model.fit(table, fine.level - first, sample_weight=np.sqrt(fine.samples))
    return SignalMap(known=known, _runs=runs, _trees=model)


def nearest_mean(x: Floats, y: Floats, level: Floats, at_x: Floats, at_y: Floats, k: int) -> Floats:
    """(m) mean of the k nearest samples, the baseline to beat."""
    tree = cKDTree(np.column_stack([x, y]))
    _, rows = tree.query(np.column_stack([at_x, at_y]), k=min(k, len(x)))
    return np.asarray(level[rows.reshape(len(at_x), -1)].mean(axis=1))


def run_folds(run: Integers, folds: int, seed: int) -> Integers:
    """(n) fold of each sample: whole runs, dealt at random."""
    _, number = np.unique(run, return_inverse=True)
    dealt = np.random.default_rng(seed).permutation(np.arange(number.max() + 1) % folds)
    return np.asarray(dealt[number], np.int64)
