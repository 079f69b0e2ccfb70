"""Car parks and roadside bays of the simulated district (plan 一(一)五)."""

from __future__ import annotations

import numpy as np

from xinji.system.randomness import key_of, smooth, uniform
from xinji.system.simulation import (
    Conditions,
    Fleet,
    Floats,
    Ground,
    Stream,
    make_things,
    service_dates,
)

SYSTEM = "terminals.parking"
CAR_PARKS = 120
BAYS = 31
BAY_ROAD = "凯旋路"
TYPES = ("garage", "surface", "building")
STAY_MICROSECONDS = 1_500 * 1_000_000


def simulate(ground: Ground, generator: np.random.Generator) -> tuple[Fleet, ...]:
    """120 public car parks and 31 bays of one road."""
    return (_car_parks(ground, generator), _bays(ground, generator))


def _car_parks(ground: Ground, generator: np.random.Generator) -> Fleet:
    capacity = np.round(generator.lognormal(5.1, 0.6, CAR_PARKS)).clip(30, 900)
    things = make_things(
        ground,
        "car-park",
        "公共停车场",
        ground.scatter(CAR_PARKS, generator),
        service_dates(CAR_PARKS, "2019-01-01", "2021-09-30"),
        attributes=[
            {"capacity": int(n), "type": TYPES[i % len(TYPES)]} for i, n in enumerate(capacity)
        ],
    )
    # each serves its own mix of offices, homes and shops, and has its own demand at the peak
    mix = generator.dirichlet((1.5, 1.0, 1.5), CAR_PARKS).T
    demand = generator.uniform(0.75, 1.12, CAR_PARKS)
    key = key_of(generator)

    def taken(c: Conditions) -> Floats:
        people = mix[0] * c.office[:, None] + mix[1] * c.home[:, None] + mix[2] * c.leisure[:, None]
        wet = np.where(c.rain_mm_h > 0.5, 1.06, 1.0)[:, None]
        share = (0.18 + 0.82 * people) * demand * wet
        share = share + 0.06 * (smooth(key, CAR_PARKS, c.times, 900) - 0.5)
        cars: Floats = np.round(np.clip(share, 0.0, 1.0) * capacity)
        return cars

    return Fleet(
        system=SYSTEM,
        things=things,
        streams=(
            Stream(
                property="occupancy", period=30, sample=lambda c: taken(c) / capacity, decimals=4
            ),
            Stream(
                property="free_spaces",
                period=30,
                sample=lambda c: capacity - taken(c),
                decimals=0,
            ),
        ),
        transport="http",
    )


def _bays(ground: Ground, generator: np.random.Generator) -> Fleet:
    things = make_things(
        ground,
        "parking-bay",
        f"{BAY_ROAD}泊位",
        ground.along(BAY_ROAD, BAYS, 0.1, 0.9),
        service_dates(BAYS, "2021-03-01", "2021-06-30"),
        attributes=[{"road": BAY_ROAD}] * BAYS,
    )
    key = key_of(generator)
    age = generator.uniform(0, 900, BAYS)

    def occupied(c: Conditions) -> Floats:
        share = np.clip(0.25 + 0.65 * np.maximum(c.office, c.leisure), 0, 1)[:, None]
        # a car stays for one tick or several; every bay has its own
        return (uniform(key, BAYS, c.times // STAY_MICROSECONDS) < share).astype(np.float64)

    def battery(c: Conditions) -> Floats:
        days = (c.years * 365.25 + 2000)[:, None] + age
        level: Floats = 100.0 - 75.0 * ((days % 1200) / 1200)
        return level

    return Fleet(
        system=SYSTEM,
        things=things,
        streams=(
            Stream(property="occupied", period=30, sample=occupied, decimals=0),
            Stream(property="battery", period=300, sample=battery, decimals=1),
        ),
    )
