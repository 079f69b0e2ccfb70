"""Bike no-parking points of the simulated district (plan 一(一)五)."""

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

SYSTEM = "terminals.cycling"
POINTS = 40


def simulate(ground: Ground, generator: np.random.Generator) -> tuple[Fleet, ...]:
    """40 points; bikes gather with the commute and leave in the rain."""
    places, roads = near_roads(ground, POINTS, generator)
    things = make_things(
        ground,
        "bike-point",
        "单车禁停点",
        places,
        service_dates(POINTS, "2020-09-01", "2021-08-31"),
        attributes=[{"road": road} for road in roads],
    )
    size = generator.lognormal(2.7, 0.5, POINTS)
    key = key_of(generator)

    def parked(c: Conditions) -> Floats:
        commute = (0.3 + 0.5 * c.office + 0.4 * c.leisure)[:, None]
        dry = np.where(c.rain_mm_h > 0.5, 0.6, 1.0)[:, None]
        bikes: Floats = np.floor(
            size * commute * dry * (0.4 + 1.2 * smooth(key, POINTS, c.times, 1200))
        )
        return bikes

    return (
        Fleet(
            system=SYSTEM,
            things=things,
            streams=(Stream(property="parked_bikes", period=30, sample=parked, decimals=0),),
        ),
    )
