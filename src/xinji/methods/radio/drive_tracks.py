"""Tracks of drive tests: places in order of time, and the places between a receiver's fixes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LOST_M = 1000.0
NOT_GIVEN = -1


@dataclass(frozen=True, kw_only=True)
class Track:
    """n places of one or several runs, each in order of time; every array has shape (n,).

    Attributes:
        run: number of the run. time_s: seconds, within the run.
        x, y: metres, as the receiver wrote them.
        technology: a number for each radio technology whose level is one quantity (RSRP of LTE,
            RSCP of UMTS, RxLev of GSM), -1 where not given.
        cell: serving cell, -1 where not given.
    """

    run: Integers
    time_s: Floats
    x: Floats
    y: Floats
    technology: Integers
    cell: Integers

    def __post_init__(self) -> None:
        for field in fields(self):
            values = getattr(self, field.name)
            if values.shape != self.run.shape or values.ndim != 1:
                raise ValueError(f"{field.name}: must have the shape (n,) of run, {self.run.shape}")
            if not np.isfinite(values).all():
                raise ValueError(f"{field.name}: holds a number that is not finite")

    def __len__(self) -> int:
        return len(self.run)

    def take(self, rows: npt.NDArray[Any]) -> Track:
        """The places of a mask or of row numbers."""
        return Track(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})


@dataclass(frozen=True, kw_only=True)
class Ways:
    """Places between the fixes; every array has shape (n,).

    Attributes:
        x, y: metres, between the fix before and the next in proportion to time.
        heading: radians from north towards the next fix. speed: m/s between the two.
        apart: metres between the two. wait: seconds between the two.
    """

    x: Floats
    y: Floats
    heading: Floats
    speed: Floats
    apart: Floats
    wait: Floats


def between_fixes(track: Track) -> Ways:
    """Where the vehicle was when its receiver repeated an old fix."""
    count = len(track)
    x, y = track.x.copy(), track.y.copy()
    heading, speed, apart, wait = np.zeros((4, count))
    order = np.argsort(track.run, kind="stable")
    starts = np.flatnonzero(np.diff(track.run[order], prepend=track.run[order][:1] - 1))
    for rows in np.split(order, starts[1:]):
        px, py, time = track.x[rows], track.y[rows], track.time_s[rows]
        moved = (np.diff(px, prepend=np.nan) != 0) | (np.diff(py, prepend=np.nan) != 0)
        fix = np.flatnonzero(moved)
        if len(fix) < 2:
            continue
        before = np.minimum(np.cumsum(moved) - 1, len(fix) - 2)
        here, there = fix[before], fix[before + 1]
        east, north = px[there] - px[here], py[there] - py[here]
        seconds = np.maximum(time[there] - time[here], 1.0)
        share = np.clip((time - time[here]) / seconds, 0.0, 1.0)
        length = np.hypot(east, north)
        # beyond that the receiver was lost, a straight line tells nothing
        share = np.where(length > LOST_M, (share > 0.5).astype(float), share)
        x[rows], y[rows] = px[here] + share * east, py[here] + share * north
        heading[rows], apart[rows] = np.arctan2(east, north), length
        speed[rows], wait[rows] = length / seconds, seconds
    return Ways(x=x, y=y, heading=heading, speed=speed, apart=apart, wait=wait)
