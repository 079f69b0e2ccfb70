"""Ponding sensors at low points of the simulated district: standing water gathers there."""

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

SYSTEM = "terminals.flooding"
POINTS = 24


def simulate(ground: Ground, generator: np.random.Generator) -> tuple[Fleet, ...]:
    """24 points along the roads; how much water a point gathers differs from point to point."""
    places, roads = near_roads(ground, POINTS, generator)
    things = make_things(
        ground,
        "ponding-sensor",
        "积水监测点",
        places,
        service_dates(POINTS, "2021-05-01", "2023-06-30"),
        attributes=[{"road": road} for road in roads],
    )
    # cm of water per mm standing in the district: a dip gathers from around it
    gather = generator.uniform(0.3, 1.8, POINTS)
    key = key_of(generator)

    def depth(c: Conditions) -> Floats:
        ripple = 0.95 + 0.1 * smooth(key, POINTS, c.times, 120)
        cm: Floats = np.clip(c.standing_mm[:, None] * gather * ripple, 0, 250)
        return cm

    return (
        Fleet(
            system=SYSTEM,
            things=things,
            streams=(Stream(property="water_depth_cm", period=20, sample=depth, decimals=1),),
        ),
    )
