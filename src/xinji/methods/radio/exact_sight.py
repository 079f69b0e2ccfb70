"""The slow truth about sight: straight lines against footprints by shapely, pair by pair.

Shares no code with `sight`; it is what `sight` is checked against.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray

Float64 = NDArray[np.float64]


def exact_depth(
    polygons: Sequence[Any] | NDArray[Any],
    heights: ArrayLike,
    station: ArrayLike,
    receivers: ArrayLike,
) -> Float64:
    """(n): metres (seen from above) of each line that lie inside buildings; above 0 is hidden.

    Overlapping footprints count each.

    Args:
        polygons: B footprints.
        heights: (B) of their tops, same zero as the z below.
        station: (3) or (n, 3) x, y, z of the upper end.
        receivers: (n, 3) x, y, z, below the stations.
    """
    shapes = np.asarray(polygons, dtype=object)
    tops = np.asarray(heights, np.float64)
    ends = np.atleast_2d(np.asarray(receivers, np.float64))
    starts = np.broadcast_to(np.asarray(station, np.float64), ends.shape)
    if not (starts[:, 2] > ends[:, 2]).all():
        raise ValueError("station: must be above its receiver")
    lines = shapely.linestrings(np.stack([starts[:, :2], ends[:, :2]], axis=1))
    of_line, of_shape = shapely.STRtree(shapes).query(lines, predicate="intersects")
    # the line is below the top from this share of the way on
    rise = starts[of_line, 2] - ends[of_line, 2]
    share = np.clip((starts[of_line, 2] - tops[of_shape]) / rise, 0.0, 1.0)[:, None]
    a, b = starts[of_line, :2], ends[of_line, :2]
    low = shapely.linestrings(np.stack([a + share * (b - a), b], axis=1))
    inside = shapely.length(shapely.intersection(low, shapes[of_shape]))
    return np.bincount(of_line, weights=inside, minlength=len(ends)).astype(np.float64)
