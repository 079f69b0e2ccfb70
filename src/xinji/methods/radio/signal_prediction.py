"""RSRP along a run that was never driven, from other runs alone: no site is known.

Every run is one opinion: its samples around a place are joined to one mean for each width of a
Gaussian window, whatever the time it stood there, and the runs' means are joined with weights that
saturate. Beside them stand the means of the nearest samples, in which a long stand counts. These
means, for all directions of travel and for the same one, are what gradient-boosted trees are given;
the trees learn from runs whose own samples were left out of their means, so that they meet in
training what they meet in an unseen run. A level of each run as a random effect was tried and made
the errors larger: the runs differ by where they went, more than by phone or seat.

What is known of the unseen run: places and times, from which come the direction and the places
between two fixes of a receiver that writes one only now and then; its serving cells where
`cell` is given.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy.spatial import cKDTree
from sklearn.ensemble import HistGradientBoostingRegressor

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

FINE_M, COARSE_M = 20.0, 100.0
FINE_WIDTHS = np.array([15.0, 40.0, 100.0])
COARSE_WIDTHS = np.array([200.0, 500.0, 1500.0])
FAR_IN_WIDTHS = 3.0
HALF_OPINION = 1.0
LEAST_RUNS = 3
COUNTS = (15, 50, 200)
BASE_COUNT = 50


@dataclass(frozen=True, kw_only=True)
class Track:
    """n places of one or several runs, each in order of time; every array has shape (n,).

    Attributes:
        run: number of the run. time_s: seconds, within the run.
        x, y: metres, as the receiver wrote them.
        cell: serving cell, -1 where not given.
    """

    run: Integers
    time_s: Floats
    x: Floats
    y: Floats
    cell: Integers

    def __post_init__(self) -> None:
        for name in ("time_s", "x", "y", "cell"):
            values = getattr(self, name)
            if values.shape != self.run.shape or values.ndim != 1:
                raise ValueError(f"{name}: must have the shape (n,) of run, {self.run.shape}")
            if not np.isfinite(values).all():
                raise ValueError(f"{name}: holds a number that is not finite")

    def __len__(self) -> int:
        return len(self.run)

    def take(self, rows: npt.NDArray[Any]) -> Track:
        """The places of a mask or of row numbers."""
        names = ("run", "time_s", "x", "y", "cell")
        return Track(**{name: getattr(self, name)[rows] for name in names})


@dataclass(frozen=True, kw_only=True)
class Ways:
    """Places between the fixes; every array has shape (n,).

    Attributes:
        x, y: metres, between the fix before and the next in proportion to time.
        heading: radians from north towards the next fix. speed: m/s between the two.
        apart: metres between the two. wait: seconds between the two.
    """

    x: Floats
    y: Floats
    heading: Floats
    speed: Floats
    apart: Floats
    wait: Floats


def between_fixes(track: Track) -> Ways:
    """Where the vehicle was when its receiver repeated an old fix."""
    count = len(track)
    x, y = track.x.copy(), track.y.copy()
    heading, speed, apart, wait = np.zeros((4, count))
    order = np.argsort(track.run, kind="stable")
    starts = np.flatnonzero(np.diff(track.run[order], prepend=track.run[order][:1] - 1))
    for rows in np.split(order, starts[1:]):
        px, py, time = track.x[rows], track.y[rows], track.time_s[rows]
        moved = (np.diff(px, prepend=np.nan) != 0) | (np.diff(py, prepend=np.nan) != 0)
        fix = np.flatnonzero(moved)
        if len(fix) < 2:
            continue
        before = np.minimum(np.cumsum(moved) - 1, len(fix) - 2)
        here, there = fix[before], fix[before + 1]
        east, north = px[there] - px[here], py[there] - py[here]
        seconds = np.maximum(time[there] - time[here], 1.0)
        share = np.clip((time - time[here]) / seconds, 0.0, 1.0)
        length = np.hypot(east, north)
        # beyond a kilometre the receiver was lost, a straight line tells nothing
        share = np.where(length > 1000.0, (share > 0.5).astype(float), share)
        x[rows], y[rows] = px[here] + share * east, py[here] + share * north
        heading[rows], apart[rows] = np.arctan2(east, north), length
        speed[rows], wait[rows] = length / seconds, seconds
    return Ways(x=x, y=y, heading=heading, speed=speed, apart=apart, wait=wait)


@dataclass(frozen=True)
class _Spots:
    """Samples of one run, square, direction and cell joined; arrays (m,), sorted by x."""

    x: Floats
    y: Floats
    heading: Floats
    run: Integers
    cell: Integers
    level: Floats


def _spots(track: Track, ways: Ways, level: Floats, side: float) -> _Spots:
    quarter = np.floor((ways.heading + np.pi / 4) / (np.pi / 2)) % 4
    keys = np.stack([
        track.run, np.floor(ways.x / side), np.floor(ways.y / side), quarter, track.cell
    ]).astype(np.int64)  # fmt: skip
    found, spot = np.unique(keys, axis=1, return_inverse=True)
    spot = spot.ravel()
    many = np.bincount(spot)

    def mean(values: Floats) -> Floats:
        return np.asarray(np.bincount(spot, values) / many)

    heading = np.arctan2(mean(np.sin(ways.heading)), mean(np.cos(ways.heading)))
    x = mean(ways.x)
    order = np.argsort(x, kind="stable")
    return _Spots(
        x[order], mean(ways.y)[order], heading[order], found[0][order], found[4][order],
        mean(level)[order],
    )  # fmt: skip


@njit(nogil=True, cache=True)
def _opinions(
    x: Floats, y: Floats, heading: Floats, run: Integers, cell: Integers, with_cell: bool,
    sx: Floats, sy: Floats, sheading: Floats, srun: Integers, scell: Integers, level: Floats,
    runs: int, widths: Floats, out: Floats,
) -> None:  # fmt: skip
    """For each place and width: mean, spread and weight of the runs' means; into `out`."""
    kinds = 3 if with_cell else 2
    far = widths[-1] * FAR_IN_WIDTHS
    weight = np.zeros((runs, kinds, len(widths)))
    total = np.zeros((runs, kinds, len(widths)))
    for q in range(len(x)):
        weight[:] = 0.0
        total[:] = 0.0
        low = np.searchsorted(sx, x[q] - far)
        high = np.searchsorted(sx, x[q] + far)
        for s in range(low, high):
            r = srun[s]
            north = sy[s] - y[q]
            if r == run[q] or abs(north) > far:
                continue
            square = (sx[s] - x[q]) ** 2 + north * north
            along = np.cos(sheading[s] - heading[q]) > 0.5
            same = with_cell and scell[s] == cell[q]
            for w in range(len(widths)):
                u = square / (2 * widths[w] ** 2)
                if u > 4.5:
                    continue
                g = np.exp(-u)
                weight[r, 0, w] += g
                total[r, 0, w] += g * level[s]
                if along:
                    weight[r, 1, w] += g
                    total[r, 1, w] += g * level[s]
                if same:
                    weight[r, 2, w] += g
                    total[r, 2, w] += g * level[s]
        for k in range(kinds):
            for w in range(len(widths)):
                sum0, sum1, sum2 = 0.0, 0.0, 0.0
                for r in range(runs):
                    if weight[r, k, w] > 1e-3:
                        opinion = total[r, k, w] / weight[r, k, w]
                        c = weight[r, k, w] / (weight[r, k, w] + HALF_OPINION)
                        sum0 += c
                        sum1 += c * opinion
                        sum2 += c * opinion * opinion
                at = 3 * (k * len(widths) + w)
                out[q, at + 2] = sum0
                if sum0 > 0:
                    mean = sum1 / sum0
                    out[q, at] = mean
                    out[q, at + 1] = np.sqrt(max(sum2 / sum0 - mean * mean, 0.0))


def _means(places: Track, ways: Ways, spots: _Spots, widths: Floats, with_cell: bool) -> Floats:
    """(n, 3 x kinds x widths): mean, spread, weight for every kind and width."""
    out = np.full((len(places), 3 * (3 if with_cell else 2) * len(widths)), np.nan)
    runs = int(spots.run.max()) + 1
    _opinions(
        ways.x, ways.y, ways.heading, places.run, places.cell, with_cell, spots.x, spots.y,
        spots.heading, spots.run, spots.cell, spots.level, runs, widths, out,
    )  # fmt: skip
    return out


@dataclass(frozen=True)
class _Samples:
    """All samples, none joined: where vehicles stood long, many; arrays (n,)."""

    x: Floats
    y: Floats
    run: Integers
    level: Floats


def _neighbours(places: Track, ways: Ways, samples: _Samples) -> Floats:
    """(n, 2 x COUNTS): mean of the nearest samples of other runs, and how far they reach."""
    out = np.full((len(places), 2 * len(COUNTS)), np.nan)
    for run in np.unique(places.run).tolist():
        rows, others = np.flatnonzero(places.run == run), samples.run != run
        tree = cKDTree(np.column_stack([samples.x[others], samples.y[others]]))
        most = min(COUNTS[-1], int(others.sum()))
        at = np.column_stack([ways.x[rows], ways.y[rows]])
        far, near = tree.query(at, k=most)
        level = np.cumsum(samples.level[others][near], axis=1)
        for number, count in enumerate(COUNTS):
            last = min(count, most) - 1
            out[rows, 2 * number] = level[:, last] / (last + 1)
            out[rows, 2 * number + 1] = far[:, last]
    return out


@dataclass(frozen=True, kw_only=True)
class SignalMap:
    """What the runs taught; `predict` tells other runs.

    Attributes:
        with_cell: the serving cell is used.
    """

    with_cell: bool
    _samples: _Samples
    _fine: _Spots
    _coarse: _Spots
    _trees: tuple[HistGradientBoostingRegressor, ...]

    def predict(self, track: Track) -> Floats:
        """(n) dBm along runs that are not among those that taught.

        Numbers of the runs do not matter: none is taken for one of the map's.
        """
        away = Track(
            run=np.full(len(track), -1), time_s=track.time_s, x=track.x, y=track.y, cell=track.cell
        )
        ways = between_fixes(track)
        table = _features(away, ways, self._fine, self._coarse, self.with_cell)
        table = np.column_stack([table, _neighbours(away, ways, self._samples)])
        base = _base(table)
        return np.asarray(base + np.mean([tree.predict(table) for tree in self._trees], axis=0))


def _features(places: Track, ways: Ways, fine: _Spots, coarse: _Spots, with_cell: bool) -> Floats:
    """(n, features), the broadest mean last."""
    near = _means(places, ways, fine, FINE_WIDTHS, with_cell)
    wide = _means(places, ways, coarse, COARSE_WIDTHS, with_cell)
    own = np.column_stack([
        ways.x, ways.y, np.sin(ways.heading), np.cos(ways.heading), ways.speed, ways.apart,
        ways.wait,
    ])  # fmt: skip
    return np.column_stack([own, near, wide])


_OWN = 7


def _base(table: Floats) -> Floats:
    """(n) a first prediction: the means of all directions, each shrunk to the next broader one."""
    narrow = _OWN + 3 * np.arange(len(FINE_WIDTHS))
    kinds = (table.shape[1] - _OWN - 2 * len(COUNTS)) // (
        3 * (len(FINE_WIDTHS) + len(COARSE_WIDTHS))
    )
    broad = _OWN + 3 * kinds * len(FINE_WIDTHS) + 3 * np.arange(len(COARSE_WIDTHS))
    found = np.full(len(table), np.nanmean(table[:, broad[-1]]))
    for at in [*broad[::-1].tolist(), *narrow[::-1].tolist()]:
        weight = table[:, at + 2] / (table[:, at + 2] + 2.0)
        known = np.isfinite(table[:, at])
        found = np.where(known, weight * np.nan_to_num(table[:, at]) + (1 - weight) * found, found)
    # of 50 samples, however few the runs: where vehicles stand, they stand again
    return (found + table[:, -2 * (len(COUNTS) - COUNTS.index(BASE_COUNT))]) / 2


def learn(
    track: Track, rsrp_dbm: Floats, *, with_cell: bool = False, seed: int = 0, trees: int = 100
) -> SignalMap:
    """Learn from runs.

    Args:
        track: of all runs; their numbers are 0 to R-1.
        rsrp_dbm: (n) measured, finite.
        with_cell: `cell` may be used, and must then be given to `predict`.
        seed, trees: of the boosting.

    Raises:
        ValueError: fewer than three runs, or a level that is not finite.
    """
    if rsrp_dbm.shape != track.run.shape or not np.isfinite(rsrp_dbm).all():
        raise ValueError("rsrp_dbm: one finite level for each place")
    _, run = np.unique(track.run, return_inverse=True)
    runs = int(run.max()) + 1 if len(run) else 0
    if runs < LEAST_RUNS:
        raise ValueError(f"run: {runs} runs, at least {LEAST_RUNS} are needed")
    track = Track(run=run, time_s=track.time_s, x=track.x, y=track.y, cell=track.cell)
    ways = between_fixes(track)
    fine, coarse = (_spots(track, ways, rsrp_dbm, side) for side in (FINE_M, COARSE_M))
    table = _features(track, ways, fine, coarse, with_cell)
    samples = _Samples(ways.x, ways.y, track.run, rsrp_dbm)
    table = np.column_stack([table, _neighbours(track, ways, samples)])
    left = rsrp_dbm - _base(table)
    model = HistGradientBoostingRegressor(
        loss="absolute_error", learning_rate=0.05, max_iter=trees, max_leaf_nodes=15,
        min_samples_leaf=200, l2_regularization=10.0, max_features=0.5, early_stopping=False,
        random_state=seed,
    )  # fmt: skip
    # a long stand is worth less than as many samples on the way
    _, spot, many = np.unique(
        np.stack([track.run, np.floor(ways.x / FINE_M), np.floor(ways.y / FINE_M)]),
        axis=1, return_inverse=True, return_counts=True,
    )  # fmt: skip
    model.fit(table, left, sample_weight=many[spot.ravel()] ** -0.5)
    return SignalMap(
        with_cell=with_cell, _samples=samples, _fine=fine, _coarse=coarse, _trees=(model,)
    )


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
