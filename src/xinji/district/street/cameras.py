"""The cameras of the simulated street: RTSP streams of drawn scenes that show what is there."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from xinji.district.rhythm import HOUR_US
from xinji.district.scenes.incidents import Incident
from xinji.district.scenes.layout import PROBLEMS, lay_out, zones_json
from xinji.district.scenes.scene import Conditions, Scene
from xinji.district.street.incidents import Street, StreetCamera
from xinji.district.weather import rain_mm_h

SCENES_KEPT = 48
"""Scenes held in memory; a scene is some megabytes and is drawn anew in some milliseconds."""

LOOK_US = 20_000_000
"""Of the house's clock: pictures that come sooner after the last are of the same look."""

Image = npt.NDArray[np.uint8]


def street_cameras(things: Sequence[dict[str, Any]], count: int) -> list[StreetCamera]:
    """The first `count` AI streams, spread over the district, with two problems each.

    `things` are camera items of `GET /api/things`.
    """
    streams = [item for item in things if item["attributes"].get("programme") == "ai-stream"]
    streams.sort(key=lambda item: item["id"])
    step = max(1, len(streams) // max(count, 1))
    chosen = streams[::step][:count]
    return [
        StreetCamera(
            id=item["id"],
            longitude=item["longitude"],
            latitude=item["latitude"],
            problems=(PROBLEMS[number % 6], PROBLEMS[(number + 1 + number // 6 % 5) % 6]),
            seed=number + 1_000,
        )
        for number, item in enumerate(chosen)
    ]


def zones_of(camera: StreetCamera) -> str:
    """The `zones` attribute of a camera."""
    return zones_json(lay_out(camera.seed, camera.problems))


class StreetScenes:
    """Renders what a camera sees at a time. Safe from any thread."""

    def __init__(self, street: Street, weather: Callable[[int], Conditions]) -> None:
        self._street, self._weather = street, weather
        self._cameras = {camera.id: camera for camera in street.cameras}
        self._scenes: OrderedDict[str, Scene] = OrderedDict()
        self._lock = threading.Lock()
        self._last_look: dict[str, int] = {}

    def render(self, path: str, at: int) -> Image | None:
        """The picture of the camera of an RTSP path, or None for an unknown one."""
        camera = self._cameras.get(path.strip("/"))
        if camera is None:
            return None
        self._looked_at(camera, at)
        return self.picture(camera, at)

    def _looked_at(self, camera: StreetCamera, at: int) -> None:
        """Count a look for what is in view; pictures of one session are one look."""
        with self._lock:
            if at - self._last_look.get(camera.id, -LOOK_US) < LOOK_US:
                return
            self._last_look[camera.id] = at
            for each in tuple(self._street.by_camera.get(camera.id, ())):
                if each.present(at):
                    each.looks += 1

    def picture(self, camera: StreetCamera, at: int) -> Image:
        """The picture of a camera at a time, blue-green-red, (360, 640, 3)."""
        with self._lock:
            scene = self._scenes.pop(camera.id, None) or Scene(camera.seed, camera.problems)
            self._scenes[camera.id] = scene
            if len(self._scenes) > SCENES_KEPT:
                self._scenes.popitem(last=False)
        here = [
            Incident(
                each.sort.problem,
                each.started,
                each.cleared if each.cleared is not None else each.ends,
                each.seed % 100_000,
            )
            for each in tuple(self._street.by_camera.get(camera.id, ()))
            if each.present(at)
        ]
        with self._lock:
            return scene.render(at, here, self._weather(at))

    def photo(self, seed: int, at: int, incident: Incident | None) -> bytes:
        """A JPEG as a phone would take it somewhere without a camera."""
        problem = incident.problem if incident else "litter"
        with self._lock:
            picture = Scene(seed, (problem,)).render(
                at, [incident] if incident else [], self._weather(at)
            )
        return jpeg(picture)


def jpeg(picture: Image) -> bytes:
    """A picture as JPEG."""
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()


def weather_of(seed: int) -> Callable[[int], Conditions]:
    """The weather of the simulated district, as a scene shows it."""

    def at(time_us: int) -> Conditions:
        now, before = rain_mm_h(seed, np.array([time_us, time_us - HOUR_US])).tolist()
        wet = 1.0 if now > 0.1 else min(1.0, before)
        return Conditions(rain=now, wet=wet, cloud=0.8 if now > 0.1 else 0.3)

    return at
