"""Environment stations of the simulated district: the weather, with a small error each."""

from __future__ import annotations

import numpy as np

from xinji.system.randomness import key_of, normal, smooth
from xinji.system.simulation import (
    Conditions,
    Fleet,
    Floats,
    Ground,
    Stream,
    make_things,
    service_dates,
)

SYSTEM = "terminals.environment"
PER_SUBDISTRICT = 1
EXTRA = 2


def simulate(ground: Ground, generator: np.random.Generator) -> tuple[Fleet, ...]:
    """One station in each sub-district and two more, as single devices."""
    codes = [area.code for area in ground.subdistricts]
    homes = codes * PER_SUBDISTRICT + codes[-EXTRA:]
    places = [ground.scatter(1, generator, (code,)) for code in homes]
    lons = np.concatenate([p[0] for p in places])
    lats = np.concatenate([p[1] for p in places])
    count = len(homes)
    things = make_things(
        ground,
        "environment-station",
        "环境监测站",
        (lons, lats),
        service_dates(count, "2019-01-01", "2022-12-31"),
        attributes=[{"site": "rooftop" if i % 2 else "roadside"} for i in range(count)],
    )
    offset = generator.normal(0, 0.4, count)
    gain = generator.uniform(0.85, 1.15, count)
    keys = [key_of(generator) for _ in range(4)]

    def temperature(c: Conditions) -> Floats:
        noise = 0.15 * normal(keys[0], count, c.times // 20_000_000)
        value: Floats = c.temperature[:, None] + offset + noise
        return value

    def humidity(c: Conditions) -> Floats:
        value: Floats = np.clip(
            c.humidity[:, None] + 4 * (smooth(keys[1], count, c.times, 600) - 0.5), 5, 100
        )
        return value

    def pm2_5(c: Conditions) -> Floats:
        value: Floats = np.maximum(
            1.0,
            c.pm2_5[:, None] * gain * (0.9 + 0.2 * smooth(keys[2], count, c.times, 300)),
        )
        return value

    def rain(c: Conditions) -> Floats:
        value: Floats = c.rain_mm_h[:, None] * (0.85 + 0.3 * smooth(keys[3], count, c.times, 600))
        return value

    return (
        Fleet(
            system=SYSTEM,
            things=things,
            streams=(
                Stream(property="pm2_5", period=20, sample=pm2_5, decimals=1),
                Stream(property="temperature", period=20, sample=temperature, decimals=2),
                Stream(property="humidity", period=60, sample=humidity, decimals=1),
                Stream(property="rain_mm_h", period=20, sample=rain, decimals=1),
            ),
            single_topics=True,
        ),
    )
