"""What is counted of the ledger: numbers of a thing that are observed, and free places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from xinji.systems.terminals.poles.checks import (
    UNKNOWN,
    Check,
    check_mount,
    failed,
)
from xinji.systems.terminals.poles.ledger import Ledger, Mount

STATION = "station"


class Free(msgspec.Struct, frozen=True, kw_only=True):
    """A free slot where a device could be mounted; `*_left` is after mounting it.

    `unknown` names the checks that could not be made for want of records.
    """

    pole: str
    name: str
    longitude: float
    latitude: float
    area: str
    road: str
    status: str
    slot: str
    height_m: float
    weight_left_kg: float
    wind_area_left_m2: float
    power_left_w: float | None
    unknown: tuple[str, ...] = ()


def pole_figures(ledger: Ledger, pole: str, mounts: Sequence[Mount]) -> dict[str, float]:
    """devices, stations, slots and slots_used of a pole with some mounts."""
    type_ = ledger.type_of(pole)
    slots = {slot.name for slot in type_.slots} if type_ is not None else set()
    return {
        "devices": len(mounts),
        "stations": sum(mount.device == STATION for mount in mounts),
        "slots": len(slots),
        "slots_used": len({mount.slot for mount in mounts} & slots),
    }


def figures(ledger: Ledger, conflicts: dict[str, list[Check]]) -> dict[str, dict[str, float]]:
    """All observed figures, property by property, of every pole, box and power box.

    What is retired or of an unknown type has no figures but its conflicts.
    """
    found: dict[str, dict[str, float]] = {
        each: {} for each in (*ledger.poles, *ledger.boxes, *ledger.power_boxes)
    }
    for pole in ledger.poles.values():
        if not pole.retired:
            found[pole.id] = pole_figures(ledger, pole.id, ledger.by_pole.get(pole.id, ()))
    for box in ledger.boxes.values():
        type_ = ledger.types.boxes.get(box.type)
        if box.retired or type_ is None:
            continue
        used = {bay for mount in ledger.by_box.get(box.id, ()) for bay in mount.bays}
        found[box.id] = {
            "bays": type_.bays,
            "bays_used": len(used),
            "power_used": _percent(ledger.box_watts.get(box.id, 0.0), type_.power_w),
        }
    for box in ledger.power_boxes.values():
        circuits = ledger.circuits(box.id)
        if box.retired or not circuits:
            continue
        used_w = sum(ledger.feed_watts.get((box.id, each.number), 0.0) for each in circuits)
        limit = sum(each.watts for each in circuits) * ledger.types.utilisation_limit
        found[box.id] = {"power_used": _percent(used_w, limit)}
    for thing, values in found.items():
        values["conflicts"] = min(1_000, len(conflicts.get(thing, ())))
    return found


def _percent(used: float, limit: float) -> float:
    return 0.0 if limit <= 0 else round(min(1_000.0, 100 * used / limit), 1)


def candidates(
    ledger: Ledger,
    poles: Iterable[str],
    *,
    height_m: float = 0.0,
    weight_kg: float = 0.0,
    wind_area_m2: float = 0.0,
    power_w: float = 0.0,
    device: str = STATION,
    interface: str = "",
) -> list[Free]:
    """Free slots where a device of at least these needs passes every check.

    Args:
        poles: ids to look at.
        height_m: the least height of its antenna; the lowest place in the slot at or above it.
        power_w: rated power; 0 asks for none. A pole whose feed is not recorded is left out
            when power is asked for.
        device: a kind of device of the table of types.
        interface: the interface that it needs; empty for any.
    """
    found = []
    for name in poles:
        pole, type_ = ledger.poles[name], ledger.type_of(name)
        if type_ is None or pole.retired:
            continue
        taken = {mount.slot for mount in ledger.by_pole.get(name, ())}
        for slot in type_.slots:
            if slot.name in taken or slot.high_m < height_m:
                continue
            trial = Mount(
                id="",
                pole=name,
                slot=slot.name,
                device=device,
                interface=interface,
                weight_kg=weight_kg,
                wind_area_m2=wind_area_m2,
                rated_w=power_w,
                height_m=max(slot.low_m, height_m),
            )
            checks = check_mount(ledger, trial)
            if failed(checks):
                continue
            unknown = tuple(
                check.name
                for check in checks
                if check.state == UNKNOWN and (check.name != "interface" or interface)
            )
            if power_w > 0 and "circuit" in unknown:
                continue
            found.append(
                Free(
                    pole=name,
                    name=pole.name,
                    longitude=pole.longitude,
                    latitude=pole.latitude,
                    area=pole.area,
                    road=pole.road,
                    status=pole.status,
                    slot=slot.name,
                    height_m=max(slot.low_m, height_m),
                    weight_left_kg=_left(checks, "slot-weight", "pole-weight") or 0.0,
                    wind_area_left_m2=_left(checks, "slot-wind", "pole-wind") or 0.0,
                    power_left_w=power_left(ledger, trial, checks),
                    unknown=unknown,
                )
            )
    return found


def power_left(ledger: Ledger, trial: Mount, checks: Iterable[Check] = ()) -> float | None:
    """Watts of demand that its circuit and its box have left after it; None when not recorded."""
    if ledger.feed_of(trial) is None:
        return None
    left = _left(checks, "power", "box-power")
    if left is not None or trial.rated_w > 0:
        return left
    # a check of no power is not made: ask with a watt
    asked = msgspec.structs.replace(trial, rated_w=1.0, diversity=1.0)
    left = _left(check_mount(ledger, asked), "power", "box-power")
    return None if left is None else left + 1.0


def _left(checks: Iterable[Check], *names: str) -> float | None:
    left = [
        check.left
        for check in checks
        if check.name in names and check.left is not None and check.state != UNKNOWN
    ]
    return min(left) if left else None
