"""Names of places and where they are: what a text can mean by "愚园路江苏路路口" or "中山公园站".

Names come from the house's own registry (areas, things), from the district's base map (roads, metro
stations) and from the addresses of reports that came with coordinates. Every answer has an error in
metres and a confidence; both are estimates by rule, measured in `benchmarks/text_routing.py`.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from xinji.methods.geodesy import METRES_PER_DEGREE
from xinji.systems.platforms.operations.reading import ReadPlace

Floats = npt.NDArray[np.float64]

LONGEST_NAME = 24
SAMPLE_M = 20.0
"""Roads are kept as points so far apart."""
CROSSING_M = 120.0
STATION_M, THING_M, CROSSING_ERROR_M = 130.0, 30.0, 60.0
NUMBERS_APART = 120
"""A house number is placed between known numbers no further away than this."""
LARGEST_ERROR_M = 5_000.0

_STATION_WORDS = re.compile(r"地铁|轨交|号线|站")
_NUMBER = re.compile(r"(\d{1,4})\s*(?:弄|号)")
_SHIFT = re.compile(r"(?:以|向|往)?([东南西北])(?:侧|面|边|方向)?(?:约|大约)?(\d{1,3})\s*米")
_NEAR = re.compile(r"附近|旁|对面|周边|一带|不远|左右|边上")
_CROSSING_WORDS = re.compile(r"路口|交叉口|交汇|十字|转角|拐角")
_BEARING = {"东": (1, 0), "西": (-1, 0), "北": (0, 1), "南": (0, -1)}


@dataclass(frozen=True)
class Hit:
    """A name found in a text."""

    start: int
    end: int
    kind: str
    name: str


@dataclass
class Gazetteer:
    """Names of a district. `inside` tells whether a point belongs to it.

    Attributes:
        roads: name to points, shape (n, 2), longitude and latitude in degrees, along the road.
        numbers: road to known house numbers, (number, longitude, latitude).
    """

    inside: Callable[[Floats], npt.NDArray[np.bool_]] = lambda points: np.ones(len(points), bool)
    roads: dict[str, Floats] = field(default_factory=dict)
    stations: dict[str, tuple[float, float]] = field(default_factory=dict)
    things: dict[str, tuple[float, float]] = field(default_factory=dict)
    areas: dict[str, tuple[float, float, float]] = field(default_factory=dict)
    numbers: dict[str, list[tuple[int, float, float]]] = field(default_factory=dict)

    def add_basemap(self, basemap: dict[str, Any]) -> None:
        """Roads and metro stations of a GeoJSON FeatureCollection with `layer` and `name`."""
        for feature in basemap.get("features", ()):
            about, shape = feature.get("properties", {}), feature.get("geometry", {})
            name, layer = about.get("name", ""), about.get("layer", "")
            if len(name) < 2:
                continue
            if layer in ("road", "elevated") and shape.get("type") == "LineString":
                points = _sampled(np.array(shape["coordinates"], np.float64))
                kept = points[self.inside(points)]
                if len(kept):
                    self.roads[name] = kept
            elif layer == "metro-station" and shape.get("type") == "Point":
                longitude, latitude = shape["coordinates"]
                self.stations[name] = (float(longitude), float(latitude))

    def add_things(self, named: Iterable[tuple[str, float, float]]) -> None:
        """Named points; a name that several distant points share means none of them."""
        shared: set[str] = set()
        for name, longitude, latitude in named:
            if not 4 <= len(name) <= LONGEST_NAME or name.isascii():
                continue
            known = self.things.get(name)
            if known and _metres(known, (longitude, latitude)) > 200:
                shared.add(name)
            self.things.setdefault(name, (longitude, latitude))
        for name in shared:
            del self.things[name]

    def add_addresses(self, known: Iterable[tuple[str, float, float]]) -> None:
        """Addresses with a place, of reports: house numbers of roads that are known."""
        for address, longitude, latitude in known:
            for hit in self.hits(address):
                match = _NUMBER.match(address, hit.end) if hit.kind == "road" else None
                if match:
                    self.numbers.setdefault(hit.name, []).append(
                        (int(match[1]), longitude, latitude)
                    )

    def hits(self, text: str) -> list[Hit]:
        """Names in a text, the longest at each place, from left to right."""
        found: list[Hit] = []
        at = 0
        while at < len(text):
            for length in range(min(LONGEST_NAME, len(text) - at), 1, -1):
                word = text[at : at + length]
                kind = self._kind(word, text, at)
                if kind:
                    found.append(Hit(at, at + length, kind, word))
                    at += length - 1
                    break
            at += 1
        return found

    def _kind(self, word: str, text: str, at: int) -> str:
        if word in self.things:
            return "thing"
        if word in self.stations:
            around = text[max(0, at - 4) : at] + text[at + len(word) : at + len(word) + 2]
            if word not in self.roads or _STATION_WORDS.search(around):
                return "station"
        if word in self.roads:
            return "road"
        return "area" if word in self.areas else ""

    def find(self, text: str) -> ReadPlace | None:
        """The place that a text names, or None."""
        hits = self.hits(text)
        place = self._exact(text, hits) or self._vague(hits)
        if place is None or not self.inside(np.array([[place.longitude, place.latitude]]))[0]:
            return None
        return place

    def _exact(self, text: str, hits: list[Hit]) -> ReadPlace | None:
        roads = [hit for hit in hits if hit.kind == "road"]
        for first, second in itertools.pairwise(roads):
            between = text[first.end : second.start]
            after = text[second.end : second.end + 6]
            if len(between) <= 4 and first.name != second.name:
                sure = 0.92 if _CROSSING_WORDS.search(after) or between else 0.85
                crossing = self._crossing(first.name, second.name, sure)
                if crossing is not None:
                    return _modified(crossing, text, second.end)
        for hit in roads:
            match = _NUMBER.match(text, hit.end)
            numbered = self._numbered(hit.name, int(match[1])) if match else None
            if numbered is not None and match:
                return _modified(numbered, text, match.end())
        for kind, places, error, sure in (
            ("thing", self.things, THING_M, 0.88),
            ("station", self.stations, STATION_M, 0.82),
        ):
            for hit in hits:
                if hit.kind == kind:
                    longitude, latitude = places[hit.name]
                    return _modified(
                        _place(hit.name, longitude, latitude, error, sure), text, hit.end
                    )
        return None

    def _crossing(self, one: str, other: str, sure: float) -> ReadPlace | None:
        a, b = self.roads[one], self.roads[other]
        squash = math.cos(math.radians(float(a[0, 1])))
        away = (
            np.hypot((a[:, None, 0] - b[None, :, 0]) * squash, a[:, None, 1] - b[None, :, 1])
            * METRES_PER_DEGREE
        )
        i, j = np.unravel_index(int(away.argmin()), away.shape)
        nearest = float(away[i, j])
        if nearest > CROSSING_M:
            return None
        middle = (a[i] + b[j]) / 2
        error = CROSSING_ERROR_M + nearest / 2
        return _place(f"{one}{other}路口", float(middle[0]), float(middle[1]), error, sure)

    def _numbered(self, road: str, number: int) -> ReadPlace | None:
        known = sorted(self.numbers.get(road, ()))
        below = [each for each in known if number - NUMBERS_APART <= each[0] <= number]
        above = [each for each in known if number <= each[0] <= number + NUMBERS_APART]
        name = f"{road}{number}号"
        if below and above and above[0][0] > below[-1][0]:
            low, high = below[-1], above[0]
            share = (number - low[0]) / (high[0] - low[0])
            longitude = low[1] + share * (high[1] - low[1])
            latitude = low[2] + share * (high[2] - low[2])
            return _place(name, longitude, latitude, 30 + (high[0] - low[0]) * 1.5, 0.8)
        one = below[-1:] or above[:1]
        if one:
            error = 35.0 + abs(one[0][0] - number) * 3.0
            return _place(name, one[0][1], one[0][2], error, 0.7)
        return None

    def _vague(self, hits: list[Hit]) -> ReadPlace | None:
        """Somewhere along a road, maybe in an area; or somewhere in an area."""
        areas = [hit for hit in hits if hit.kind == "area"]
        for hit in hits:
            if hit.kind != "road":
                continue
            points = self.roads[hit.name]
            sure = 0.4
            if areas:
                longitude, latitude, radius = self.areas[areas[-1].name]
                near = _metres_all(points, longitude, latitude) <= radius
                if near.any():
                    points, sure = points[near], 0.5
            middle = points[len(points) // 2]
            away = _metres_all(points, float(middle[0]), float(middle[1]))
            error = float(max(np.quantile(away, 0.68), 50.0))
            return _place(hit.name, float(middle[0]), float(middle[1]), error, sure)
        for hit in areas:
            longitude, latitude, radius = self.areas[hit.name]
            return _place(hit.name, longitude, latitude, radius, 0.3)
        return None


def _modified(place: ReadPlace, text: str, end: int) -> ReadPlace:
    """With "以东200米" or "附近" right after the name."""
    after = text[end : end + 14]
    error, longitude, latitude, sure = (
        place.error_m, place.longitude, place.latitude, place.confidence,
    )  # fmt: skip
    shift = _SHIFT.search(after)
    if shift:
        east, north = _BEARING[shift[1]]
        metres = float(shift[2])
        squash = math.cos(math.radians(latitude))
        longitude += east * metres / METRES_PER_DEGREE / squash
        latitude += north * metres / METRES_PER_DEGREE
        error += 0.25 * metres
    elif _NEAR.search(after):
        error, sure = error + 40.0, sure - 0.05
    return _place(place.name, longitude, latitude, error, sure)


def _place(name: str, longitude: float, latitude: float, error: float, sure: float) -> ReadPlace:
    return ReadPlace(
        name=name,
        longitude=round(longitude, 6),
        latitude=round(latitude, 6),
        error_m=round(min(error, LARGEST_ERROR_M), 1),
        confidence=round(sure, 2),
    )


def _sampled(points: Floats) -> Floats:
    """Points along a line, at most `SAMPLE_M` apart: shape (n, 2)."""
    squash = math.cos(math.radians(float(points[0, 1])))
    steps = np.hypot(np.diff(points[:, 0]) * squash, np.diff(points[:, 1])) * METRES_PER_DEGREE
    along = np.concatenate([[0.0], np.cumsum(steps)])
    wanted = np.linspace(0, along[-1], max(2, math.ceil(along[-1] / SAMPLE_M) + 1))
    return np.column_stack([np.interp(wanted, along, points[:, axis]) for axis in (0, 1)])


def _metres_all(points: Floats, longitude: float, latitude: float) -> Floats:
    squash = math.cos(math.radians(latitude))
    away: Floats = (
        np.hypot((points[:, 0] - longitude) * squash, points[:, 1] - latitude) * METRES_PER_DEGREE
    )
    return away


def _metres(one: tuple[float, float], other: tuple[float, float]) -> float:
    return float(_metres_all(np.array([one]), *other)[0])
