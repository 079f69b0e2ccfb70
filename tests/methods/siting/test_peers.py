"""The optima of spopt (BSD-3) are ours."""

import numpy as np
import pulp
import pytest
from scipy.spatial.distance import cdist

from xinji.methods.siting import cover_within, maximal_covering, p_median, set_covering

# spopt still builds its programs in the manner of PuLP 3, once a variable.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pulp")


@pytest.fixture(scope="module")
def locate():
    # seconds to load: not while tests are collected
    from spopt import locate

    return locate


def places(seed, points=150, candidates=40, side=2_000.0):
    generator = np.random.default_rng(seed)
    demand = generator.uniform(0, side, (points, 2))
    # every point has a candidate in reach
    near = demand[:candidates] + generator.uniform(-50, 50, (candidates, 2))
    return demand, near, generator.integers(1, 101, points).astype(float)


def optimum(model):
    model.solve(pulp.PULP_CBC_CMD(msg=False))
    return pulp.value(model.problem.objective)


@pytest.mark.parametrize("seed", [1, 2])
def test_maximal_covering(locate, seed):
    demand, candidates, weights = places(seed)
    theirs = optimum(
        locate.MCLP.from_cost_matrix(cdist(demand, candidates), weights, 300.0, p_facilities=6)
    )
    ours = maximal_covering(cover_within(demand, candidates, 300.0), weights, 6)
    assert ours.objective == pytest.approx(theirs)
    assert ours.gap == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_set_covering(locate, seed):
    demand, candidates, _ = places(seed)
    away = cdist(demand, candidates)
    radius = float(away.min(1).max()) + 1.0
    theirs = optimum(locate.LSCP.from_cost_matrix(away, radius))
    ours = set_covering(cover_within(demand, candidates, radius))
    assert ours.objective == pytest.approx(theirs)
    assert ours.gap == 0


@pytest.mark.parametrize("seed", [1, 2])
def test_p_median(locate, seed):
    demand, candidates, weights = places(seed)
    away = np.rint(cdist(demand, candidates))
    theirs = optimum(locate.PMedian.from_cost_matrix(away, weights, p_facilities=5))
    ours = p_median(away, 5, weights=weights)
    assert ours.objective == pytest.approx(theirs)
    assert ours.bound <= theirs + 1e-6
