"""The devices of the simulated district: each system's own fleets, on the district's ground."""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import msgspec
import numpy as np

from xinji.district.geography import District
from xinji.model.things import Thing
from xinji.system.declaration import System
from xinji.system.simulation import Fleet


def fleets(district: District, systems: Sequence[System], seed: int) -> tuple[Fleet, ...]:
    """The fleets of all systems; the same seed gives the same things, whatever systems are there.

    Raises:
        ValueError: two things have the same id.
    """
    found: list[Fleet] = []
    for system in systems:
        if system.simulate is None:
            continue
        # a stream of its own for each system, so that a new one does not move the others
        generator = np.random.default_rng([seed, zlib.crc32(system.name.encode())])
        found += system.simulate(district, generator)
    ids = [thing.id for fleet in found for thing in fleet.things]
    if len(set(ids)) != len(ids):
        twice = sorted({i for i in ids if ids.count(i) > 1})
        raise ValueError(f"things declared twice: {', '.join(twice[:5])}")
    return tuple(found)


def all_things(found: Sequence[Fleet]) -> list[Thing]:
    """Every thing of the fleets."""
    return [thing for fleet in found for thing in fleet.things]


def things_geojson(things: Sequence[Thing]) -> bytes:
    """A GeoJSON FeatureCollection of things, as `POST /api/things/import` reads it."""
    features = [
        {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [thing.longitude, thing.latitude]},
            "properties": {
                "id": thing.id,
                "kind": thing.kind,
                "name": thing.name,
                "area": thing.area,
                "owner": thing.owner,
                "source": thing.source,
                "in_service_since": thing.in_service_since,
                "attributes": thing.attributes,
            },
        }
        for thing in things
    ]
    return msgspec.json.encode({"type": "FeatureCollection", "features": features})
