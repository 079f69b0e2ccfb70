"""Shared poles of the simulated district: tilt, boxes' climate, circuits' loads through the day."""

from __future__ import annotations

from typing import Any

import numpy as np

from xinji.system.randomness import key_of, normal, smooth, uniform
from xinji.system.simulation import Conditions, Fleet, Floats, Ground, Stream
from xinji.systems.terminals.poles.layout import lay_out

SYSTEM = "terminals.poles"
CIRCUIT_W = (3680.0, 3680.0, 3680.0, 2300.0)
"""Ratings of the circuits of the type `power-4`."""

OVERLOAD_FACTOR = 1.5


def simulate(ground: Ground, generator: np.random.Generator) -> tuple[Fleet, ...]:
    """Poles, equipment boxes, power boxes."""
    made = lay_out(ground, generator)
    keys = [key_of(generator) for _ in range(6)]
    count, boxes, powers = len(made.poles), len(made.boxes), len(made.power_boxes)
    lean = generator.uniform(0.1, 0.8, count)
    factor = np.ones((powers, 4))
    at = next(i for i, thing in enumerate(made.power_boxes) if thing.id == made.overloaded[0])
    nominal = made.demand[at, made.overloaded[1] - 1].sum() / CIRCUIT_W[made.overloaded[1] - 1]
    factor[at, made.overloaded[1] - 1] = OVERLOAD_FACTOR / max(nominal, 0.01)

    def tilt(c: Conditions) -> Floats:
        gusts: Floats = lean + 0.25 * smooth(keys[0], count, c.times, 1800)
        return gusts

    def heat(c: Conditions) -> Floats:
        inside: Floats = c.temperature[:, None] + 6 + 4 * smooth(keys[1], boxes, c.times, 900)
        return inside

    def door(c: Conditions) -> Floats:
        # a technician is at a box for a few minutes, by day
        visit = uniform(keys[2], boxes, c.times // 300_000_000) < 0.0004
        by_day = (c.hour > 9) & (c.hour < 17)
        return (visit & by_day[:, None]).astype(np.float64)

    def load(circuit: int) -> Any:
        rated = made.demand[:, circuit]

        def sample(c: Conditions) -> Floats:
            night = ((c.hour < 6) | (c.hour > 18)).astype(np.float64)
            radio = 0.55 + 0.45 * np.maximum(c.home, c.office)
            activity = np.stack([night, radio, np.full(len(c), 0.85)], axis=1)
            watts = activity @ rated.T * factor[:, circuit]
            noise = 1 + 0.02 * normal(keys[3] + circuit, powers, c.times // 60_000_000)
            percent: Floats = np.clip(100 * watts * noise / CIRCUIT_W[circuit], 0, 400)
            return percent

        return sample

    loads = tuple(
        Stream(property=f"circuit_{n + 1}_load", period=60, sample=load(n), decimals=1)
        for n in range(4)
    )
    return (
        Fleet(
            system=SYSTEM,
            things=made.poles,
            streams=(Stream(property="tilt_deg", period=300, sample=tilt, decimals=2),),
        ),
        Fleet(
            system=SYSTEM,
            things=made.boxes,
            streams=(
                Stream(property="box_temperature", period=120, sample=heat, decimals=1),
                Stream(property="door", period=120, sample=door, decimals=0),
            ),
            weak=(("door", 1.0),),
        ),
        Fleet(system=SYSTEM, things=made.power_boxes, streams=loads),
    )
