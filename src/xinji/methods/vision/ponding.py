"""Standing water on a road: a smooth patch that was not there when it was dry, after rain.

Water hides the grain of the road and mirrors what is above it. No public permissive weights see
water, so this is arithmetic on the dry picture; it needs a rain figure to be worth much.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from xinji.methods.vision.left_objects import FLOOR, features

Image = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Pond:
    """The best patch of a look: box in pixels, share of the zone, what speaks for water (0..1)."""

    box: tuple[int, int, int, int]
    share: float
    smooth: float
    mirror: float
    score: float


def rain_weight(millimetres: float | None) -> float:
    """How far rain of the last six hours (mm) speaks for ponds, 0..1; 0.5 when it is unknown."""
    if millimetres is None:
        return 0.5
    return float(1 / (1 + np.exp(-(millimetres - 1.5) * 1.6)))


def ponding(
    image: Image, dry: Image, inside: Flags, hidden: Flags | None = None, rain: float | None = None
) -> Pond | None:
    """The patch of a picture (h, w, 3) that looks most like water, beside the same place dry.

    `inside` (h, w) is the zone, `hidden` what cannot be seen, `rain` in mm of the last six hours.
    """
    free = inside if hidden is None else inside & ~hidden
    if free.sum() < 0.3 * max(1, inside.sum()):
        return None
    now, before = features(image), features(dry)
    # A wet road is darker and shinier everywhere: what is common to the zone is taken off.
    shift = np.median((now - before)[free], axis=0)
    distance = (np.abs(now - before - shift) / FLOOR).max(2)
    change = (distance > 2.2) & free
    grain_now, grain_before = _grain(image), _grain(dry)
    usual = float(np.median((grain_now / grain_before)[free]))
    smoother = (grain_now / grain_before < 0.8 * usual) & free
    patch = np.asarray(
        cv2.morphologyEx((change | smoother).astype(np.uint8), cv2.MORPH_OPEN, np.ones((5, 5))),
        np.uint8,
    )
    patch = np.asarray(cv2.morphologyEx(patch, cv2.MORPH_CLOSE, np.ones((7, 7))), np.uint8)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(patch, connectivity=8)
    best: Pond | None = None
    for label in range(1, count):
        left, top, width, height, area = (int(v) for v in stats[label])
        share = area / float(inside.sum())
        if share < 0.05 or area < 0.4 * width * height or width < 1.5 * height:
            continue
        here = labels == label
        ratio = float(np.median((grain_now / grain_before)[here])) / max(usual, 1e-3)
        smooth = float(np.clip((1.0 - ratio) / 0.4, 0, 1))
        differs = float(np.clip((np.median(distance[here]) - 1.5) / 3, 0, 1))
        mirror = max(0.0, _mirror(image, left, top, width, height))
        evidence = 0.45 * smooth + 0.35 * differs + 0.2 * mirror
        score = evidence * (0.35 + 0.65 * rain_weight(rain)) * min(1.0, 0.4 + share * 4)
        box = (left, top, left + width, top + height)
        if best is None or score > best.score:
            best = Pond(box, share, smooth, mirror, float(score))
    return best


def _grain(image: Image) -> npt.NDArray[np.float32]:
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.float32)
    fine = grey - np.asarray(cv2.GaussianBlur(grey, (0, 0), 1.6), np.float32)
    power = np.asarray(cv2.blur(fine * fine, (9, 9)), np.float32)
    level = np.asarray(cv2.blur(grey, (9, 9)), np.float32) + 12
    return np.asarray(np.sqrt(power) / level + 1e-3, np.float32)


def _mirror(image: Image, left: int, top: int, width: int, height: int) -> float:
    if top - height < 0:
        return 0.0
    grey = cv2.cvtColor(image, cv2.COLOR_BGR2GRAY)
    here = cv2.GaussianBlur(grey[top : top + height, left : left + width], (0, 0), 2)
    above = cv2.GaussianBlur(grey[top - height : top, left : left + width][::-1], (0, 0), 2)
    if float(here.std()) < 1 or float(above.std()) < 1:
        return 0.0
    return float(np.corrcoef(here.ravel(), above.ravel())[0, 1])
