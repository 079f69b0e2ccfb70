"""How sure a radio map is when the heights of buildings are not: shares over drawn heights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from xinji.methods.radio.buildings import Buildings, Grid, building_at_points
from xinji.methods.radio.coverage_map import Network, Radio, compute, rsrp, sinr

MOST_SAMPLES = 256
LEAST_HEIGHT = 2.5  # one storey


def coverage_probability(
    network: Network,
    buildings: Buildings,
    grid: Grid,
    radio: Radio,
    *,
    spread: ArrayLike,
    rsrp_dbm: float,
    sinr_db: float = -np.inf,
    samples: int = 16,
    seed: int = 0,
    threads: int | None = None,
    progress: Callable[[float], object] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> NDArray[np.float64]:
    """(rows, columns) share of `samples` in which both thresholds are reached.

    Heights are drawn independently from a normal distribution around those given, one storey at
    least. A site on a roof moves with its roof.

    Args:
        network, buildings, grid, radio, threads, progress, cancelled: as for `compute`.
        spread: standard deviation in metres, one for all or one for each building.
        rsrp_dbm, sinr_db: thresholds.
        samples: 1 to 256; the standard error of a share p is sqrt(p (1 - p) / samples).
        seed: of the draws.

    Raises:
        ValueError: a negative spread, or too many samples.
        Cancelled: `cancelled` returned True.
    """
    if not 1 <= samples <= MOST_SAMPLES:
        raise ValueError(f"samples: must be 1 to {MOST_SAMPLES}")
    sigma = np.broadcast_to(np.asarray(spread, np.float64), buildings.height.shape)
    if not (sigma >= 0).all():
        raise ValueError("spread: must not be negative")
    generator = np.random.default_rng(seed)
    under = building_at_points(buildings, network.x, network.y)
    on_roof = (under >= 0) & (network.height >= np.append(buildings.height, np.inf)[under])
    reached = np.zeros(grid.shape)
    for sample in range(samples):
        heights = np.maximum(
            buildings.height + sigma * generator.standard_normal(len(buildings)),
            np.minimum(LEAST_HEIGHT, buildings.height),
        )
        moved = np.append(heights - buildings.height, 0.0)[under]
        drawn = replace(network, height=network.height + np.where(on_roof, moved, 0.0))

        def part(share: float, sample: int = sample) -> None:
            if progress is not None:
                progress((sample + share) / samples)

        result = compute(
            drawn, replace(buildings, height=heights), grid, radio,
            threads=threads, progress=part, cancelled=cancelled,
        )  # fmt: skip
        reached += (rsrp(result) >= rsrp_dbm) & (sinr(result, drawn, radio) >= sinr_db)
    return reached / samples
