"""What measurements add to a radio map: residuals interpolated, and how sure that is.

Simple kriging with an exponential covariance (Gudmundson, Electronics Letters 27, 1991): samples
are binned, since those of one place are one opinion; far from any sample the residual tends to 0
with the spread of the field. The range is chosen, and the deviation scaled, on stretches left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit, prange
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

Float64 = NDArray[np.float64]

RANGES_M = (20.0, 35.0, 60.0, 100.0, 170.0, 300.0)
NEIGHBOURS = 24
BLOCK_M = 60.0
FOLDS = 4
LEAST_BINS = 20


@dataclass(frozen=True)
class ResidualMap:
    """A field of residuals; B bins.

    Attributes:
        x, y: (B) middles of the bins, metres.
        value: (B) median residual of a bin less `mean`, dB.
        noise: (B) variance of that median, dB^2.
        mean: of all bins, dB; what is expected near measurements.
        spread: standard deviation of the field, dB.
        range_m: distance at which correlation falls to 1/e.
    """

    x: Float64
    y: Float64
    value: Float64
    noise: Float64
    mean: float
    spread: float
    range_m: float

    def at(self, x: ArrayLike, y: ArrayLike) -> tuple[Float64, Float64]:
        """Residual in dB and its standard deviation at places, each (n)."""
        places = np.column_stack([np.ravel(np.asarray(x, float)), np.ravel(np.asarray(y, float))])
        bins = np.column_stack([self.x, self.y])
        count = min(NEIGHBOURS, len(bins))
        away, near = cKDTree(bins).query(places, k=count)
        mean, deviation = _krige(
            bins, self.value, self.noise, places, near.reshape(-1, count),
            away.reshape(-1, count), self.spread, self.range_m,
        )  # fmt: skip
        return np.asarray(mean), np.asarray(deviation)

    def near(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.bool_]:
        """Places (n) within one range of a measurement; further off it says next to nothing."""
        places = np.column_stack([np.ravel(np.asarray(x, float)), np.ravel(np.asarray(y, float))])
        tree = cKDTree(np.column_stack([self.x, self.y]))
        away, _ = tree.query(places, distance_upper_bound=self.range_m)
        return np.asarray(np.isfinite(away))


def learn_residuals(
    x: ArrayLike, y: ArrayLike, residual_db: ArrayLike, *, bin_m: float = 20.0
) -> ResidualMap:
    """Learn a field from residuals (measured minus predicted) at places, each (n).

    Raises:
        ValueError: other shapes, numbers that are not finite, or fewer than 20 bins.
    """
    xs, ys, values = (np.asarray(each, np.float64) for each in (x, y, residual_db))
    if not (xs.shape == ys.shape == values.shape and xs.ndim == 1):
        raise ValueError("x, y, residual_db: must be of one length")
    if not (np.isfinite(xs) & np.isfinite(ys) & np.isfinite(values)).all():
        raise ValueError("x, y, residual_db: must be finite")
    bx, by, median, noise = _bins(xs, ys, values, bin_m)
    if len(bx) < LEAST_BINS:
        raise ValueError(f"residual_db: only {len(bx)} places, at least {LEAST_BINS} are needed")
    mean = float(np.median(median))
    value = median - mean
    # robust, and the noise of the medians is not the field's
    total = (1.4826 * np.median(np.abs(value))) ** 2
    spread = float(np.sqrt(max(total - float(np.median(noise)), 0.1 * total, 1e-6)))
    blocks = _blocks(bx, by)
    best, least, scores = RANGES_M[0], np.inf, np.ones(1)
    for range_m in RANGES_M:
        whole = ResidualMap(bx, by, value, noise, mean, spread, range_m)
        errors, deviations = _left_out(whole, blocks)
        if (error := float(np.abs(errors).mean())) < least:
            best, least, scores = range_m, error, errors / deviations
    # the means do not change when field and noise are scaled together, the deviations do
    scale = max(1.0, float(1.4826 * np.median(np.abs(scores))))
    return ResidualMap(bx, by, value, noise * scale**2, mean, spread * scale, best)


def _left_out(whole: ResidualMap, blocks: NDArray[np.int64]) -> tuple[Float64, Float64]:
    """Errors of the bins when their fold is left out, and what was said of them."""
    errors, deviations = np.zeros(len(whole.x)), np.ones(len(whole.x))
    for fold in range(FOLDS):
        out = blocks == fold
        if not out.any() or out.all():
            continue
        part = replace(
            whole, x=whole.x[~out], y=whole.y[~out], value=whole.value[~out],
            noise=whole.noise[~out],
        )  # fmt: skip
        mean, deviation = part.at(whole.x[out], whole.y[out])
        errors[out] = mean - whole.value[out]
        deviations[out] = np.sqrt(deviation**2 + whole.noise[out])
    return errors, deviations


def _bins(x: Float64, y: Float64, values: Float64, bin_m: float) -> tuple[Float64, ...]:
    keys = np.floor(np.column_stack([x, y]) / bin_m).astype(np.int64)
    _, which = np.unique(keys, axis=0, return_inverse=True)
    which = which.ravel()
    order = np.argsort(which, kind="stable")
    starts = np.flatnonzero(np.diff(which[order], prepend=-1))
    counts = np.diff(np.append(starts, len(x)))
    medians = np.array([np.median(part) for part in np.split(values[order], starts[1:])])
    inner = float(np.median(np.abs(values - medians[which]))) * 1.4826
    noise = (max(inner, 0.5) ** 2) / np.minimum(counts, 10)
    middle = [np.add.reduceat(each[order], starts) / counts for each in (x, y)]
    return middle[0], middle[1], medians, noise


def _blocks(x: Float64, y: Float64) -> NDArray[np.int64]:
    """A fold for each bin, whole squares together, by a hash of the square."""
    column = np.floor(x / BLOCK_M).astype(np.int64)
    row = np.floor(y / BLOCK_M).astype(np.int64)
    return (column * 73_856_093 ^ row * 19_349_663) % FOLDS


@njit(nogil=True, cache=True, parallel=True)
def _krige(bins: Any, value: Any, noise: Any, places: Any, near: Any, away: Any,
           spread: float, range_m: float) -> Any:  # fmt: skip
    count, k = near.shape
    mean, deviation = np.zeros(count), np.zeros(count)
    for at in prange(count):
        covariance = np.empty((k, k))
        towards = np.empty(k)
        known = np.empty(k)
        for i in range(k):
            a = near[at, i]
            known[i] = value[a]
            towards[i] = spread**2 * np.exp(-away[at, i] / range_m)
            for j in range(k):
                b = near[at, j]
                gap = np.hypot(bins[a, 0] - bins[b, 0], bins[a, 1] - bins[b, 1])
                covariance[i, j] = spread**2 * np.exp(-gap / range_m)
            covariance[i, i] += noise[a]
        weights = np.linalg.solve(covariance, towards)
        mean[at] = (weights * known).sum()
        left = spread**2 - (weights * towards).sum()
        deviation[at] = np.sqrt(max(left, 0.0))
    return mean, deviation
