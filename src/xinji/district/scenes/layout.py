"""What stands in a street scene for good, from the camera's seed: bands, shops, lamps, zones.

The camera looks across a street: shop fronts above, the pavement below them, then the road. Sizes
are in pixels of a 640 x 360 picture; a foot at row y stands `per_metre * (y - horizon)` pixels per
metre away.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from xinji.district.scenes import sprites

WIDTH, HEIGHT = 640, 360
PROBLEMS = ("litter", "bike_parking", "shop_front", "crowd", "ponding", "vehicle")
DWELL_SECONDS = {
    "litter": 300, "bike_parking": 300, "shop_front": 600, "crowd": 120, "ponding": 600,
    "vehicle": 180,
}  # fmt: skip
LEAST_COUNT = {"bike_parking": 3, "crowd": 8}


@dataclass(frozen=True, slots=True)
class Zone:
    """Where a camera watches for one problem: left, top, right, bottom in pixels."""

    problem: str
    box: tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Layout:
    """The fixed part of a scene; `ground` is (h, w, 3) uint8 in even daylight."""

    seed: int
    horizon: float
    per_metre: float
    wall: int
    kerb: int
    doors: tuple[int, ...]
    lamps: tuple[int, ...]
    rack: int
    poster: tuple[int, int, int, int]
    ground: npt.NDArray[np.uint8]
    zones: tuple[Zone, ...]

    def scale(self, y: float) -> float:
        """Pixels per metre at a foot on row y."""
        return self.per_metre * (y - self.horizon)


def lay_out(seed: int, problems: tuple[str, ...]) -> Layout:
    """The scene of a camera. Raises ValueError on an unknown problem."""
    if unknown := set(problems) - set(PROBLEMS):
        raise ValueError(f"problems: unknown {', '.join(sorted(unknown))}")
    generator = np.random.default_rng((seed, 11))
    wall, kerb = int(generator.integers(142, 156)), int(generator.integers(228, 244))
    ground, doors = _draw(generator, wall, kerb)
    lamps = tuple(sorted(int(x) for x in generator.choice(np.arange(60, 600, 60), 2, False)))
    left = bool(generator.random() < 0.5)
    rack = 90 if left else 550
    poster = (doors[-1] + 40, wall - 52, doors[-1] + 74, wall - 10)
    door = doors[int(generator.integers(len(doors)))]
    free = (170, 560) if left else (80, 470)
    middle = int(generator.integers(free[0] + 110, free[1] - 110))
    boxes = {
        "litter": (middle - 130, wall + 16, middle + 130, kerb + 10),
        "bike_parking": (free[0], wall + 20, free[0] + 290, kerb + 4),
        "shop_front": (door - 52, wall - 14, door + 52, wall + 34),
        "crowd": (middle - 150, wall + 8, middle + 150, kerb + 14),
        "ponding": (middle - 120, kerb + 10, middle + 120, kerb + 74),
        "vehicle": (middle - 160, kerb - 26, middle + 160, kerb + 62),
    }
    zones = tuple(Zone(name, _inside(boxes[name])) for name in problems)
    for zone in zones:
        if zone.problem == "vehicle":
            cv2.line(ground, (zone.box[0], kerb + 9), (zone.box[2], kerb + 9), (60, 190, 215), 3,
                     cv2.LINE_AA)  # fmt: skip
    return Layout(seed, float(generator.integers(50, 68)), float(generator.uniform(0.2, 0.25)),
                  wall, kerb, doors, lamps, rack, poster, ground, zones)  # fmt: skip


def _inside(box: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    return max(0, box[0]), max(0, box[1]), min(WIDTH, box[2]), min(HEIGHT, box[3])


def zones_json(layout: Layout) -> str:
    """The `zones` attribute of the camera: JSON, polygons relative to the picture."""
    found: list[dict[str, Any]] = []
    for number, zone in enumerate(layout.zones, 1):
        left, top, right, bottom = zone.box
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        found.append(
            {
                "name": f"{zone.problem}-{number}",
                "problem": zone.problem,
                "polygon": [[round(x / WIDTH, 4), round(y / HEIGHT, 4)] for x, y in corners],
                "dwell_seconds": DWELL_SECONDS[zone.problem],
                "count": LEAST_COUNT.get(zone.problem, 1),
            }
        )
    return json.dumps(found, separators=(",", ":"))


def _draw(
    generator: np.random.Generator, wall: int, kerb: int
) -> tuple[npt.NDArray[np.uint8], tuple[int, ...]]:
    image = np.empty((HEIGHT, WIDTH, 3), np.uint8)
    image[:] = generator.integers(120, 190, 3)
    doors: list[int] = []
    left = int(generator.integers(-60, 0))
    while left < WIDTH:
        width = int(generator.integers(130, 190))
        _shop(image, generator, left, width, wall)
        door = left + width * 3 // 4
        if 70 <= door <= WIDTH - 120:
            doors.append(door)
        left += width
    slab = int(generator.integers(135, 165))
    image[wall:kerb] = (slab, slab + 2, slab + 4)
    for y in np.linspace(wall, kerb, 7)[1:-1]:
        cv2.line(image, (0, int(y)), (WIDTH, int(y)), (slab - 18,) * 3, 1)
    for x in range(-300, WIDTH + 300, 36):
        tip = (round(WIDTH / 2 + (x - WIDTH / 2) * 0.7), wall)
        cv2.line(image, tip, (x, kerb), (slab - 18,) * 3, 1, cv2.LINE_AA)
    image[kerb : kerb + 6] = (185, 187, 188)
    tar = int(generator.integers(72, 96))
    image[kerb + 6 :] = (tar + 2, tar, tar)
    for x in range(int(generator.integers(0, 60)), WIDTH, 90):
        cv2.rectangle(image, (x, 324), (x + 46, 329), (200, 200, 200), -1)
    for _ in range(5):
        # Patches and oil: a road is not one grey.
        centre = (int(generator.integers(WIDTH)), int(generator.integers(kerb + 20, HEIGHT)))
        axes = (int(generator.integers(14, 60)), int(generator.integers(5, 14)))
        tone = tar + int(generator.integers(-16, 14))
        cv2.ellipse(image, centre, axes, 0, 0, 360, (tone, tone, tone), -1, cv2.LINE_AA)
    coarse = cv2.resize(generator.normal(0, 5, (24, 40)).astype(np.float32), (WIDTH, HEIGHT))
    fine = generator.normal(0, 4, (HEIGHT, WIDTH)).astype(np.float32)
    fine[kerb + 6 :] *= 1.7
    textured = image + (coarse + fine)[:, :, None]
    return np.clip(textured, 0, 255).astype(np.uint8), tuple(doors)


def _shop(
    image: npt.NDArray[np.uint8], generator: np.random.Generator, left: int, width: int, wall: int
) -> None:
    right = left + width - 6
    front = tuple(int(c) for c in generator.integers(95, 190, 3))
    cv2.rectangle(image, (left, 0), (right, wall), front, -1)
    for x in range(left + 12, right - 24, 38):
        cv2.rectangle(image, (x, 4), (x + 24, 34), (110, 95, 85), -1)
    sign = tuple(int(c) for c in generator.integers(30, 200, 3))
    cv2.rectangle(image, (left + 4, 46), (right - 4, 70), sign, -1)
    for x in range(left + 24, right - 30, 22):
        # Strokes that look like characters from afar; no real shop's name.
        for _ in range(5):
            a = (x + int(generator.integers(0, 14)), 50 + int(generator.integers(0, 16)))
            b = (x + int(generator.integers(0, 14)), 50 + int(generator.integers(0, 16)))
            cv2.line(image, a, b, (235, 235, 235), 1, cv2.LINE_AA)
    window = (left + 10, 78, left + width * 5 // 9, wall - 8)
    cv2.rectangle(image, window[:2], window[2:], (95, 85, 78), -1)
    for _ in range(6):
        x = int(generator.integers(window[0] + 4, window[2] - 14))
        tone = tuple(int(c) for c in generator.integers(60, 170, 3))
        cv2.rectangle(image, (x, wall - 40), (x + 10, wall - 12), tone, -1)
    door = left + width * 3 // 4
    cv2.rectangle(image, (door - 20, 80), (door + 20, wall), (60, 55, 52), -1)
    cv2.rectangle(image, (door - 17, 84), (door + 17, wall - 3), (105, 98, 90), -1)
    cv2.line(image, (door, 84), (door, wall), (60, 55, 52), 2)


def rack_sprite(layout: Layout) -> sprites.Sprite:
    """The rack of a scene."""
    return sprites.rack(np.random.default_rng((layout.seed, 12)))
