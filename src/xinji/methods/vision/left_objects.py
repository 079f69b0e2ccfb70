"""Things left behind, found by few looks.

A background, what differs from it for long, and a second look at each candidate. Follows the idea
of two backgrounds (Porikli, Ivanov, Haga: Robust abandoned object detection using
dual foregrounds, EURASIP J. Adv. Signal Process. 2008): the slow one is the place as it should be,
the held one is what has stood there lately. Features are local log contrast and chromaticity, so
that the hour of the day and smooth headlight glow cancel. The second look asks of each candidate
whether its outline has an edge now rather than before (else something was taken away: a ghost), and
whether the fine texture of the ground is still seen in it (else it is only light or shade).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Box = tuple[int, int, int, int]

FLOOR = np.array([0.05, 0.022, 0.022], np.float32)
"""Smallest deviation of the features: log contrast, two chromaticities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Times in seconds, areas in pixels, `apart` in deviations."""

    persist: float = 300.0
    adapt: float = 900.0
    forget: float = 86_400.0
    apart: float = 4.5
    least_area: int = 40
    most_share: float = 0.5
    least_fill: float = 0.35
    most_elongation: float = 6.0
    longest_gap: float = 600.0
    warm_looks: int = 3


@dataclass(frozen=True, slots=True)
class Candidate:
    """Something that stands where nothing stood. Box in pixels of the given picture.

    `score` 0..1; `edge` outline contrast now over before; `texture` correlation with the ground.
    """

    box: Box
    area: int
    seconds: float
    score: float
    edge: float
    texture: float


def features(image: Image) -> Floats:
    """(h, w, 3) float32: local log contrast and two chromaticities of a picture (h, w, 3)."""
    smooth = np.asarray(cv2.GaussianBlur(image, (0, 0), 1.0), np.float32)
    blue, green, red = smooth[:, :, 0], smooth[:, :, 1], smooth[:, :, 2]
    total = blue + green + red
    log = np.log(total + 24)
    wide = cv2.blur(log, (61, 61), borderType=cv2.BORDER_REFLECT)
    return np.dstack(
        [log - wide, (red - blue) / (total + 60), (2 * green - red - blue) / (total + 60)]
    )


def _detail(image: Image) -> Floats:
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.float32)
    return grey - np.asarray(cv2.GaussianBlur(grey, (0, 0), 3.0), np.float32)


def _steepness(image: Image) -> Floats:
    grey = np.asarray(
        cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (0, 0), 0.8), np.float32
    )
    # Relative to brightness, so that dusk does not make every edge look weaker.
    level = float(grey.mean()) + 8
    steep = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    return np.asarray(steep / level, np.float32)


class LeftObjects:
    """The state of one zone of one camera: pictures of a fixed size (h, w), looked at in order."""

    def __init__(self, inside: Flags, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self._inside = inside
        shape = inside.shape
        self._mean = np.zeros((*shape, 3), np.float32)
        self._variance = np.tile(np.float32(FLOOR**2), (*shape, 1))
        self._seen = np.zeros(shape, np.uint16)
        self._held = np.zeros((*shape, 3), np.float32)
        self._age = np.zeros(shape, np.float32)
        self._before = np.zeros((*shape, 3), np.float32)
        self._looks = 0
        self._time: float | None = None

    @property
    def ground(self) -> Image:
        """The place as it should be (h, w, 3) uint8; black where it was never seen."""
        return np.clip(self._before, 0, 255).astype(np.uint8)

    def look(self, image: Image, seconds: float, hidden: Flags | None = None) -> list[Candidate]:
        """One look at a time (s); `hidden` (h, w) is what people and vehicles stand before.

        Returns what has stood there for `persist` seconds. Raises ValueError on another size.
        """
        if image.shape[:2] != self._inside.shape:
            raise ValueError(f"image: {image.shape[:2]}, the zone is {self._inside.shape}")
        s = self.settings
        gap = 0.0 if self._time is None else seconds - self._time
        if gap < 0:
            return []
        self._time = seconds
        self._looks += 1
        now = features(image)
        free = self._inside if hidden is None else self._inside & ~hidden
        fresh = free & (self._seen == 0)
        self._mean[fresh] = now[fresh]
        self._before[fresh] = image[fresh]
        known = free & ~fresh
        difference = now - self._mean
        deviation = np.maximum(np.sqrt(self._variance), FLOOR)
        distance = np.sqrt(((difference / deviation) ** 2).sum(2))
        changed = known & (distance > s.apart)
        if self._looks > s.warm_looks and changed.sum() > s.most_share * max(1, known.sum()):
            # The lamps went on, or the sun came out: everything changed, so nothing was left.
            self._learn(now, image, known, 0.5)
            return []
        stable = np.abs(now - self._held).max(2) < 2.5 * FLOOR[0]
        step = min(gap, s.longest_gap)
        first = changed & ((self._age <= 0) | ~stable)
        self._held[first] = now[first]
        self._age[changed & stable] += step
        self._age[first] = 1e-3
        calm = known & ~changed
        self._age[calm] = np.maximum(0, self._age[calm] - 3 * step - 1e-3)
        self._learn(now, image, calm, max(1 - np.exp(-gap / s.adapt), 1.0 / min(self._looks, 12)))
        self._seen[free] = np.minimum(self._seen[free] + 1, 60_000)
        old = self._age > s.forget
        if old.any():
            self._mean[old], self._before[old], self._age[old] = now[old], image[old], 0
        if self._looks <= s.warm_looks:
            return []
        return self._candidates(image, now, distance)

    def _learn(self, now: Floats, image: Image, where: Flags, rate: float) -> None:
        flags = where.view(np.uint8)
        difference = now - self._mean
        cv2.accumulateWeighted(now, self._mean, rate, flags)
        cv2.accumulateWeighted(difference * difference, self._variance, 0.5 * rate, flags)
        cv2.accumulateWeighted(image, self._before, rate, flags)

    def _candidates(self, image: Image, now: Floats, distance: Floats) -> list[Candidate]:
        s = self.settings
        standing = ((self._age >= s.persist) & self._inside).astype(np.uint8)
        if not standing.any():
            return []
        kernel = np.ones((3, 3), np.uint8)
        standing = np.asarray(cv2.morphologyEx(standing, cv2.MORPH_CLOSE, kernel), np.uint8)
        standing = np.asarray(cv2.morphologyEx(standing, cv2.MORPH_OPEN, kernel), np.uint8)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(standing, connectivity=8)
        found = []
        ground = self.ground
        steep, steep_before = _steepness(image), _steepness(ground)
        detail, detail_before = _detail(image), _detail(ground)
        for label in range(1, count):
            left, top, width, height, area = (int(v) for v in stats[label])
            if area < s.least_area:
                continue
            inside = labels == label
            around = np.asarray(cv2.dilate(inside.astype(np.uint8), kernel, iterations=2), bool)
            core = np.asarray(cv2.erode(inside.astype(np.uint8), kernel, iterations=1), bool)
            outline = around & ~core
            edge = float((steep[outline].mean() + 0.02) / (steep_before[outline].mean() + 0.02))
            texture = _correlation(detail[inside], detail_before[inside])
            slim = max(width, height) / max(1, min(width, height))
            if edge < 1.15 or texture > 0.5:
                # Taken away, or only light: from now on this is how the place looks.
                self._mean[around], self._before[around] = now[around], image[around]
                self._age[around] = 0
                continue
            if area < s.least_fill * width * height or slim > s.most_elongation:
                continue
            far = float(np.median(distance[inside]))
            strength = 1 - np.exp(-max(0.0, far / s.apart - 0.4))
            sure = strength * min(1.0, (edge - 1) / 0.8 + 0.3) * min(1.0, 1.3 - max(0.0, texture))
            found.append(
                Candidate(
                    (left, top, left + width, top + height),
                    area,
                    float(np.median(self._age[inside])),
                    float(np.clip(sure, 0, 1)),
                    edge,
                    texture,
                )
            )
        return sorted(found, key=lambda each: -each.score)


def _correlation(a: Floats, b: Floats) -> float:
    a, b = a - a.mean(), b - b.mean()
    power = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum() / power) if power > 1e-6 else 0.0
