"""Who is in the street without anything being wrong: the hard negatives of a scene.

All of it is a function of seed and time: passers-by, cars, cyclists, people who stop to talk, bikes
that are parked in the rack, vans that load for some minutes, drivers who stop for a minute where
they must not, a suitcase put down and taken again, a delivery left at a door for a few minutes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xinji.district.scenes.layout import WIDTH, Layout

SECOND = 1_000_000
PASS_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class Placed:
    """A drawn thing with its foot at (x, y) in pixels, `metres` high, facing left when flipped."""

    kind: str
    variant: int
    x: float
    y: float
    metres: float
    flipped: bool = False
    stride: float = 0.0


def hour_of(time_us: int) -> float:
    """Hour of the day in Shanghai (UTC+8, no summer time)."""
    return (time_us / 3.6e9 + 8) % 24


def bustle(hour: float) -> float:
    """How busy the street is, 0.03..1: night, two rushes, noon."""
    rush = np.exp(-((hour - 8.5) ** 2) / 3) + np.exp(-((hour - 18) ** 2) / 5)
    day = 0.45 / (1 + np.exp(-(hour - 6.5) * 2)) / (1 + np.exp((hour - 22) * 2))
    return float(np.clip(0.03 + day + 0.6 * rush, 0, 1))


def passing(layout: Layout, time_us: int) -> list[Placed]:
    """Everything in the street at a time that is no incident."""
    busy = bustle(hour_of(time_us))
    return [
        *_walkers(layout, time_us, busy),
        *_traffic(layout, time_us, busy),
        *_in_rack(layout, time_us),
        *_stays(layout, time_us),
    ]


def _slots(
    layout: Layout, tag: int, time_us: int, seconds: float, back: float
) -> Iterator[tuple[np.random.Generator, float]]:
    """(generator of a slot, seconds since the slot began) for slots that may still matter."""
    now = time_us / SECOND
    slot = int(now // seconds)
    for index in range(slot, slot - int(back // seconds) - 2, -1):
        yield np.random.default_rng((layout.seed, tag, index)), now - index * seconds


def _walkers(layout: Layout, time_us: int, busy: float) -> Iterator[Placed]:
    for generator, since in _slots(layout, 21, time_us, 6.0, PASS_SECONDS):
        chance, start, speed, depth, variant, right = generator.random(6)
        age = since - 6.0 * start
        if chance > 0.75 * busy or age < 0:
            continue
        y = layout.wall + 14 + depth * (layout.kerb - layout.wall - 18)
        metres_per_second = 0.9 + 0.8 * speed
        x = -30 + age * metres_per_second * layout.scale(y)
        if x < WIDTH + 30:
            stride = float(np.sin(2 * np.pi * age * 0.95))
            yield Placed("person", int(variant * 24), x if right < 0.5 else WIDTH - x, y,
                         1.6 + 0.2 * speed, right >= 0.5, stride)  # fmt: skip


def _traffic(layout: Layout, time_us: int, busy: float) -> Iterator[Placed]:
    for lane, (row, flipped) in enumerate(((layout.kerb + 62, False), (354, True))):
        for generator, since in _slots(layout, 31 + lane, time_us, 5.0, 25.0):
            chance, start, speed, what, variant = generator.random(5)
            age = since - 5.0 * start
            if chance > 0.8 * busy or age < 0:
                continue
            kind, metres = ("car", 1.5) if what < 0.7 else ("van", 2.2)
            if what > 0.9:
                kind, metres = "scooter", 1.15
            x = -180 + age * (5 + 6 * speed) * layout.scale(row)
            if x < WIDTH + 180:
                yield Placed(kind, int(variant * 12), WIDTH - x if flipped else x, row, metres,
                             flipped)  # fmt: skip


def _in_rack(layout: Layout, time_us: int) -> Iterator[Placed]:
    for place in range(4):
        for generator, since in _slots(layout, 41 + place, time_us, 3600.0, 3600.0):
            chance, start, stay, variant = generator.random(4)
            begin = 1800 * start
            if chance < 0.6 and begin <= since < begin + 1200 + 3600 * stay:
                kind, metres = ("bicycle", 1.05) if variant < 0.6 else ("scooter", 1.15)
                x = layout.rack - 54 + 36 * place
                yield Placed(kind, int(variant * 12), x, layout.kerb - 16, metres)
                break


def _stays(layout: Layout, time_us: int) -> Iterator[Placed]:
    """Things that stop for a while and are right to do so."""
    hour = hour_of(time_us)
    awake = 7 < hour < 22
    far = 60 if layout.rack > WIDTH / 2 else WIDTH - 60
    for generator, since in _slots(layout, 51, time_us, 2400.0, 2400.0):
        chance, start, stay, variant = generator.random(4)
        begin = 1200 * start
        if awake and chance < 0.4 and begin <= since < begin + 180 + 1300 * stay:
            yield Placed("van", int(variant * 12), far, layout.kerb + 30, 2.2)
    for generator, since in _slots(layout, 52, time_us, 900.0, 0.0):
        chance, start, stay, variant, where = generator.random(5)
        begin = 700 * start
        if chance < 0.35 * bustle(hour) and begin <= since < begin + 25 + 75 * stay:
            x = 200 + 240 * where
            yield Placed("car", int(variant * 12), x, layout.kerb + 34, 1.5)
    for generator, since in _slots(layout, 53, time_us, 1200.0, 0.0):
        chance, start, stay, variant, where = generator.random(5)
        begin = 900 * start
        if chance < 0.5 * bustle(hour) and begin <= since < begin + 30 + 150 * stay:
            x, y = 180 + 280 * where, layout.wall + 40 + 20 * variant
            for number in range(2 + int(variant * 3)):
                who = (number * 7 + int(variant * 24)) % 24
                foot = y + 6 * (number % 2)
                yield Placed("person", who, x + 24 * number, foot, 1.7, number % 2 == 1)
            if variant < 0.4:
                yield Placed("box", int(variant * 12), x - 20, y + 6, 0.5)
    for generator, since in _slots(layout, 54, time_us, 5400.0, 0.0):
        chance, start, stay, variant = generator.random(4)
        begin = 4000 * start
        if awake and chance < 0.35 and begin <= since < begin + 60 + 240 * stay:
            door = layout.doors[int(variant * len(layout.doors))]
            yield Placed("box", int(variant * 12), door + 26, layout.wall + 8, 0.6)
            yield Placed("box", int(variant * 12) + 1, door + 38, layout.wall + 12, 0.5)
