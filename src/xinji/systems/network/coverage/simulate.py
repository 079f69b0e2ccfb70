"""The radio network of the simulated district, in the plan's numbers (plan 一(一)一)."""

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
from xinji.systems.network.coverage.kinds import OPERATORS

SYSTEM = "network.coverage"
MACRO_STATIONS = 913
POLE_STATIONS = 39
BUILDINGS_5G = 100
BUILDINGS_WITHOUT = 4
PROBES = 100
# years after the baseline at which the last four uncovered points were covered: 96 % to 100 %
COVERED_AFTER_YEARS = (0.9, 1.9, 2.9, 4.3)
MEAN_DOWNLOAD_MBPS = 740.0


def simulate(ground: Ground, generator: np.random.Generator) -> tuple[Fleet, ...]:
    """Base stations, buildings with indoor distribution, and drive-test points."""
    return (
        _stations(ground, generator, "macro", MACRO_STATIONS),
        _stations(ground, generator, "pole", POLE_STATIONS),
        _buildings(ground, generator),
        _probes(ground, generator),
    )


def _stations(ground: Ground, generator: np.random.Generator, kind: str, count: int) -> Fleet:
    pole = kind == "pole"
    places = near_roads(ground, count, generator)[0] if pole else ground.scatter(count, generator)
    first = "2020-06-01" if pole else "2019-06-01"
    attributes = [{"type": kind, "operator": OPERATORS[i % len(OPERATORS)]} for i in range(count)]
    things = make_things(
        ground,
        "base-station",
        "5G微基站" if pole else "5G宏基站",
        places,
        service_dates(count, first, "2021-10-31"),
        label=f"{kind}-station",
        attributes=attributes,
        owner="运营商",
    )
    size = generator.lognormal(0.0, 0.4, count) * (0.3 if pole else 1.0)
    # offices and homes are busy at different hours; each station serves its own mix of both
    offices = generator.random(count)
    noise_key, heat_key = key_of(generator), key_of(generator)

    def load(c: Conditions) -> Floats:
        mix = offices * c.office[:, None] + (1 - offices) * c.home[:, None]
        wander = 0.7 + 0.6 * smooth(noise_key, count, c.times, 300)
        crowd: Floats = (0.15 + 0.85 * mix) * wander
        return crowd

    def temperature(c: Conditions) -> Floats:
        outdoor = c.temperature[:, None]
        inside: Floats = 14 + 0.7 * outdoor + 10 * load(c) + smooth(heat_key, count, c.times, 600)
        return inside

    return Fleet(
        system=SYSTEM,
        things=things,
        streams=(
            Stream(
                property="availability",
                period=10,
                sample=lambda c: np.ones((len(c), count)),
                decimals=0,
            ),
            Stream(
                property="traffic_mbps",
                period=60,
                sample=lambda c: 400 * size * load(c),
                decimals=1,
            ),
            Stream(
                property="users",
                period=60,
                sample=lambda c: np.floor(90 * size * load(c)),
                decimals=0,
            ),
            Stream(property="temperature", period=120, sample=temperature, decimals=1),
        ),
        weak=(("availability", 0.0),),
    )


def _buildings(ground: Ground, generator: np.random.Generator) -> Fleet:
    count = BUILDINGS_5G + BUILDINGS_WITHOUT
    uses = ("office", "retail", "hotel", "hospital", "government", "library")
    attributes = [
        {
            "indoor_5g": i < BUILDINGS_5G,
            "use": uses[i % len(uses)],
            "floors": int(generator.integers(5, 45)),
        }
        for i in range(count)
    ]
    things = make_things(
        ground,
        "building",
        "室分楼宇",
        ground.scatter(count, generator),
        service_dates(count, "2019-09-01", "2021-10-31"),
        attributes=attributes,
    )
    return Fleet(
        system=SYSTEM,
        things=things,
        streams=(
            Stream(
                property="indoor_system",
                period=60,
                sample=lambda c: np.ones((len(c), count)),
                decimals=0,
            ),
        ),
        weak=(("indoor_system", 0.0),),
    )


def _probes(ground: Ground, generator: np.random.Generator) -> Fleet:
    places, roads = near_roads(ground, PROBES, generator)
    things = make_things(
        ground,
        "coverage-probe",
        "道路测试点",
        places,
        service_dates(PROBES, "2021-06-01", "2021-10-31"),
        attributes=[{"road": road} for road in roads],
    )
    covered_after = np.full(PROBES, -np.inf)
    last = generator.permutation(PROBES)[: len(COVERED_AFTER_YEARS)]
    covered_after[last] = COVERED_AFTER_YEARS
    speed = generator.lognormal(0.0, 0.25, PROBES)
    speed /= speed.mean()
    key = key_of(generator)

    def covered(c: Conditions) -> Floats:
        return (c.years[:, None] >= covered_after).astype(np.float64)

    def download(c: Conditions) -> Floats:
        growth = (1 + 0.02 * np.maximum(c.years, 0))[:, None]
        busy = (1.08 - 0.16 * c.home)[:, None]
        noise = 1 + 0.08 * normal(key, PROBES, c.times // 300_000_000)
        rate: Floats = np.maximum(1.0, MEAN_DOWNLOAD_MBPS * speed * growth * busy * noise)
        return rate

    return Fleet(
        system=SYSTEM,
        things=things,
        streams=(
            Stream(property="covered", period=300, sample=covered, decimals=0),
            Stream(property="download_mbps", period=300, sample=download, decimals=1),
        ),
        campaign_days=15,
    )
