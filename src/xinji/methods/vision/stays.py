"""Stays: boxes that are in the same place over many looks, parked rather than passing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[Any]


@dataclass(slots=True)
class Stay:
    """A box (4,) in pixels there from `first` to `last` (s), seen in `looks` looks.

    `chances` counts the looks since the first that could have seen it.
    """

    box: Boxes
    score: float
    first: float
    last: float
    looks: int = 1
    chances: int = 1
    missed: int = 0
    colour: Boxes | None = None


def overlap(a: Boxes, b: Boxes) -> Boxes:
    """Intersection over union (n, m) of boxes (n, 4) and (m, 4)."""
    a, b = np.asarray(a, float).reshape(-1, 4), np.asarray(b, float).reshape(-1, 4)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    both = np.clip(high - low, 0, None).prod(2)
    areas = [np.clip(x[:, 2:] - x[:, :2], 0, None).prod(1) for x in (a, b)]
    either = areas[0][:, None] + areas[1][None, :] - both
    found: Boxes = both / np.maximum(either, 1e-9)
    return found


def colours(image: npt.NDArray[np.uint8], boxes: Boxes) -> Boxes:
    """(n, 3): mean chromaticity of the middle of each box; says two vehicles apart, not hours."""
    found = np.zeros((len(boxes), 3))
    for row, box in enumerate(boxes):
        left, top, right, bottom = (int(v) for v in box)
        inset_x, inset_y = (right - left) // 5, (bottom - top) // 5
        part = image[top + inset_y : bottom - inset_y, left + inset_x : right - inset_x]
        if part.size:
            mean = part.reshape(-1, 3).mean(0) + 8
            found[row] = mean / mean.sum()
    return found


class Stays:
    """The stays of one kind of box in one zone.

    A box continues a stay when they overlap by `least` and their colours are near. A stay is
    dropped when it was missed in more than `patience` looks that could see it.
    """

    def __init__(self, least: float = 0.45, patience: int = 1, near: float = 0.06) -> None:
        self._least, self._patience, self._near = least, patience, near
        self.stays: list[Stay] = []

    def look(
        self,
        seconds: float,
        boxes: Boxes,
        scores: Sequence[float] | Boxes,
        tints: Boxes | None = None,
        hidden: Boxes | None = None,
    ) -> list[Stay]:
        """One look: boxes (n, 4), scores (n,), colours (n, 3). Returns the stays seen in it.

        `hidden` (m, 4) are boxes that stand before: a stay behind one is not missed.
        """
        boxes = np.asarray(boxes, float).reshape(-1, 4)
        share = overlap(np.array([s.box for s in self.stays]), boxes)
        taken: set[int] = set()
        seen: list[Stay] = []
        kept: list[Stay] = []
        for row in np.argsort([-s.looks for s in self.stays], kind="stable"):
            stay = self.stays[row]
            order = [int(i) for i in np.argsort(-share[row]) if int(i) not in taken]
            match = next((i for i in order[:3] if self._same(stay, share[row, i], tints, i)), None)
            if match is None:
                covered = hidden is not None and len(hidden) and _covered(stay.box, hidden)
                stay.missed += 0 if covered else 1
                stay.chances += 0 if covered else 1
                if stay.missed <= self._patience:
                    kept.append(stay)
                continue
            taken.add(match)
            stay.box = 0.7 * stay.box + 0.3 * boxes[match]
            stay.score = max(0.5 * (stay.score + float(scores[match])), float(scores[match]))
            stay.last, stay.looks, stay.missed = seconds, stay.looks + 1, 0
            stay.chances += 1
            seen.append(stay)
            kept.append(stay)
        for at in range(len(boxes)):
            if at not in taken:
                tint = None if tints is None else tints[at]
                stay = Stay(boxes[at], float(scores[at]), seconds, seconds, colour=tint)
                kept.append(stay)
                seen.append(stay)
        self.stays = kept
        return seen

    def _same(self, stay: Stay, share: float, tints: Boxes | None, at: int) -> bool:
        if share < self._least:
            return False
        if tints is None or stay.colour is None:
            return True
        return bool(np.abs(tints[at] - stay.colour).max() <= self._near)


def _covered(box: Boxes, hidden: Boxes) -> bool:
    low = np.maximum(box[:2], hidden[:, :2])
    high = np.minimum(box[2:], hidden[:, 2:])
    both = np.clip(high - low, 0, None).prod(1)
    area = max(1e-9, float(np.prod(box[2:] - box[:2])))
    return bool(both.max() / area > 0.35)
