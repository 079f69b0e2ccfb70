"""Who covers whom: a sparse relation between candidate places and points of demand.

Kept as compressed rows in both directions, for a search walks it both ways: from a place to what
it covers, and from a point to the places that could cover it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit
from scipy import sparse
from scipy.spatial import cKDTree

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Indices = npt.NDArray[np.int32]
Unsigned = npt.NDArray[np.uint32]

MOST_PAIRS = 100_000_000


@dataclass(frozen=True, kw_only=True)
class Cover:
    """n points of demand, m candidates, e pairs.

    Attributes:
        starts: shape (m + 1,); candidate j covers `demands[starts[j]:starts[j + 1]]`.
        demands: shape (e,), ascending within a candidate.
        demand_starts: shape (n + 1,); point i is covered by
            `candidates[demand_starts[i]:demand_starts[i + 1]]`.
        candidates: shape (e,), ascending within a point.
    """

    starts: Integers
    demands: Indices
    demand_starts: Integers
    candidates: Indices

    @property
    def points(self) -> int:
        """How many points of demand."""
        return len(self.demand_starts) - 1

    @property
    def places(self) -> int:
        """How many candidates."""
        return len(self.starts) - 1

    @property
    def pairs(self) -> int:
        """How many pairs of a candidate and a point that it covers."""
        return len(self.demands)

    def rows(self) -> tuple[Unsigned, Unsigned, Unsigned, Unsigned]:
        """The four arrays without sign: compiled loops then test no index for being negative."""
        return (
            self.starts.astype(np.uint32), self.demands.astype(np.uint32),
            self.demand_starts.astype(np.uint32), self.candidates.astype(np.uint32),
        )  # fmt: skip

    def covered_by(self, chosen: Integers) -> Integers:
        """How many of the chosen candidates cover each point, shape (n,)."""
        counts = np.zeros(self.points, np.int64)
        for each in chosen:
            counts[self.demands[self.starts[each] : self.starts[each + 1]]] += 1
        return counts


def cover_within(demand_m: Floats, candidates_m: Floats, radius_m: float) -> Cover:
    """Candidates cover the points within a radius.

    Args:
        demand_m: shape (n, 2), metres on a plane.
        candidates_m: shape (m, 2), metres on the same plane.
        radius_m: above zero.

    Raises ValueError: wrong shapes, places that are not finite, a radius that is not above zero,
    more than 100 million pairs.
    """
    demand = places_of(demand_m, "demand_m")
    places = places_of(candidates_m, "candidates_m")
    if not (np.isfinite(radius_m) and radius_m > 0):
        raise ValueError(f"radius_m: must be finite and above 0, not {radius_m}")
    tree, other = cKDTree(demand), cKDTree(places)
    if (pairs := int(other.count_neighbors(tree, radius_m))) > MOST_PAIRS:
        raise ValueError(f"radius_m: gives {pairs:,} pairs, at most {MOST_PAIRS:,} are served")
    found = tree.query_ball_point(places, radius_m, return_sorted=True)
    lengths = np.fromiter((len(each) for each in found), np.int64, len(found))
    starts = np.concatenate([[0], np.cumsum(lengths)])
    demands = np.fromiter((i for each in found for i in each), np.int32, int(starts[-1]))
    return both_ways(starts, demands, len(demand))


def cover_of(matrix: Any) -> Cover:
    """From a matrix of shape (n demand, m candidates): dense or scipy.sparse; not zero is covered.

    Raises ValueError: not two-dimensional, empty, not finite, too many pairs.
    """
    by_candidate = sparse_of(matrix, "matrix").tocsc()
    return both_ways(
        by_candidate.indptr.astype(np.int64),
        by_candidate.indices.astype(np.int32),
        by_candidate.shape[0],
    )


def places_of(places_m: Any, name: str) -> Floats:
    """Checked coordinates, shape (n, 2)."""
    places = np.asarray(places_m, np.float64)
    if places.ndim != 2 or places.shape[1] != 2 or not len(places):
        raise ValueError(f"{name}: must have shape (at least 1, 2), not {places.shape}")
    if not np.isfinite(places).all():
        raise ValueError(f"{name}: row {int(np.argmin(np.isfinite(places).all(1)))} is not finite")
    return places


def sparse_of(matrix: Any, name: str) -> Any:
    """A checked scipy.sparse matrix in canonical form, zeros removed."""
    if not sparse.issparse(matrix):
        matrix = np.asarray(matrix)
        if matrix.ndim != 2:
            raise ValueError(f"{name}: must have 2 dimensions, not {matrix.ndim}")
    if 0 in matrix.shape:
        raise ValueError(f"{name}: is empty, shape {matrix.shape}")
    result = sparse.csc_array(matrix, dtype=np.float64)
    result.sum_duplicates()
    if not np.isfinite(result.data).all():
        raise ValueError(f"{name}: holds values that are not finite")
    result.eliminate_zeros()
    if result.nnz > MOST_PAIRS:
        raise ValueError(f"{name}: has {result.nnz:,} pairs, at most {MOST_PAIRS:,} are served")
    result.sort_indices()
    return result


def both_ways(starts: Integers, demands: Indices, points: int) -> Cover:
    """The other direction of compressed rows."""
    demand_starts, candidates, _ = turn_rows(starts, demands, points)
    return Cover(starts=starts, demands=demands, demand_starts=demand_starts, candidates=candidates)


def only(cover: Cover, places: Integers) -> Cover:
    """The same points, some of the candidates: number k of the result is `places[k]`."""
    lengths = np.diff(cover.starts)[places]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    rows = np.repeat(cover.starts[places] - starts[:-1], lengths) + np.arange(starts[-1])
    return both_ways(starts, cover.demands[rows], cover.points)


@dataclass(frozen=True, kw_only=True)
class Merged:
    """Points that the same candidates cover, taken as one.

    Attributes:
        cover: over groups instead of points; points that nobody covers are in no group.
        group: shape (n,), the group of each point, -1 for none.
    """

    cover: Cover
    group: Integers

    def sums(self, weights: Floats) -> Floats:
        """Weights of the groups."""
        inside = self.group >= 0
        return np.bincount(self.group[inside], weights[inside], minlength=self.cover.points).astype(
            np.float64
        )


def merge(cover: Cover) -> Merged:
    """Merge the points with equal sets of candidates: the same problem, fewer rows."""
    # sums of random numbers find who may be equal, a comparison of the sets decides
    marks = np.random.default_rng(0).integers(0, 2**62, cover.places, np.int64)
    lengths = np.diff(cover.demand_starts)
    sums = np.concatenate([[0], np.cumsum(marks[cover.candidates])])
    keys = sums[cover.demand_starts[1:]] - sums[cover.demand_starts[:-1]]
    order = np.lexsort((keys, lengths))
    group, first = _groups(order, keys, cover.demand_starts, cover.candidates)
    parts = [
        cover.candidates[cover.demand_starts[each] : cover.demand_starts[each + 1]]
        for each in first
    ]
    starts = np.concatenate([[0], np.cumsum(lengths[first])]).astype(np.int64)
    rows = np.concatenate(parts) if parts else np.zeros(0, np.int32)
    back_starts, back, _ = turn_rows(starts, rows, cover.places)
    return Merged(
        cover=Cover(starts=back_starts, demands=back, demand_starts=starts, candidates=rows),
        group=group,
    )


@njit(cache=True, nogil=True)
def _groups(
    order: Integers, keys: Integers, starts: Integers, rows: Indices
) -> tuple[Integers, Integers]:
    group = np.full(len(order), -1, np.int64)
    first = np.empty(len(order), np.int64)
    count = 0
    for point in order:
        length = starts[point + 1] - starts[point]
        if length == 0:
            continue
        same = False
        if count:
            other = first[count - 1]
            same = keys[other] == keys[point] and starts[other + 1] - starts[other] == length
            for at in range(length if same else 0):
                if rows[starts[other] + at] != rows[starts[point] + at]:
                    same = False
                    break
        if not same:
            first[count] = point
            count += 1
        group[point] = count - 1
    return group, first[:count].copy()


@njit(cache=True, nogil=True)
def turn_rows(starts: Integers, rows: Indices, size: int) -> tuple[Integers, Indices, Integers]:
    """Compressed rows turned around, and where each pair came from."""
    turned = np.zeros(size + 1, np.int64)
    for row in rows:
        turned[row + 1] += 1
    for at in range(size):
        turned[at + 1] += turned[at]
    place = turned[:-1].copy()
    columns = np.empty(len(rows), np.int32)
    source = np.empty(len(rows), np.int64)
    for column in range(len(starts) - 1):
        for at in range(starts[column], starts[column + 1]):
            row = rows[at]
            columns[place[row]] = column
            source[place[row]] = at
            place[row] += 1
    return turned, columns, source
