"""May this device be mounted there? Pure functions over a ledger; every check says its numbers.

The limits come from the table of types; those of GB/T 40994 and DG/TJ 08-2362 were not read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from xinji.systems.terminals.poles.ledger import Ledger, Mount, Pole
from xinji.systems.terminals.poles.types import PoleType, Slot

PASSED, FAILED, UNKNOWN = "passed", "failed", "unknown"
EXACT = 1e-9
"""Sums of floats may be off by this."""


class Check(msgspec.Struct, frozen=True, kw_only=True):
    """One check of a mount.

    Attributes:
        name: slot, height, interface, slot-weight, slot-wind, pole-weight, pole-wind, device, box,
            bay, circuit, power, box-power, azimuth, pole, type.
        state: passed, failed, or unknown when what it needs is not recorded.
        where: the thing that it is about: the pole, the box or the power box.
        field: of the mount that breaks the rule.
        limit, used, wanted, left: numbers in `unit`; `left` is limit - used - wanted.
        others: ids of the mounts that it collides with.
    """

    name: str
    state: str
    where: str
    field: str
    rule: str
    limit: float | None = None
    used: float | None = None
    wanted: float | None = None
    left: float | None = None
    unit: str = "1"
    others: tuple[str, ...] = ()


def check_mount(ledger: Ledger, wanted: Mount) -> list[Check]:
    """All checks of a mount beside everything else that stands; itself is left out by its id.

    Returns the checks in a fixed order. Those that cannot be made are missing: an unknown pole,
    type or slot has no limits to check.
    """
    pole = ledger.poles.get(wanted.pole)
    if pole is None or pole.retired:
        rule = "a pole that is registered and not retired"
        return [Check(name="pole", state=FAILED, where=wanted.pole, field="pole", rule=rule)]
    found = [Check(name="pole", state=PASSED, where=pole.id, field="pole", rule="registered")]
    type_ = ledger.types.poles.get(pole.type)
    if type_ is None:
        rule = f"the type {pole.type} is not in the table of types"
        found.append(Check(name="type", state=FAILED, where=pole.id, field="pole", rule=rule))
    else:
        found += _on_pole(ledger, wanted, pole, type_)
    found += _device(ledger, wanted)
    found += _box(ledger, wanted)
    found += _power(ledger, wanted)
    return found


def failed(checks: Iterable[Check]) -> list[Check]:
    """Those that do not hold."""
    return [check for check in checks if check.state == FAILED]


def conflicts(ledger: Ledger) -> dict[str, list[Check]]:
    """What is wrong with the ledger as it stands, by thing, each fault once.

    A fault is the thing's that it is about: a circuit's is the power box's.
    """
    found: dict[str, dict[tuple[str, str], Check]] = {}
    for mount in ledger.mounts:
        for check in failed(check_mount(ledger, mount)):
            # the mounts of one slot, bay or circuit find the same fault from each side
            involved = ",".join(sorted((mount.id, *check.others)))
            if check.name in ("pole-weight", "pole-wind", "type", "power", "box-power"):
                involved = check.field if check.name != "power" else check.rule
            where = check.where or mount.pole
            found.setdefault(where, {}).setdefault((check.name, involved), check)
    return {where: list(checks.values()) for where, checks in found.items()}


def _limit(
    name: str,
    where: str,
    field: str,
    rule: str,
    limit: float,
    used: float,
    wanted: float,
    unit: str,
) -> Check:
    left = limit - used - wanted
    return Check(
        name=name,
        state=PASSED if left >= -EXACT else FAILED,
        where=where,
        field=field,
        rule=rule,
        limit=limit,
        used=round(used, 6),
        wanted=wanted,
        left=round(left, 6),
        unit=unit,
    )


def _on_pole(ledger: Ledger, wanted: Mount, pole: Pole, type_: PoleType) -> Iterator[Check]:
    beside = [each for each in ledger.by_pole.get(pole.id, ()) if each.id != wanted.id]
    slot = type_.slot(wanted.slot)
    if slot is None:
        rule = f"a slot of {pole.type}: {', '.join(each.name for each in type_.slots)}"
        yield Check(name="slot", state=FAILED, where=pole.id, field="slot", rule=rule)
    else:
        yield from _in_slot(wanted, pole, slot, beside)
    for name, field, limit, unit in (
        ("pole-weight", "weight_kg", type_.weight_kg, "kg"),
        ("pole-wind", "wind_area_m2", type_.wind_area_m2, "m2"),
    ):
        used = sum(getattr(each, field) for each in beside)
        rule = f"together at most {limit:g} {unit} on the pole"
        yield _limit(name, pole.id, field, rule, limit, used, getattr(wanted, field), unit)
    yield from _azimuth(ledger, wanted, beside)


def _in_slot(wanted: Mount, pole: Pole, slot: Slot, beside: list[Mount]) -> Iterator[Check]:
    taken = tuple(each.id for each in beside if each.slot == slot.name)
    yield Check(
        name="slot",
        state=FAILED if taken else PASSED,
        where=pole.id,
        field="slot",
        rule=f"{slot.name} holds one device",
        limit=1,
        used=len(taken),
        wanted=1,
        left=0 - len(taken),
        others=taken,
    )
    height = wanted.height_m
    inside = height is not None and slot.low_m - EXACT <= height <= slot.high_m + EXACT
    yield Check(
        name="height",
        state=UNKNOWN if height is None else PASSED if inside else FAILED,
        where=pole.id,
        field="height_m",
        rule=f"from {slot.low_m:g} to {slot.high_m:g} m in {slot.name}",
        limit=slot.high_m,
        wanted=height,
        unit="m",
    )
    if slot.interfaces:
        fits = wanted.interface in slot.interfaces
        yield Check(
            name="interface",
            state=UNKNOWN if not wanted.interface else PASSED if fits else FAILED,
            where=pole.id,
            field="interface",
            rule=f"{slot.name} has {' or '.join(slot.interfaces)}",
        )
    for name, field, limit, unit in (
        ("slot-weight", "weight_kg", slot.weight_kg, "kg"),
        ("slot-wind", "wind_area_m2", slot.wind_area_m2, "m2"),
    ):
        rule = f"at most {limit:g} {unit} in {slot.name}"
        yield _limit(name, pole.id, field, rule, limit, 0.0, getattr(wanted, field), unit)


def _azimuth(ledger: Ledger, wanted: Mount, beside: list[Mount]) -> Iterator[Check]:
    types = ledger.types
    if not types.radiates(wanted.device):
        return
    antennas = [each for each in beside if types.radiates(each.device)]
    rule = (
        f"antennas within {types.antenna_height_m:g} m of height are "
        f"{types.antenna_azimuth_deg:g} degrees apart"
    )
    state, others, apart = PASSED, [], 180.0
    for each in antennas:
        if wanted.height_m is None or each.height_m is None:
            state = UNKNOWN if state == PASSED else state
            continue
        if abs(wanted.height_m - each.height_m) > types.antenna_height_m + EXACT:
            continue
        if wanted.azimuth_deg is None or each.azimuth_deg is None:
            state = UNKNOWN if state == PASSED else state
            continue
        angle = abs((wanted.azimuth_deg - each.azimuth_deg + 180) % 360 - 180)
        apart = min(apart, angle)
        if angle < types.antenna_azimuth_deg - EXACT:
            state = FAILED
            others.append(each.id)
    yield Check(
        name="azimuth",
        state=state,
        where=wanted.pole,
        field="azimuth_deg",
        rule=rule,
        limit=types.antenna_azimuth_deg,
        wanted=apart,
        unit="deg",
        others=tuple(others),
    )


def _device(ledger: Ledger, wanted: Mount) -> Iterator[Check]:
    for field, index in (("thing", ledger.by_thing), ("serial", ledger.by_serial)):
        value = getattr(wanted, field)
        if not value:
            continue
        elsewhere = tuple(each.id for each in index.get(value, ()) if each.id != wanted.id)
        yield Check(
            name="device",
            state=FAILED if elsewhere else PASSED,
            where=wanted.pole,
            field=field,
            rule="a device is mounted once",
            used=len(elsewhere),
            limit=1,
            wanted=1,
            left=0 - len(elsewhere),
            others=elsewhere,
        )


def _box(ledger: Ledger, wanted: Mount) -> Iterator[Check]:
    name = ledger.box_of(wanted)
    if not name:
        if wanted.bays:
            rule = "the pole has no equipment box"
            yield Check(name="box", state=FAILED, where=wanted.pole, field="box", rule=rule)
        return
    box = ledger.boxes.get(name)
    if box is None or box.retired or box.type not in ledger.types.boxes:
        rule = f"{name} is a registered equipment box of a known type, not retired"
        yield Check(name="box", state=FAILED, where=wanted.pole, field="box", rule=rule)
        return
    yield Check(name="box", state=PASSED, where=wanted.pole, field="box", rule="registered")
    bays = ledger.types.boxes[box.type].bays
    beside = [each for each in ledger.by_box.get(name, ()) if each.id != wanted.id]
    for bay in wanted.bays:
        rule = f"a free bay of {name}, 1 to {bays}"
        taken = tuple(each.id for each in beside if bay in each.bays)
        used = len({other for each in beside for other in each.bays})
        yield Check(
            name="bay",
            state=PASSED if 1 <= bay <= bays and not taken else FAILED,
            where=name,
            field="bays",
            rule=rule,
            limit=bays,
            used=used,
            wanted=len(wanted.bays),
            left=bays - used - len(wanted.bays),
            others=taken,
        )


def _power(ledger: Ledger, wanted: Mount) -> Iterator[Check]:
    demand = ledger.demand(wanted)
    if demand <= 0 and not wanted.power_box:
        return
    feed = ledger.feed_of(wanted)
    if feed is None:
        rule = "a circuit feeds the pole, its equipment box or the device"
        yield Check(name="circuit", state=UNKNOWN, where=wanted.pole, field="circuit", rule=rule)
    else:
        yield from _circuit(ledger, wanted, feed, demand)
    through = ledger.through_box(wanted)
    box = ledger.boxes.get(through)
    type_ = ledger.types.boxes.get(box.type) if box is not None else None
    if type_ is not None:
        used = ledger.box_watts.get(through, 0.0) - _standing(ledger, wanted, through)
        rule = f"together at most {type_.power_w:g} W through {through}"
        yield _limit("box-power", through, "rated_w", rule, type_.power_w, used, demand, "W")


def _circuit(
    ledger: Ledger, wanted: Mount, feed: tuple[str, int], demand: float
) -> Iterator[Check]:
    circuit = ledger.circuit(feed)
    if circuit is None or ledger.power_boxes[feed[0]].retired:
        rule = f"circuit {feed[1]} of {feed[0]} exists"
        yield Check(name="circuit", state=FAILED, where=wanted.pole, field="circuit", rule=rule)
        return
    rule = "registered"
    yield Check(name="circuit", state=PASSED, where=wanted.pole, field="circuit", rule=rule)
    known = ledger.by_id.get(wanted.id)
    used = ledger.feed_watts.get(feed, 0.0)
    if known is not None and ledger.feed_of(known) == feed:
        used -= ledger.demand(known)
    share = ledger.types.utilisation_limit
    rule = (
        f"rated power times diversity at most {share:.0%} of circuit {feed[1]} "
        f"({circuit.rating_a:g} A, {circuit.voltage_v:g} V)"
    )
    limit = circuit.watts * share
    yield _limit("power", feed[0], "rated_w", rule, limit, used, demand, "W")


def _standing(ledger: Ledger, wanted: Mount, through: str) -> float:
    """What the mount itself draws through a box in the ledger, W."""
    known = ledger.by_id.get(wanted.id)
    if known is None or ledger.through_box(known) != through:
        return 0.0
    return ledger.demand(known)
