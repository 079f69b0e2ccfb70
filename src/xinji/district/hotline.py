"""Calls to a hotline, made up: with a class, a place and a truth, in words of their own.

They measure the reader of texts. No phrase, frame or place form is shared with the texts that the
reader learns from, and the vocabulary is other on purpose (Shanghai dialect, slang, detours); but
one hand wrote both, and real calls are longer and stranger: a figure measured here is an upper
bound.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import shapely

from xinji.district.geography import District
from xinji.methods.geodesy import METRES_PER_DEGREE

SLIPS = {"的": "得", "在": "再", "那": "哪", "垃圾": "拉圾", "已经": "以经", "像": "象", "坏": "怀",
         "路": "鹿", "做": "作", "账": "帐"}  # fmt: skip
OPENINGS = (
    "",
    "",
    "喂,侬好,",
    "麻烦帮我记一下,",
    "我又打来了,",
    "阿拉是住在这里的,",
    "同志,",
    "不好意思打扰了,",
    "我妈让我打的电话,",
    "之前打过一趟没人来,",
)
CLOSINGS = (
    "", "", ",你们管不管的啦", ",谢谢侬", ",辛苦了", ",再不来我要找媒体了", ",麻烦派个人来看看好伐",
    ",我等你们电话", ",天天这样吃不消", ",拜托了",
)  # fmt: skip
BESIDES = (",顺便讲一声,{other}", ";还有个事情,{other}", ",另外{other}")
ALARMS = (",老吓人的,有人伤到了", ",快点来,要出人命了,有人被困了", ",已经有人摔伤了")
CALMS = (",不急,有空来弄一下就行", ",没有人受伤", "")


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call and its truth. `place_kind`: crossing, number, station, road, area or none."""

    text: str
    case_class: str
    urgent: bool
    place_kind: str
    longitude: float | None
    latitude: float | None
    several: bool


def _phrases() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    with Path(__file__).with_name("hotline_phrases.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["code"], []).append(row["phrase"])
    return found


PHRASES = _phrases()


def calls(district: District, seed: int, count: int, *, tuning: bool = False) -> Iterator[Call]:
    """`count` calls, classes in equal shares; the same for the same seed.

    `tuning` takes the first phrase of each class, otherwise the others: what is chosen on the one
    is measured on the other.
    """
    generator = np.random.default_rng((seed, 12_345))
    codes = sorted(PHRASES)
    crossings = _crossings(district)
    for number in range(count):
        code = codes[number % len(codes)]
        own = PHRASES[code][:1] if tuning else PHRASES[code][1:]
        what = own[int(generator.integers(len(own)))]
        kind, where, longitude, latitude = _where(district, crossings, generator)
        several = bool(generator.random() < 0.12)
        if several:
            other = codes[int(generator.integers(len(codes)))]
            besides = _pick(BESIDES, generator).replace(
                "{other}", PHRASES[other][0 if tuning else 1]
            )
        else:
            besides = ""
        urgent = bool(generator.random() < 0.15)
        mood = _pick(ALARMS if urgent else CALMS, generator)
        first = where + what if generator.random() < 0.7 or not where else f"{what},就在{where}"
        text = _pick(OPENINGS, generator) + first + besides + mood + _pick(CLOSINGS, generator)
        yield Call(
            text=_slip(text, generator),
            case_class=code,
            urgent=urgent,
            place_kind=kind,
            longitude=longitude,
            latitude=latitude,
            several=several,
        )


def _pick(choices: tuple[str, ...], generator: np.random.Generator) -> str:
    return choices[int(generator.integers(len(choices)))]


def _slip(text: str, generator: np.random.Generator) -> str:
    """Slips of the keyboard: a wrong character, one left out, two changed over."""
    if generator.random() < 0.25:
        known = [word for word in SLIPS if word in text and word != "路"]
        if known:
            word = known[int(generator.integers(len(known)))]
            text = text.replace(word, SLIPS[word], 1)
    if generator.random() < 0.15 and len(text) > 8:
        at = int(generator.integers(len(text) - 2))
        if generator.random() < 0.5:
            text = text[:at] + text[at + 1 :]
        else:
            text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text


def _crossings(district: District) -> list[tuple[str, str, float, float]]:
    """Pairs of roads that cross in the district, and where."""
    lines = {name: shapely.LineString(line.points) for name, line in district.roads.items()}
    names = sorted(lines)
    found = []
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            point = lines[one].intersection(lines[other])
            if point.geom_type == "Point" and district.area_of(point.x, point.y):
                found.append((one, other, float(point.x), float(point.y)))
    return found


def _where(
    district: District,
    crossings: list[tuple[str, str, float, float]],
    generator: np.random.Generator,
) -> tuple[str, str, float | None, float | None]:
    """(kind, words, longitude, latitude) of a place that a caller names."""
    draw = generator.random()
    if draw < 0.3 and crossings:
        one, other, longitude, latitude = crossings[int(generator.integers(len(crossings)))]
        if generator.random() < 0.5:
            one, other = other, one
        words = _pick(
            ("{a}近{b}", "{a}{b}转角", "{a}跟{b}那个红绿灯", "{a}快到{b}的地方"), generator
        )
        east, north = generator.normal(0, 25, 2)
        words = words.replace("{a}", one).replace("{b}", other)
        return "crossing", words, *_moved(longitude, latitude, east, north)
    if draw < 0.45:
        station = district.stations[int(generator.integers(len(district.stations)))]
        words = _pick(("地铁{s}站{n}号口", "{s}站出来", "轨交{s}站边上"), generator)
        words = words.replace("{s}", station.title.zh).replace("{n}", str(generator.integers(1, 8)))
        east, north = generator.normal(0, 60, 2)
        return "station", words, *_moved(station.longitude, station.latitude, east, north)
    if draw < 0.8:
        names = district.road_names
        name = names[int(generator.integers(len(names)))]
        line = shapely.LineString(district.roads[name].points)
        point = line.interpolate(float(generator.random()), normalized=True)
        if district.area_of(point.x, point.y):
            numbered = bool(generator.random() < 0.6)
            number = f"{int(generator.integers(1, 1800))}号" if numbered else ""
            words = f"{name}{number}" + _pick(("", "门口头", "斜对过"), generator)
            return "number" if numbered else "road", words, float(point.x), float(point.y)
    if draw < 0.9:
        area = district.subdistricts[int(generator.integers(len(district.subdistricts)))]
        shape = shapely.geometry.shape(area.geometry)
        west, south, east, north = shape.bounds
        for _ in range(50):
            x, y = generator.uniform(west, east), generator.uniform(south, north)
            if shape.contains(shapely.Point(x, y)):
                return "area", f"{area.title.zh}这边", float(x), float(y)
    return "none", "", None, None


def _moved(longitude: float, latitude: float, east: float, north: float) -> tuple[float, float]:
    squash = math.cos(math.radians(latitude))
    return (
        longitude + float(east) / METRES_PER_DEGREE / squash,
        latitude + float(north) / METRES_PER_DEGREE,
    )
