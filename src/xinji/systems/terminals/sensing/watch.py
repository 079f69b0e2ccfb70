"""What the hub remembers of one camera, and what one more look at it says.

Each zone has its method: people, cycles and vehicles are boxes of the detector that stay; litter
and goods are things left behind; water is a patch that was not there when it was dry. Votes over
looks make the events. A picture that is dark, frozen, moved or blurred votes on nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
import numpy.typing as npt

from xinji.methods.vision.health import Health, PictureHealth
from xinji.methods.vision.left_objects import LeftObjects, Settings
from xinji.methods.vision.ponding import ponding
from xinji.methods.vision.stays import Stays, colours, overlap
from xinji.methods.vision.voting import Votes
from xinji.methods.vision.zones import Zone, bounds, feet_inside, mask
from xinji.systems.terminals.sensing.detector import CYCLES, PEOPLE, VEHICLES, Detections

Image = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Boxes = npt.NDArray[np.float32]
Box = tuple[int, int, int, int]

HIGH, LOW = 0.5, 0.35
LEAST = {PEOPLE: 0.3, CYCLES: 0.32, VEHICLES: 0.4}
LARGEST_BOX = 0.6
"""Share of the picture; a larger box is the detector's mistake, seen in dark pictures."""
DRY_SECONDS = 3600.0
DRY_RAIN = 0.3
POND_HIGH = 0.42
LEAST_LOOKS, MOST_OF = 3, 0.75
"""Looks that must have seen something parked, and their share of those that could."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One zone in one look: score 0..1 and the box in relative coordinates; None: not judged."""

    score: float | None
    box: tuple[float, float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something began (`raised`) or ended (`cleared`) by the votes of several looks."""

    what: str
    zone: Zone
    confidence: float
    box: tuple[float, float, float, float] | None
    looks: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look said: the picture's health, each zone by name, and events."""

    health: Health
    zones: dict[str, Judged]
    events: list[Event]


@dataclass(slots=True)
class _ZoneState:
    zone: Zone
    bounds: Box
    inside: Flags
    votes: Votes
    stays: Stays = field(default_factory=Stays)
    left: LeftObjects | None = None
    dry: npt.NDArray[np.float32] | None = None
    dry_looks: int = 0
    box: tuple[float, float, float, float] | None = None


class CameraWatch:
    """The state of one camera; looks come in the order of their times (s)."""

    def __init__(self, zones: list[Zone]) -> None:
        self._zones = zones
        self._size: tuple[int, int] | None = None
        self._states: list[_ZoneState] = []
        self._health = PictureHealth()
        self._dry_since: float | None = None
        self._time = float("-inf")

    @property
    def suspicious(self) -> bool:
        """Something was seen that is not decided: look again soon."""
        return any(state.votes.suspicious for state in self._states)

    def look(
        self, image: Image, seconds: float, found: Detections, rain: float | None = None
    ) -> Looked:
        """Judge a picture (h, w, 3). `rain` is mm of the last six hours, None when unknown.

        A picture of another size begins anew: nothing of before can be compared with it.
        """
        height, width = image.shape[:2]
        if self._size != (width, height):
            self._begin(width, height)
        if seconds <= self._time:
            raise ValueError(f"seconds: {seconds} is not after {self._time}")
        gap, self._time = seconds - self._time, seconds
        health = self._health.look(image, seconds)
        if not health.usable:
            return Looked(health, {z.name: Judged(None) for z in self._zones}, [])
        found = _plausible(found, width, height)
        if rain is not None and rain > DRY_RAIN:
            self._dry_since = None
        elif self._dry_since is None:
            self._dry_since = seconds
        judged: dict[str, Judged] = {}
        events: list[Event] = []
        for state in self._states:
            each = self._judge(state, image, seconds, gap, found, rain)
            judged[state.zone.name] = each
            if each.score is None:
                continue
            if each.box is not None and each.score >= HIGH:
                state.box = each.box
            if (what := state.votes.look(seconds, each.score)) is not None:
                confidence = state.votes.confidence if what == "raised" else 1 - each.score
                looks = tuple(state.votes.looks)
                events.append(Event(what, state.zone, confidence, state.box, looks))
        return Looked(health, judged, events)

    def verdict(
        self, looked: Looked, problem: str, box: tuple[float, float, float, float] | None
    ) -> tuple[str, float]:
        """`present`, `absent` or `blind` with the score, for a re-check of a look just made.

        `box` in relative coordinates chooses the zone; without it any zone of the problem counts.
        """
        zones = [z for z in self._zones if z.problem == problem]
        if box is not None:
            middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
            near = [z for z in zones if cv2.pointPolygonTest(
                np.array(z.polygon, np.float32), middle, True) > -0.08]  # fmt: skip
            zones = near or zones
        scores = [looked.zones[z.name].score for z in zones]
        known = [score for score in scores if score is not None]
        if not looked.health.usable or len(known) < len(scores) or not known:
            return "blind", 0.0
        best = max(known)
        return ("present" if best >= HIGH else "absent" if best < LOW else "blind"), best

    def _begin(self, width: int, height: int) -> None:
        self._size = (width, height)
        self._health = PictureHealth()
        self._states = []
        for zone in self._zones:
            left, top, right, bottom = bounds(zone, width, height)
            inside = mask(zone, width, height)[top:bottom, left:right]
            dwell = zone.dwell_seconds if zone.problem in {"crowd", "ponding"} else 0.0
            votes = Votes(high=HIGH, low=LOW, dwell=dwell, longest=max(7200.0, 3 * dwell))
            state = _ZoneState(zone, (left, top, right, bottom), inside, votes)
            if zone.problem in {"litter", "shop_front"}:
                share = 0.0011 if zone.problem == "litter" else 0.004
                least = max(20, int(share * width * height * 0.18))
                settings = Settings(persist=zone.dwell_seconds, least_area=least)
                state.left = LeftObjects(inside, settings)
            self._states.append(state)

    def _judge(
        self, state: _ZoneState, image: Image, seconds: float, gap: float, found: Detections,
        rain: float | None,
    ) -> Judged:  # fmt: skip
        problem = state.zone.problem
        if problem in {"litter", "shop_front"}:
            return self._left(state, image, seconds, found)
        if problem == "ponding":
            return self._pond(state, image, seconds, gap, found, rain)
        if problem == "crowd":
            return self._crowd(state, image, found)
        return self._parked(state, image, seconds, found)

    def _left(self, state: _ZoneState, image: Image, seconds: float, found: Detections) -> Judged:
        assert state.left is not None
        left, top, right, bottom = state.bounds
        # A weak box may be the litter itself: it hides nothing.
        hidden = _hidden(found, state.bounds, (*PEOPLE, *CYCLES, *VEHICLES), grow=5, least=0.45)
        part = np.ascontiguousarray(image[top:bottom, left:right])
        candidates = state.left.look(part, seconds, hidden)
        others = found.of((*PEOPLE, *VEHICLES), 0.3).boxes - np.array(
            [left, top, left, top], np.float32
        )
        alone = [each for each in candidates if not _beside(each.box, others)]
        best = alone[0] if alone else None
        if best is None and candidates:
            return Judged(None)
        if state.box is not None and _share(hidden, state, image) > 0.5:
            return Judged(None)
        if best is None:
            covered = (hidden & state.inside).sum() / max(1, state.inside.sum())
            return Judged(0.0 if covered < 0.5 else None)
        a, b, c, d = best.box
        return Judged(best.score, self._relative((a + left, b + top, c + left, d + top)))

    def _pond(
        self, state: _ZoneState, image: Image, seconds: float, gap: float, found: Detections,
        rain: float | None,
    ) -> Judged:  # fmt: skip
        left, top, right, bottom = state.bounds
        part = np.ascontiguousarray(image[top:bottom, left:right])
        hidden = _hidden(found, state.bounds, (*PEOPLE, *CYCLES, *VEHICLES), grow=6)
        if state.dry is None:
            state.dry = part.astype(np.float32)
        dry = self._dry_since is not None and seconds - self._dry_since >= DRY_SECONDS
        if dry or state.dry_looks < 5:
            state.dry_looks += 1
            rate = max(1 / state.dry_looks, 1 - np.exp(-gap / 3600.0))
            free = ~hidden
            state.dry[free] += rate * (part[free] - state.dry[free])
        if state.dry_looks < 5:
            return Judged(0.0)
        pond = ponding(
            part, np.clip(state.dry, 0, 255).astype(np.uint8), state.inside, hidden, rain
        )
        if pond is None:
            visible = (state.inside & ~hidden).sum() / max(1, state.inside.sum())
            return Judged(0.0 if visible > 0.5 else None)
        a, b, c, d = pond.box
        score = float(np.clip(pond.score * HIGH / POND_HIGH, 0, 1))
        return Judged(score, self._relative((a + left, b + top, c + left, d + top)))

    def _crowd(self, state: _ZoneState, image: Image, found: Detections) -> Judged:
        people = found.of(PEOPLE, LEAST[PEOPLE])
        here = feet_inside(state.zone, people.boxes, image.shape[1], image.shape[0])
        count = int(here.sum())
        blocked = _hidden(found, state.bounds, VEHICLES, grow=0)
        if count < state.zone.count and (blocked & state.inside).mean() > 0.5:
            return Judged(None)
        score = float(1 / (1 + np.exp(-1.1 * (count - state.zone.count + 0.5))))
        return Judged(score, self._around(people.boxes[here]))

    def _parked(self, state: _ZoneState, image: Image, seconds: float, found: Detections) -> Judged:
        kinds = CYCLES if state.zone.problem == "bike_parking" else VEHICLES
        wanted = found.of(kinds, LEAST[kinds])
        boxes = wanted.boxes
        keep = feet_inside(state.zone, boxes, image.shape[1], image.shape[0])
        if kinds is CYCLES and keep.any():
            people = found.of(PEOPLE, 0.5).boxes
            keep &= ~_ridden(boxes, people)
        keep &= ~_double(boxes, wanted.scores)
        boxes, scores = boxes[keep], wanted.scores[keep]
        others = found.of(VEHICLES, 0.4).boxes
        others = others[(overlap(others, boxes) < 0.3).all(1)] if len(boxes) else others
        state.stays.look(seconds, boxes, scores, colours(image, boxes), others)
        dwell = state.zone.dwell_seconds
        # Two cars that pass the same spot within a dwell are no parked one: most looks must agree.
        stays = [
            s
            for s in state.stays.stays
            if s.looks >= LEAST_LOOKS
            and s.looks >= MOST_OF * s.chances
            and seconds - s.first >= dwell
        ]
        missing = [s for s in stays if s.missed == 0 and s.last < seconds]
        count = len(stays)
        need = state.zone.count
        if count == 0:
            blocked = _hidden(found, state.bounds, VEHICLES, grow=0)
            hidden_here = kinds is CYCLES and (blocked & state.inside).mean() > 0.6
            return Judged(None if hidden_here else 0.0)
        if missing and len(missing) == count:
            return Judged(None)
        sure = float(np.mean(sorted((s.score for s in stays), reverse=True)[:need]))
        box = self._around(np.array([s.box for s in stays], np.float32))
        if count < need:
            return Judged(0.3 * count / need, box)
        return Judged(float(np.clip(0.35 + 0.65 * sure, 0, 1)), box)

    def _around(self, boxes: Boxes) -> tuple[float, float, float, float] | None:
        if not len(boxes):
            return None
        low, high = boxes[:, :2].min(0), boxes[:, 2:].max(0)
        return self._relative((int(low[0]), int(low[1]), int(high[0]), int(high[1])))

    def _relative(self, box: Box) -> tuple[float, float, float, float]:
        assert self._size is not None
        width, height = self._size
        a, b, c, d = box
        return round(a / width, 4), round(b / height, 4), round(c / width, 4), round(d / height, 4)


def _plausible(found: Detections, width: int, height: int) -> Detections:
    size = (found.boxes[:, 2:] - found.boxes[:, :2]).prod(1) / (width * height)
    keep = (size <= LARGEST_BOX) & ((size <= 0.25) | (found.scores >= 0.6))
    return Detections(found.boxes[keep], found.scores[keep], found.classes[keep])


def _hidden(
    found: Detections, bounds: Box, classes: tuple[int, ...], grow: int, least: float = 0.3
) -> Flags:
    left, top, right, bottom = bounds
    flags = np.zeros((bottom - top, right - left), bool)
    for box in found.of(classes, least).boxes.astype(int):
        a, b = max(0, box[0] - grow - left), max(0, box[1] - grow - top)
        c, d = box[2] + grow - left, box[3] + grow - top
        if c > 0 and d > 0:
            flags[b:d, a:c] = True
    return flags


def _share(hidden: Flags, state: _ZoneState, image: Image) -> float:
    assert state.box is not None
    height, width = image.shape[:2]
    a, b, c, d = state.box
    left, top = state.bounds[:2]
    part = hidden[max(0, int(b * height) - top) : int(d * height) - top,
                  max(0, int(a * width) - left) : int(c * width) - left]  # fmt: skip
    return float(part.mean()) if part.size else 0.0


def _beside(box: Box, others: Boxes) -> bool:
    """What touches something much taller may be a leg, a bag in a hand, a wheel, a shadow."""
    a, b, c, d = box
    taller = others[:, 3] - others[:, 1] > 1.5 * (d - b)
    near = (
        (others[:, 0] - 10 < c) & (others[:, 2] + 10 > a)
        & (others[:, 1] - 4 < d) & (others[:, 3] + 8 > b)
    )  # fmt: skip
    return bool((taller & near).any())


def _ridden(cycles: Boxes, people: Boxes) -> Flags:
    """A cycle whose middle is under somebody is ridden or pushed, not parked."""
    found = np.zeros(len(cycles), bool)
    for row, (a, b, c, d) in enumerate(cycles):
        x = (a + c) / 2
        rides = (
            (people[:, 0] < x)
            & (people[:, 2] > x)
            & (people[:, 1] < b)
            & (people[:, 3] > b + 0.4 * (d - b))
            & (people[:, 3] < d + 0.1 * (d - b))
        )
        found[row] = bool(rides.any())
    return found


def _double(boxes: Boxes, scores: npt.NDArray[np.float32]) -> Flags:
    """The weaker of two boxes of one thing: car and truck, bicycle and motorcycle."""
    share = overlap(boxes, boxes)
    better = (scores[None, :] > scores[:, None]) | (
        (scores[None, :] == scores[:, None])
        & (np.arange(len(boxes))[None, :] < np.arange(len(boxes))[:, None])
    )
    found: Flags = ((share > 0.7) & better).any(1)
    return found
