"""The simulated things: the plan's numbers, right places, plausible values, the same by seed."""

from collections import Counter

import numpy as np
import pytest
import shapely

from xinji.district.conditions import conditions
from xinji.district.geography import load_district
from xinji.district.things import all_things, fleets
from xinji.system.discovery import discover

DISTRICT = load_district()
SYSTEMS = discover(entry_points=False)
FLEETS = fleets(DISTRICT, SYSTEMS, 7)
THINGS = all_things(FLEETS)
KINDS = {k.name: k for s in SYSTEMS for k in s.kinds}


def _count(kind, **attributes):
    return sum(
        thing.kind == kind and all(thing.attributes.get(k) == v for k, v in attributes.items())
        for thing in THINGS
    )


@pytest.mark.parametrize(
    ("kind", "attributes", "number"),
    [
        ("base-station", {"type": "macro"}, 913),
        ("base-station", {"type": "pole"}, 39),
        ("building", {"indoor_5g": True}, 100),
        ("camera", {"programme": "ai-stream"}, 500),
        ("camera", {"programme": "new-2021"}, 500),
        ("camera", {"programme": "smart-upgrade"}, 250),
        ("camera", {"programme": "new-hd"}, 250),
        ("camera", {"programme": "high-point"}, 5),
        ("car-park", {}, 120),
        ("parking-bay", {"road": "凯旋路"}, 31),
        ("bike-point", {}, 40),
        ("guidance-screen", {"level": 1}, 10),
        ("guidance-screen", {"level": 2}, 22),
        ("guidance-screen", {"level": 3}, 24),
        ("traffic-lane", {}, 130),
        ("traffic-lane", {"cameras": 1}, 90),
        ("charging-site", {"programme": "taxi-station"}, 3),
        ("charging-site", {"programme": "community"}, 12),
        ("meal-locker", {}, 9),
        ("fresh-warehouse", {"programme": "new-2020"}, 3),
        ("fresh-warehouse", {"programme": "rebuilt-2020"}, 4),
        ("ponding-sensor", {}, 24),
        ("environment-station", {}, 12),
    ],
)
def test_counts_are_the_plans(kind, attributes, number):
    assert _count(kind, **attributes) == number


def test_fifty_sections():
    assert len({t.attributes["section"] for t in THINGS if t.kind == "traffic-lane"}) == 50


def test_every_thing_is_simulated_inside_and_of_its_schema():
    lon = np.array([t.longitude for t in THINGS])
    lat = np.array([t.latitude for t in THINGS])
    assert shapely.contains_xy(DISTRICT.outline, lon, lat).all()
    subdistricts = {a.code for a in DISTRICT.subdistricts}
    assert Counter(t.area for t in THINGS).keys() == subdistricts
    for thing in THINGS:
        assert thing.source == "simulated" and thing.id.startswith("changning:")
        attributes = {a.name: a for a in KINDS[thing.kind].attributes}
        assert thing.attributes.keys() <= attributes.keys()
        for name, attribute in attributes.items():
            value = thing.attributes.get(name)
            assert value is not None or not attribute.required, (thing.id, name)
            if attribute.choices and value is not None:
                assert value in attribute.choices, (thing.id, name, value)


def test_history_moves():
    since = np.array([t.in_service_since for t in THINGS]).astype("datetime64[us]")
    by_year = [(since < np.datetime64(f"{year}-01-01")).sum() for year in range(2019, 2027)]
    assert by_year == sorted(by_year) and by_year[0] < 50 and by_year[-1] == len(THINGS)


def test_same_seed_same_district_other_seed_other_district():
    again = all_things(fleets(DISTRICT, SYSTEMS, 7))
    assert again == THINGS
    other = all_things(fleets(DISTRICT, SYSTEMS, 8))
    assert [t.id for t in other] == [t.id for t in THINGS]
    assert other != THINGS
    # a system fewer does not move the others
    fewer = all_things(fleets(DISTRICT, SYSTEMS[1:], 7))
    assert {t.id for t in fewer} < {t.id for t in THINGS}
    assert all(t in THINGS for t in fewer[:50])


@pytest.mark.parametrize("fleet", FLEETS, ids=lambda f: f"{f.things[0].id}")
def test_values_have_shape_and_stay_in_the_physical_range(fleet):
    # a year of hours, in steps that visit every hour of the day
    start = np.datetime64("2026-01-01", "us").astype(np.int64)
    times = start + np.arange(0, 8760, 7) * 3_600_000_000
    c = conditions(7, times)
    properties = {p.name: p for p in KINDS[fleet.kind].properties}
    for stream in fleet.streams:
        values = np.round(stream.sample(c), stream.decimals)
        assert values.shape == (len(times), len(fleet.things))
        assert np.isfinite(values).all()
        p = properties[stream.property]
        assert p.minimum <= values.min() and values.max() <= p.maximum, stream.property
        assert stream.period <= p.expected_seconds
        # one moment alone gives the same values: any time can be sampled
        alone = stream.sample(conditions(7, times[100:101]))
        assert np.allclose(np.round(alone[0], stream.decimals), values[100])


def test_about_three_hundred_observations_a_second():
    rate = sum(len(f.things) / s.period for f in FLEETS for s in f.streams)
    assert 150 < rate < 320


def test_meter_readings_only_rise():
    fleet = next(f for f in FLEETS if f.kind == "public-building" and f.streams)
    energy = next(s for s in fleet.streams if s.property == "energy_kwh")
    times = np.datetime64("2026-03-01", "us").astype(np.int64) + np.arange(300) * 900_000_000
    assert (np.diff(energy.sample(conditions(7, times)), axis=0) > 0).all()
