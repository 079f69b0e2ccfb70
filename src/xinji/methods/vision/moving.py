"""What moves through a picture of a fixed camera, counted: blobs against a background.

For views that the detector does not know (straight from above, say). Needs several pictures a
second, unlike the rest of this package.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from xinji.methods.vision.stays import overlap

Image = npt.NDArray[np.uint8]
Boxes = npt.NDArray[np.float64]


@dataclass(slots=True)
class Track:
    """A blob followed: its first and latest box (4,) in pixels and their times (s)."""

    start: Boxes
    box: Boxes
    first: float
    last: float
    looks: int = 1

    @property
    def travel(self) -> Boxes:
        """(2,): how far the middle went, in pixels."""
        moved: Boxes = (self.box[:2] + self.box[2:] - self.start[:2] - self.start[2:]) / 2
        return moved


class Moving:
    """Tracks of blobs of at least `least` of the picture that differ by `apart` grey levels."""

    def __init__(self, least: float = 0.02, apart: float = 36.0, adapt: float = 4.0) -> None:
        self._least, self._apart, self._adapt = least, apart, adapt
        self._ground: npt.NDArray[np.float32] | None = None
        self._time = 0.0
        self.tracks: list[Track] = []

    def look(self, image: Image, seconds: float) -> list[Boxes]:
        """One picture (h, w, 3); returns the boxes that differ from the background."""
        grey = np.asarray(
            cv2.GaussianBlur(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), (5, 5), 0), np.float32
        )
        if self._ground is None:
            self._ground = grey.copy()
        changed = (np.abs(grey - self._ground) > self._apart).astype(np.uint8)
        # What passes teaches the background little, or a slow lorry would become the road.
        rate = 1 - np.exp(-max(0.0, seconds - self._time) / self._adapt)
        self._time = seconds
        cv2.accumulateWeighted(grey, self._ground, rate, (1 - changed))
        cv2.accumulateWeighted(grey, self._ground, rate * 0.02, changed)
        size = max(3, image.shape[1] // 40) | 1
        whole = cv2.morphologyEx(changed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        whole = cv2.morphologyEx(whole, cv2.MORPH_CLOSE, np.ones((size, size), np.uint8))
        count, _, stats, _ = cv2.connectedComponentsWithStats(np.asarray(whole, np.uint8))
        least = self._least * grey.size
        boxes = [
            np.array([x, y, x + w, y + h], float)
            for x, y, w, h, area in stats[1:count]
            if area >= least
        ]
        self._follow(boxes, seconds)
        return boxes

    def counted(self, least_travel: float) -> list[Track]:
        """Tracks that went at least `least_travel` pixels."""
        return [t for t in self.tracks if t.looks >= 3 and np.hypot(*t.travel) >= least_travel]

    def _follow(self, boxes: list[Boxes], seconds: float) -> None:
        live = [t for t in self.tracks if seconds - t.last <= 1.0]
        for box in boxes:
            shares = [float(overlap(t.box, box)[0, 0]) for t in live]
            best = int(np.argmax(shares)) if shares else -1
            if best < 0 or shares[best] < 0.15:
                self.tracks.append(Track(box, box, seconds, seconds))
                continue
            track = live.pop(best)
            track.box, track.last, track.looks = box, seconds, track.looks + 1
