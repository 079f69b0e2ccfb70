"""Types of poles, boxes and power boxes: versioned data that a district replaces by its own."""

from __future__ import annotations

import math
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from xinji.systems.terminals.poles.kinds import CIRCUITS

OWN_TYPES = Path(__file__).with_name("pole_types.toml")
MOST_SLOTS = 40
MOST_TYPES = 200


class Slot(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A place for one device; heights are metres above ground.

    `place` is top, arm, band (of the main pole) or base.
    """

    name: str
    place: str
    low_m: float
    high_m: float
    weight_kg: float
    wind_area_m2: float
    interfaces: tuple[str, ...] = ()


class PoleType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A type of pole: its slots, and what all of them may carry together."""

    zh: str
    en: str
    height_m: float
    weight_kg: float
    wind_area_m2: float
    slots: tuple[Slot, ...]
    role: str = "main"
    verified: bool = False

    def slot(self, name: str) -> Slot | None:
        """The slot of that name."""
        return next((slot for slot in self.slots if slot.name == name), None)


class BoxType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A type of equipment box: bays, numbered from 1, and the power it can pass on."""

    zh: str
    en: str
    bays: int
    power_w: float
    verified: bool = False


class Circuit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A circuit of a power box."""

    number: int
    rating_a: float
    voltage_v: float
    phase: int = 1

    @property
    def watts(self) -> float:
        """What it is rated for, W."""
        return self.rating_a * self.voltage_v


class PowerBoxType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A type of power box."""

    zh: str
    en: str
    circuits: tuple[Circuit, ...]
    verified: bool = False


class DeviceType(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be mounted: `diversity` is the share of its rated power that counts."""

    zh: str
    en: str
    diversity: float = 1.0
    antenna: bool = False


class Types(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The whole table, by name."""

    version: str
    verified: bool = False
    utilisation_limit: float
    antenna_height_m: float
    antenna_azimuth_deg: float
    poles: dict[str, PoleType]
    boxes: dict[str, BoxType]
    power_boxes: dict[str, PowerBoxType]
    devices: dict[str, DeviceType]

    def diversity(self, device: str) -> float:
        """Share of the rated power of a kind of device that counts; 1 when it is not known."""
        known = self.devices.get(device)
        return 1.0 if known is None else known.diversity

    def radiates(self, device: str) -> bool:
        """Whether it is an antenna with a direction."""
        known = self.devices.get(device)
        return known is not None and known.antenna


class TypesError(ValueError):
    """A table that contradicts itself: field and rule."""

    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field, self.rule = field, rule


def own_types() -> Types:
    """The table that comes with the system; every limit in it is unverified."""
    return read_types(tomllib.loads(OWN_TYPES.read_text(encoding="utf-8")))


def read_types(data: Any) -> Types:
    """A table from plain data.

    Raises TypesError: a field is missing, of another shape, or out of its range.
    """
    try:
        types = msgspec.convert(data, Types)
    except msgspec.ValidationError as error:
        rule, _, place = str(error).partition(" - at `$")
        raise TypesError(place.rstrip("`").lstrip(".") or "body", rule) from None
    _check(types)
    return types


def _check(types: Types) -> None:
    groups: tuple[tuple[str, dict[str, Any]], ...] = (
        ("poles", types.poles),
        ("boxes", types.boxes),
        ("power_boxes", types.power_boxes),
        ("devices", types.devices),
    )
    for group, known in groups:
        if not 1 <= len(known) <= MOST_TYPES:
            raise TypesError(group, f"1 to {MOST_TYPES} types")
        for name in known:
            if not 1 <= len(name) <= 32:
                raise TypesError(f"{group}.{name[:40]}", "names of 1 to 32 characters")
    if not 1 <= len(types.version) <= 40:
        raise TypesError("version", "1 to 40 characters")
    _within("utilisation_limit", types.utilisation_limit, 0.01, 1.0)
    _within("antenna_height_m", types.antenna_height_m, 0.0, 50.0)
    _within("antenna_azimuth_deg", types.antenna_azimuth_deg, 0.0, 180.0)
    for name, pole in types.poles.items():
        _check_pole(f"poles.{name}", pole)
    for name, box in types.boxes.items():
        _within(f"boxes.{name}.bays", box.bays, 1, 200)
        _within(f"boxes.{name}.power_w", box.power_w, 0.0, 1e6)
    for name, power in types.power_boxes.items():
        where = f"power_boxes.{name}.circuits"
        numbers = [each.number for each in power.circuits]
        if numbers != list(range(1, len(numbers) + 1)) or not 1 <= len(numbers) <= CIRCUITS:
            raise TypesError(where, f"numbered 1, 2, 3 ... up to {CIRCUITS}")
        for each in power.circuits:
            check_circuit(f"{where}[{each.number - 1}]", each)
    for name, device in types.devices.items():
        _within(f"devices.{name}.diversity", device.diversity, 0.0, 1.0)


def check_circuit(where: str, circuit: Circuit) -> None:
    """Raises TypesError: a rating that no circuit has."""
    _within(f"{where}.rating_a", circuit.rating_a, 0.1, 1_000.0)
    _within(f"{where}.voltage_v", circuit.voltage_v, 12.0, 1_000.0)
    _within(f"{where}.phase", circuit.phase, 1, 3)


def _check_pole(where: str, pole: PoleType) -> None:
    _within(f"{where}.height_m", pole.height_m, 0.5, 100.0)
    _within(f"{where}.weight_kg", pole.weight_kg, 0.0, 1e5)
    _within(f"{where}.wind_area_m2", pole.wind_area_m2, 0.0, 1e3)
    names = [slot.name for slot in pole.slots]
    if not 1 <= len(names) <= MOST_SLOTS or len(set(names)) != len(names):
        raise TypesError(f"{where}.slots", f"1 to {MOST_SLOTS} of different names")
    for at, slot in enumerate(pole.slots):
        here = f"{where}.slots[{at}]"
        if not 1 <= len(slot.name) <= 32:
            raise TypesError(f"{here}.name", "1 to 32 characters")
        if slot.place not in ("top", "arm", "band", "base"):
            raise TypesError(f"{here}.place", "top, arm, band or base")
        _within(f"{here}.low_m", slot.low_m, -5.0, 100.0)
        _within(f"{here}.high_m", slot.high_m, slot.low_m, 120.0)
        _within(f"{here}.weight_kg", slot.weight_kg, 0.0, 1e5)
        _within(f"{here}.wind_area_m2", slot.wind_area_m2, 0.0, 1e3)


def _within(field: str, value: float, low: float, high: float) -> None:
    if not math.isfinite(value) or not low <= value <= high:
        raise TypesError(field, f"from {low:g} to {high:g}")
