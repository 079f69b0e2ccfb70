"""What shared poles register and observe: poles, equipment boxes, power boxes."""

from __future__ import annotations

from xinji.model.things import Attribute, Kind, Property
from xinji.model.title import Title

POLE, BOX, POWER_BOX = "pole", "equipment-box", "power-box"
CIRCUITS = 6
"""Circuits of a power box that are watched, numbered from 1."""

INVENTORY = Attribute(
    name="inventory", title=Title("登记台账（JSON）", "Inventory at registration")
)
"""What was there when the thing was registered; taken over once into the ledger of mounts."""

CONFLICTS = Property(
    name="conflicts",
    title=Title("台账冲突数", "Conflicts in the ledger"),
    minimum=0,
    maximum=1_000,
    decimals=0,
)


def _count(name: str, zh: str, en: str) -> Property:
    return Property(name=name, title=Title(zh, en), minimum=0, maximum=1_000, decimals=0)


def _share(name: str, zh: str, en: str) -> Property:
    return Property(name=name, title=Title(zh, en), unit="%", minimum=0, maximum=1_000)


SHARED_POLE = Kind(
    name=POLE,
    title=Title("综合杆", "Shared pole"),
    icon="pole",
    attributes=(
        Attribute(name="type", title=Title("杆型", "Type"), required=True),
        Attribute(name="height_m", title=Title("杆高", "Height"), type="number", unit="m"),
        Attribute(name="road", title=Title("道路", "Road")),
        Attribute(
            name="status", title=Title("状态", "Status"), required=True, choices=("live", "planned")
        ),
        Attribute(name="role", title=Title("主副杆", "Role"), choices=("main", "sub")),
        Attribute(name="box", title=Title("综合设备箱", "Equipment box")),
        INVENTORY,
    ),
    properties=(
        Property(
            name="tilt_deg",
            title=Title("杆体倾斜", "Tilt"),
            unit="deg",
            minimum=0,
            maximum=90,
            expected_seconds=300,
            decimals=2,
        ),
        CONFLICTS,
        _count("devices", "搭载设备数", "Devices mounted"),
        _count("stations", "搭载5G基站数", "5G stations mounted"),
        _count("slots", "搭载位数", "Slots"),
        _count("slots_used", "已用搭载位", "Slots used"),
    ),
)

EQUIPMENT_BOX = Kind(
    name=BOX,
    title=Title("综合设备箱", "Equipment box"),
    icon="server",
    attributes=(
        Attribute(name="type", title=Title("箱型", "Type"), required=True),
        Attribute(name="road", title=Title("道路", "Road")),
        INVENTORY,
    ),
    properties=(
        Property(
            name="box_temperature",
            title=Title("箱内温度", "Temperature inside"),
            unit="Cel",
            minimum=-40,
            maximum=120,
            expected_seconds=120,
        ),
        Property(
            name="door",
            title=Title("箱门", "Door"),
            states=(Title("关", "closed"), Title("开", "open")),
            minimum=0,
            maximum=1,
            expected_seconds=120,
            decimals=0,
        ),
        CONFLICTS,
        _count("bays", "箱位数", "Bays"),
        _count("bays_used", "已用箱位", "Bays used"),
        _share("power_used", "额定需用功率占比", "Rated demand of its power"),
    ),
)

POWER_CABINET = Kind(
    name=POWER_BOX,
    title=Title("综合电源箱", "Power box"),
    icon="charger",
    attributes=(
        Attribute(name="type", title=Title("箱型", "Type"), required=True),
        Attribute(name="road", title=Title("道路", "Road")),
        INVENTORY,
    ),
    properties=(
        *(
            Property(
                name=f"circuit_{number}_load",
                title=Title(f"回路{number}负载率", f"Load of circuit {number}"),
                unit="%",
                minimum=0,
                maximum=400,
                expected_seconds=60,
            )
            for number in range(1, CIRCUITS + 1)
        ),
        CONFLICTS,
        _share("power_used", "额定需用功率占比", "Rated demand of its circuits"),
    ),
)

KINDS = (SHARED_POLE, EQUIPMENT_BOX, POWER_CABINET)
