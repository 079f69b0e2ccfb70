"""p-median and best server against every subset; the format and scheme of OR-Library's problems."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.methods.siting.brute_force import subsets
from xinji.methods.siting import Effort, best_server, p_median
from xinji.methods.siting.pmed import SIZES, random_pmed, read_pmed, ways

QUICK = Effort(rounds=200, descents=150, exact_pairs=0)


def rules_of(generator, places):
    roles = generator.permutation(places)
    pairs = roles[2:][generator.integers(0, places - 2, (2, 2))]
    return {
        "budget": float(generator.uniform(3, 9)),
        "costs": generator.uniform(0.5, 3, places),
        "existing": roles[:1].tolist(),
        "forbidden": roles[1:2].tolist(),
        "conflicts": pairs[pairs[:, 0] != pairs[:, 1]],
    }


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_median_embraces_the_best_of_all_subsets(seed, ruled):
    generator = np.random.default_rng(seed)
    points, places = int(generator.integers(1, 14)), int(generator.integers(3, 9))
    table = np.rint(generator.uniform(0, 50, (points, places)))
    weights = generator.integers(0, 5, points).astype(float)
    rules = rules_of(generator, places) if ruled else {"choose": int(generator.integers(1, places))}
    best = min(
        float(weights @ table[:, opened].min(1)) for opened in subsets(places, **rules) if opened
    )
    for effort in (QUICK, Effort(rounds=200)):
        answer = p_median(table, weights=weights, effort=effort, **rules)
        opened = sorted({*answer.chosen.tolist(), *rules.get("existing", [])})
        assert answer.objective == pytest.approx(float(weights @ table[:, opened].min(1)))
        assert answer.bound - 1e-6 <= best <= answer.objective + 1e-6
        assert (table[np.arange(points), answer.server] == table[:, opened].min(1)).all()
        assert set(answer.server.tolist()) <= set(opened)
    assert answer.objective == pytest.approx(best) and answer.gap == pytest.approx(0, abs=1e-6)


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_best_server_embraces_the_best_of_all_subsets(seed, ruled):
    generator = np.random.default_rng(seed)
    points, places = int(generator.integers(1, 14)), int(generator.integers(3, 9))
    gains = generator.random((points, places)) * (generator.random((points, places)) < 0.5)
    weights = generator.integers(0, 9, points).astype(float)
    rules = rules_of(generator, places) if ruled else {"choose": int(generator.integers(0, places))}
    best = max(
        float(weights @ np.max(gains[:, opened], axis=1, initial=0.0))
        for opened in subsets(places, **rules)
    )
    for effort in (QUICK, Effort(rounds=200)):
        answer = best_server(gains, weights, effort=effort, **rules)
        opened = sorted({*answer.chosen.tolist(), *rules.get("existing", [])})
        worth = float(weights @ np.max(gains[:, opened], axis=1, initial=0.0))
        assert answer.objective == pytest.approx(worth)
        assert answer.objective - 1e-6 <= best <= answer.bound + 1e-6
    assert answer.objective == pytest.approx(best) and answer.gap == pytest.approx(0, abs=1e-6)


def test_a_random_problem_of_the_library_is_near_its_bound():
    table = ways(200, random_pmed(200, 5))
    answer = p_median(table, 20)
    again = p_median(table, 20)
    assert answer.chosen.tolist() == again.chosen.tolist() and len(answer.chosen) == 20
    assert answer.gap < 0.005
    assert (np.diff(answer.gains) <= 1e-9).all()
    assert answer.gains.sum() + answer.objective == pytest.approx(table.max(1).sum())


def test_the_forty_sizes_are_those_of_the_library():
    assert len(SIZES) == 40
    assert SIZES[0] == (100, 5) and SIZES[4] == (100, 33) and SIZES[29] == (600, 200)
    assert SIZES[33] == (700, 140) and SIZES[36] == (800, 80) and SIZES[39] == (900, 90)


def test_the_format_is_read_and_the_last_of_equal_edges_counts():
    table, choose = read_pmed(" 3 3 1\n 1 2 10\n 2 3 4\n 2 1 7\n")
    assert choose == 1
    assert table.tolist() == [[0, 7, 11], [7, 0, 4], [11, 4, 0]]


def test_the_scheme_has_the_right_number_of_edges():
    edges = random_pmed(100, 3)
    assert len(edges) == 200 and edges[:, 2].min() >= 1 and edges[:, 2].max() <= 100
    assert (random_pmed(100, 3) == edges).all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("3 1 1\n1 2 x", "pmed: must be whole numbers"),
        ("3 2 1\n1 2 5", "pmed: 6 numbers do not fit"),
        ("3 1 4\n1 2 5", "pmed: n must be"),
        ("3 1 1\n1 4 5", "pmed: nodes must be 1 to 3"),
        ("2 1 1\n1 2 0", "pmed: costs must be 1 or more"),
        ("3 1 1\n1 2 5", "pmed: the graph is not connected"),
        ("", "pmed: 0 numbers"),
    ],
)
def test_a_bad_file_is_named(text, message):
    with pytest.raises(ValueError, match=message):
        read_pmed(text)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: p_median(np.zeros(3), 1), "costs_to_serve: must have shape"),
        (lambda: p_median(np.full((2, 2), -1.0), 1), "costs_to_serve: must be finite and 0 or"),
        (lambda: p_median(np.full((2, 2), np.nan), 1), "costs_to_serve: must be finite and 0 or"),
        (lambda: p_median(np.ones((2, 2)), 0), "choose, budget: leave no facility open"),
        (lambda: p_median(np.ones((2, 2)), 3), "choose: 3 is more than the 2"),
        (lambda: p_median(np.ones((2, 2)), 1, weights=[1]), "weights: must have shape"),
        (lambda: best_server(-np.ones((2, 2)), [1, 1], 1), "gains: must be 0 or more"),
        (lambda: best_server(np.ones((2, 2)), [1, -1], 1), "weights: value 1 is negative"),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
