"""Weather and rhythm: the same by seed, plausible over a year, and felt by roads and low points."""

import numpy as np

from xinji.district.conditions import conditions
from xinji.district.geography import load_district
from xinji.district.rhythm import rhythm
from xinji.district.things import fleets
from xinji.district.weather import Storm, weather
from xinji.system.discovery import discover
from xinji.system.randomness import normal, smooth, uniform

YEAR = np.datetime64("2026-01-01", "us").astype(np.int64) + np.arange(8760 * 4) * 900_000_000
NOON = np.datetime64("2026-07-15T04:00", "us").astype(np.int64)  # a Wednesday, 12:00 local


def _stream(kind, name):
    for fleet in fleets(load_district(), discover(entry_points=False), 7):
        if fleet.kind == kind:
            for stream in fleet.streams:
                if stream.property == name:
                    return stream
    raise LookupError(name)


def test_a_year_of_weather_is_plausible():
    sky = weather(7, YEAR)
    months = (YEAR.astype("datetime64[us]").astype("datetime64[M]").astype(int)) % 12
    by_month = [sky.temperature[months == m].mean() for m in range(12)]
    assert 2 < by_month[0] < 10 and 25 < by_month[6] < 33
    assert sky.temperature.min() > -8 and sky.temperature.max() < 42
    wet = (sky.rain_mm_h > 0.1).mean()
    assert 0.04 < wet < 0.20
    assert 600 < sky.rain_mm_h.sum() / 4 < 2200, "mm in the year"
    assert (sky.rain_mm_h == 0).mean() > 0.75
    assert 10 < sky.pm2_5.mean() < 60


def test_weather_is_a_function_of_seed_and_time():
    one, other = weather(7, YEAR[:500]), weather(7, YEAR[100:101])
    assert one.temperature[100] == other.temperature[0]
    assert one.standing_mm[100] == other.standing_mm[0]
    assert not np.allclose(one.temperature, weather(8, YEAR[:500]).temperature)


def test_randomness_is_uniform_normal_and_smooth():
    ticks = np.arange(2000)
    u = uniform(3, 50, ticks)
    assert abs(u.mean() - 0.5) < 0.01 and u.min() >= 0 and u.max() < 1
    assert abs(np.corrcoef(u[:, 0], u[:, 1])[0, 1]) < 0.1
    assert abs(np.corrcoef(u[:-1, 0], u[1:, 0])[0, 1]) < 0.1
    z = normal(3, 50, ticks)
    assert abs(z.mean()) < 0.02 and abs(z.std() - 1) < 0.02
    wave = smooth(3, 1, np.arange(0, 600_000_000, 1_000_000), 60)[:, 0]
    assert np.abs(np.diff(wave)).max() < 0.05


def test_the_day_has_two_peaks_and_the_weekend_none():
    wednesday = NOON + (np.arange(24) - 12) * 3_600_000_000
    day = rhythm(wednesday)
    assert set(np.argsort(day.traffic)[-2:]) <= {8, 17, 18}
    saturday = rhythm(wednesday + 3 * 86_400_000_000)
    assert saturday.weekend.all() and not day.weekend.any()
    assert saturday.traffic[8] < 0.6 * day.traffic[8]
    assert saturday.office.max() < 0.5 * day.office.max()


def test_rain_slows_traffic_and_fills_low_points():
    storm = Storm(start_us=int(NOON), minutes=60, peak_mm_h=70)
    times = NOON + np.arange(0, 180, 5) * 60_000_000
    dry, wet = conditions(7, times), conditions(7, times, (storm,))
    speed = _stream("traffic-lane", "mean_speed")
    depth = _stream("ponding-sensor", "water_depth_cm")
    middle = 6  # half an hour in
    assert speed.sample(wet)[middle].mean() < 0.85 * speed.sample(dry)[middle].mean()
    assert dry.standing_mm.max() < 1 and wet.standing_mm.max() > 15
    deep = (depth.sample(wet) > 15).sum(axis=1)
    assert deep[0] == 0 and deep.max() >= 6, "many low points pond"
    assert deep[-1] < deep.max(), "and the water runs off"


def test_heat_raises_the_load_of_buildings():
    power = _stream("public-building", "power_kw")
    july = power.sample(conditions(7, np.array([NOON])))
    april = power.sample(conditions(7, np.array([NOON - 91 * 86_400_000_000])))
    assert july.mean() > 1.05 * april.mean()
