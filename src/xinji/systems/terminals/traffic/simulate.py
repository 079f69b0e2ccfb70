"""Checkpoint lanes of the simulated district: 50 sections, 130 lanes (plan 一(一)四)."""

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
    near_roads,
    service_dates,
)

SYSTEM = "terminals.traffic"
SECTIONS = 50
THREE_LANE_SECTIONS = 30
TWO_CAMERA_SECTIONS = 40
LANES = 3 * THREE_LANE_SECTIONS + 2 * (SECTIONS - THREE_LANE_SECTIONS)


def rain_slowdown(rain_mm_h: Floats, standing_mm: Floats) -> Floats:
    """Share of the speed that rain and standing water take away, 0 to 0.6.

    The shape (a few per cent in light rain, about a fifth in heavy rain) is that of freeway
    studies collected in the Highway Capacity Manual; our coefficients are illustrative.
    """
    wet = (rain_mm_h > 0.2).astype(np.float64)
    slow: Floats = np.minimum(0.06 * wet + 0.006 * rain_mm_h + 0.008 * standing_mm, 0.6)
    return slow


def simulate(ground: Ground, generator: np.random.Generator) -> tuple[Fleet, ...]:
    """Lanes in one fleet; the lanes of a section share its demand."""
    (lons, lats), roads = near_roads(ground, SECTIONS, generator)
    lanes_of = [3 if s < THREE_LANE_SECTIONS else 2 for s in range(SECTIONS)]
    section = np.repeat(np.arange(SECTIONS), lanes_of)
    attributes = [
        {
            "section": f"S{s + 1:02d}",
            "lane": lane + 1,
            # one camera looks at lane 1, a second one at lane 2
            "cameras": int(lane < (2 if s < TWO_CAMERA_SECTIONS else 1)),
            "road": roads[s],
        }
        for s in range(SECTIONS)
        for lane in range(lanes_of[s])
    ]
    things = make_things(
        ground,
        "traffic-lane",
        "卡口车道",
        (lons[section], lats[section]),
        service_dates(LANES, "2020-03-01", "2021-09-30"),
        attributes=attributes,
    )
    busy = generator.uniform(0.6, 1.05, SECTIONS)[section]
    capacity = generator.uniform(900, 1500, LANES)
    free_speed = generator.uniform(42, 58, SECTIONS)[section]
    demand_key, flow_key, speed_key = (key_of(generator) for _ in range(3))

    def demand(c: Conditions) -> Floats:
        wander = 0.85 + 0.3 * smooth(demand_key, SECTIONS, c.times, 600)[:, section]
        share: Floats = c.traffic[:, None] * busy * wander
        return share

    def flow(c: Conditions) -> Floats:
        wet = (1 - 0.3 * rain_slowdown(c.rain_mm_h, c.standing_mm))[:, None]
        noise = 1 + 0.12 * normal(flow_key, LANES, c.times // 20_000_000)
        vehicles: Floats = capacity * np.minimum(demand(c), 1) * wet * noise
        whole: Floats = np.floor(np.clip(vehicles, 0, 2400) + 0.5)
        return whole

    def speed(c: Conditions) -> Floats:
        crowd = 1 - 0.55 * np.minimum(demand(c), 1.2) ** 2
        wet = (1 - rain_slowdown(c.rain_mm_h, c.standing_mm))[:, None]
        noise = 1.5 * normal(speed_key, LANES, c.times // 20_000_000)
        value: Floats = np.clip(free_speed * crowd * wet + noise, 3, 110)
        return value

    return (
        Fleet(
            system=SYSTEM,
            things=things,
            streams=(
                Stream(property="flow", period=20, sample=flow, decimals=0),
                Stream(property="mean_speed", period=20, sample=speed, decimals=4),
            ),
        ),
    )
