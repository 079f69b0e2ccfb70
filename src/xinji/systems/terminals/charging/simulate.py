"""Charging sites and piles of the simulated district.

The plan asks for 5 taxi stations and 20 communities by 2025 (三(四)19); here 3 and 12 are in
service, an illustration of targets that fall behind.
"""

from __future__ import annotations

import numpy as np

from xinji.model.things import Thing
from xinji.system.randomness import key_of, uniform
from xinji.system.simulation import (
    Conditions,
    Fleet,
    Floats,
    Ground,
    Stream,
    Times,
    make_things,
    service_dates,
)

SYSTEM = "terminals.charging"
# programme: sites, piles per site, kW per pile, Chinese name
PROGRAMMES = {
    "taxi-station": (3, 10, 120.0, "出租车充电示范站"),
    "community": (12, 4, 7.0, "充电桩示范小区"),
    "public": (6, 6, 60.0, "公共充电站"),
}
TAXI_DATES = ("2021-09-15", "2022-10-20", "2024-05-10")
SESSION_MICROSECONDS = 1_800 * 1_000_000


def simulate(ground: Ground, generator: np.random.Generator) -> tuple[Fleet, ...]:
    """For each programme a fleet of sites and a fleet of their piles."""
    fleets: list[Fleet] = []
    for programme in PROGRAMMES:
        fleets += _programme(ground, generator, programme)
    return tuple(fleets)


def _dates(programme: str, count: int) -> Times:
    if programme == "taxi-station":
        return np.array([np.datetime64(d, "us") for d in TAXI_DATES]).astype(np.int64)
    if programme == "community":
        return service_dates(count, "2021-10-01", "2025-09-30")
    return service_dates(count, "2019-06-01", "2023-06-30")


def _programme(ground: Ground, generator: np.random.Generator, programme: str) -> list[Fleet]:
    sites, each, rated_kw, name = PROGRAMMES[programme]
    lons, lats = ground.scatter(sites, generator)
    since = _dates(programme, sites)
    site_things = make_things(
        ground,
        "charging-site",
        name,
        (lons, lats),
        since,
        label=programme,
        attributes=[{"programme": programme, "piles": each}] * sites,
    )
    site = np.repeat(np.arange(sites), each)
    count = sites * each
    pile_things: tuple[Thing, ...] = make_things(
        ground,
        "charging-pile",
        f"{name}桩",
        (lons[site], lats[site]),
        since[site],
        label=f"{programme}-pile",
        attributes=[{"site": site_things[s].id, "rated_kw": rated_kw} for s in site],
    )
    key, power_key = key_of(generator), key_of(generator)

    def charging(c: Conditions) -> Floats:
        # taxis charge around the clock, homes in the evening, the public in the day
        share = {
            "taxi-station": 0.55 + 0.2 * (1 - c.traffic),
            "community": 0.1 + 0.6 * c.home,
            "public": 0.15 + 0.5 * c.leisure,
        }[programme][:, None]
        return (uniform(key, count, c.times // SESSION_MICROSECONDS) < share).astype(np.float64)

    def power(c: Conditions) -> Floats:
        taper = 0.55 + 0.4 * uniform(power_key, count, c.times // 60_000_000)
        kw: Floats = charging(c) * rated_kw * taper
        return kw

    def per_site(values: Floats) -> Floats:
        total: Floats = values.reshape(len(values), sites, each).sum(axis=2)
        return total

    return [
        Fleet(
            system=SYSTEM,
            things=site_things,
            streams=(
                Stream(
                    property="site_power_kw",
                    period=30,
                    sample=lambda c: per_site(power(c)),
                    decimals=1,
                ),
                Stream(
                    property="free_piles",
                    period=30,
                    sample=lambda c: each - per_site(charging(c)),
                    decimals=0,
                ),
            ),
        ),
        Fleet(
            system=SYSTEM,
            things=pile_things,
            streams=(
                Stream(property="pile", period=20, sample=lambda c: 1 + charging(c), decimals=0),
                Stream(property="power_kw", period=30, sample=power, decimals=1),
            ),
            weak=(("pile", 0.0),),
        ),
    ]
