"""Large public buildings of the simulated district: load by use, occupancy and weather."""

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

SYSTEM = "platforms.energy"
CONNECTED = 97
NOT_CONNECTED = 3
USES = ("office", "retail", "hotel", "hospital", "school", "government")
# W/m2 when occupied, and when empty: orders of magnitude, not a standard's figures
LOAD = {
    "office": (45.0, 9.0),
    "retail": (60.0, 12.0),
    "hotel": (40.0, 20.0),
    "hospital": (55.0, 30.0),
    "school": (25.0, 5.0),
    "government": (40.0, 8.0),
}


def simulate(ground: Ground, generator: np.random.Generator) -> tuple[Fleet, ...]:
    """Buildings that report, and a few that are registered but not connected yet."""
    return (
        _buildings(ground, generator, CONNECTED, "public-building"),
        _buildings(ground, generator, NOT_CONNECTED, "unconnected-building"),
    )


def _buildings(ground: Ground, generator: np.random.Generator, count: int, label: str) -> Fleet:
    uses = [USES[i % len(USES)] for i in range(count)]
    floor_area = np.round(20_000 * generator.lognormal(0.4, 0.5, count), -2)
    things = make_things(
        ground,
        "public-building",
        "公共建筑",
        ground.scatter(count, generator),
        service_dates(count, "2018-01-01", "2023-12-31"),
        label=label,
        attributes=[
            {"floor_area_m2": float(m2), "use": use}
            for m2, use in zip(floor_area, uses, strict=True)
        ],
    )
    if label != "public-building":
        return Fleet(system=SYSTEM, things=things, streams=())
    full = np.array([LOAD[use][0] for use in uses]) * floor_area / 1000
    empty = np.array([LOAD[use][1] for use in uses]) * floor_area / 1000
    # shops and hotels follow leisure, the others the office day
    leisure = np.array([use in ("retail", "hotel") for use in uses])
    start = generator.uniform(1e5, 2e6, count)
    key = key_of(generator)

    def power(c: Conditions) -> Floats:
        people = np.where(leisure, c.leisure[:, None], c.office[:, None])
        # cooling above 24 Cel, heating below 12 Cel
        weather = 0.035 * np.maximum(c.temperature - 24, 0)
        weather = weather + 0.02 * np.maximum(12 - c.temperature, 0)
        wander = 0.95 + 0.1 * smooth(key, count, c.times, 180)
        kw: Floats = (empty + (full - empty) * people) * (1 + weather)[:, None] * wander
        return kw

    def energy(c: Conditions) -> Floats:
        # a daily wave around the mean power, integrated: always rising
        mean = 0.45 * full + 0.55 * empty
        hours = (c.years * 8766.0)[:, None]
        wave = 0.4 * 24 / (2 * np.pi) * -np.cos(2 * np.pi * (c.hour[:, None] - 8) / 24)
        kwh: Floats = start + mean * (hours + wave + 40_000)
        return kwh

    return Fleet(
        system=SYSTEM,
        things=things,
        streams=(
            Stream(property="power_kw", period=60, sample=power, decimals=4),
            Stream(property="energy_kwh", period=300, sample=energy, decimals=1),
        ),
        transport="http",
    )
