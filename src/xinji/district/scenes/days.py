"""Days of a camera for evaluation: weather, incidents and looks, from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xinji.district.scenes.incidents import Incident
from xinji.district.scenes.scene import Conditions

SECOND = 1_000_000
MIDNIGHT = 1_763_654_400_000_000
"""2025-11-21 00:00 in Shanghai, in Unix microseconds."""


@dataclass(frozen=True, slots=True)
class Day:
    """Some hours of one camera: incidents, and when it rains how hard."""

    start: int
    hours: float
    incidents: tuple[Incident, ...]
    rain_from: int
    rain_until: int
    rain_mm_h: float
    cloud: float

    def looks(self, every: float) -> Iterator[int]:
        """Times of looks, `every` seconds apart."""
        for number in range(int(self.hours * 3600 / every)):
            yield self.start + round(number * every * SECOND)

    def conditions(self, time_us: int) -> Conditions:
        """The weather at a time; the road dries within two hours."""
        rain = self.rain_mm_h if self.rain_from <= time_us < self.rain_until else 0.0
        since = (time_us - self.rain_until) / (7200 * SECOND)
        wet = 0.0 if time_us < self.rain_from else float(np.clip(1 - max(0.0, since), 0, 1))
        return Conditions(rain=rain, wet=wet if self.rain_mm_h else 0.0, cloud=self.cloud)

    def rained(self, time_us: int) -> float:
        """Millimetres in the six hours before a time."""
        low = max(self.rain_from, time_us - 6 * 3600 * SECOND)
        high = min(self.rain_until, time_us)
        return max(0.0, (high - low) / (3600 * SECOND)) * self.rain_mm_h


def day(seed: int, problems: tuple[str, ...], hours: float = 5.0, first_hour: float = 0.0) -> Day:
    """A day that begins at an hour of Shanghai; half of the problems happen, each once."""
    generator = np.random.default_rng((seed, 91))
    start = MIDNIGHT + round((first_hour + 24 * (seed % 3)) * 3600) * SECOND
    length = round(hours * 3600 * SECOND)
    wet = bool(generator.random() < 0.5)
    rain_from = start + round(generator.uniform(0.25, 0.4) * length)
    rain_until = rain_from + round(generator.uniform(0.8, 1.6) * 3600) * SECOND
    incidents = []
    for number, problem in enumerate(problems):
        happens = generator.random() < 0.5
        begin = start + round(generator.uniform(0.35, 0.5) * length)
        end = begin + round(generator.uniform(4200, 6000)) * SECOND
        if problem == "ponding":
            # Water stands where it rained: half of the wet days, and stays an hour or two.
            happens = happens and wet
            begin, end = rain_from + 1200 * SECOND, rain_until + 3000 * SECOND
        if happens:
            incidents.append(Incident(problem, begin, end, seed * 10 + number))
    rate = float(generator.uniform(3, 12)) if wet else 0.0
    return Day(start, hours, tuple(incidents), rain_from, rain_until, rate,
               float(generator.uniform(0, 1)))  # fmt: skip
