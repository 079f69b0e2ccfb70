"""Speed probes and IPv6 monitors of the simulated district."""

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

SYSTEM = "network.quality"
PROBES = 40
# mean rate at the baseline in Mbit/s, and its growth a year
RATES = {"mobile": (62.0, 11.0), "fixed": (70.0, 13.0)}
OPERATORS = ("mobile", "telecom", "unicom")


def simulate(ground: Ground, generator: np.random.Generator) -> tuple[Fleet, ...]:
    """Mobile and fixed speed probes, and one IPv6 monitor per operator."""
    return (
        _probes(ground, generator, "mobile"),
        _probes(ground, generator, "fixed"),
        _monitors(ground, generator),
    )


def _probes(ground: Ground, generator: np.random.Generator, access: str) -> Fleet:
    things = make_things(
        ground,
        "speed-probe",
        "移动测速点" if access == "mobile" else "固网测速点",
        ground.scatter(PROBES, generator),
        service_dates(PROBES, "2021-06-01", "2021-10-31"),
        label=f"{access}-probe",
        attributes=[
            {"access": access, "operator": OPERATORS[i % len(OPERATORS)]} for i in range(PROBES)
        ],
    )
    start, growth = RATES[access]
    speed = generator.lognormal(0.0, 0.15, PROBES)
    speed /= speed.mean()
    key, delay_key = key_of(generator), key_of(generator)

    def rate(c: Conditions) -> Floats:
        mean = (start + growth * np.maximum(c.years, 0))[:, None]
        busy = (1.05 - 0.12 * c.home)[:, None]
        noise = 1 + 0.06 * normal(key, PROBES, c.times // 60_000_000)
        value: Floats = np.maximum(1.0, mean * speed * busy * noise)
        return value

    def latency(c: Conditions) -> Floats:
        value: Floats = (12 if access == "mobile" else 5) * (
            0.8 + 0.5 * c.home[:, None] + 0.4 * smooth(delay_key, PROBES, c.times, 120)
        )
        return value

    return Fleet(
        system=SYSTEM,
        things=things,
        streams=(
            Stream(property="perceived_rate_mbps", period=60, sample=rate, decimals=1),
            Stream(property="latency_ms", period=60, sample=latency, decimals=1),
        ),
        transport="http",
        campaign_days=15,
    )


def _monitors(ground: Ground, generator: np.random.Generator) -> Fleet:
    count = len(OPERATORS)
    things = make_things(
        ground,
        "ipv6-monitor",
        "IPv6监测点",
        ground.scatter(count, generator),
        service_dates(count, "2021-06-01", "2021-10-31"),
        attributes=[{"operator": name} for name in OPERATORS],
    )
    key = key_of(generator)
    offset = np.array([1.5, 0.0, -1.5])

    def active(c: Conditions) -> Floats:
        mean = (62 + 4.9 * np.maximum(c.years, 0))[:, None]
        share: Floats = np.clip(mean + offset + smooth(key, count, c.times, 86_400) - 0.5, 0, 99)
        return share

    return Fleet(
        system=SYSTEM,
        things=things,
        streams=(
            Stream(property="ipv6_active_share", period=300, sample=active),
            Stream(
                property="ipv6_equipment_share",
                period=300,
                sample=lambda c: np.full((len(c), count), 100.0),
            ),
        ),
        transport="http",
        campaign_days=15,
    )
