"""Zones of a camera: polygons in its picture, each with the problem that is watched for there."""

from __future__ import annotations

from typing import Any

import cv2
import msgspec
import numpy as np
import numpy.typing as npt
from shapely.geometry import Polygon
from shapely.validation import explain_validity

PROBLEMS = ("litter", "bike_parking", "shop_front", "crowd", "ponding", "vehicle")
MOST_ZONES = 32
MOST_CORNERS = 64
LEAST_AREA = 0.0005


class ZoneError(ValueError):
    """The zones of a camera are not usable; the text names the zone, the field and the rule."""


class Zone(msgspec.Struct, frozen=True, kw_only=True):
    """A polygon in relative coordinates (0..1, x right, y down) and what must last there.

    `count` things (bikes, people) for `dwell_seconds` make the problem.
    """

    name: str
    problem: str
    polygon: list[tuple[float, float]]
    dwell_seconds: float = 300.0
    count: int = 1


def read_zones(text: str) -> list[Zone]:
    """Zones of the JSON text attribute `zones`. Raises ZoneError."""
    if len(text) > 65_536:
        raise ZoneError("zones: longer than 65536 characters")
    try:
        found = msgspec.json.decode(text, type=list[Zone])
    except msgspec.DecodeError as error:
        raise ZoneError(f"zones: {error}") from error
    if len(found) > MOST_ZONES:
        raise ZoneError(f"zones: {len(found)} zones, at most {MOST_ZONES}")
    names = set()
    for zone in found:
        where = f"zones: {zone.name[:60]!r}"
        if not zone.name or zone.name in names:
            raise ZoneError(f"{where}.name: must be there, once")
        names.add(zone.name)
        if zone.problem not in PROBLEMS:
            raise ZoneError(f"{where}.problem: {zone.problem[:40]!r} is not {', '.join(PROBLEMS)}")
        if not 3 <= len(zone.polygon) <= MOST_CORNERS:
            raise ZoneError(f"{where}.polygon: {len(zone.polygon)} corners, not 3..{MOST_CORNERS}")
        if not all(0 <= c <= 1 for corner in zone.polygon for c in corner):
            raise ZoneError(f"{where}.polygon: a coordinate is not in 0..1")
        shape = Polygon(zone.polygon)
        if not shape.is_valid:
            raise ZoneError(f"{where}.polygon: {explain_validity(shape)}")
        if shape.area < LEAST_AREA:
            raise ZoneError(f"{where}.polygon: smaller than {LEAST_AREA:g} of the picture")
        if not 0 <= zone.dwell_seconds <= 86_400:
            raise ZoneError(f"{where}.dwell_seconds: {zone.dwell_seconds:g} is not in 0..86400")
        if not 1 <= zone.count <= 1000:
            raise ZoneError(f"{where}.count: {zone.count} is not in 1..1000")
    return found


def pixels(zone: Zone, width: int, height: int) -> npt.NDArray[np.int32]:
    """Corners (n, 2) in pixels."""
    return np.round(np.array(zone.polygon) * (width, height)).astype(np.int32)


def mask(zone: Zone, width: int, height: int) -> npt.NDArray[np.bool_]:
    """(height, width) bool: inside the zone."""
    image = np.zeros((height, width), np.uint8)
    cv2.fillPoly(image, [pixels(zone, width, height)], 1)
    return image.astype(bool)


def bounds(zone: Zone, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of the zone in pixels, inside the picture, never empty."""
    corners = pixels(zone, width, height)
    left, top = np.minimum(corners.min(0), (width - 1, height - 1))
    right, bottom = np.maximum(corners.max(0), (left + 1, top + 1))
    return int(left), int(top), int(min(right, width)), int(min(bottom, height))


def feet_inside(
    zone: Zone, boxes: npt.NDArray[Any], width: int, height: int
) -> npt.NDArray[np.bool_]:
    """(n,) bool: the middle of the lower edge of a box (n, 4) is in the zone."""
    corners = pixels(zone, width, height)
    return np.array(
        [
            cv2.pointPolygonTest(corners, (float(b[0] + b[2]) / 2, float(b[3]) - 1), False) >= 0
            for b in boxes
        ],
        bool,
    )
