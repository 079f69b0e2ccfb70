"""How often new incidents of each class begin at a place: learnt online, at three scales.

Gamma-Poisson shrinkage from the district to a 600 m square to a 120 m square, each around the place
asked for; old incidents fade exponentially (forward decay, Cormode et al. 2009).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

HOUR_US = 3_600_000_000
COARSE_M, FINE_M = 200.0, 40.0
AREA_CELL_M = 500.0
COARSE_STRENGTH, FINE_STRENGTH = 2.0, 1.0


class IncidentRate:
    """Counts of incidents by class in nested squares. Places are metres on a plane."""

    def __init__(self, memory_days: float) -> None:
        self._memory = memory_days * 24.0
        self._start: float | None = None
        self._total = np.zeros(16)
        self._coarse: dict[tuple[int, int], Floats] = {}
        self._fine: dict[tuple[int, int], Floats] = {}
        self._touched: set[tuple[int, int]] = set()

    def add(self, x: float, y: float, number: int, time_us: int) -> None:
        """A new incident of class `number` at metres (x, y)."""
        hour = time_us / HOUR_US
        if self._start is None:
            self._start = hour
        # forward decay: later incidents weigh more, and reading divides; e^600 is the cap
        gain = math.exp(min((hour - self._start) / self._memory, 600.0))
        self._total = _grown(self._total, number + 1)
        self._total[number] += gain
        for cells, side in ((self._coarse, COARSE_M), (self._fine, FINE_M)):
            cell = (math.floor(x / side), math.floor(y / side))
            counts = _grown(cells.get(cell, np.zeros(len(self._total))), number + 1)
            counts[number] += gain
            cells[cell] = counts
        self._touched.add((math.floor(x / AREA_CELL_M), math.floor(y / AREA_CELL_M)))

    def shares(self, classes: int) -> Floats:
        """Share of each class among all incidents, smoothed: shape (classes,)."""
        self._total = _grown(self._total, classes)
        counts = self._total[:classes]
        floor = max(float(counts.sum()), 1.0) * 0.01
        shares: Floats = (counts + floor / classes) / (counts.sum() + floor)
        return shares

    def at(self, x: float, y: float, time_us: int, classes: int) -> Floats:
        """New incidents per m2 and hour at metres (x, y) at a time: shape (classes,)."""
        start = self._start if self._start is not None else time_us / HOUR_US
        passed = max(time_us / HOUR_US - start, 0.0)
        shrink = math.exp(-min(passed / self._memory, 600.0))
        # hours that count; a day at least, so that the first reports are not a burst
        hours = max(self._memory * (1 - shrink), 24.0)
        area = max(len(self._touched), 4) * AREA_CELL_M**2
        whole = max(float(self._total.sum()) * shrink, 1.0)
        rate = self.shares(classes) * whole / (area * hours)
        for cells, side, strength in (
            (self._coarse, COARSE_M, COARSE_STRENGTH),
            (self._fine, FINE_M, FINE_STRENGTH),
        ):
            counts = _around(cells, x, y, side, classes) * shrink
            rate = (counts + strength) / (9 * side**2 * hours + strength / rate)
        return rate


def _around(
    cells: dict[tuple[int, int], Floats], x: float, y: float, side: float, classes: int
) -> Floats:
    column, row = math.floor(x / side), math.floor(y / side)
    total = np.zeros(classes)
    for i in (column - 1, column, column + 1):
        for j in (row - 1, row, row + 1):
            counts = cells.get((i, j))
            if counts is not None:
                size = min(classes, len(counts))
                total[:size] += counts[:size]
    return total


def _grown(counts: Floats, size: int) -> Floats:
    if len(counts) >= size:
        return counts
    wider = np.zeros(max(size, 2 * len(counts)))
    wider[: len(counts)] = counts
    return wider
