"""What happens in the street: where, when, how long, and who may notice it.

Rates are illustrative, chosen so that a district of 500 cameras has some hundred incidents a day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from xinji.district.geography import District
from xinji.district.rhythm import HOUR_US, UTC_OFFSET_HOURS
from xinji.methods.geodesy import METRES_PER_DEGREE

US = 1_000_000
SLOT_US = 600 * US
"""Incidents are drawn for ten minutes at a time, so that any hour can be made alone."""
PONDING_RAIN = 4.0
"""mm/h from which water may stand in the street."""


@dataclass(frozen=True, kw_only=True)
class Sort:
    """A sort of incident: class, what a camera calls it, how often a day, hours it lasts.

    `hours` (from, to) of the local day in which it begins; `calls` is the mean number of reports by
    residents.
    """

    code: str
    problem: str
    skill: str
    daily: float
    lasts: float
    hours: tuple[float, float]
    calls: float
    words: tuple[str, ...]


CAMERA_SORTS = (
    Sort(code="event.0110", problem="litter", skill="sanitation", daily=0.5, lasts=12,
         hours=(5, 23), calls=0.35, words=("一堆垃圾没人清理", "路边乱倒的垃圾袋", "垃圾发臭")),
    Sort(code="event.0410", problem="bike_parking", skill="sanitation", daily=0.4, lasts=5,
         hours=(7, 20), calls=0.3, words=("非机动车乱停挡住人行道", "电瓶车乱停放没法走路")),
    Sort(code="event.0405", problem="shop_front", skill="enforcement", daily=0.35, lasts=5,
         hours=(8, 19), calls=0.25, words=("店家把货摆到门外", "店铺跨门营业占道")),
    Sort(code="event.0494", problem="crowd", skill="emergency", daily=0.06, lasts=1.0,
         hours=(9, 21), calls=0.3, words=("很多人聚集在路口", "门口聚集了好多人")),
    Sort(code="event.0495", problem="vehicle", skill="traffic", daily=0.4, lasts=2.5,
         hours=(7, 22), calls=0.3, words=("机动车违停挡道", "有车停在禁停区域")),
    Sort(code="event.0506", problem="ponding", skill="drainage", daily=4, lasts=1.5,
         hours=(0, 24), calls=0.5, words=("路上积水很深", "下雨积水车过不去")),
)  # fmt: skip

STREET_SORTS = (
    Sort(code="event.0192", problem="", skill="sanitation", daily=14, lasts=10, hours=(6, 22),
         calls=1.0, words=("垃圾桶满溢出来了", "垃圾箱房满了没人收")),
    Sort(code="event.0401", problem="", skill="enforcement", daily=12, lasts=3, hours=(6, 22),
         calls=1.0, words=("流动摊贩占道叫卖", "有小贩摆摊挡路")),
    Sort(code="event.0406", problem="", skill="enforcement", daily=10, lasts=5, hours=(7, 21),
         calls=1.0, words=("占道经营影响通行", "人行道上固定摆摊")),
    Sort(code="event.0493", problem="", skill="sanitation", daily=14, lasts=6, hours=(6, 22),
         calls=0.9, words=("共享单车堆成一片", "共享单车乱停放挡路")),
    Sort(code="event.0112", problem="", skill="roads", daily=5, lasts=48, hours=(6, 20),
         calls=0.9, words=("路面有个坑", "道路破损不平")),
    Sort(code="component.0102", problem="", skill="drainage", daily=3, lasts=30, hours=(6, 22),
         calls=1.1, words=("污水井盖坏了", "窨井盖响得睡不着")),
    Sort(code="component.0106", problem="", skill="facilities", daily=4, lasts=40, hours=(18, 23),
         calls=0.9, words=("路灯不亮", "一段路灯坏了很暗")),
    Sort(code="event.0408", problem="", skill="enforcement", daily=4, lasts=4, hours=(9, 21),
         calls=1.2, words=("店门口喇叭太吵", "商家高音喇叭扰民")),
    Sort(code="event.0496", problem="", skill="emergency", daily=5, lasts=6, hours=(7, 22),
         calls=1.0, words=("消防通道被车堵了", "消防通道停满了车")),
    Sort(code="event.0125", problem="", skill="greening", daily=4, lasts=24, hours=(6, 19),
         calls=0.7, words=("绿地里都是垃圾", "花坛里丢满垃圾")),
)  # fmt: skip


@dataclass(kw_only=True)
class StreetIncident:
    """Something that happened; `cleared` is when it was gone, None while it is there.

    `looks` counts how often its camera was looked at meanwhile.
    """

    id: str
    sort: Sort
    longitude: float
    latitude: float
    road: str
    camera: str
    started: int
    ends: int
    seed: int
    cleared: int | None = None
    looks: int = 0

    def present(self, at: int) -> bool:
        """Whether it is there at a time; left alone it ends by itself."""
        return self.started <= at < (self.cleared if self.cleared is not None else self.ends)


@dataclass(frozen=True, kw_only=True)
class StreetCamera:
    """A camera of the street and the problems that it watches for."""

    id: str
    longitude: float
    latitude: float
    problems: tuple[str, ...]
    seed: int


@dataclass
class Street:
    """Everything that happened so far; `advance` adds what began since."""

    district: District
    cameras: Sequence[StreetCamera]
    seed: int
    rain: Callable[[int], float]
    incidents: dict[str, StreetIncident] = field(default_factory=dict)
    by_camera: dict[str, list[StreetIncident]] = field(default_factory=dict)
    _next: int = 0

    def advance(self, until: int) -> list[StreetIncident]:
        """Incidents that began in the slots up to `until` (Unix microseconds), by time."""
        if not self._next:
            # an hour of what was there already
            self._next = (until - HOUR_US) // SLOT_US
        new: list[StreetIncident] = []
        while self._next * SLOT_US < until:
            new += self._slot(self._next)
            self._next += 1
        for each in new:
            self.incidents[each.id] = each
            if each.camera:
                self.by_camera.setdefault(each.camera, []).append(each)
        return sorted(new, key=lambda each: each.started)

    def _slot(self, slot: int) -> Iterator[StreetIncident]:
        generator = np.random.default_rng((self.seed, slot))
        hour = (slot * SLOT_US / HOUR_US + UTC_OFFSET_HOURS) % 24
        share = SLOT_US / (HOUR_US * 24)
        number = 0
        for camera in self.cameras:
            for sort in CAMERA_SORTS:
                low, high = sort.hours
                if sort.problem not in camera.problems or not low <= hour < high:
                    continue
                if sort.problem == "ponding" and self.rain(slot * SLOT_US) < PONDING_RAIN:
                    continue
                if generator.random() < sort.daily * share * 24 / (high - low):
                    busy = any(
                        each.sort is sort and each.present(slot * SLOT_US)
                        for each in self.by_camera.get(camera.id, ())
                    )
                    if not busy:
                        place = (camera.longitude, camera.latitude)
                        yield self._make(generator, slot, number, sort, place, camera.id, "", 3.0)
                        number += 1
        names = self.district.road_names
        for sort in STREET_SORTS:
            low, high = sort.hours
            if not low <= hour < high:
                continue
            for _ in range(generator.poisson(sort.daily * share * 24 / (high - low))):
                road = names[int(generator.integers(len(names)))]
                lons, lats = self.district.along(road, 200)
                at = int(generator.integers(200))
                place = (float(lons[at]), float(lats[at]))
                if self.district.area_of(*place):
                    yield self._make(generator, slot, number, sort, place, "", road, 15.0)
                    number += 1

    def _make(
        self,
        generator: np.random.Generator,
        slot: int,
        number: int,
        sort: Sort,
        place: tuple[float, float],
        camera: str,
        road: str,
        spread_m: float,
    ) -> StreetIncident:
        started = slot * SLOT_US + int(generator.uniform(0, SLOT_US))
        lasts = float(np.clip(generator.exponential(sort.lasts), sort.lasts / 3, sort.lasts * 3))
        east, north = generator.normal(0, spread_m / METRES_PER_DEGREE, 2)
        return StreetIncident(
            id=f"i{slot}-{number}",
            sort=sort,
            longitude=round(place[0] + float(east) * 1.17, 6),
            latitude=round(place[1] + float(north), 6),
            road=road,
            camera=camera,
            started=started,
            ends=started + int(lasts * HOUR_US),
            seed=int(generator.integers(1 << 30)),
        )

    def present(self, at: int) -> list[StreetIncident]:
        """Everything that is there at a time."""
        return [each for each in self.incidents.values() if each.present(at)]
