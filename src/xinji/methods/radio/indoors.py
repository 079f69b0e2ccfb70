"""Receivers inside buildings: what walls and rooms take from a map that was made for outdoors.

A cell in a footprint is hidden on the map only by other buildings, so its power there is that at
the building's outside. The entry loss is one figure for each cell, whatever site serves it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from xinji.methods.radio.path_loss import LOW_LOSS, Wall, entry_loss

Float64 = NDArray[np.float64]


def indoor_loss(
    cells: NDArray[np.int32], cell: float, ghz: float, walls: Sequence[Wall] | Wall = LOW_LOSS
) -> Float64:
    """(rows, columns) dB that cells in buildings lose; 0 outdoors (TR 38.901 clause 7.4.3.1).

    The way inside is taken as the distance to the nearest cell outdoors, less half a cell.

    Args:
        cells: (rows, columns) building of each cell, -1 outdoors (`building_at_cells`).
        cell: side, metres.
        ghz: carrier frequency.
        walls: one for all, or one for each building.
    """
    inside = cells >= 0
    metres = np.zeros(cells.shape)
    if not inside.all():
        metres = np.maximum(ndimage.distance_transform_edt(inside) - 0.5, 0.0) * cell
    if isinstance(walls, Wall):
        base = np.full(cells.shape, float(entry_loss(walls, ghz)))
    else:
        if cells.max(initial=-1) >= len(walls):
            raise ValueError(f"walls: {len(walls)}, cells name building {cells.max()}")
        kinds = {wall: float(entry_loss(wall, ghz)) for wall in set(walls)}
        each = np.array([*(kinds[wall] for wall in walls), 0.0])
        base = each[cells]
    inner: Float64 = np.asarray(entry_loss(LOW_LOSS, ghz, metres) - entry_loss(LOW_LOSS, ghz))
    return np.where(inside, base + inner, 0.0)
