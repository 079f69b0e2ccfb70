"""The best mix of two sets is the best of all ways to take each place from one of them."""

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from xinji.methods.siting import cover_of
from xinji.methods.siting.cover_mix import mixed
from xinji.methods.siting.inputs import check_choice
from xinji.methods.siting.maximal import _instance


def worth(matrix, weights, steps, opened):
    """Plain sum over points."""
    shares = np.concatenate([[0.0], np.cumsum(steps)])
    return float(weights @ shares[np.minimum(matrix[:, opened].sum(1), len(steps))])


@given(st.integers(0, 2**32 - 1), st.sampled_from([(1.0,), (0.7, 0.3), (0.0, 1.0)]))
@settings(max_examples=60, deadline=None)
def test_a_mix_keeps_the_budget_and_tells_its_worth(seed, steps):
    generator = np.random.default_rng(seed)
    matrix = generator.random((25, 12)) < 0.12
    weights, cost = generator.uniform(0, 9, 25), generator.integers(1, 4, 12).astype(float)
    one, other = generator.random(12) < 0.4, generator.random(12) < 0.5
    budget = float(cost[one].sum())
    choice = check_choice(12, choose=None, budget=max(budget, 4.0), costs=cost)
    problem = _instance(cover_of(matrix), weights, np.array([*steps, 0.0]), choice)
    mix, more = mixed(one, other, budget, problem)
    assert cost[mix].sum() <= budget + 1e-9 and more >= 0
    assert (mix[one == other] == one[one == other]).all()
    gained = worth(matrix, weights, steps, mix) - worth(matrix, weights, steps, one)
    assert abs(gained - more) < 1e-9


def test_two_places_apart_are_taken_from_either_set():
    # two streets: each set is the better one in one of them
    matrix = np.zeros((8, 4), bool)
    matrix[:4, 0], matrix[:2, 1], matrix[4:6, 2], matrix[4:, 3] = True, True, True, True
    choice = check_choice(4, choose=2, budget=None)
    problem = _instance(cover_of(matrix), np.ones(8), np.array([1.0, 0.0]), choice)
    one, other = np.array([True, False, True, False]), np.array([False, True, False, True])
    mix, more = mixed(one, other, 2.0, problem)
    assert mix.tolist() == [True, False, False, True] and more == 2.0


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_rivals_never_meet_in_a_mix(seed):
    generator = np.random.default_rng(seed)
    matrix = np.eye(8, dtype=bool)
    pairs = [(i, (i + 3) % 8) for i in range(8)]
    sets = [
        np.array(each, bool)
        for each in itertools.product((0, 1), repeat=8)
        if not any(each[i] and each[j] for i, j in pairs) and sum(each) <= 3
    ]
    one, other = (sets[at] for at in generator.integers(0, len(sets), 2))
    choice = check_choice(8, choose=3, budget=None, conflicts=pairs)
    problem = _instance(cover_of(matrix), generator.random(8), np.array([1.0, 0.0]), choice)
    mix, _ = mixed(one, other, 3.0, problem)
    assert mix.sum() <= 3 and not any(mix[i] and mix[j] for i, j in pairs)
