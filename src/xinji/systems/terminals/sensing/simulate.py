"""Cameras of the simulated district, in the plan's numbers (plan 一(一)三, 一(一)四, 三(四)18)."""

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

SYSTEM = "terminals.sensing"
# programme: count, Chinese name, first and last date in service, seconds between reports
PROGRAMMES = {
    "ai-stream": (500, "AI视频流", "2021-03-01", "2022-06-30", 20.0),
    "high-point": (5, "高空瞭望", "2020-06-01", "2021-06-30", 60.0),
    "smart-upgrade": (250, "智能化改造摄像机", "2020-03-01", "2021-09-30", 60.0),
    "new-hd": (250, "高清智能摄像机", "2020-03-01", "2021-09-30", 60.0),
    "new-2021": (500, "新建视频终端", "2021-02-01", "2021-12-20", 60.0),
}
SCENES = ("litter", "bike parking", "shop front", "crowd", "ponding", "vehicles")


def simulate(ground: Ground, generator: np.random.Generator) -> tuple[Fleet, ...]:
    """One fleet per programme; the AI streams also report frame rate and luminance."""
    return tuple(_cameras(ground, generator, programme) for programme in PROGRAMMES)


def _cameras(ground: Ground, generator: np.random.Generator, programme: str) -> Fleet:
    count, name, first, last, period = PROGRAMMES[programme]
    places = (
        near_roads(ground, count, generator)[0]
        if programme == "ai-stream"
        else ground.scatter(count, generator)
    )
    things = make_things(
        ground,
        "camera",
        name,
        places,
        service_dates(count, first, last),
        label=programme,
        attributes=[
            {"programme": programme, "scene": SCENES[i % len(SCENES)]} for i in range(count)
        ],
    )
    streams = [
        Stream(
            property="stream",
            period=period,
            sample=lambda c: np.ones((len(c), count)),
            decimals=0,
        )
    ]
    if programme == "ai-stream":
        lamp = generator.uniform(35, 70, count)
        bright_key, rate_key = key_of(generator), key_of(generator)

        def luminance(c: Conditions) -> Floats:
            daylight = np.clip(np.sin(np.pi * (c.hour - 6) / 12), 0, 1)[:, None]
            cloud = np.where(c.rain_mm_h > 0.1, 0.7, 1.0)[:, None]
            wander = 12 * smooth(bright_key, count, c.times, 45)
            value: Floats = lamp + 110 * daylight * cloud + wander
            return value

        def frame_rate(c: Conditions) -> Floats:
            value: Floats = 24.5 + smooth(rate_key, count, c.times, 90)
            return value

        streams += [
            Stream(property="luminance", period=60, sample=luminance, decimals=4),
            Stream(property="frame_rate", period=60, sample=frame_rate, decimals=2),
        ]
    return Fleet(system=SYSTEM, things=things, streams=tuple(streams), weak=(("stream", 0.0),))
