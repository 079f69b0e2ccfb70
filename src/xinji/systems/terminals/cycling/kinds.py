"""What shared cycling registers and observes: no-parking points with Bluetooth sniffers."""

from __future__ import annotations

from xinji.model.things import Attribute, Kind, Property
from xinji.model.title import Title

BIKE_POINT = Kind(
    name="bike-point",
    title=Title("共享单车禁停点", "Shared-bike no-parking point"),
    icon="bike",
    attributes=(Attribute(name="road", title=Title("道路", "Road")),),
    properties=(
        Property(
            name="parked_bikes",
            title=Title("停放单车数", "Parked bikes"),
            minimum=0,
            maximum=2_000,
            expected_seconds=30,
            decimals=0,
        ),
    ),
)

KINDS = (BIKE_POINT,)
