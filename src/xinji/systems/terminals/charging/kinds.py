"""What charging registers and observes: demonstration sites and their piles."""

from __future__ import annotations

from xinji.model.things import Attribute, Kind, Property
from xinji.model.title import Title

CHARGING_SITE = Kind(
    name="charging-site",
    title=Title("充电站（小区）", "Charging site"),
    icon="charger",
    attributes=(
        Attribute(
            name="programme",
            title=Title("示范类型", "Programme"),
            required=True,
            choices=("taxi-station", "community", "public"),
        ),
        Attribute(name="piles", title=Title("充电桩数", "Piles"), type="integer"),
    ),
    properties=(
        Property(
            name="site_power_kw",
            title=Title("总功率", "Site power"),
            unit="kW",
            minimum=0,
            maximum=10_000,
            expected_seconds=30,
        ),
        Property(
            name="free_piles",
            title=Title("空闲桩数", "Free piles"),
            minimum=0,
            maximum=1_000,
            expected_seconds=30,
            decimals=0,
        ),
    ),
)

CHARGING_PILE = Kind(
    name="charging-pile",
    title=Title("充电桩", "Charging pile"),
    icon="charger",
    attributes=(
        Attribute(name="site", title=Title("所属站点", "Site"), required=True),
        Attribute(
            name="rated_kw",
            title=Title("额定功率", "Rated power"),
            type="number",
            unit="kW",
            required=True,
        ),
    ),
    properties=(
        Property(
            name="pile",
            title=Title("桩状态", "Pile state"),
            states=(
                Title("故障", "faulted"),
                Title("空闲", "available"),
                Title("充电中", "charging"),
            ),
            minimum=0,
            maximum=2,
            expected_seconds=20,
            decimals=0,
        ),
        Property(
            name="power_kw",
            title=Title("充电功率", "Power"),
            unit="kW",
            minimum=0,
            maximum=600,
            expected_seconds=30,
        ),
    ),
)

KINDS = (CHARGING_SITE, CHARGING_PILE)
