"""Guidance screens of the simulated district: 10, 22 and 24 of the three levels (plan 一(一)五)."""

from __future__ import annotations

import numpy as np

from xinji.system.randomness import key_of, smooth
from xinji.system.simulation import (
    Conditions,
    Fleet,
    Floats,
    Ground,
    Stream,
    make_things,
    near_roads,
    service_dates,
)

SYSTEM = "terminals.guidance"
SCREENS = {1: 10, 2: 22, 3: 24}
NAMES = {1: "一级诱导屏", 2: "二级诱导屏", 3: "三级诱导屏"}
# free spaces that a screen sums up: a district part, a road, one car park
SPACES = {1: 1500.0, 2: 500.0, 3: 160.0}


def simulate(ground: Ground, generator: np.random.Generator) -> tuple[Fleet, ...]:
    """One fleet per level."""
    return tuple(_screens(ground, generator, level) for level in SCREENS)


def _screens(ground: Ground, generator: np.random.Generator, level: int) -> Fleet:
    count = SCREENS[level]
    places, roads = near_roads(ground, count, generator)
    things = make_things(
        ground,
        "guidance-screen",
        NAMES[level],
        places,
        service_dates(count, "2020-03-01", "2021-08-31"),
        label=f"screen-{level}",
        attributes=[{"level": level, "road": road} for road in roads],
    )
    key = key_of(generator)

    def displayed(c: Conditions) -> Floats:
        free = (0.85 - 0.7 * np.maximum(c.office, c.leisure))[:, None]
        value: Floats = np.floor(
            SPACES[level] * np.clip(free + 0.15 * smooth(key, count, c.times, 600), 0, 1)
        )
        return value

    return Fleet(
        system=SYSTEM,
        things=things,
        streams=(
            Stream(
                property="screen",
                period=15,
                sample=lambda c: np.ones((len(c), count)),
                decimals=0,
            ),
            Stream(property="displayed", period=60, sample=displayed, decimals=0),
        ),
        weak=(("screen", 0.0),),
    )
