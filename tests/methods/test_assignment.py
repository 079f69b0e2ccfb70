"""Assignment against brute force over all permutations."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from xinji.methods.assignment import assign, second_best


def brute(cost, allowed):
    """(most pairs, lowest sum) over every partial matching."""
    n, m = cost.shape
    best = (0, 0.0)
    for size in range(1, min(n, m) + 1):
        for rows in itertools.combinations(range(n), size):
            for columns in itertools.permutations(range(m), size):
                if all(allowed[r, c] for r, c in zip(rows, columns, strict=True)):
                    total = sum(cost[r, c] for r, c in zip(rows, columns, strict=True))
                    if (-size, total) < (-best[0], best[1]):
                        best = (size, total)
    return best


@given(st.data())
def test_as_many_and_as_cheap_as_brute_force(data):
    shape = data.draw(st.tuples(st.integers(0, 4), st.integers(0, 4)))
    cost = data.draw(arrays(np.float64, shape, elements=st.integers(-50, 50).map(float)))
    allowed = data.draw(arrays(np.bool_, shape))
    rows, columns = assign(cost, allowed)
    assert allowed[rows, columns].all()
    assert len(set(rows.tolist())) == len(rows) == len(set(columns.tolist()))
    assert (len(rows), cost[rows, columns].sum()) == brute(cost, allowed)


def test_a_forbidden_pair_may_hold_anything():
    cost = np.array([[np.nan, 5.0], [np.inf, 1.0]])
    allowed = np.array([[False, True], [False, True]])
    rows, columns = assign(cost, allowed)
    assert (rows.tolist(), columns.tolist()) == ([1], [1])


def test_the_second_best_of_each_pair():
    cost = np.array([[1.0, 4.0, 9.0], [2.0, 3.0, 8.0]])
    rows, columns = assign(cost)
    assert columns.tolist() in ([0, 1], [1, 0])
    other, more = second_best(cost, np.array([0, 1]), np.array([0, 1]))
    assert other.tolist() == [1, 0]
    assert more.tolist() == [3.0, -1.0]
    other, more = second_best(cost[:, :1], np.array([0]), np.array([0]))
    assert other.tolist() == [-1] and np.isinf(more).all()
    assert len(second_best(cost, rows[:0], columns[:0])[0]) == 0


def test_a_thousand_by_two_hundred():
    generator = np.random.default_rng(1)
    rows, columns = assign(generator.random((1_000, 200)))
    assert sorted(columns.tolist()) == list(range(200))
    assert len(rows) == 200


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="not finite"):
        assign(np.array([[np.nan]]))
    with pytest.raises(ValueError, match="allowed: shape"):
        assign(np.zeros((2, 2)), np.ones((1, 2), np.bool_))
    with pytest.raises(ValueError, match="cost: shape"):
        assign(np.zeros(3))
