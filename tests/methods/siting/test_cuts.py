"""Cuts hold for every set of whole facilities, cut off the shares given, and lower the bound."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.methods.siting.brute_force import best_cover
from xinji.methods.siting import Effort, cover_of, cover_within, maximal_covering
from xinji.methods.siting.cover_cuts import find_cuts, more_cuts, no_cuts


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_no_set_of_facilities_breaks_a_cut(seed):
    generator = np.random.default_rng(seed)
    matrix = generator.random((12, 6)) < 0.4
    shares = generator.uniform(0, 0.7, 6)
    cuts = find_cuts(cover_of(matrix), np.ones(12), shares, 50, 1)
    cuts = more_cuts(no_cuts(), cuts)
    reach = np.minimum(matrix @ shares, 1.0)
    for cut, members in enumerate(cuts.members):
        part = slice(cuts.starts[cut], cuts.starts[cut + 1])
        columns, values = cuts.candidates[part], cuts.values[part]
        assert reach[members].sum() > 1 + values @ shares[columns]
        for opened in itertools.product((0, 1), repeat=6):
            covered = (matrix[members] @ np.array(opened)) > 0
            assert covered.sum() <= 1 + values @ np.array(opened)[columns]


def test_three_half_open_facilities_are_cut_off():
    # each facility covers two of three points: the relaxation covers all with 1.5 facilities
    matrix = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1]])
    cuts = find_cuts(cover_of(matrix), np.ones(3), np.full(3, 0.5), 10, 1)
    assert cuts.members.tolist() == [[0, 1, 2]] and cuts.values.tolist() == [1, 1, 1]


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=15, deadline=None)
def test_the_bound_with_cuts_stays_above_the_best_of_all_subsets(seed):
    generator = np.random.default_rng(seed)
    points, places = int(generator.integers(3, 20)), int(generator.integers(2, 9))
    matrix = generator.random((points, places)) < 0.4
    weights = generator.uniform(0, 10, points)
    rules = {"choose": int(generator.integers(0, places)), "existing": [0]}
    effort = Effort(rounds=20, descents=1_000, exact_pairs=0)
    answer = maximal_covering(cover_of(matrix), weights, effort=effort, **rules)
    assert answer.objective - 1e-6 <= best_cover(matrix, weights, **rules) <= answer.bound + 1e-6


def test_more_effort_proves_a_smaller_gap_by_cuts():
    generator = np.random.default_rng(9)
    cover = cover_within(
        generator.uniform(0, 2_500, (2_500, 2)), generator.uniform(0, 2_500, (350, 2)), 300.0
    )
    weights = generator.integers(1, 101, 2_500).astype(float)
    plain = maximal_covering(
        cover, weights, 16, effort=Effort(rounds=4_000, descents=200, exact_pairs=0)
    )
    more = maximal_covering(cover, weights, 16, effort=Effort(rounds=4_000, exact_pairs=0))
    assert "cuts" in more.how and "cuts" not in plain.how
    assert more.objective <= more.bound < plain.bound
    assert more.bound == pytest.approx(plain.bound, rel=0.03)
