"""A camera's scene: its picture at a time, and what is true in that picture."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from xinji.district.scenes import sprites
from xinji.district.scenes.incidents import Incident, pond, things_of
from xinji.district.scenes.layout import HEIGHT, WIDTH, lay_out, rack_sprite
from xinji.district.scenes.passing import Placed, hour_of, passing

Image = npt.NDArray[np.uint8]

HEALTH = ("fine", "dark", "moved", "blurred", "covered")
VARIANTS = {"person": 24}
NOISE_FRAMES = 7


@dataclass(frozen=True, slots=True)
class Conditions:
    """Weather and state of the camera.

    `rain` in mm/h; `wet` 0..1 how wet the road is; `cloud` 0..1; `health` one of HEALTH, or the
    time at which the picture froze in `frozen_at` (Unix microseconds).
    """

    rain: float = 0.0
    wet: float = 0.0
    cloud: float = 0.3
    health: str = "fine"
    frozen_at: int | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """An incident in a picture: its box in pixels, and the share of it that can be seen (0..1)."""

    problem: str
    box: tuple[int, int, int, int]
    visible: float


@functools.cache
def grain() -> npt.NDArray[np.int8]:
    """Noise of a sensor, (NOISE_FRAMES, HEIGHT, WIDTH, 3): one for all cameras, 5 MB."""
    generator = np.random.default_rng(13)
    drawn = [
        generator.normal(0, 2.2, (HEIGHT, WIDTH, 3)).astype(np.int8) for _ in range(NOISE_FRAMES)
    ]
    return np.stack(drawn)


class Scene:
    """One camera. `render` and `truth` are functions of their arguments and the seed alone."""

    def __init__(self, seed: int, problems: tuple[str, ...]) -> None:
        self.layout = lay_out(seed, problems)
        self._drawn: dict[tuple[str, int, int, bool, int], sprites.Sprite] = {}
        # every camera begins at another picture of the grain that all share
        self._first_noise = int(np.random.default_rng((seed, 13)).integers(NOISE_FRAMES))
        rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        lamps = np.zeros((HEIGHT, WIDTH), np.float32)
        for x in self.layout.lamps:
            lamps += np.exp(-(((columns - x) / 130) ** 2) - ((rows - 215) / 95) ** 2)
        windows = np.exp(-(((rows - self.layout.wall + 20) / 50) ** 2)) * 0.6
        self._lamps = np.clip(0.34 + 0.66 * lamps + windows, 0, 1)
        # copies: a view would keep the whole grid
        self._columns = columns[0].copy()
        self._rows = rows[:, :1].copy()
        self._rack = rack_sprite(self.layout)

    def render(
        self,
        time_us: int,
        incidents: Sequence[Incident] = (),
        conditions: Conditions = Conditions(),
    ) -> Image:
        """The picture (360, 640, 3) uint8, blue-green-red, at a time (Unix microseconds)."""
        if conditions.frozen_at is not None:
            time_us = min(time_us, conditions.frozen_at)
        image = self.layout.ground.copy()
        self._poster(image, time_us)
        if conditions.wet > 0:
            road = image[self.layout.wall :]
            road[:] = (road * (1 - 0.35 * conditions.wet)).astype(np.uint8)
        current = [each for each in incidents if each.present(time_us)]
        placed = self._placed(time_us, current)
        for each in current:
            self._pond(image, each, time_us, conditions)
        self._put(image, self._rack, self.layout.rack, self.layout.kerb - 14, 26)
        for each_thing in sorted(placed, key=lambda thing: thing.y):
            self._draw(image, each_thing)
        image = self._light(image, time_us, conditions, placed)
        if conditions.rain > 0:
            self._rain(image, time_us, conditions.rain)
        noise = grain()[(self._first_noise + time_us // 200_000) % NOISE_FRAMES]
        noisy = np.asarray(cv2.add(image, noise, dtype=cv2.CV_8U), np.uint8)
        return _spoil(noisy, conditions.health)

    def truth(
        self,
        time_us: int,
        incidents: Sequence[Incident] = (),
        conditions: Conditions = Conditions(),
    ) -> list[Seen]:
        """The incidents that are there (also when the camera cannot see them), with boxes."""
        blind = conditions.health != "fine" or conditions.frozen_at is not None
        current = [each for each in incidents if each.present(time_us)]
        others = [self._box(thing) for thing in passing(self.layout, time_us)]
        found = []
        standing = [
            (e, [self._box(t) for t in things_of(self.layout, e, time_us)]) for e in current
        ]
        for each in current:
            things = [self._box(t) for t in things_of(self.layout, each, time_us)]
            water = pond(self.layout, each)
            boxes = [*things, *([water] if water else [])]
            if not boxes:
                continue
            corners = np.array(boxes)
            box = (*corners[:, :2].min(0), *corners[:, 2:].max(0))
            left, top, right, bottom = (
                int(np.clip(v, 0, limit)) for v, limit in zip(box, (WIDTH, HEIGHT) * 2, strict=True)
            )
            seen = np.zeros((HEIGHT, WIDTH), bool)
            for a, b, c, d in boxes:
                seen[max(0, b) : max(0, d), max(0, a) : max(0, c)] = True
            area = max(1, int(seen.sum()))
            before = [box for other, own in standing if other is not each for box in own]
            for a, b, c, d in (*others, *before):
                if d > bottom:
                    seen[max(0, b) : max(0, d), max(0, a) : max(0, c)] = False
            visible = 0.0 if blind else float(seen.sum() / area)
            found.append(Seen(each.problem, (left, top, right, bottom), visible))
        return found

    def _placed(self, time_us: int, current: Sequence[Incident]) -> list[Placed]:
        wrong = [t for each in current for t in things_of(self.layout, each, time_us)]
        return passing(self.layout, time_us) + wrong

    def _height(self, thing: Placed) -> int:
        return max(6, round(thing.metres * self.layout.scale(thing.y)))

    def _box(self, thing: Placed) -> tuple[int, int, int, int]:
        sprite, height = self._sprite(thing), self._height(thing)
        width = round(sprite.shape[1])
        left = round(thing.x - width / 2)
        return left, round(thing.y) - height, left + width, round(thing.y)

    def _sprite(self, thing: Placed) -> sprites.Sprite:
        # Eight places of the legs are enough for the eye.
        step = round(thing.stride * 4)
        variant = thing.variant % VARIANTS.get(thing.kind, 12)
        key = (thing.kind, variant, self._height(thing), thing.flipped, step)
        if (found := self._drawn.get(key)) is not None:
            return found
        generator = np.random.default_rng((variant, 71))
        if thing.kind == "person":
            large = sprites.person(generator, step / 4)
        else:
            large = getattr(sprites, thing.kind)(generator)
        height = key[2]
        width = max(4, round(large.shape[1] * height / large.shape[0]))
        small = np.asarray(
            cv2.resize(large, (width, height), interpolation=cv2.INTER_AREA), np.uint8
        )
        if thing.flipped:
            small = np.ascontiguousarray(small[:, ::-1])
        if len(self._drawn) >= 400:
            self._drawn.clear()
        self._drawn[key] = small
        return small

    def _draw(self, image: Image, thing: Placed) -> None:
        sprite = self._sprite(thing)
        centre = (round(thing.x), round(thing.y) - 1)
        axes = (max(2, round(sprite.shape[1] * 0.46)), max(2, round(sprite.shape[0] * 0.05)))
        box = (
            centre[1] - axes[1],
            centre[1] + axes[1] + 1,
            centre[0] - axes[0],
            centre[0] + axes[0],
        )
        if min(box) >= 0 and box[1] <= HEIGHT and box[3] <= WIDTH:
            under = image[box[0] : box[1], box[2] : box[3]]
            dark = (under * 0.55).astype(np.uint8)
            mask = np.zeros(under.shape[:2], np.uint8)
            cv2.ellipse(mask, (axes[0], axes[1]), axes, 0, 0, 360, 255, -1)
            under[mask > 0] = dark[mask > 0]
        self._put(image, sprite, thing.x, thing.y, sprite.shape[0])

    def _put(self, image: Image, sprite: sprites.Sprite, x: float, y: float, height: int) -> None:
        if sprite.shape[0] != height:
            width = round(sprite.shape[1] * height / sprite.shape[0])
            sprite = np.asarray(
                cv2.resize(sprite, (width, height), interpolation=cv2.INTER_AREA), np.uint8
            )
        left, top = round(x - sprite.shape[1] / 2), round(y) - height
        a, b = max(0, left), max(0, top)
        c, d = min(WIDTH, left + sprite.shape[1]), min(HEIGHT, top + height)
        if a >= c or b >= d:
            return
        part = sprite[b - top : d - top, a - left : c - left]
        under = image[b:d, a:c]
        opacity = part[:, :, 3:].astype(np.uint16)
        under[:] = (under * (255 - opacity) + part[:, :, :3] * opacity) // 255

    def _poster(self, image: Image, time_us: int) -> None:
        # A new poster every 31 hours: a change of the wall that is nobody's litter.
        generator = np.random.default_rng((self.layout.seed, 14, time_us // (31 * 3_600_000_000)))
        left, top, right, bottom = self.layout.poster
        if right >= WIDTH:
            return
        cv2.rectangle(
            image, (left, top), (right, bottom), generator.integers(60, 230, 3).tolist(), -1
        )
        for y in range(top + 6, bottom - 4, 8):
            end = (int(generator.integers(left + 10, right - 3)), y)
            cv2.line(image, (left + 4, y), end, (240, 240, 240), 2, cv2.LINE_AA)

    def _pond(self, image: Image, incident: Incident, time_us: int, conditions: Conditions) -> None:
        box = pond(self.layout, incident)
        if box is None:
            return
        left, top, right, bottom = box[0], box[1], min(WIDTH, box[2]), min(HEIGHT, box[3])
        part = image[top:bottom, left:right]
        mirror = cv2.flip(image[max(0, 2 * top - bottom) : top, left:right], 0)
        mirror = cv2.GaussianBlur(cv2.resize(mirror, (right - left, bottom - top)), (0, 0), 2.5)
        sky = np.array([150, 148, 145], np.float32)
        water = 0.45 * mirror + 0.45 * sky
        if conditions.rain > 0:
            ripple = np.sin(np.arange(bottom - top)[:, None] * 1.9 + time_us / 3e5)
            water += 5 * ripple[:, :, None] * np.cos(np.arange(right - left) * 0.21)[None, :, None]
        shape: npt.NDArray[np.float32] = np.zeros(part.shape[:2], np.float32)
        generator = np.random.default_rng((self.layout.seed, incident.seed, 63))
        middle = np.array([(right - left) / 2, (bottom - top) / 2])
        angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
        wobble = 1 + 0.12 * np.sin(3 * angle + generator.uniform(0, 6))
        points = (
            middle + np.stack([np.cos(angle), np.sin(angle)], 1) * (middle * 0.88) * wobble[:, None]
        )
        cv2.fillPoly(shape, [np.round(points).astype(np.int32)], 1.0)
        soft = np.asarray(cv2.GaussianBlur(shape, (0, 0), 1.2))[:, :, None]
        part[:] = np.clip(part * (1 - soft) + water * soft, 0, 255).astype(np.uint8)

    def _light(
        self, image: Image, time_us: int, conditions: Conditions, placed: Sequence[Placed]
    ) -> Image:
        hour = hour_of(time_us)
        sun = float(np.clip((np.sin(np.pi * (hour - 5.7) / 12.6) + 0.05) * 2.2, 0, 1))
        if not 4 < hour < 20:
            sun = 0.0
        passing_clouds = np.sin(time_us / 41e6 + self.layout.seed) * np.sin(time_us / 173e6)
        overcast = np.clip(conditions.cloud + conditions.rain / 20, 0, 1)
        day = sun * (1.0 - 0.3 * overcast + 0.12 * (1 - overcast) * passing_clouds)
        night = np.clip(1 - 1.6 * sun, 0, 1)
        light = np.full((HEIGHT, WIDTH), day, np.float32)
        if sun > 0.2 and overcast < 0.75:
            # The shadow of the house across: its edge goes over the street with the hour.
            edge = WIDTH * (0.5 + 0.075 * (hour - 12)) + 0.5 * (self._rows - 180)
            light *= 1 - (0.4 * (1 - overcast)) / (
                1 + np.exp(np.clip((self._columns - edge) / 4, -30, 30))
            )
        if night > 0:
            light += night * self._lamps * 0.8
            for thing in placed:
                if thing.kind in {"car", "van", "scooter"}:
                    ahead = -1 if thing.flipped else 1
                    x = thing.x + ahead * 3.2 * self.layout.scale(thing.y)
                    reach = 1.9 * self.layout.scale(thing.y)
                    across = np.exp(-(((self._columns - x) / reach) ** 2))
                    down = np.exp(-(((self._rows - thing.y + 6) / (0.3 * reach)) ** 2))
                    light += (night * 0.7 * down) * across
        gains = np.clip(light * 255 / 1.15, 0, 255).astype(np.uint8)
        lit = cv2.multiply(image, cv2.merge([gains] * 3), scale=1.15 / 255)
        return np.asarray(lit, np.uint8)

    def _rain(self, image: Image, time_us: int, rain: float) -> None:
        generator = np.random.default_rng((self.layout.seed, 15, time_us // 100_000))
        count = int(min(400, 40 + 12 * rain))
        xs, ys = generator.integers(0, WIDTH, count), generator.integers(0, HEIGHT, count)
        streaks = np.zeros((HEIGHT, WIDTH), np.uint8)
        for x, y, length in zip(xs, ys, generator.integers(8, 20, count), strict=True):
            cv2.line(streaks, (int(x), int(y)), (int(x) - 2, int(y + length)), 34, 1, cv2.LINE_AA)
        image[:] = cv2.add(image, cv2.merge([streaks] * 3))


def _spoil(image: Image, health: str) -> Image:
    if health == "fine":
        return image
    if health == "dark":
        return (image * 0.02).astype(np.uint8)
    if health == "blurred":
        return np.asarray(cv2.GaussianBlur(image, (0, 0), 5), np.uint8)
    if health == "moved":
        shift = np.array([[1, 0, 70], [0, 1, -38]], np.float32)
        moved = cv2.warpAffine(image, shift, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REFLECT)
        return np.asarray(moved, np.uint8)
    if health == "covered":
        covered = image.copy()
        cv2.rectangle(covered, (40, 30), (WIDTH, HEIGHT), (188, 186, 182), -1)
        cv2.rectangle(covered, (90, 60), (300, 180), (70, 60, 55), -1)
        return covered
    raise ValueError(f"health: {health!r} is not one of {', '.join(HEALTH)}")
