"""The weather of the simulated district, a pure function of (seed, time).

Monthly means are rounded climate figures of Shanghai, for illustration only; the rest is noise with
the right memory: fronts of days, wet spells of hours, bursts of minutes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xinji.district.rhythm import DAY_US, HOUR_US, UTC_OFFSET_HOURS
from xinji.system.randomness import smooth
from xinji.system.simulation import MICROSECONDS, Floats, Times

# mid-month means from January on, rounded, illustrative
MONTH_TEMPERATURE = (5.0, 7.0, 11.0, 16.0, 21.0, 25.0, 29.0, 29.0, 25.0, 20.0, 14.0, 8.0)
# strongest ordinary rain of the month in mm/h, illustrative
MONTH_RAIN_PEAK = (6.0, 8.0, 12.0, 15.0, 22.0, 45.0, 55.0, 60.0, 40.0, 18.0, 10.0, 6.0)
WET_ABOVE = 0.83
DRAIN_MM_H = 12.0
RUN_OFF_MINUTES = 40.0
MEMORY_MINUTES = 180
MEMORY_STEP_MINUTES = 5


@dataclass(frozen=True, kw_only=True)
class Storm:
    """A storm placed by hand: rises to `peak_mm_h` in the middle of its minutes and falls again."""

    start_us: int
    minutes: float
    peak_mm_h: float


@dataclass(frozen=True, kw_only=True)
class Weather:
    """At m moments, each of shape (m,): see `xinji.system.simulation.Conditions` for units."""

    temperature: Floats
    humidity: Floats
    pm2_5: Floats
    rain_mm_h: Floats
    standing_mm: Floats


def weather(seed: int, times: Times, storms: Sequence[Storm] = ()) -> Weather:
    """The weather at Unix microseconds `times` of shape (m,)."""
    key = _key(seed, 1)
    hour = ((times + UTC_OFFSET_HOURS * HOUR_US) % DAY_US) / HOUR_US
    rain = rain_mm_h(seed, times, storms)
    front = smooth(key, 1, times, 3 * 86_400)[:, 0] - 0.5
    daily = np.cos(2 * np.pi * (hour - 15) / 24)
    temperature = _monthly(times, MONTH_TEMPERATURE) + 9 * front + 3.5 * daily
    temperature = temperature - 2.5 * np.minimum(rain / 5, 1)
    damp = smooth(_key(seed, 2), 1, times, 2 * 86_400)[:, 0]
    humidity = np.clip(48 + 34 * damp - 9 * daily + 18 * np.minimum(rain / 2, 1), 15, 100)
    stale = smooth(_key(seed, 3), 1, times, 1.5 * 86_400)[:, 0]
    winter = np.clip((18 - _monthly(times, MONTH_TEMPERATURE)) / 13, 0, 1)
    pm2_5 = (12 + 40 * stale**2 * (1 + 1.2 * winter)) * (1 - 0.6 * np.minimum(rain / 5, 1))
    return Weather(
        temperature=temperature,
        humidity=humidity,
        pm2_5=pm2_5,
        rain_mm_h=rain,
        standing_mm=standing_mm(seed, times, storms),
    )


def rain_mm_h(seed: int, times: Times, storms: Sequence[Storm] = ()) -> Floats:
    """Rain intensity in mm/h at `times`, shape (m,); exactly 0 when it is dry."""
    spell = smooth(_key(seed, 4), 1, times, 9 * 3_600)[:, 0]
    burst = smooth(_key(seed, 5), 1, times, 25 * 60)[:, 0]
    wet = np.maximum(spell - WET_ABOVE, 0) / (1 - WET_ABOVE)
    rain = _monthly(times, MONTH_RAIN_PEAK) * wet**2.5 * (0.08 + 0.92 * burst**3)
    for storm in storms:
        u = (times - storm.start_us) / (storm.minutes * 60 * MICROSECONDS)
        inside = (u > 0) & (u < 1)
        rain = rain + np.where(inside, storm.peak_mm_h * np.sin(np.pi * np.clip(u, 0, 1)), 0.0)
    return rain


def standing_mm(seed: int, times: Times, storms: Sequence[Storm] = ()) -> Floats:
    """Water that stands in mm, shape (m,): rain above the drains' capacity, running off slowly."""
    lags = np.arange(0, MEMORY_MINUTES, MEMORY_STEP_MINUTES)
    past = times[:, None] - (lags * 60 * MICROSECONDS)[None, :]
    rain = rain_mm_h(seed, past.reshape(-1), storms).reshape(past.shape)
    excess = np.maximum(rain - DRAIN_MM_H, 0) * (MEMORY_STEP_MINUTES / 60)
    water: Floats = excess @ np.exp(-lags / RUN_OFF_MINUTES)
    return water


def _monthly(times: Times, table: tuple[float, ...]) -> Floats:
    """The table's value, joined smoothly from mid-month to mid-month."""
    months = (times / DAY_US / 365.2425 * 12) % 12 - 0.5
    points = np.arange(-1, 14, dtype=np.float64)
    value: Floats = np.interp(months, points, [table[int(i) % 12] for i in points])
    return value


def _key(seed: int, stream: int) -> int:
    return (seed * 1_000_003 + stream * 7_919) % 2**63
