"""The table of types: what comes with the system, and tables that contradict themselves."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from xinji.systems.terminals.poles.types import TypesError, own_types, read_types


def table() -> Any:
    return msgspec.json.decode(msgspec.json.encode(own_types()))


def test_nothing_of_our_own_table_is_verified() -> None:
    types = own_types()
    parts = [*types.poles.values(), *types.boxes.values(), *types.power_boxes.values()]
    assert not types.verified and not any(each.verified for each in parts)
    assert read_types(table()) == types


def test_slots_of_a_pole_lie_within_reach() -> None:
    for pole in own_types().poles.values():
        for slot in pole.slots:
            assert slot.weight_kg <= pole.weight_kg and slot.wind_area_m2 <= pole.wind_area_m2
            assert slot.low_m < pole.height_m


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("utilisation_limit",), 1.5, "utilisation_limit"),
        (("utilisation_limit",), "much", "utilisation_limit"),
        (("version",), "", "version"),
        (("devices",), {}, "devices"),
        (("devices", "lamp", "diversity"), -1, "devices.lamp.diversity"),
        (("poles", "sub-6", "slots"), [], "poles.sub-6.slots"),
        (("poles", "sub-6", "slots", 0, "place"), "roof", "poles.sub-6.slots[0].place"),
        (("poles", "sub-6", "slots", 0, "high_m"), 1.0, "poles.sub-6.slots[0].high_m"),
        (("poles", "sub-6", "slots", 0, "name"), "B1", "poles.sub-6.slots"),
        (("boxes", "box-6", "bays"), 0, "boxes.box-6.bays"),
        (("power_boxes", "power-4", "circuits", 0, "number"), 2, "power_boxes.power-4.circuits"),
        (("power_boxes", "power-4", "circuits", 0, "rating_a"), 0,
         "power_boxes.power-4.circuits[0].rating_a"),
        (("unheard",), 1, "body"),
    ],
)  # fmt: skip
def test_a_table_that_contradicts_itself(path: tuple[Any, ...], value: Any, field: str) -> None:
    data = table()
    at = data
    for name in path[:-1]:
        at = at[name]
    at[path[-1]] = value
    with pytest.raises(TypesError) as raised:
        read_types(data)
    assert raised.value.field == field
