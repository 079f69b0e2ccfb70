"""Is a picture fit to judge? Dark, frozen, moved away, blurred or covered."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

WIDTH, HEIGHT = 160, 90
DARK = 9.0
SAME_TILES = 0.9
SHIFT_SHARE = 0.03
LEAST_LIKENESS = 0.35
LEAST_SHARPNESS = 0.3


@dataclass(frozen=True, slots=True)
class Health:
    """What one look says: `luminance` 0..255; `usable` when nothing is wrong with the picture."""

    luminance: float
    dark: bool
    frozen: bool
    moved: bool
    blurred: bool

    @property
    def usable(self) -> bool:
        """Whether problems may be judged by it."""
        return not (self.dark or self.frozen or self.moved or self.blurred)


class PictureHealth:
    """The memory of one camera's pictures, 160 x 90.

    Frozen and moved need `patience` looks in a row, frozen looks also `frozen_seconds` from first
    to last: a picture taken twice within a frame is the same picture.
    """

    def __init__(
        self, patience: int = 3, frozen_seconds: float = 30.0, adapt_seconds: float = 7200.0
    ) -> None:
        self._patience, self._frozen_seconds, self._adapt = patience, frozen_seconds, adapt_seconds
        self._last: Image | None = None
        self._time = 0.0
        self._same = 0
        self._same_since = 0.0
        self._edges: Floats | None = None
        self._learnt = 0
        self._strange = 0
        self._sharpness = 0.0

    def look(self, image: Image, seconds: float) -> Health:
        """One look at a time (s)."""
        grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
        small = np.asarray(
            cv2.resize(grey, (WIDTH, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8
        )
        light = float(small.mean())
        frozen = self._frozen(grey, seconds)
        dark = light < DARK and float(small.std()) < 8
        moved = blurred = False
        if not dark and not frozen:
            moved, blurred = self._compare(small, grey, seconds)
        self._time = seconds
        return Health(light, dark, frozen, moved, blurred)

    def _frozen(self, grey: Image, seconds: float) -> bool:
        # A live sensor has noise in every tile; a clock drawn into a frozen picture moves in few.
        pixels = grey[::2, ::2]
        last, self._last = self._last, pixels
        if last is None or last.shape != pixels.shape:
            self._same = 0
            return False
        rows, columns = (n // 10 * 10 for n in pixels.shape)
        differs = (last != pixels)[:rows, :columns]
        tiles = differs.reshape(rows // 10, 10, columns // 10, 10).any((1, 3))
        if 1 - tiles.mean() < SAME_TILES:
            self._same, self._same_since = 0, seconds
            return False
        self._same += 1
        return self._same >= self._patience and seconds - self._same_since >= self._frozen_seconds

    def _compare(self, small: Image, grey: Image, seconds: float) -> tuple[bool, bool]:
        edges = _edges(small)
        fine = cv2.Laplacian(grey, cv2.CV_32F)
        # Sensor noise does not count as sharpness: the strongest edges do.
        sharpness = float(np.percentile(np.abs(np.asarray(fine)[::3, ::3]), 98)) / (
            float(small.std()) + 4
        )
        if self._edges is None:
            self._edges, self._sharpness, self._learnt = edges, sharpness, 1
            return False, False
        likeness = float((edges * self._edges).mean())
        blurred = self._learnt > 3 and sharpness < LEAST_SHARPNESS * self._sharpness
        strange = False
        if self._learnt > 3 and not blurred:
            window = cv2.createHanningWindow((WIDTH, HEIGHT), cv2.CV_32F)
            # It multiplies its arguments by the window in place: it gets copies.
            (x, y), response = cv2.phaseCorrelate(self._edges.copy(), edges.copy(), window)
            shifted = float(np.hypot(x, y)) > SHIFT_SHARE * WIDTH and response > 0.08
            strange = likeness < LEAST_LIKENESS and (shifted or likeness < 0.5 * LEAST_LIKENESS)
        self._strange = self._strange + 1 if strange else 0
        if not strange and not blurred:
            gap = max(0.0, seconds - self._time)
            rate = max(1 - np.exp(-gap / self._adapt), 1.0 / (self._learnt + 1), 0.02)
            mixed = (1 - rate) * self._edges + rate * edges
            self._edges = _normalised(mixed)
            self._sharpness += rate * (sharpness - self._sharpness)
            self._learnt = min(self._learnt + 1, 50)
        return self._strange >= self._patience, blurred


def _edges(small: Image) -> Floats:
    grey = np.asarray(small, np.float32)
    steep = np.hypot(cv2.Sobel(grey, cv2.CV_32F, 1, 0), cv2.Sobel(grey, cv2.CV_32F, 0, 1))
    # The square root keeps one bright lamp from outweighing the street.
    return _normalised(np.sqrt(steep))


def _normalised(image: Floats) -> Floats:
    centred = image - image.mean()
    return np.asarray(centred / (centred.std() + 1e-6), np.float32)
