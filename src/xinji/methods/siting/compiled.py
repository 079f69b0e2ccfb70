"""Compiling the kernels of siting ahead, so that nobody waits in the middle of a question."""

from __future__ import annotations

import numpy as np

from xinji.methods.siting.cover import cover_within
from xinji.methods.siting.maximal import maximal_covering
from xinji.methods.siting.median import p_median


def compile_kernels() -> None:
    """Compile, or load what was compiled: small problems that pass through every kernel."""
    generator = np.random.default_rng(1)
    demand, places = generator.uniform(0, 2_500, (3_000, 2)), generator.uniform(0, 2_500, (300, 2))
    weights = generator.integers(1, 101, 3_000).astype(float)
    maximal_covering(cover_within(demand, places, 300.0), weights, 15)
    p_median(generator.integers(1, 90, (40, 40)), 4)
