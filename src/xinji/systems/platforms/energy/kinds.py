"""What the building energy platform registers and observes."""

from __future__ import annotations

from xinji.model.things import Attribute, Kind, Property
from xinji.model.title import Title

PUBLIC_BUILDING = Kind(
    name="public-building",
    title=Title("大型公共建筑", "Large public building"),
    icon="building",
    attributes=(
        Attribute(
            name="floor_area_m2",
            title=Title("建筑面积", "Floor area"),
            type="number",
            unit="m2",
            required=True,
        ),
        Attribute(
            name="use",
            title=Title("用途", "Use"),
            choices=("office", "retail", "hotel", "hospital", "school", "government"),
        ),
    ),
    properties=(
        Property(
            name="power_kw",
            title=Title("用电功率", "Power"),
            unit="kW",
            minimum=0,
            maximum=20_000,
            expected_seconds=60,
        ),
        Property(
            name="energy_kwh",
            title=Title("电表读数", "Meter reading"),
            unit="kW.h",
            minimum=0,
            maximum=1e10,
            expected_seconds=300,
            decimals=0,
        ),
    ),
)

KINDS = (PUBLIC_BUILDING,)
