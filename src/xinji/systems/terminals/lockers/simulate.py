"""Meal lockers of the simulated district (plan 一(一)七)."""

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
    service_dates,
)

SYSTEM = "terminals.lockers"
LOCKERS = 9


def simulate(ground: Ground, generator: np.random.Generator) -> tuple[Fleet, ...]:
    """Nine lockers, full at meal times."""
    cells = generator.integers(20, 60, LOCKERS)
    things = make_things(
        ground,
        "meal-locker",
        "智能取餐柜",
        ground.scatter(LOCKERS, generator),
        service_dates(LOCKERS, "2020-04-01", "2020-12-20"),
        attributes=[{"cells": int(n)} for n in cells],
    )
    key = key_of(generator)

    def free(c: Conditions) -> Floats:
        meals = sum(np.exp(-(((c.hour - at) / 0.9) ** 2)) for at in (8.0, 12.2, 18.5))
        used = np.clip(0.05 + 0.75 * np.asarray(meals)[:, None], 0, 1)
        value: Floats = np.floor(
            cells * (1 - used * (0.6 + 0.4 * smooth(key, LOCKERS, c.times, 600)))
        )
        return value

    return (
        Fleet(
            system=SYSTEM,
            things=things,
            streams=(
                Stream(property="free_cells", period=30, sample=free, decimals=0),
                Stream(
                    property="locker",
                    period=30,
                    sample=lambda c: np.ones((len(c), LOCKERS)),
                    decimals=0,
                ),
            ),
            weak=(("locker", 0.0),),
        ),
    )
