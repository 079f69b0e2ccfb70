"""Maximal covering against every subset on tiny instances, against HiGHS on middling ones."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from tests.methods.siting.brute_force import best_cover, worth_of
from xinji.methods.siting import Effort, cover_of, cover_within, maximal_covering, nearer_than

QUICK = Effort(rounds=300, descents=200, exact_pairs=0)


@st.composite
def tiny(draw):
    seed = draw(st.integers(0, 2**32 - 1))
    generator = np.random.default_rng(seed)
    points, places = int(generator.integers(1, 15)), int(generator.integers(1, 9))
    matrix = generator.random((points, places)) < generator.uniform(0.1, 0.6)
    weights = np.rint(generator.uniform(0, 10, points))
    return matrix, weights, generator


def agrees(matrix, weights, answer, best, steps=(1.0,), existing=(), exact=False):
    opened = sorted({*answer.chosen.tolist(), *existing})
    assert answer.objective == pytest.approx(worth_of(matrix, weights, opened, steps))
    assert answer.objective <= best + 1e-6
    assert answer.bound >= best - 1e-6
    if exact:
        assert answer.objective == pytest.approx(best)
        assert answer.gap == pytest.approx(0, abs=1e-6)


@given(tiny())
@settings(max_examples=60, deadline=None)
def test_bound_and_objective_embrace_the_best_of_all_subsets(instance):
    matrix, weights, generator = instance
    choose = int(generator.integers(0, matrix.shape[1] + 1))
    best = best_cover(matrix, weights, choose=choose)
    cover = cover_of(matrix)
    greedy = maximal_covering(
        cover, weights, choose, effort=Effort(rounds=0, descents=0, exact_pairs=0)
    )
    assert greedy.objective >= (1 - 1 / np.e) * best - 1e-9
    agrees(matrix, weights, greedy, best)
    agrees(matrix, weights, maximal_covering(cover, weights, choose, effort=QUICK), best)
    agrees(matrix, weights, maximal_covering(cover, weights, choose), best, exact=True)


@given(tiny())
@settings(max_examples=60, deadline=None)
def test_budget_existing_forbidden_and_conflicts(instance):
    matrix, weights, generator = instance
    places = matrix.shape[1]
    costs = generator.uniform(0, 5, places)
    rules = {"budget": float(generator.uniform(0, 12)), "costs": costs}
    roles = generator.permutation(places)
    existing, forbidden = roles[:1].tolist() if places > 2 else [], roles[1:2].tolist()
    free = [j for j in range(places) if j not in existing]
    pairs = generator.choice(free, (3, 2)) if free else np.zeros((0, 2), int)
    rules |= {
        "existing": existing,
        "forbidden": forbidden,
        "conflicts": pairs[pairs[:, 0] != pairs[:, 1]],
    }
    rules["forbidden"] = [j for j in rules["forbidden"] if j not in existing]
    best = best_cover(matrix, weights, **rules)
    cover = cover_of(matrix)
    for effort, exact in ((QUICK, False), (Effort(rounds=300), True)):
        answer = maximal_covering(cover, weights, effort=effort, **rules)
        assert costs[answer.chosen].sum() <= rules["budget"] + 1e-6
        assert not set(answer.chosen) & {*existing, *rules["forbidden"]}
        for a, b in rules["conflicts"]:
            assert not {a, b} <= set(answer.chosen.tolist())
        agrees(matrix, weights, answer, best, existing=existing, exact=exact)


@given(tiny(), st.sampled_from([(0.0, 1.0), (0.7, 0.3), (0.0, 0.0, 1.0), (1.0, 0.0, 0.5)]))
@settings(max_examples=60, deadline=None)
def test_worth_by_how_often_a_point_is_covered(instance, steps):
    matrix, weights, generator = instance
    choose = int(generator.integers(0, matrix.shape[1] + 1))
    best = best_cover(matrix, weights, steps, choose=choose)
    cover = cover_of(matrix)
    agrees(
        matrix,
        weights,
        maximal_covering(cover, weights, choose, steps=steps, effort=QUICK),
        best,
        steps,
    )
    answer = maximal_covering(cover, weights, choose, steps=steps, effort=Effort(rounds=300))
    agrees(matrix, weights, answer, best, steps, exact=True)


@given(tiny())
@settings(max_examples=30, deadline=None)
def test_conflicts_with_a_number_to_choose(instance):
    matrix, weights, generator = instance
    places = matrix.shape[1]
    pairs = generator.integers(0, places, (6, 2))
    rules = {"choose": min(3, places), "conflicts": pairs[pairs[:, 0] != pairs[:, 1]]}
    best = best_cover(matrix, weights, **rules)
    cover = cover_of(matrix)
    agrees(matrix, weights, maximal_covering(cover, weights, effort=QUICK, **rules), best)
    agrees(matrix, weights, maximal_covering(cover, weights, **rules), best, exact=True)


def city(seed, points, places, side=3_000.0):
    generator = np.random.default_rng(seed)
    demand = generator.uniform(0, side, (points, 2))
    return (
        cover_within(demand, generator.uniform(0, side, (places, 2)), 300.0),
        generator.integers(1, 101, points).astype(float),
    )


def test_a_middling_city_is_solved_as_by_highs():
    cover, weights = city(3, 800, 120)
    points, places = cover.points, cover.places
    matrix = sparse.csr_array(
        (np.ones(cover.pairs), cover.candidates, cover.demand_starts), shape=(points, places)
    )
    model = milp(
        -np.concatenate([weights, np.zeros(places)]),
        integrality=np.repeat([0, 1], [points, places]),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(sparse.hstack([sparse.eye_array(points), -matrix]), -np.inf, 0),
            LinearConstraint(np.repeat([0.0, 1.0], [points, places])[None], 0, 15),
        ],
    )
    answer = maximal_covering(cover, weights, 15)
    assert answer.objective == pytest.approx(-model.fun)
    assert answer.bound >= -model.fun - 1e-6
    assert answer.gap < 0.01


def test_gains_fall_sum_up_and_a_seed_gives_one_answer():
    cover, weights = city(4, 2_000, 300)
    first = maximal_covering(cover, weights, 20, existing=[7, 8], effort=Effort(seed=3))
    again = maximal_covering(cover, weights, 20, existing=[7, 8], effort=Effort(seed=3))
    assert first.chosen.tolist() == again.chosen.tolist()
    assert (np.diff(first.gains) <= 1e-9).all()
    alone = worth = float(weights @ (cover.covered_by(np.array([7, 8])) > 0))
    assert first.gains.sum() + alone == pytest.approx(first.objective)
    assert float(weights @ first.covered) == pytest.approx(first.objective)
    assert first.objective > worth and len(first.chosen) == 20


def test_conflicts_by_distance_are_kept():
    generator = np.random.default_rng(8)
    places = generator.uniform(0, 2_000, (200, 2))
    cover = cover_within(generator.uniform(0, 2_000, (1_500, 2)), places, 250.0)
    answer = maximal_covering(
        cover, np.ones(1_500), 12, conflicts=nearer_than(places, 400.0), effort=QUICK
    )
    opened = places[answer.chosen]
    apart = np.hypot(*(opened[:, None] - opened[None]).transpose(2, 0, 1))
    assert apart[~np.eye(len(opened), dtype=bool)].min() > 400.0
    assert 0 < answer.objective <= answer.bound


def test_progress_is_told_and_can_stop():
    cover, weights = city(5, 2_000, 300)
    told = []

    def progress(share, objective, bound):
        told.append((share, objective, bound))
        return len(told) == 3

    answer = maximal_covering(cover, weights, 20, effort=Effort(progress=progress))
    assert len(told) == 3 and answer.how.endswith("cancelled")
    assert [each[0] for each in told] == sorted(each[0] for each in told)
    assert told[-1][1] <= answer.objective <= answer.bound
    assert "time limit" in maximal_covering(cover, weights, 20, effort=Effort(seconds=0)).how
    assert "gap reached" in maximal_covering(cover, weights, 20, effort=Effort(gap=0.5)).how


def test_nothing_to_cover_and_nothing_to_choose():
    nobody = maximal_covering(cover_of(np.zeros((3, 2))), np.ones(3), 1)
    assert nobody.objective == nobody.bound == 0 and not nobody.covered.any()
    none = maximal_covering(cover_of(np.ones((3, 2))), np.ones(3), 0)
    assert none.objective == 0 and none.bound == 0 and not len(none.chosen)
    assert dataclasses.is_dataclass(none)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"weights": [1, -1, 1]}, "weights: value 1 is negative"),
        ({"weights": [1, np.nan, 1]}, "weights: value 1 is not finite"),
        ({"weights": [1, 1]}, r"weights: must have shape \(3,\)"),
        ({"choose": 5}, "choose: 5 is more than the 4 candidates"),
        ({"choose": 4, "forbidden": [0]}, "choose: 4 is more than the 3 candidates"),
        ({"choose": -1}, "choose: must be a whole number"),
        ({"choose": 1.5}, "choose: must be a whole number"),
        ({"choose": None}, "choose, budget: give exactly one"),
        ({"budget": 2.0}, "choose, budget: give exactly one"),
        ({"choose": None, "budget": 2.0}, "costs: are needed"),
        ({"choose": None, "budget": np.nan, "costs": np.ones(4)}, "budget: must be finite"),
        ({"choose": None, "budget": 1, "costs": [1, 1, -1, 1]}, "costs: value 2 is negative"),
        ({"existing": [4]}, "existing: indices must be 0 to 3"),
        ({"existing": [-1]}, "existing: indices must be 0 to 3"),
        ({"forbidden": [0.5]}, "forbidden: must be indices"),
        ({"existing": [1], "forbidden": [1]}, "forbidden: candidate 1 is existing"),
        ({"conflicts": [[0, 4]]}, "conflicts: indices must be 0 to 3"),
        ({"conflicts": [[2, 2]]}, "conflicts: pair 0 names one twice"),
        ({"conflicts": [0, 1]}, "conflicts: must be pairs"),
        (
            {"existing": [0, 1], "conflicts": [[1, 0]]},
            "conflicts: existing facilities 0 and 1 exclude",
        ),
        ({"steps": ()}, "steps: must be 1 to 8"),
        ({"steps": (0, 0)}, "steps: must not all be 0"),
    ],
)
def test_bad_input_is_named(arguments, message):
    given = {"weights": np.ones(3), "choose": 2} | arguments
    with pytest.raises(ValueError, match=message):
        maximal_covering(cover_of(np.ones((3, 4))), **given)


def test_bad_effort_is_named():
    with pytest.raises(ValueError, match="rounds: must be 0 to 100 million"):
        Effort(rounds=-1)
    with pytest.raises(ValueError, match="seconds: must be 0 or more"):
        Effort(seconds=float("nan"))
