"""Where the simulated poles, boxes and power boxes stand, what they carry, and the ground truth.

The 39 pole stations of the plan's baseline stand along the roads (plan 一(一)一); the poles that
carry them stand at the same places, and name them by their ids.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np

from xinji.model.things import Thing
from xinji.system.simulation import Floats, Ground, make_things, service_dates
from xinji.systems.terminals.poles.kinds import BOX, POLE, POWER_BOX

POLES = 400
STATIONS = 39
POLES_A_BOX = 4
OWNERS = ("区公安分局", "区交警支队", "区市政管理中心", "运营商", "区生态环境局")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The poles as they stand, and the ground truth.

    Attributes:
        poles, boxes, power_boxes: the things; their ledgers are in `inventory`.
        stations: id of the pole by the id of the station that it carries.
        planted: (thing, check) of every conflict that was put into the ledgers.
        overloaded: (power box, circuit) whose devices draw more than they are rated for.
        demand: rated watts by activity, shape (power boxes, 4 circuits, 3): lamps, radio, steady.
    """

    poles: tuple[Thing, ...]
    boxes: tuple[Thing, ...]
    power_boxes: tuple[Thing, ...]
    stations: dict[str, str]
    planted: frozenset[tuple[str, str]]
    overloaded: tuple[str, int]
    demand: Floats


@dataclass
class _Pole:
    longitude: float
    latitude: float
    road: str
    station: int
    type: str = ""
    box: int = 0


def _places(ground: Ground) -> list[_Pole]:
    """Poles road by road, in order along each."""
    names = ground.road_names
    found: list[_Pole] = []
    for at, name in enumerate(names):
        carried = list(range(at, STATIONS, len(names)))
        count = len(range(at, POLES, len(names)))
        others = count - len(carried)
        places: list[tuple[float, int]] = [
            (f, n) for f, n in zip(np.linspace(0.1, 0.9, len(carried)), carried, strict=True)
        ]
        # between the ends, so that no two stand at one place
        places += [(f, -1) for f in np.linspace(0.115, 0.885, others)]
        for fraction, station in sorted(places):
            lon, lat = ground.along(name, 1, fraction, fraction)
            found.append(_Pole(float(lon[0]), float(lat[0]), name, station))
    return found


def lay_out(ground: Ground, generator: np.random.Generator) -> Layout:
    """Poles, boxes and power boxes with their ledgers; the same generator gives the same."""
    poles = _places(ground)
    box_roads: list[str] = []
    in_box = 0
    for at, pole in enumerate(poles):
        if at == 0 or poles[at - 1].road != pole.road or in_box == POLES_A_BOX:
            box_roads.append(pole.road)
            in_box = 0
        in_box += 1
        pole.box = len(box_roads) - 1
        kinds = ("main-12", "main-10", "main-10", "sub-6")
        pole.type = "main-10" if pole.station >= 0 else kinds[at % len(kinds)]
    power_of = _pairs(box_roads)
    ledgers: list[list[dict[str, Any]]] = []
    bays = [0] * len(box_roads)
    for at, pole in enumerate(poles):
        mounts = _mounts(ground, pole, at, generator)
        for each in mounts:
            if each["device"] == "lamp":
                each["power_box"] = f"{ground.slug}:{POWER_BOX}:{power_of[pole.box] + 1:03d}"
                each["circuit"] = 3
            elif each["rated_w"] >= 15 and bays[pole.box] < 12:
                bays[pole.box] += 1
                each["bays"] = [bays[pole.box]]
        ledgers.append(mounts)
    planted = _plant(ground, poles, ledgers, power_of, generator)
    demand = _demand(poles, ledgers, power_of)
    things = _pole_things(ground, poles, ledgers)
    power_boxes = _power_things(ground, poles, power_of)
    clear = {thing for thing, _ in planted}
    overloaded = next(
        thing.id for thing in power_boxes[len(power_boxes) // 2 :] if thing.id not in clear
    )
    return Layout(
        poles=things,
        boxes=_box_things(ground, poles, len(box_roads)),
        power_boxes=power_boxes,
        stations={
            f"{ground.slug}:pole-station:{pole.station + 1:03d}": things[at].id
            for at, pole in enumerate(poles)
            if pole.station >= 0
        },
        planted=frozenset(planted),
        overloaded=(overloaded, 3),
        demand=demand,
    )


def _pairs(box_roads: list[str]) -> list[int]:
    """The power box of each equipment box: two of a road share one."""
    power, inside, found = -1, 2, []
    for at, road in enumerate(box_roads):
        if inside == 2 or box_roads[at - 1] != road:
            power, inside = power + 1, 0
        inside += 1
        found.append(power)
    return found


def _mount(slot: str, device: str, owner: str, serial: str, **more: Any) -> dict[str, Any]:
    return {"slot": slot, "device": device, "owner": owner, "serial": serial, **more}


def _mounts(
    ground: Ground, pole: _Pole, at: int, generator: np.random.Generator
) -> list[dict[str, Any]]:
    """What a pole carries, within its limits."""
    draw = generator.random(5)
    police, traffic, works, operator, air = OWNERS
    heading = round(float(generator.uniform(0, 360)))

    def serial(part: int) -> str:
        return f"SN{at + 1:04d}-{part}"

    if pole.type == "sub-6":
        found = [
            _mount(
                "B1", "sign", works, serial(1), interface="clamp", height_m=3.0, weight_kg=8.0,
                wind_area_m2=0.4, rated_w=0.0,
            ),
        ]  # fmt: skip
        if draw[0] < 0.5:
            found.append(_mount(
                "T1", "camera", police, serial(2), interface="flange", height_m=6.0,
                weight_kg=4.0, wind_area_m2=0.06, rated_w=30.0, azimuth_deg=heading,
            ))  # fmt: skip
        if draw[1] < 0.3:
            found.append(_mount(
                "D1", "call-box", police, serial(3), interface="cabin", height_m=1.4,
                weight_kg=9.0, wind_area_m2=0.1, rated_w=20.0,
            ))  # fmt: skip
        return found
    top = 12.0 if pole.type == "main-12" else 10.0
    found = [
        _mount(
            "L1", "lamp", works, serial(1), interface="flange", height_m=top - 0.5,
            weight_kg=12.0, wind_area_m2=0.12, rated_w=150.0,
        ),
    ]  # fmt: skip
    if pole.station >= 0:
        found.append(_mount(
            "T1", "station", operator, serial(2), interface="flange", height_m=top + 0.5,
            weight_kg=22.0, wind_area_m2=0.25, rated_w=300.0, azimuth_deg=heading,
            thing=f"{ground.slug}:pole-station:{pole.station + 1:03d}",
        ))  # fmt: skip
    if pole.type == "main-12":
        found.append(_mount(
            "A1", "signal", traffic, serial(3), interface="rail", height_m=6.0, weight_kg=35.0,
            wind_area_m2=0.6, rated_w=60.0,
        ))  # fmt: skip
        if draw[0] < 0.6:
            found.append(_mount(
                "A2", "sign", traffic, serial(4), interface="rail", height_m=6.2, weight_kg=25.0,
                wind_area_m2=1.0, rated_w=0.0,
            ))  # fmt: skip
    elif draw[0] < 0.4:
        found.append(_mount(
            "A1", "sign", traffic, serial(4), interface="clamp", height_m=6.0, weight_kg=20.0,
            wind_area_m2=0.8, rated_w=0.0,
        ))  # fmt: skip
    if draw[1] < 0.55:
        found.append(_mount(
            "B1", "camera", police, serial(5), interface="clamp", height_m=top - 2.0,
            weight_kg=6.0, wind_area_m2=0.08, rated_w=35.0, azimuth_deg=heading,
        ))  # fmt: skip
    if draw[2] < 0.25:
        found.append(_mount(
            "B2", "sensor", air, serial(6), interface="clamp",
            height_m=9.0 if pole.type == "main-12" else 4.0, weight_kg=3.0, wind_area_m2=0.04,
            rated_w=10.0,
        ))  # fmt: skip
    if draw[3] < 0.12:
        found.append(_mount(
            "B4" if pole.type == "main-12" else "B3", "screen", works, serial(7),
            interface="rail", height_m=3.5, weight_kg=35.0, wind_area_m2=0.8, rated_w=300.0,
        ))  # fmt: skip
    return found


def _plant(
    ground: Ground,
    poles: list[_Pole],
    ledgers: list[list[dict[str, Any]]],
    power_of: list[int],
    generator: np.random.Generator,
) -> set[tuple[str, str]]:
    """Put one conflict of each sort into the ledgers of poles that carry no station."""
    mains = [at for at, p in enumerate(poles) if p.type == "main-10" and p.station < 0]
    order: list[int] = [mains[i] for i in generator.permutation(len(mains))]
    found: set[tuple[str, str]] = set()
    used: set[int] = set()

    def pole_id(at: int) -> str:
        return f"{ground.slug}:{POLE}:{at + 1:03d}"

    def take() -> int:
        # each in a neighbourhood of its own, so that one conflict does not cause another
        at = int(next(each for each in order if power_of[poles[each].box] not in used))
        used.add(power_of[poles[at].box])
        return at

    def put(at: int, check: str, *mounts: dict[str, Any], clear: tuple[str, ...] = ()) -> None:
        ledgers[at] = [each for each in ledgers[at] if each["slot"] not in clear] + list(mounts)
        found.add((pole_id(at), check))

    def device(slot: str, number: int, **more: Any) -> dict[str, Any]:
        plain = {"interface": "clamp", "height_m": 5.0, "weight_kg": 5.0, "wind_area_m2": 0.1,
                 "rated_w": 5.0}  # fmt: skip
        kind = more.pop("device", "other")
        return _mount(slot, kind, OWNERS[2], f"SNX-{number}", **(plain | more))

    put(take(), "slot-weight", device("B2", 1, weight_kg=40.0), clear=("B2",))
    put(
        take(),
        "slot-wind",
        device("A1", 2, height_m=6.0, wind_area_m2=1.6),
        clear=("A1", "B2", "B3"),
    )
    put(take(), "height", device("B1", 3, height_m=4.0), clear=("B1",))
    put(take(), "interface", device("T1", 4, height_m=11.0, interface="rail"))
    put(take(), "slot", device("B2", 5), device("B2", 6), clear=("B2",))
    put(
        take(),
        "azimuth",
        device("T1", 7, device="wifi", interface="flange", height_m=9.6, azimuth_deg=90),
        device("B1", 8, device="wifi", height_m=9.2, azimuth_deg=105),
        clear=("B1",),
    )
    first, second = take(), take()
    put(first, "device", device("B2", 9), clear=("B2",))
    put(second, "device", device("B2", 9), clear=("B2",))
    missing = f"{ground.slug}:{BOX}:999"
    put(take(), "box", device("B2", 10, box=missing), clear=("B2",))
    at = take()
    ledgers[at] = [each for each in ledgers[at] if each["slot"] not in ("B1", "B2")]
    ledgers[at] += [device("B1", 11, height_m=8.0, bays=[12]), device("B2", 12, bays=[12])]
    found.add((f"{ground.slug}:{BOX}:{poles[at].box + 1:03d}", "bay"))
    for pole, mounts in zip(poles, ledgers, strict=True):
        for known in mounts if pole.box == poles[at].box else ():
            if known.get("bays") == [12] and not known["serial"].startswith("SNX"):
                del known["bays"]
    at = take()
    charger = device("D1", 13, device="charger", interface="cabin", height_m=1.2, rated_w=4800.0,
                     weight_kg=35.0, power_box=_power_id(ground, power_of[poles[at].box]),
                     circuit=4)  # fmt: skip
    ledgers[at] = [each for each in ledgers[at] if each["slot"] != "D1"] + [charger]
    found.add((charger["power_box"], "power"))
    return found


def _power_id(ground: Ground, number: int) -> str:
    return f"{ground.slug}:{POWER_BOX}:{number + 1:03d}"


def _demand(poles: list[_Pole], ledgers: list[list[dict[str, Any]]], power_of: list[int]) -> Floats:
    """Rated watts by power box, circuit and activity: lamps, radio, steady."""
    first = {power: power_of.index(power) for power in power_of}
    watts = np.zeros((max(power_of) + 1, 4, 3))
    for pole, mounts in zip(poles, ledgers, strict=True):
        power = power_of[pole.box]
        for each in mounts:
            circuit = each.get("circuit") or (1 if pole.box == first[power] else 2)
            activity = {"lamp": 0, "station": 1}.get(each["device"], 2)
            # what is planted is in the ledger alone
            drawn = 0.0 if each["serial"].startswith("SNX") else each["rated_w"]
            watts[power, circuit - 1, activity] += drawn
    return watts


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _pole_things(
    ground: Ground,
    poles: list[_Pole],
    ledgers: list[list[dict[str, Any]]],
) -> tuple[Thing, ...]:
    heights = {"main-12": 12.0, "main-10": 10.0, "sub-6": 6.0}
    attributes = [
        {
            "type": pole.type,
            "height_m": heights[pole.type],
            "road": pole.road,
            "status": "live",
            "role": pole.type.split("-")[0],
            "box": f"{ground.slug}:{BOX}:{pole.box + 1:03d}",
            "inventory": _json({"mounts": ledgers[at]}),
        }
        for at, pole in enumerate(poles)
    ]
    places = (np.array([p.longitude for p in poles]), np.array([p.latitude for p in poles]))
    return make_things(
        ground,
        POLE,
        "综合杆",
        places,
        service_dates(len(poles), "2019-01-01", "2021-10-31"),
        attributes=attributes,
        owner="区市政管理中心",
    )


def _box_things(ground: Ground, poles: list[_Pole], count: int) -> tuple[Thing, ...]:
    beside = [next(pole for pole in poles if pole.box == at) for at in range(count)]
    return make_things(
        ground,
        BOX,
        "综合设备箱",
        _beside(beside),
        service_dates(count, "2019-01-01", "2021-10-31"),
        attributes=[{"type": "box-12", "road": pole.road} for pole in beside],
        owner="区市政管理中心",
    )


def _power_things(ground: Ground, poles: list[_Pole], power_of: list[int]) -> tuple[Thing, ...]:
    count = max(power_of) + 1
    beside = [next(pole for pole in poles if power_of[pole.box] == power) for power in range(count)]
    fed = [[box for box, each in enumerate(power_of) if each == power] for power in range(count)]
    attributes = [
        {
            "type": "power-4",
            "road": pole.road,
            "inventory": _json(
                {
                    "feeds": [
                        {"circuit": n + 1, "feeds": f"{ground.slug}:{BOX}:{box + 1:03d}"}
                        for n, box in enumerate(boxes)
                    ]
                }
            ),
        }
        for pole, boxes in zip(beside, fed, strict=True)
    ]
    return make_things(
        ground,
        POWER_BOX,
        "综合电源箱",
        _beside(beside),
        service_dates(count, "2019-01-01", "2021-10-31"),
        attributes=attributes,
        owner="区市政管理中心",
    )


def _beside(poles: list[_Pole]) -> tuple[Floats, Floats]:
    """Places two metres from some poles."""
    return (
        np.array([pole.longitude + 2e-5 for pole in poles]),
        np.array([pole.latitude for pole in poles]),
    )
