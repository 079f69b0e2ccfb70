"""Fresh-food warehouses of the simulated district: 3 new and 4 rebuilt in 2020 (plan 一(一)七)."""

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

SYSTEM = "terminals.warehouses"
NEW = 3
REBUILT = 4
BROKEN_TEMPERATURE = 12.5


def simulate(ground: Ground, generator: np.random.Generator) -> tuple[Fleet, ...]:
    """Seven warehouses with one cold room each."""
    count = NEW + REBUILT
    things = make_things(
        ground,
        "fresh-warehouse",
        "生鲜前置仓",
        ground.scatter(count, generator),
        service_dates(count, "2020-03-01", "2020-12-20"),
        attributes=[{"programme": "new-2020" if i < NEW else "rebuilt-2020"} for i in range(count)],
    )
    setting = generator.uniform(3.0, 4.2, count)
    key, door_key = key_of(generator), key_of(generator)

    def temperature(c: Conditions) -> Floats:
        # the compressor's cycle, the doors, a little of the weather
        cycle = 0.6 * (smooth(key, count, c.times, 240) - 0.5)
        doors = 1.2 * smooth(door_key, count, c.times, 600) ** 4 * c.leisure[:, None]
        outdoor = 0.02 * (c.temperature[:, None] - 20)
        value: Floats = setting + cycle + doors + outdoor
        return value

    return (
        Fleet(
            system=SYSTEM,
            things=things,
            streams=(Stream(property="temperature", period=15, sample=temperature, decimals=2),),
            weak=(("temperature", BROKEN_TEMPERATURE),),
        ),
    )
