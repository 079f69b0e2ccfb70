"""What runs say of a place: every run one opinion, joined by weighted medians.

A run that stood long at a place has many samples there and still one opinion of it; the median
over runs is moved by no single run that differs, as one does whose receiver fell back to another
radio technology. Beside it stands the median of the nearest samples, in which a stand counts long.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from scipy.spatial import cKDTree

from xinji.methods.radio.drive_tracks import NOT_GIVEN, Floats, Integers, Track, Ways

FAR_IN_WIDTHS = 3.0
HALF_OPINION = 1.0
LEAST_WEIGHT = 1e-3
SAME_WAY_COSINE = 0.5
QUARTILES = (0.25, 0.5, 0.75)
MEDIAN, MEAN, SPREAD, WEIGHT = range(4)
FIGURES = 4
"""Of the runs' opinions, for each kind and width; the spread is between their quartiles."""
ALL, ALONG, ALIKE = range(3)
"""Kinds: in all directions, in the place's direction, of the place's own `alike`."""


@dataclass(frozen=True, kw_only=True)
class Pieces:
    """Samples of one run, square, quarter of direction, technology and cell joined; arrays (m,).

    Attributes:
        track: means of the fixes. ways: means of the places between them.
        level: dBm, mean. samples: how many were joined.
    """

    track: Track
    ways: Ways
    level: Floats
    samples: Floats


def pieces(track: Track, ways: Ways, level: Floats, side_m: float) -> Pieces:
    """The samples joined in squares of a side, sorted by x."""
    quarter = np.floor((ways.heading + np.pi / 4) / (np.pi / 2)) % 4
    keys = np.stack([
        track.run, np.floor(ways.x / side_m), np.floor(ways.y / side_m), quarter,
        track.technology, track.cell,
    ]).astype(np.int64)  # fmt: skip
    found, piece = np.unique(keys, axis=1, return_inverse=True)
    piece = piece.ravel()
    samples = np.bincount(piece).astype(np.float64)

    def mean(values: Floats) -> Floats:
        return np.asarray(np.bincount(piece, values) / samples)

    x = mean(ways.x)
    order = np.argsort(x, kind="stable")
    heading = np.arctan2(mean(np.sin(ways.heading)), mean(np.cos(ways.heading)))
    joined = Ways(
        x=x[order], y=mean(ways.y)[order], heading=heading[order], speed=mean(ways.speed)[order],
        apart=mean(ways.apart)[order], wait=mean(ways.wait)[order],
    )  # fmt: skip
    places = Track(
        run=found[0][order], time_s=mean(track.time_s)[order], x=mean(track.x)[order],
        y=mean(track.y)[order],
        technology=found[4][order], cell=found[5][order],
    )  # fmt: skip
    return Pieces(track=places, ways=joined, level=mean(level)[order], samples=samples[order])


@njit(nogil=True, cache=True)
def _weighted_quantile(values: Floats, weights: Floats, count: int, share: float) -> float:
    """Of sorted values: linear between the middles of their weights."""
    total = 0.0
    for at in range(count):
        total += weights[at]
    wanted, below = share * total, 0.0
    last_middle, last_value = -1.0, values[0]
    for at in range(count):
        middle = below + weights[at] / 2
        if middle >= wanted:
            if last_middle < 0:
                return float(values[at])
            part = (wanted - last_middle) / (middle - last_middle)
            return float(last_value + part * (values[at] - last_value))
        below += weights[at]
        last_middle, last_value = middle, values[at]
    return float(values[count - 1])


@njit(nogil=True, cache=True)
def _opinions(
    x: Floats, y: Floats, heading: Floats, run: Integers, technology: Integers, alike: Integers,
    px: Floats, py: Floats, pheading: Floats, prun: Integers, ptechnology: Integers,
    palike: Integers, level: Floats, samples: Floats, runs: int, kinds: int, widths: Floats,
    out: Floats,
) -> None:  # fmt: skip
    """For each place, kind and width the FIGURES; into `out` (n, kinds x widths x FIGURES)."""
    far = widths[-1] * FAR_IN_WIDTHS
    weight = np.zeros((kinds, len(widths), runs))
    total = np.zeros((kinds, len(widths), runs))
    values, weights = np.zeros(runs), np.zeros(runs)
    for q in range(len(x)):
        weight[:] = 0.0
        total[:] = 0.0
        low = np.searchsorted(px, x[q] - far)
        high = np.searchsorted(px, x[q] + far)
        for p in range(low, high):
            r = prun[p]
            north = py[p] - y[q]
            if r == run[q] or abs(north) > far:
                continue
            if technology[q] != NOT_GIVEN and technology[q] != ptechnology[p]:
                continue
            square = (px[p] - x[q]) ** 2 + north * north
            along = np.cos(pheading[p] - heading[q]) > SAME_WAY_COSINE
            same = kinds > ALIKE and palike[p] == alike[q]
            for w in range(len(widths)):
                u = square / (2 * widths[w] ** 2)
                if u > FAR_IN_WIDTHS**2 / 2:
                    continue
                g = np.exp(-u) * np.sqrt(samples[p])
                weight[ALL, w, r] += g
                total[ALL, w, r] += g * level[p]
                if along:
                    weight[ALONG, w, r] += g
                    total[ALONG, w, r] += g * level[p]
                if same:
                    weight[ALIKE, w, r] += g
                    total[ALIKE, w, r] += g * level[p]
        for k in range(kinds):
            for w in range(len(widths)):
                count, sum0, sum1 = 0, 0.0, 0.0
                for r in range(runs):
                    if weight[k, w, r] > LEAST_WEIGHT:
                        opinion = total[k, w, r] / weight[k, w, r]
                        c = weight[k, w, r] / (weight[k, w, r] + HALF_OPINION)
                        at = count
                        while at > 0 and values[at - 1] > opinion:
                            values[at], weights[at] = values[at - 1], weights[at - 1]
                            at -= 1
                        values[at], weights[at] = opinion, c
                        count += 1
                        sum0 += c
                        sum1 += c * opinion
                at = FIGURES * (k * len(widths) + w)
                out[q, at + WEIGHT] = sum0
                if count > 0:
                    lower, middle, upper = QUARTILES
                    out[q, at + MEDIAN] = _weighted_quantile(values, weights, count, middle)
                    out[q, at + MEAN] = sum1 / sum0
                    out[q, at + SPREAD] = _weighted_quantile(
                        values, weights, count, upper
                    ) - _weighted_quantile(values, weights, count, lower)


def opinions(
    places: Track, ways: Ways, of: Pieces, widths: Floats, alike: tuple[Integers, Integers] | None
) -> Floats:
    """(n, kinds, widths, FIGURES) of the runs about places, of a run by the others only.

    Args:
        places, ways: what is asked; a technology that is given hears that technology alone.
        of: pieces of the runs, sorted by x, runs numbered from 0.
        widths: metres, rising, of the Gaussian windows.
        alike: a number of each place and of each piece; pieces of the place's own number are a
            third kind.
    """
    kinds = ALIKE if alike is None else ALIKE + 1
    asked, said = alike or (places.cell, of.track.cell)
    out = np.full((len(places), FIGURES * kinds * len(widths)), np.nan)
    runs = int(of.track.run.max()) + 1
    _opinions(
        ways.x, ways.y, ways.heading, places.run, places.technology, asked, of.ways.x, of.ways.y,
        of.ways.heading, of.track.run, of.track.technology, said, of.level, of.samples, runs,
        kinds, widths, out,
    )  # fmt: skip
    return out.reshape(len(places), kinds, len(widths), FIGURES)


@dataclass(frozen=True, kw_only=True)
class Samples:
    """All samples, none joined: where vehicles stood long, many; arrays (n,).

    Attributes:
        x, y: metres.
    """

    x: Floats
    y: Floats
    run: Integers
    technology: Integers
    level: Floats


def nearest_medians(places: Track, x: Floats, y: Floats, of: Samples, count: int) -> Floats:
    """(n, 3) of the samples of other runs nearest to x, y: median, mean, how far they reach.

    NaN where other runs have no sample of the technology.
    """
    out = np.full((len(places), 3), np.nan)
    asked, part = np.unique(np.stack([places.run, places.technology]), axis=1, return_inverse=True)
    for number, (run, technology) in enumerate(asked.T.tolist()):
        rows = np.flatnonzero(part.ravel() == number)
        heard = of.run != run
        if technology != NOT_GIVEN:
            heard &= of.technology == technology
        if not heard.any():
            continue
        tree = cKDTree(np.column_stack([of.x[heard], of.y[heard]]))
        most = min(count, int(heard.sum()))
        far, near = tree.query(np.column_stack([x[rows], y[rows]]), k=most)
        far, level = far.reshape(len(rows), most), of.level[heard][near].reshape(len(rows), most)
        out[rows] = np.column_stack([np.median(level, axis=1), level.mean(axis=1), far[:, -1]])
    return out
