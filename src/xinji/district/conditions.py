"""Rhythm and weather together: the conditions that every simulator is given."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xinji.district.rhythm import DAY_US, rhythm
from xinji.district.weather import Storm, weather
from xinji.system.simulation import Conditions, Times

BASELINE_US = int(np.datetime64("2021-11-05", "us").astype(np.int64))
"""The day the plan was published; years are counted from it."""


def conditions(seed: int, times: Times, storms: Sequence[Storm] = ()) -> Conditions:
    """The district at Unix microseconds `times` of shape (m,)."""
    times = np.asarray(times, dtype=np.int64)
    now, sky = rhythm(times), weather(seed, times, storms)
    return Conditions(
        times=times,
        hour=now.hour,
        rain_mm_h=sky.rain_mm_h,
        standing_mm=sky.standing_mm,
        temperature=sky.temperature,
        humidity=sky.humidity,
        pm2_5=sky.pm2_5,
        # people drive less in heavy rain, but not much less
        traffic=now.traffic * (1 - 0.05 * np.minimum(sky.rain_mm_h / 20, 1)),
        office=now.office,
        home=now.home,
        leisure=now.leisure * (1 - 0.25 * np.minimum(sky.rain_mm_h / 10, 1)),
        years=(times - BASELINE_US) / DAY_US / 365.25,
    )
