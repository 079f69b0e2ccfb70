"""A simulated month of incidents and the reports about them, with the truth beside.

For measuring duplicate detection. Hot spots with a heavy-tailed share, a daily rhythm, incidents
that come back to a cleared spot, neighbours of the same class at the same time (both hard
negatives), place and class errors by channel, texts from templates with wrong and missing place
words and typing noise. A pure function of (district, seed, difficulty). Simulated, not measured:
rates are illustrative and set so that the rule "same class, 50 m, 24 h" scores as on the figures
that docs/decisions/0012 cites.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from xinji.district.geography import District
from xinji.district.rhythm import HOUR_US, UTC_OFFSET_HOURS
from xinji.methods.geodesy import METRES_PER_DEGREE
from xinji.systems.platforms.operations.duplicates import Sighting

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class IncidentClass:
    """A class: code, group of classes mistaken for it, relative rate, hours it lasts, words."""

    code: str
    group: str
    rate: float
    hours: float
    words: tuple[str, ...]


CLASSES = (
    IncidentClass(code="0110", group="waste", rate=16, hours=5,
                  words=("暴露垃圾", "一堆垃圾", "垃圾没人收", "乱倒垃圾")),
    IncidentClass(code="0192", group="waste", rate=10, hours=4,
                  words=("垃圾桶满了", "垃圾箱满溢", "桶里垃圾溢出来")),
    IncidentClass(code="0112", group="waste", rate=4, hours=8,
                  words=("建筑垃圾", "装修垃圾堆着", "渣土没清")),
    IncidentClass(code="0401", group="stall", rate=6, hours=2,
                  words=("流动摊贩", "有人摆摊", "小贩占路")),
    IncidentClass(code="0405", group="stall", rate=10, hours=3,
                  words=("店外经营", "店家把货摆到门外", "跨门营业")),
    IncidentClass(code="0406", group="stall", rate=8, hours=3,
                  words=("占道经营", "占人行道做生意", "摊位占道")),
    IncidentClass(code="0410", group="bike", rate=14, hours=4,
                  words=("非机动车乱停", "电瓶车停在人行道", "车子乱停")),
    IncidentClass(code="0493", group="bike", rate=16, hours=4,
                  words=("共享单车堆积", "共享单车乱停", "单车挡路")),
    IncidentClass(code="0506", group="water", rate=3, hours=6,
                  words=("道路积水", "路上积水很深", "下水道堵了冒水")),
    IncidentClass(code="0496", group="fire", rate=3, hours=5,
                  words=("消防通道被占", "消防通道停了车")),
    IncidentClass(code="0201", group="road", rate=4, hours=30,
                  words=("路面破损", "路上有个坑", "地砖松动")),
    IncidentClass(code="0102", group="road", rate=2, hours=16,
                  words=("井盖坏了", "井盖响", "窨井盖缺失")),
    IncidentClass(code="0103", group="light", rate=3, hours=30,
                  words=("路灯不亮", "路灯坏了", "晚上没有路灯")),
    IncidentClass(code="0402", group="green", rate=3, hours=24,
                  words=("树枝折断", "绿化带被踩", "行道树倒伏")),
)  # fmt: skip
GROUPS = {each.code: each.group for each in CLASSES}

CHANNELS = ("camera", "patrol", "sensor", "resident", "12345", "open311")
_LANDMARKS = ("地铁口", "菜场", "小学", "公交站", "便利店", "银行", "小区门口", "医院", "公园",
              "理发店", "加油站", "停车场", "超市", "奶茶店", "药房")  # fmt: skip
_OPENINGS = ("", "你好，", "我要反映，", "请问有没有人管，", "又来了，")
_ENDINGS = ("", "，请尽快处理", "，影响出行", "，已经好几天了", "，味道很大", "，谢谢")
_DAY = (.3, .2, .15, .15, .2, .5, 1.0, 1.6, 1.8, 1.7, 1.6, 1.5, 1.3, 1.4, 1.6, 1.7, 1.8, 1.8, 1.7,
        1.5, 1.2, 1.0, .7, .5)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Difficulty:
    """How hard the month is. Errors in metres are RMS per axis.

    Attributes:
        channel_shares: of reports, in the order of `CHANNELS`.
        place_error_m, tails, class_error: by channel: error, degrees of freedom of its Student-t,
            share of wrong classes (80 % of them inside the group).
        further_reports: mean number of reports after the first, gamma-Poisson.
        hot_share, hot_spots, hot_spread_m: incidents in hot spots, their number and spread.
        again_share, again_hours: incidents that follow a cleared one at the same spot, and the mean
            wait; beside_share, beside_m: of incidents with a neighbour of its class within 2 hours
            at a distance in this range.
        early_close, late_close: shares of cases closed at 60 % of the incident's life though it is
            still there, and hours late.
        wrong_place_words: share of texts whose place words are of another place; typing: share of
            signs lost or changed.
    """

    channel_shares: tuple[float, ...] = (0.44, 0.31, 0.03, 0.10, 0.08, 0.04)
    place_error_m: tuple[float, ...] = (4.0, 12.0, 5.0, 35.0, 35.0, 35.0)
    tails: tuple[float, ...] = (20.0, 20.0, 20.0, 4.0, 4.0, 4.0)
    class_error: tuple[float, ...] = (0.04, 0.02, 0.02, 0.10, 0.12, 0.12)
    further_reports: float = 0.6
    hot_share: float = 0.72
    hot_spots: int = 220
    hot_spread_m: float = 110.0
    again_share: float = 0.03
    again_hours: float = 10.0
    beside_share: float = 0.03
    beside_m: tuple[float, float] = (20.0, 80.0)
    early_close: float = 0.03
    late_close: float = 0.05
    wrong_place_words: float = 0.1
    typing: float = 0.03


@dataclass(frozen=True, kw_only=True)
class Month:
    """Reports in order of time with their true incidents.

    Attributes:
        reports: n sightings, by time.
        incidents: shape (n,), the true incident of each report.
        cleared_us: shape (incidents,), when it was really gone.
        closed_us: shape (incidents,), when its case was closed.
    """

    reports: tuple[Sighting, ...]
    incidents: npt.NDArray[np.int64]
    cleared_us: npt.NDArray[np.int64]
    closed_us: npt.NDArray[np.int64]
    difficulty: Difficulty = field(default_factory=Difficulty)


def incident_month(
    district: District,
    seed: int,
    incidents: int = 9_000,
    days: float = 30.0,
    start_us: int = 1_790_000_000_000_000,
    difficulty: Difficulty | None = None,
) -> Month:
    """Simulate `incidents` incidents over `days` days and all their reports.

    Raises ValueError: incidents or days below 1.
    """
    if incidents < 1 or days < 1:
        raise ValueError(f"incidents, days: ({incidents}, {days}) must be at least 1")
    hard = difficulty or Difficulty()
    generator = np.random.default_rng([seed, 12])
    squash = float(np.cos(np.radians(district.center[1])))
    degrees = np.array([1 / (METRES_PER_DEGREE * squash), 1 / METRES_PER_DEGREE])
    kinds, places, starts, ends = _incidents(district, generator, incidents, days, hard, degrees)
    reports: list[Sighting] = []
    truth: list[int] = []
    number_of = _poisson_gamma(generator, hard.further_reports, incidents)
    landmarks = generator.integers(0, len(_LANDMARKS), incidents)
    roads, numbers = _addresses(district, places, degrees)
    for at in range(incidents):
        count = 1 + int(number_of[at])
        life = ends[at] - starts[at]
        # reports come soon after the start; one in ten after the incident is gone
        delays = np.sort(generator.exponential(0.35, count)) * life
        times = starts[at] + np.minimum(delays, life * generator.uniform(0.3, 1, count))
        late = generator.random(count) < 0.06
        times = times + late * generator.exponential(1.0, count)
        for time in times:
            channel = int(generator.choice(len(CHANNELS), p=hard.channel_shares))
            scatter = generator.standard_t(hard.tails[channel], 2) * np.sqrt(
                (hard.tails[channel] - 2) / hard.tails[channel]
            )
            point = places[at] + scatter * hard.place_error_m[channel] * degrees
            kind = _seen_class(generator, int(kinds[at]), hard.class_error[channel])
            text = _text(
                generator, channel, kind, roads[at], int(numbers[at]), int(landmarks[at]),
                hard, district.road_names,
            )  # fmt: skip
            truth.append(at)
            reports.append(
                Sighting(
                    report=f"r{len(reports)}",
                    channel=CHANNELS[channel],
                    class_code=CLASSES[kind].code,
                    longitude=float(point[0]),
                    latitude=float(point[1]),
                    time_us=int(start_us + time * HOUR_US),
                    text=text,
                )
            )
    order = np.argsort([report.time_us for report in reports], kind="stable")
    early = generator.random(incidents) < hard.early_close
    late_close = generator.random(incidents) < hard.late_close
    closed = np.where(early, starts + 0.6 * (ends - starts), ends)
    closed = closed + generator.exponential(0.15, incidents) + late_close * 4.0
    return Month(
        reports=tuple(reports[at] for at in order),
        incidents=np.array(truth, np.int64)[order],
        cleared_us=(start_us + ends * HOUR_US).astype(np.int64),
        closed_us=(start_us + closed * HOUR_US).astype(np.int64),
        difficulty=hard,
    )


def _incidents(
    district: District,
    generator: np.random.Generator,
    count: int,
    days: float,
    hard: Difficulty,
    degrees: Floats,
) -> tuple[npt.NDArray[np.int64], Floats, Floats, Floats]:
    """Class, place (degrees), start and end (hours) of each incident."""
    rates = np.array([each.rate for each in CLASSES])
    rates = rates / rates.sum()
    hot = np.column_stack(district.scatter(hard.hot_spots, generator))
    taste = generator.dirichlet(rates * 6, hard.hot_spots)
    heat = 1 / (np.arange(hard.hot_spots) + 8.0)
    heat = heat / heat.sum()
    anywhere = np.column_stack(district.scatter(count, generator))
    kinds = np.empty(count, np.int64)
    places, starts, ends = np.empty((count, 2)), np.empty(count), np.empty(count)
    day = np.array(_DAY) / sum(_DAY)
    lives = np.array([each.hours for each in CLASSES])
    for at in range(count):
        dice = generator.random()
        if at and dice < hard.again_share:
            # the same spot again, after it was cleared
            before = int(generator.integers(0, at))
            kinds[at] = kinds[before]
            places[at] = places[before] + generator.normal(0, 5, 2) * degrees
            starts[at] = ends[before] + generator.exponential(hard.again_hours)
        elif at and dice < hard.again_share + hard.beside_share:
            before = int(generator.integers(0, at))
            angle, away = generator.uniform(0, 2 * np.pi), generator.uniform(*hard.beside_m)
            kinds[at] = kinds[before]
            places[at] = places[before] + np.array([np.cos(angle), np.sin(angle)]) * away * degrees
            starts[at] = starts[before] + generator.uniform(0, 2)
        else:
            spot = int(generator.choice(hard.hot_spots, p=heat))
            inside = generator.random() < hard.hot_share
            weights = taste[spot] if inside else rates
            kinds[at] = generator.choice(len(CLASSES), p=weights)
            scatter = generator.normal(0, hard.hot_spread_m, 2) * degrees
            places[at] = hot[spot] + scatter if inside else anywhere[at]
            local = generator.choice(24, p=day) + generator.random()
            starts[at] = 24 * generator.integers(0, int(days)) + (local - UTC_OFFSET_HOURS) % 24
        life = lives[kinds[at]] * generator.lognormal(-0.18, 0.6)
        ends[at] = starts[at] + max(life, 0.25)
    return kinds, places, starts, ends


def _poisson_gamma(
    generator: np.random.Generator, mean: float, count: int
) -> npt.NDArray[np.int64]:
    """Heavy-tailed counts: Poisson of a gamma with shape 0.8."""
    return generator.poisson(generator.gamma(0.8, mean / 0.8, count))


def _seen_class(generator: np.random.Generator, kind: int, error: float) -> int:
    if generator.random() >= error:
        return kind
    group = CLASSES[kind].group
    inside = [at for at, each in enumerate(CLASSES) if each.group == group and at != kind]
    outside = [at for at, each in enumerate(CLASSES) if each.group != group]
    pool = inside if inside and generator.random() < 0.8 else outside
    return int(pool[int(generator.integers(0, len(pool)))])


def _addresses(
    district: District, places: Floats, degrees: Floats
) -> tuple[list[str], npt.NDArray[np.int64]]:
    """The nearest road of each place and a house number that grows along it."""
    names = list(district.roads)
    corners = np.concatenate([district.roads[name].points for name in names])
    owners = np.repeat(np.arange(len(names)), [len(district.roads[name].points) for name in names])
    gaps = (places[:, None, :] - corners[None, :, :]) / degrees
    nearest = (gaps**2).sum(2).argmin(1)
    numbers = 10 + (np.abs(places[:, 0] / degrees[0] + places[:, 1] / degrees[1]) % 20_000 / 20)
    return [names[owner] for owner in owners[nearest]], numbers.astype(np.int64)


def _text(
    generator: np.random.Generator,
    channel: int,
    kind: int,
    road: str,
    number: int,
    landmark: int,
    hard: Difficulty,
    roads: tuple[str, ...],
) -> str:
    """What a person writes or says; cameras and sensors write nothing, patrols a few words."""
    if CHANNELS[channel] in ("camera", "sensor"):
        return ""
    words = CLASSES[kind].words
    thing = words[int(generator.integers(0, len(words)))]
    if generator.random() < hard.wrong_place_words:
        road = roads[int(generator.integers(0, len(roads)))]
        number = int(generator.integers(1, 1_000))
        landmark = int(generator.integers(0, len(_LANDMARKS)))
    number = max(number + int(generator.normal(0, 6)), 1)
    where = road if generator.random() < 0.8 else ""
    if generator.random() < 0.5:
        where += f"{number}号"
    if generator.random() < 0.5:
        where += _LANDMARKS[landmark]
    if CHANNELS[channel] == "patrol":
        return _typed(generator, where + thing, hard.typing)
    opening = _OPENINGS[int(generator.integers(0, len(_OPENINGS)))]
    ending = _ENDINGS[int(generator.integers(0, len(_ENDINGS)))]
    return _typed(generator, opening + where + thing + ending, hard.typing)


def _typed(generator: np.random.Generator, text: str, noise: float) -> str:
    dice = generator.random(len(text))
    return "".join(
        "的" if die < noise / 2 else "" if die < noise else sign
        for sign, die in zip(text, dice, strict=True)
    )
