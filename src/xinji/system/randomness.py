"""Random numbers that are pure functions of (key, thing, tick): any moment can be sampled alone.

A counter-based generator: SplitMix64's finaliser (Steele, Lea and Flood, OOPSLA 2014) over a mix of
key, thing and tick. Enough for a simulation; not for cryptography.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX2 = np.uint64(0x94D049BB133111EB)


def key_of(generator: np.random.Generator) -> int:
    """A fresh key, so that two streams of one simulator differ."""
    return int(generator.integers(0, 2**63))


def uniform(key: int, count: int, ticks: Times) -> Floats:
    """Independent numbers in [0, 1) for `count` things at each tick: shape (len(ticks), count)."""
    things = np.arange(count, dtype=np.uint64)
    with np.errstate(over="ignore"):
        per_thing = _mix(np.uint64(key) + (things + np.uint64(1)) * _GAMMA)
        per_tick = _mix(ticks.astype(np.uint64) * _GAMMA + np.uint64(key))
        words = _mix(per_thing[None, :] ^ per_tick[:, None])
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def normal(key: int, count: int, ticks: Times) -> Floats:
    """Standard normal numbers, shape (len(ticks), count), by Box and Muller's transform."""
    one = uniform(key, count, ticks)
    other = uniform(key ^ 0x5DEECE66D, count, ticks)
    wave: Floats = np.sqrt(-2.0 * np.log1p(-one)) * np.cos(2.0 * np.pi * other)
    return wave


def smooth(key: int, count: int, times: Times, period_seconds: float) -> Floats:
    """Numbers in [0, 1) that wander with a correlation of about a period: (len(times), count).

    Independent numbers at whole periods, joined by the cubic 3u^2 - 2u^3.
    """
    step = int(period_seconds * 1_000_000)
    ticks = times // step
    u = ((times % step) / step)[:, None]
    before = uniform(key, count, ticks)
    after = uniform(key, count, ticks + 1)
    weight = u * u * (3.0 - 2.0 * u)
    blend: Floats = before + (after - before) * weight
    return blend


def _mix(words: Words) -> Words:
    with np.errstate(over="ignore"):
        words = (words ^ (words >> np.uint64(30))) * _MIX1
        words = (words ^ (words >> np.uint64(27))) * _MIX2
        return words ^ (words >> np.uint64(31))
