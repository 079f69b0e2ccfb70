"""Every subset, on tiny instances: the oracle of the siting tests."""

import itertools

import numpy as np


def subsets(
    places, *, choose=None, budget=None, costs=None, existing=(), forbidden=(), conflicts=()
):
    """Sets of open facilities, existing ones included, that the rules permit."""
    new = [j for j in range(places) if j not in set(existing) | set(forbidden)]
    most = len(new) if choose is None else choose
    for size in range(most + 1):
        for chosen in itertools.combinations(new, size):
            if budget is not None and sum(costs[j] for j in chosen) > budget + 1e-9:
                continue
            opened = set(chosen) | set(existing)
            if any(a in opened and b in opened for a, b in conflicts):
                continue
            yield sorted(opened)


def worth_of(matrix, weights, opened, steps=(1.0,)):
    """Worth of a set by the definition."""
    counts = matrix[:, opened].sum(1)
    shares = np.concatenate([[0.0], np.cumsum(steps)])
    return float(weights @ shares[np.minimum(counts, len(steps))])


def best_cover(matrix, weights, steps=(1.0,), **rules):
    """Largest worth over all sets."""
    return max(
        worth_of(matrix, weights, opened, steps) for opened in subsets(matrix.shape[1], **rules)
    )
