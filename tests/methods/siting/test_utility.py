"""Partial cover and capacities against every subset on tiny instances."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from tests.methods.siting.brute_force import subsets
from xinji.methods.siting import Effort, capacitated_covering, cover_of, partial_covering

USES = {"capped": lambda s: np.minimum(s, 1.0), "root": np.sqrt}


def rules_of(generator, places, ruled):
    if not ruled:
        return {"choose": int(generator.integers(0, places))}
    roles = generator.permutation(places)
    pairs = roles[2:][generator.integers(0, places - 2, (2, 2))]
    return {
        "budget": float(generator.uniform(1, 9)),
        "costs": generator.uniform(0.5, 3, places),
        "existing": roles[:1].tolist(),
        "forbidden": roles[1:2].tolist(),
        "conflicts": pairs[pairs[:, 0] != pairs[:, 1]],
    }


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(USES)), st.booleans())
@settings(max_examples=60, deadline=None)
def test_partial_cover_embraces_the_best_of_all_subsets(seed, use, ruled):
    generator = np.random.default_rng(seed)
    points, places = int(generator.integers(1, 14)), int(generator.integers(3, 9))
    gains = generator.random((points, places)) * (generator.random((points, places)) < 0.5)
    weights = generator.integers(0, 9, points).astype(float)
    rules = rules_of(generator, places, ruled)
    worths = {
        tuple(opened): float(weights @ USES[use](gains[:, opened].sum(1)))
        for opened in subsets(places, **rules)
    }
    best = max(worths.values())
    effort = Effort(rounds=100, descents=300, exact_pairs=0)
    answer = partial_covering(gains, weights, use=use, effort=effort, **rules)
    opened = tuple(sorted({*answer.chosen.tolist(), *rules.get("existing", [])}))
    assert answer.objective == pytest.approx(worths[opened])
    assert answer.objective - 1e-6 <= best <= answer.bound + 1e-6
    if not ruled:
        assert answer.objective >= (1 - 1 / np.e) * best - 1e-9
        alone = float(weights @ USES[use](gains[:, rules.get("existing", [])].sum(1)))
        assert answer.gains.sum() + alone == pytest.approx(answer.objective)


def test_partial_cover_of_a_middling_problem_has_a_small_gap():
    generator = np.random.default_rng(2)
    places, points = generator.uniform(0, 1, (60, 2)), generator.uniform(0, 1, (500, 2))
    away = np.hypot(*(points[:, None] - places[None]).transpose(2, 0, 1))
    gains = np.maximum(0, 1 - away / 0.2)
    for use in USES:
        answer = partial_covering(gains, np.ones(500), 12, use=use)
        assert answer.gap < 0.04, use
        assert (
            answer.chosen.tolist()
            == partial_covering(gains, np.ones(500), 12, use=use).chosen.tolist()
        )


def served(matrix, weights, capacities, opened):
    """Weight that the open facilities can serve, by a plain linear programme."""
    if not opened:
        return 0.0
    points, size = len(weights), len(opened)
    rows = np.vstack(
        [np.kron(np.eye(points), np.ones(size)), np.kron(np.ones(points), np.eye(size))]
    )
    upper = np.repeat(weights, size) * matrix[:, opened].ravel()
    answer = linprog(
        -np.ones(points * size), rows, np.concatenate([weights, capacities[opened]]),
        bounds=np.column_stack([np.zeros(points * size), upper]),
    )  # fmt: skip
    return -answer.fun


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=15, deadline=None)
def test_capacities_embrace_the_best_of_all_subsets(seed, ruled):
    generator = np.random.default_rng(seed)
    points, places = int(generator.integers(1, 9)), int(generator.integers(3, 6))
    matrix = generator.random((points, places)) < 0.5
    weights = generator.integers(0, 9, points).astype(float)
    capacities = np.rint(generator.uniform(0, 15, places))
    rules = rules_of(generator, places, ruled)
    best = max(served(matrix, weights, capacities, each) for each in subsets(places, **rules))
    answer = capacitated_covering(cover_of(matrix), weights, capacities, **rules)
    opened = sorted({*answer.chosen.tolist(), *rules.get("existing", [])})
    assert answer.objective == pytest.approx(served(matrix, weights, capacities, opened), abs=1e-6)
    assert answer.objective == pytest.approx(best, abs=1e-6)
    assert best <= answer.bound + 1e-6 and answer.gap == pytest.approx(0, abs=1e-5)
    assert float(weights @ answer.covered) == pytest.approx(answer.objective, abs=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: partial_covering(-np.ones((2, 2)), [1, 1], 1), "gains: must be 0 or more"),
        (lambda: partial_covering(np.ones((2, 2)), [1, 1], 1, use="log"), "use: must be 'capped'"),
        (lambda: partial_covering(np.ones((2, 2)), [1], 1), "weights: must have shape"),
        (
            lambda: capacitated_covering(cover_of(np.ones((2, 2))), [1, 1], [1, -1], 1),
            "capacities: value 1 is negative",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
