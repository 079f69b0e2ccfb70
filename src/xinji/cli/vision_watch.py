"""The loop of `xinji vision`: cameras, clock, rain and re-checks from the house; the hub."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import signal
import sys
import threading
import time
from typing import Any

import httpx

from xinji.cli.house_client import HouseClient
from xinji.methods.vision.zones import ZoneError, read_zones
from xinji.store.weights import WeightsError
from xinji.systems.terminals.sensing.detector import Detector, Faces
from xinji.systems.terminals.sensing.hub import Asked, Camera, Hub

CAMERAS_SECONDS = 300.0
EMPTY_SECONDS = 5.0
RAIN_SECONDS = 300.0
LEAST_SECONDS = 5.0
"""Real seconds between looks at a calm camera, however fast the house's clock."""


def cameras_of(items: list[dict[str, Any]]) -> tuple[list[Camera], list[str]]:
    """Cameras with a stream and zones, and what is wrong with the others that have a stream."""
    found, wrong = [], []
    for item in items:
        attributes = item.get("attributes") or {}
        if not (url := attributes.get("stream_url")):
            continue
        try:
            zones = tuple(read_zones(attributes.get("zones") or "[]"))
            if not zones:
                raise ZoneError("zones: none")
            found.append(Camera(item["id"], url, zones, item["longitude"], item["latitude"]))
        except ZoneError as error:
            wrong.append(f"{item['id']}: {error}")
    return found, wrong


def is_due(due_at: str | None, now_us: int) -> bool:
    """Whether a look asked for is to be made now; one without a time, or an odd one, is."""
    try:
        return not due_at or dt.datetime.fromisoformat(due_at).timestamp() * 1e6 <= now_us
    except ValueError:
        return True


def paced(every: float, soon: float, speed: float) -> tuple[float, float]:
    """Real seconds between looks that are so many of a clock of `speed`, but not too few."""
    every = max(every / speed, LEAST_SECONDS)
    return every, min(every, max(soon / speed, LEAST_SECONDS / 4))


def watch(arguments: argparse.Namespace, token: str, secret: str) -> int:
    """Watch until a signal comes or the duration is over; returns the exit status."""
    credential = (arguments.credential, secret) if secret else None
    try:
        detector = Detector()
        faces = Faces()
        with HouseClient(arguments.url, token, credential, detector.model) as house:
            house.synchronise(arguments.speed)
            return _watch(arguments, house, detector, faces)
    except (WeightsError, ValueError) as error:
        print(f"xinji vision: {error}", file=sys.stderr)
        return 2
    except httpx.HTTPError as error:
        print(f"xinji vision: {arguments.url}: {error}", file=sys.stderr)
        return 1


def _watch(arguments: argparse.Namespace, house: HouseClient, first: Detector, faces: Faces) -> int:
    spare = [first]
    stop = threading.Event()
    hub = Hub(
        house.report,
        house.now_us,
        cores=arguments.cores,
        every=arguments.every,
        soon=min(arguments.soon, arguments.every),
        timeout=arguments.timeout,
        rain_mm=lambda: house.rain,
        make_detector=lambda: spare.pop() if spare else Detector(),
        faces=faces,
    )
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    end = time.monotonic() + arguments.duration if arguments.duration else float("inf")
    cameras_due = rain_due = 0.0
    began = time.process_time()
    hub.start()
    try:
        while not stop.is_set() and time.monotonic() < end:
            now = time.monotonic()
            try:
                if now >= cameras_due:
                    cameras, wrong = cameras_of(house.cameras())
                    for each in wrong:
                        print(f"xinji vision: {each}", file=sys.stderr)
                    hub.set_cameras(cameras[: arguments.cameras or None])
                    cameras_due = now + (CAMERAS_SECONDS if cameras else EMPTY_SECONDS)
                # A simulated house's clock may change its speed.
                house.synchronise(arguments.speed)
                if arguments.house_seconds:
                    hub.pace(*paced(arguments.every, arguments.soon, house.speed))
                if now >= rain_due:
                    house.read_rain()
                    rain_due = now + RAIN_SECONDS
                for item in house.asked():
                    # Looks of one re-check are spread over time: one is made when it is due.
                    if not is_due(item.get("due_at"), house.now_us()):
                        continue
                    box = item.get("box")
                    hub.ask(Asked(item["id"], item["thing"], item["problem"],
                                  tuple(box) if box else None))  # fmt: skip
            except httpx.HTTPError as error:
                # The house may be starting again: looks go on, what is found waits.
                print(f"xinji vision: {error}", file=sys.stderr)
            stop.wait(min(2.0, max(0.0, end - time.monotonic())))
    finally:
        house.ending.set()
        hub.stop()
    counters = hub.counters
    print(json.dumps({
        "looks": counters.looks, "failed": counters.failed, "events": counters.events,
        "answers": counters.answers, "unsent": house.unsent,
        "cpu_ms_per_look": round(1e3 * (time.process_time() - began) / max(1, counters.looks), 2),
        "until": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    }))  # fmt: skip
    return 0
