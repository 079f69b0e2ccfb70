"""The vision hub: looks at many cameras in turn, judges, and hands on what it finds.

Reader threads take cameras from the schedule and wait for their pictures; a fixed number of
detectors (one per core) judge them. What comes out goes to one function, `report`, in the order of
judging; it may wait, then the readers wait too and nothing is lost.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from xinji.methods.vision.blurring import blurred, heads, plate_bands
from xinji.methods.vision.health import Health
from xinji.methods.vision.zones import Zone
from xinji.systems.terminals.sensing.detector import PEOPLE, VEHICLES, Detections, Detector, Faces
from xinji.systems.terminals.sensing.schedule import Schedule
from xinji.systems.terminals.sensing.watch import CameraWatch, Event
from xinji.wire.video.reading import VideoError, look

log = logging.getLogger(__name__)

Image = npt.NDArray[np.uint8]
RelativeBox = tuple[float, float, float, float]

WIDTH = 640
QUALITY = 85


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera to watch: stream address, zones, place (WGS-84 degrees)."""

    id: str
    url: str
    zones: tuple[Zone, ...]
    longitude: float
    latitude: float


@dataclass(frozen=True, slots=True)
class Asked:
    """A re-check look that the house asked for."""

    id: str
    camera: str
    problem: str
    box: RelativeBox | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to a look asked for: `present`, `absent` or `blind`."""

    asked: Asked
    verdict: str
    score: float


@dataclass(frozen=True, slots=True)
class Seen:
    """Everything of one look at one camera. `health` is None when there was no picture.

    `photo` is a JPEG with faces and plates blurred; made only when an event or an answer needs it.
    """

    camera: Camera
    time_us: int
    health: Health | None
    events: tuple[Event, ...] = ()
    answers: tuple[Answer, ...] = ()
    photo: bytes | None = None
    error: str = ""


class Detects(Protocol):
    """What the hub needs of a detector."""

    model: str

    def detect(self, image: Image, least: float = 0.3) -> Detections:
        """Boxes in a picture."""
        ...


@dataclass(slots=True)
class _Watched:
    camera: Camera
    watch: CameraWatch
    asked: list[Asked] = field(default_factory=list)
    last_us: int = 0


@dataclass(slots=True)
class Counters:
    """What the hub has done since it began."""

    looks: int = 0
    failed: int = 0
    events: int = 0
    answers: int = 0
    cpu_seconds: float = 0.0


def photo(image: Image, found: Detections, faces: Faces | None) -> bytes:
    """JPEG of a picture with faces, heads and plate bands blurred.

    Every head of a detected person and the lower part of every vehicle is blurred, also when no
    face or plate was found in it: small ones are not found.
    """
    done, coded = cv2.imencode(
        ".jpg", hidden(image, found, faces), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
    )
    assert done
    return coded.tobytes()


def hidden(image: Image, found: Detections, faces: Faces | None) -> Image:
    """A picture with faces, heads and plate bands blurred."""
    boxes = [heads(found.of(PEOPLE, 0.3).boxes), plate_bands(found.of(VEHICLES, 0.3).boxes)]
    if faces is not None:
        boxes.append(np.asarray(faces.detect(image), float))
    return blurred(image, np.concatenate(boxes))


class Hub:
    """Watches cameras with `cores` detectors; `now_us` is the house's clock.

    `every` and `soon` are seconds of real time between looks at a camera (calm, urgent);
    `rain_mm` gives the rain of the last six hours or None. `make_detector` makes one per core.
    """

    def __init__(
        self,
        report: Callable[[Seen], None],
        now_us: Callable[[], int],
        *,
        cores: int = 1,
        every: float = 60.0,
        soon: float = 10.0,
        timeout: float = 10.0,
        rain_mm: Callable[[], float | None] = lambda: None,
        make_detector: Callable[[], Detects] = Detector,
        faces: Faces | None = None,
    ) -> None:
        if not 1 <= cores <= 64:
            raise ValueError(f"cores: {cores} is not in 1..64")
        self._report, self._now_us, self._rain = report, now_us, rain_mm
        self._timeout, self._faces = timeout, faces
        self._schedule = Schedule(every, soon)
        self._watched: dict[str, _Watched] = {}
        self._lock = threading.Lock()
        self._one_report = threading.Lock()
        self._stop = threading.Event()
        self._detectors: queue.SimpleQueue[Detects] = queue.SimpleQueue()
        for _ in range(cores):
            self._detectors.put(make_detector())
        # Most of a look is waiting for a key frame, so there are more readers than cores.
        self._threads = [
            threading.Thread(target=self._run, name=f"look-{n}", daemon=True)
            for n in range(8 * cores)
        ]
        self.counters = Counters()

    def set_cameras(self, cameras: list[Camera]) -> None:
        """The cameras to watch from now on; one whose address and zones are the same goes on."""
        with self._lock:
            wanted = {camera.id: camera for camera in cameras}
            for gone in set(self._watched) - set(wanted):
                del self._watched[gone]
                self._schedule.remove(gone)
            now = time.monotonic()
            for camera in cameras:
                known = self._watched.get(camera.id)
                if known is not None and known.camera == camera:
                    continue
                fresh = _Watched(camera, CameraWatch(list(camera.zones)))
                if known is not None:
                    fresh.asked = known.asked
                self._watched[camera.id] = fresh
                self._schedule.add(camera.id, now)

    def pace(self, every: float, soon: float) -> None:
        """Other seconds of real time between looks. Raises ValueError."""
        with self._lock:
            self._schedule.pace(every, soon, time.monotonic())

    def ask(self, asked: Asked) -> bool:
        """A re-check look is wanted; False when the camera is not watched. Asking twice is once."""
        with self._lock:
            watched = self._watched.get(asked.camera)
            if watched is None:
                return False
            if all(each.id != asked.id for each in watched.asked):
                watched.asked.append(asked)
            return self._schedule.ask(asked.camera, time.monotonic())

    def start(self) -> None:
        """Begin to look."""
        cv2.setNumThreads(1)
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = 15.0) -> None:
        """Finish the looks under way and end."""
        self._stop.set()
        end = time.monotonic() + seconds
        for thread in self._threads:
            if thread.is_alive():
                thread.join(max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                now = time.monotonic()
                name = self._schedule.take(now)
                watched = self._watched.get(name) if name else None
                due = self._schedule.next_due()
            if name is None or watched is None:
                self._stop.wait(0.2 if due is None else min(0.2, max(0.005, due - now)))
                continue
            urgent = False
            try:
                urgent = self._look(watched)
            except Exception:
                # One camera's trouble must not end the watch of the others.
                log.exception("camera %s", name)
                self.counters.failed += 1
            finally:
                with self._lock:
                    urgent = urgent or bool(watched.asked)
                    self._schedule.done(name, time.monotonic(), urgent=urgent)

    def _look(self, watched: _Watched) -> bool:
        camera = watched.camera
        with self._lock:
            asked = tuple(watched.asked)
        try:
            frame = look(camera.url, self._timeout, WIDTH)
        except VideoError as error:
            self.counters.failed += 1
            answers = tuple(Answer(each, "blind", 0.0) for each in asked)
            seen = Seen(camera, self._now_us(), None, answers=answers, error=str(error))
        else:
            seen = self._judge(watched, frame.image, asked)
        with self._one_report:
            self._report(seen)
        with self._lock:
            watched.asked = [each for each in watched.asked if each not in asked]
        self.counters.looks += 1
        self.counters.events += len(seen.events)
        self.counters.answers += len(seen.answers)
        return watched.watch.suspicious

    def _judge(self, watched: _Watched, image: Image, asked: tuple[Asked, ...]) -> Seen:
        detector = self._detectors.get()
        began = time.thread_time()
        try:
            found = detector.detect(image)
            # The house's clock may be set back; looks of one camera are in order all the same.
            time_us = max(self._now_us(), watched.last_us + 1000)
            watched.last_us = time_us
            looked = watched.watch.look(image, time_us / 1e6, found, self._rain())
            answers = tuple(
                Answer(each, *watched.watch.verdict(looked, each.problem, each.box))
                for each in asked
            )
            events = tuple(looked.events)
            picture = None
            if answers or any(event.what == "raised" for event in events):
                picture = photo(image, found, self._faces)
        finally:
            self.counters.cpu_seconds += time.thread_time() - began
            self._detectors.put(detector)
        return Seen(watched.camera, time_us, looked.health, events, answers, picture)
