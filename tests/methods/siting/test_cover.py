"""Cover in both directions against plain geometry; merging keeps every set and every weight."""

import numpy as np
import pytest
from scipy import sparse

from xinji.methods.siting import cover_of, cover_within, merge, nearer_than
from xinji.methods.siting.cover import only


def dense(cover):
    matrix = np.zeros((cover.points, cover.places), bool)
    for j in range(cover.places):
        matrix[cover.demands[cover.starts[j] : cover.starts[j + 1]], j] = True
    return matrix


def test_within_a_radius_is_plain_geometry_in_both_directions():
    generator = np.random.default_rng(5)
    demand, places = generator.uniform(0, 1_000, (400, 2)), generator.uniform(0, 1_000, (50, 2))
    cover = cover_within(demand, places, 120.0)
    wanted = np.hypot(*(demand[:, None] - places[None]).transpose(2, 0, 1)) <= 120.0
    assert (dense(cover) == wanted).all()
    for i in range(cover.points):
        mine = cover.candidates[cover.demand_starts[i] : cover.demand_starts[i + 1]]
        assert mine.tolist() == np.flatnonzero(wanted[i]).tolist()
    assert cover.pairs == wanted.sum()
    assert (cover.covered_by(np.array([3, 9])) == wanted[:, [3, 9]].sum(1)).all()


def test_a_matrix_dense_or_sparse_gives_the_same_cover():
    matrix = np.random.default_rng(6).random((30, 12)) < 0.2
    assert (dense(cover_of(matrix)) == matrix).all()
    assert (dense(cover_of(sparse.coo_array(matrix))) == matrix).all()


def test_merging_joins_equal_sets_only_and_keeps_the_weight():
    generator = np.random.default_rng(7)
    matrix = generator.random((500, 6)) < 0.4
    weights = generator.uniform(0, 9, 500)
    merged = merge(cover_of(matrix))
    groups = dense(merged.cover)
    assert (
        len(np.unique(groups, axis=0))
        == len(groups)
        == len(np.unique(matrix[matrix.any(1)], axis=0))
    )
    for i in range(500):
        assert (merged.group[i] < 0) == (not matrix[i].any())
        if merged.group[i] >= 0:
            assert (groups[merged.group[i]] == matrix[i]).all()
    assert merged.sums(weights).sum() == pytest.approx(weights[matrix.any(1)].sum())


def test_pairs_nearer_than():
    pairs = nearer_than(np.array([[0, 0], [0, 30], [0, 90], [5, 0]]), 40)
    assert sorted(map(tuple, np.sort(pairs, 1).tolist())) == [(0, 1), (0, 3), (1, 3)]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cover_within(np.zeros((0, 2)), np.zeros((1, 2)), 1), "demand_m: must have shape"),
        (lambda: cover_within(np.zeros((1, 3)), np.zeros((1, 2)), 1), "demand_m: must have shape"),
        (lambda: cover_within(np.zeros((1, 2)), np.full((2, 2), np.nan), 1), "candidates_m: row 0"),
        (lambda: cover_within(np.zeros((1, 2)), np.zeros((1, 2)), 0), "radius_m: must be finite"),
        (lambda: cover_of(np.zeros((0, 4))), "matrix: is empty"),
        (lambda: cover_of(np.zeros(4)), "matrix: must have 2 dimensions"),
        (lambda: cover_of(np.array([[np.inf]])), "matrix: holds values that are not finite"),
        (lambda: nearer_than(np.zeros((2, 2)), -1), "metres: must be finite"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_some_candidates_keep_their_points_and_their_order():
    generator = np.random.default_rng(6)
    matrix = generator.random((20, 9)) < 0.3
    places = np.array([7, 2, 3])
    assert (dense(only(cover_of(matrix), places)) == matrix[:, places]).all()
