"""The simulated poles: numbers, the stations they carry, exactly the planted conflicts."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest

from xinji.district.conditions import conditions
from xinji.district.geography import load_district
from xinji.district.things import all_things, fleets
from xinji.methods.geodesy import metres_between
from xinji.system.assembly import assemble
from xinji.system.discovery import discover
from xinji.systems.terminals.poles.checks import conflicts
from xinji.systems.terminals.poles.layout import Layout, lay_out
from xinji.systems.terminals.poles.service import Poles

DISTRICT = load_district()
SYSTEMS = [
    s for s in discover(entry_points=False) if s.name in ("terminals.poles", "network.coverage")
]


def layout(seed: int) -> Layout:
    generator = np.random.default_rng([seed, zlib.crc32(b"terminals.poles")])
    return lay_out(DISTRICT, generator)


def test_39_poles_carry_the_pole_stations() -> None:
    things = {thing.id: thing for thing in all_things(fleets(DISTRICT, SYSTEMS, 1))}
    made = layout(1)
    stations = {name for name, each in things.items() if each.attributes.get("type") == "pole"}
    assert len(stations) == 39 and set(made.stations) == stations
    assert len(set(made.stations.values())) == 39 and len(made.poles) == 400
    for station, pole in made.stations.items():
        a, b = things[station], things[pole]
        # the station's own place is scattered by 2e-4 degrees
        away = metres_between(a.longitude, a.latitude, b.longitude, b.latitude)
        assert float(away) < 32


@pytest.mark.parametrize("seed", [1, 2, 7])
def test_the_house_finds_exactly_what_was_planted(tmp_path: Path, seed: int) -> None:
    known = [system for system in SYSTEMS if system.name == "terminals.poles"]
    house = assemble(tmp_path / "data", known)
    try:
        house.registry.put_areas(DISTRICT.areas)
        found = fleets(DISTRICT, known, seed)
        house.registry.put([house.registry.check(thing) for thing in all_things(found)])
        poles = house.service(Poles)
        poles.turn()
        ledger = poles.ledger()
        carried = {m.thing: m.pole for m in ledger.mounts if m.device == "station"}
        assert carried == layout(seed).stations
        wrong = conflicts(ledger)
        assert {(w, c.name) for w, each in wrong.items() for c in each} == layout(seed).planted
        assert len(layout(seed).planted) == 11
    finally:
        house.close()


def test_one_circuit_is_overloaded_and_no_other() -> None:
    fleet = next(f for f in fleets(DISTRICT, SYSTEMS, 3) if f.kind == "power-box")
    times = np.arange(48, dtype=np.int64) * 1_800_000_000 + 1_767_225_600_000_000
    c = conditions(3, times)
    over = {
        (fleet.things[at].id, stream.property)
        for stream in fleet.streams
        for at in np.flatnonzero(stream.sample(c).max(axis=0) > 90)
    }
    box, circuit = layout(3).overloaded
    assert over == {(box, f"circuit_{circuit}_load")}
