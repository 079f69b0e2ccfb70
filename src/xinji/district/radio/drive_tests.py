"""Drive tests of the simulated district: vehicles along its roads, one log for each operator.

What a phone would measure is the truth that the caller gives (a radio map on the true azimuths)
plus shadowing and noise. Shadowing belongs to the place: it is drawn once for each operator and
road, with an exponential autocorrelation along the road (Gudmundson, Electronics Letters 27, 1991),
so that every pass meets the same; it is the same for all sectors of the operator. Fast noise is new
in each sample. The logs have G-NetTrack's columns, its sentinels included.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy  # its parts are loaded where they are first used
import shapely

from xinji.district.geography import District, Floats
from xinji.methods.geodesy import LocalPlane

Truth = Callable[[Floats, Floats], tuple[Floats, npt.NDArray[np.object_], Floats]]
"""At longitudes and latitudes (n,): RSRP in dBm, serving sector's id, SINR in dB, each (n,)."""

LOCAL_TIME = dt.timezone(dt.timedelta(hours=8))
COLUMNS = ("run", "Timestamp", "Longitude", "Latitude", "Speed", "Operatorname", "CellID",
           "NetworkMode", "RSRP", "RSRQ", "SNR", "SSRSRP", "SSRSRQ", "SSSINR",
           "DL_bitrate")  # fmt: skip

_GRID_M = 2.0
_CARRIER_MHZ, _DOWNLINK_SHARE, _MOST_BITS = 100.0, 0.74, 7.4
_SENTINELS = ("-", "", "-200", "2147483647")


@dataclass(frozen=True, kw_only=True)
class Driving:
    """How the vehicles drive and what the phones add to the truth.

    Attributes:
        first_day: ISO day of the first pass; the next ones follow by `days_between`.
        passes: how often each road is driven, there and back in turn.
        every_s: seconds between samples. speed_kmh: usual speed.
        stop_every_m, stop_s: mean way between stops, longest stop.
        shadow_db, decorrelation_m: standard deviation, and where correlation falls to 1/e.
        fast_db, position_m: standard deviations of a sample's level and place.
        missing: share of samples in which a value is missing.
        no_service_dbm: below it the phone has no cell.
    """

    first_day: str = "2021-07-05"
    passes: int = 2
    days_between: int = 7
    every_s: float = 1.0
    speed_kmh: float = 30.0
    stop_every_m: float = 400.0
    stop_s: float = 40.0
    shadow_db: float = 5.0
    decorrelation_m: float = 50.0
    fast_db: float = 1.5
    position_m: float = 2.5
    missing: float = 0.01
    no_service_dbm: float = -125.0


@dataclass(frozen=True, kw_only=True)
class DriveLog:
    """A log, and what is true of its n rows; every array has shape (n,).

    Attributes:
        csv: the log, UTF-8 with a head line.
        run: name of the run of each row. time: Unix microseconds.
        longitude, latitude: where the vehicle really was.
        road: name of the road. along_m: distance from its first point.
        level_dbm: RSRP of the truth. shadow_db: added to it by the place.
        sector: serving, by the truth.
    """

    csv: bytes
    run: npt.NDArray[np.object_]
    time: npt.NDArray[np.int64]
    longitude: Floats
    latitude: Floats
    road: npt.NDArray[np.object_]
    along_m: Floats
    level_dbm: Floats
    shadow_db: Floats
    sector: npt.NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.run)


def simulate_drive_tests(
    district: District, truths: Mapping[str, Truth], *, seed: int, driving: Driving | None = None
) -> dict[str, DriveLog]:
    """One log for each operator of `truths`; a pure function of its arguments.

    Raises:
        ValueError: `first_day` is no ISO day, or a truth gives arrays of another shape.
    """
    how = driving or Driving()
    return {
        operator: _log(district, operator, truth, how, seed) for operator, truth in truths.items()
    }


def shadowing(
    length_m: float, sigma_db: float, decorrelation_m: float, generator: np.random.Generator
) -> Floats:
    """Shadowing in dB every 2 m along a road: a first-order autoregression, exact on its grid.

    Its autocorrelation at a distance d is sigma^2 exp(-d / decorrelation), Gudmundson's model.
    """
    count = int(length_m / _GRID_M) + 2
    keep = float(np.exp(-_GRID_M / decorrelation_m))
    drawn = generator.normal(0.0, sigma_db * np.sqrt(1 - keep**2), count)
    drawn[0] = generator.normal(0.0, sigma_db)
    return _autoregression(drawn, keep)


def _autoregression(drawn: Floats, keep: float) -> Floats:
    """Each value is what is kept of the last one and what is drawn anew."""
    return np.asarray(scipy.signal.lfilter([1.0], [1.0, -keep], drawn), dtype=np.float64)


def _log(district: District, operator: str, truth: Truth, how: Driving, seed: int) -> DriveLog:
    generator = np.random.default_rng([seed, 0xD21E, zlib.crc32(operator.encode())])
    plane = LocalPlane(*district.center)
    lines = {
        name: shapely.LineString(np.column_stack(plane.metres(*line.points.T)))
        for name, line in district.roads.items()
    }
    shadows = {
        name: shadowing(line.length, how.shadow_db, how.decorrelation_m, generator)
        for name, line in lines.items()
    }
    parts: list[dict[str, Any]] = []
    for number in range(how.passes):
        day = dt.date.fromisoformat(how.first_day) + dt.timedelta(days=number * how.days_between)
        start = dt.datetime.combine(day, dt.time(9, 30), LOCAL_TIME)
        clock = start.timestamp()
        for name in generator.permutation(list(lines)).tolist():
            along, speed = _ride(lines[name].length, how, generator)
            if number % 2:
                along = lines[name].length - along
            xy = shapely.get_coordinates(shapely.line_interpolate_point(lines[name], along))
            longitude, latitude = plane.degrees(xy[:, 0], xy[:, 1])
            seconds = clock + how.every_s * np.arange(len(along))
            # the way to the next road is not logged
            clock = float(np.ceil(seconds[-1] + generator.uniform(120, 600)))
            inside = shapely.contains_xy(district.outline, longitude, latitude)
            part = {
                "run": np.full(len(along), f"{operator}-{day:%Y%m%d}", dtype=object),
                "time": np.round(seconds * 1e6).astype(np.int64),
                "longitude": longitude,
                "latitude": latitude,
                "road": np.full(len(along), name, dtype=object),
                "along_m": along,
                "shadow_db": shadows[name][np.round(along / _GRID_M).astype(np.int64)],
                "speed": speed,
            }
            parts.append({key: column[inside] for key, column in part.items()})
    rows = {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}
    level, sector, sinr = truth(rows["longitude"], rows["latitude"])
    if not len(level) == len(sector) == len(sinr) == len(rows["run"]):
        raise ValueError(f"truth of {operator}: arrays as long as the places are asked")
    rows |= {"level_dbm": np.asarray(level, np.float64), "sector": np.asarray(sector, object)}
    csv = _csv(operator, rows, np.asarray(sinr, np.float64), plane, how, generator)
    named = {field.name for field in fields(DriveLog)} - {"csv"}
    return DriveLog(csv=csv, **{name: rows[name] for name in sorted(named)})


def _ride(length_m: float, how: Driving, generator: np.random.Generator) -> tuple[Floats, Floats]:
    """Distances along a road at each sample, and speeds in km/h: a wandering speed, and stops."""
    pace = how.speed_kmh / 3.6 * how.every_s
    most = int(length_m / pace * 4) + 60
    wander = _autoregression(0.05 * generator.normal(0.0, 1.0, most), 0.95)
    step = pace * np.clip(1.0 + 1.2 * wander, 0.4, 1.7)
    stops = generator.random(most) < step / how.stop_every_m
    waits = np.where(stops, generator.uniform(5, how.stop_s, most) / how.every_s, 0).astype(int)
    # a stop is the same place again, for as many samples as it lasts
    step = np.repeat(step, 1 + waits)
    first = np.cumsum(1 + waits) - (1 + waits)
    moving = np.zeros(len(step), dtype=np.bool_)
    moving[first] = True
    step[~moving] = 0.0
    along = np.cumsum(step)
    end = int(np.searchsorted(along, length_m))
    return along[:end], np.round(step[:end] / how.every_s * 3.6, 1)


def _csv(
    operator: str,
    rows: dict[str, Any],
    sinr: Floats,
    plane: LocalPlane,
    how: Driving,
    generator: np.random.Generator,
) -> bytes:
    """The log of a phone: levels in whole dB, places with an error, sentinels where it missed."""
    count = len(sinr)
    level = rows["level_dbm"] + rows["shadow_db"] + generator.normal(0.0, how.fast_db, count)
    sinr = sinr + generator.normal(0.0, how.fast_db, count)
    served = level >= how.no_service_dbm
    ratio = 10 ** (np.clip(sinr, -30, 40) / 10)
    # a full cell: every resource element carries as much as the reference signal
    rsrq = 10 * np.log10(ratio / (1 + ratio) / 12)
    bits = np.minimum(0.75 * np.log2(1 + ratio), _MOST_BITS)
    share = np.clip(generator.lognormal(-0.5, 0.5, count), 0.02, 1.0)
    rate = _CARRIER_MHZ * 1000 * _DOWNLINK_SHARE * bits * share * served
    east, north = plane.metres(rows["longitude"], rows["latitude"])
    east = east + generator.normal(0.0, how.position_m, count)
    north = north + generator.normal(0.0, how.position_m, count)
    lon, lat = plane.degrees(east, north)
    levels = _measured(np.clip(np.round(level), -156, -31), served, how, generator)
    qualities = _measured(np.clip(np.round(rsrq, 1), -43, 20), served, how, generator)
    ratios = _measured(np.clip(np.round(sinr, 1), -23, 40), served, how, generator)
    cells = np.where(served, rows["sector"].astype(str), "-").tolist()
    modes = np.where(served, "5G", "-").tolist()
    moments = [
        dt.datetime.fromtimestamp(us / 1e6, LOCAL_TIME).strftime("%Y.%m.%d_%H.%M.%S")
        for us in rows["time"].tolist()
    ]
    columns = (
        rows["run"].tolist(), moments, [f"{x:.6f}" for x in lon.tolist()],
        [f"{y:.6f}" for y in lat.tolist()], rows["speed"].astype(str).tolist(),
        [operator] * count, cells, modes, levels, qualities, ratios, levels, qualities, ratios,
        np.round(rate).astype(np.int64).astype(str).tolist(),
    )  # fmt: skip
    lines = [",".join(COLUMNS), *map(",".join, zip(*columns, strict=True))]
    return ("\n".join(lines) + "\n").encode()


def _measured(
    values: Floats, served: npt.NDArray[np.bool_], how: Driving, generator: np.random.Generator
) -> list[str]:
    """Values as texts, with one of a phone's sentinels where there is none."""
    texts = values.astype(str).astype(object)
    missed = generator.random(len(values)) < how.missing
    texts[missed] = generator.choice(np.array(_SENTINELS, dtype=object), int(missed.sum()))
    texts[~served] = "-"
    return [str(text) for text in texts]
