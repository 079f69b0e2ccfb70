"""What a system's simulator is given, and what it returns: plain arrays.

A simulator is a pure function of seed and time, so that any moment can be sampled, in any order
and at any speed. `xinji.district` makes the conditions, and carries the values to the listeners.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from xinji.model.things import Area, Thing

Floats = npt.NDArray[np.float64]
Times = npt.NDArray[np.int64]

MICROSECONDS = 1_000_000


class Ground(Protocol):
    """What a simulator may ask of a district; `xinji.district.geography.District` is one."""

    @property
    def slug(self) -> str:
        """First part of the ids of its things."""
        ...

    @property
    def subdistricts(self) -> tuple[Area, ...]:
        """Its sub-districts."""
        ...

    @property
    def road_names(self) -> tuple[str, ...]:
        """Names of its surface roads."""
        ...

    def scatter(
        self, count: int, generator: np.random.Generator, areas: tuple[str, ...] = ()
    ) -> tuple[Floats, Floats]:
        """Random longitudes and latitudes inside the sub-districts, each of shape (count,)."""
        ...

    def along(
        self, road: str, count: int, start: float = 0.05, stop: float = 0.95
    ) -> tuple[Floats, Floats]:
        """Longitudes and latitudes spaced along a road, each of shape (count,)."""
        ...

    def area_of(self, longitude: float, latitude: float) -> str:
        """Code of the area that holds the point."""
        ...


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """The district at m moments; every array has shape (m,).

    Attributes:
        times: Unix microseconds.
        hour: local hour of the day, 0 to 24.
        rain_mm_h: rain intensity.
        standing_mm: rain that fell faster than the drains take it and has not yet run off.
        temperature: air, Cel. humidity: %. pm2_5: ug/m3.
        traffic: road demand, 0 to 1 at the weekday peak.
        office, home, leisure: share of the people who are there, 0 to 1.
        years: years since 2021-11-05, for slow growth.
    """

    times: Times
    hour: Floats
    rain_mm_h: Floats
    standing_mm: Floats
    temperature: Floats
    humidity: Floats
    pm2_5: Floats
    traffic: Floats
    office: Floats
    home: Floats
    leisure: Floats
    years: Floats

    def __len__(self) -> int:
        return len(self.times)


Sample = Callable[[Conditions], Floats]
"""Values of one property of n things at m moments: shape (m, n)."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """One property of all things of a fleet, reported every `period` seconds."""

    property: str
    period: float
    sample: Sample
    decimals: int = 2


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Things of one kind that report alike.

    Attributes:
        transport: `mqtt` or `http`, how they reach the house.
        campaign_days: when above 0, the back-fill also holds one sample every so many days from
            the plan's baseline on, for figures that are followed over years.
        weak: (property, value) that a broken thing reports, such as `("stream", 0.0)`.
        single_topics: over MQTT, each reading on a topic of its own instead of batches.
    """

    system: str
    things: tuple[Thing, ...]
    streams: tuple[Stream, ...]
    transport: str = "mqtt"
    campaign_days: float = 0.0
    weak: tuple[tuple[str, float], ...] = ()
    single_topics: bool = False

    @property
    def kind(self) -> str:
        """The kind of its things."""
        return self.things[0].kind


def make_things(
    ground: Ground,
    kind: str,
    name: str,
    places: tuple[Floats, Floats],
    since: Times,
    *,
    label: str = "",
    attributes: Sequence[dict[str, Any]] = (),
    owner: str = "",
) -> tuple[Thing, ...]:
    """Simulated things of a kind, numbered from 1: `<slug>:<label or kind>:<number>`.

    Args:
        ground: the district.
        kind: their kind.
        name: Chinese name, to which the number is added.
        places: longitudes and latitudes, each of shape (n,), rounded here to 1e-6 degree.
        since: in-service times, Unix microseconds, shape (n,).
        label: id part that replaces the kind.
        attributes: one dictionary per thing, or none.
        owner: who runs them.
    """
    lons, lats = places
    made = []
    for i, (lon, lat) in enumerate(zip(lons.tolist(), lats.tolist(), strict=True)):
        made.append(
            Thing(
                id=f"{ground.slug}:{label or kind}:{i + 1:03d}",
                kind=kind,
                name=f"{name}{i + 1:03d}",
                longitude=round(lon, 6),
                latitude=round(lat, 6),
                area=ground.area_of(lon, lat),
                owner=owner,
                attributes=dict(attributes[i]) if attributes else {},
                source="simulated",
                in_service_since=int(since[i]),
            )
        )
    return tuple(made)


def service_dates(count: int, first: str, last: str) -> Times:
    """`count` in-service times spread evenly from one ISO date to another, in microseconds."""
    start, stop = (np.datetime64(d, "us").astype(np.int64) for d in (first, last))
    return np.linspace(start, stop, count).astype(np.int64)


def near_roads(
    ground: Ground, count: int, generator: np.random.Generator
) -> tuple[tuple[Floats, Floats], list[str]]:
    """`count` places on the roads, taking the roads in turn, and the road of each."""
    names = ground.road_names
    chosen = [names[i % len(names)] for i in range(count)]
    lons, lats = np.empty(count), np.empty(count)
    for name in dict.fromkeys(chosen):
        rows = [i for i, n in enumerate(chosen) if n == name]
        # the ends of a road may leave the district; the middle four fifths do not
        lon, lat = ground.along(name, len(rows), 0.1, 0.9)
        lons[rows], lats[rows] = lon, lat
    jitter = generator.uniform(-2e-4, 2e-4, size=(2, count))
    return (lons + jitter[0], lats + jitter[1]), chosen
