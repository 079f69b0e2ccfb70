"""Faces and plates made unreadable before a picture is stored."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Boxes = npt.NDArray[Any]
Image = npt.NDArray[np.uint8]

COARSE = 6


def heads(people: Boxes) -> Boxes:
    """The upper quarter of boxes of people (n, 4): where a face is when no face was found."""
    found = np.array(people, float).reshape(-1, 4)
    found[:, 3] = found[:, 1] + 0.25 * (found[:, 3] - found[:, 1])
    return found


def plate_bands(vehicles: Boxes) -> Boxes:
    """The lower 55 % of boxes of vehicles (n, 4): a plate is somewhere in it."""
    found = np.array(vehicles, float).reshape(-1, 4)
    found[:, 1] += 0.45 * (found[:, 3] - found[:, 1])
    return found


def blurred(image: Image, boxes: Boxes, margin: float = 0.15) -> Image:
    """A copy of (h, w, 3) where boxes (n, 4), widened by `margin`, hold a few flat squares each.

    At most 6 x 6 squares remain of a box, then they are smoothed: what was there is not kept.
    """
    result = image.copy()
    height, width = image.shape[:2]
    for box in np.asarray(boxes, float).reshape(-1, 4):
        if not np.isfinite(box).all():
            raise ValueError("boxes: not finite")
        pad = margin * (box[2:] - box[:2])
        left, top = np.floor(np.clip(box[:2] - pad, 0, (width, height))).astype(int)
        right, bottom = np.ceil(np.clip(box[2:] + pad, 0, (width, height))).astype(int)
        if right - left < 2 or bottom - top < 2:
            continue
        part = result[top:bottom, left:right]
        size = (min(COARSE, right - left), min(COARSE, bottom - top))
        few = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        part[:] = cv2.resize(few, (right - left, bottom - top), interpolation=cv2.INTER_LINEAR)
    return result
