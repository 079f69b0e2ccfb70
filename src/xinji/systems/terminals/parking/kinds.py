"""What parking registers and observes: public car parks and roadside bays."""

from __future__ import annotations

from xinji.model.things import Attribute, Kind, Property
from xinji.model.title import Title

CAR_PARK = Kind(
    name="car-park",
    title=Title("公共停车场（库）", "Public car park"),
    icon="parking",
    attributes=(
        Attribute(
            name="capacity",
            title=Title("车位数", "Capacity"),
            type="integer",
            required=True,
        ),
        Attribute(
            name="type", title=Title("类型", "Type"), choices=("garage", "surface", "building")
        ),
    ),
    properties=(
        Property(
            name="occupancy",
            title=Title("占用率", "Occupancy"),
            minimum=0,
            maximum=1,
            expected_seconds=30,
            decimals=2,
        ),
        Property(
            name="free_spaces",
            title=Title("空余车位", "Free spaces"),
            minimum=0,
            maximum=20_000,
            expected_seconds=30,
            decimals=0,
        ),
    ),
)

PARKING_BAY = Kind(
    name="parking-bay",
    title=Title("道路泊位（地磁）", "Roadside bay"),
    icon="bay",
    attributes=(Attribute(name="road", title=Title("道路", "Road")),),
    properties=(
        Property(
            name="occupied",
            title=Title("占用状态", "Occupied"),
            states=(Title("空闲", "free"), Title("占用", "occupied")),
            minimum=0,
            maximum=1,
            expected_seconds=30,
            decimals=0,
        ),
        Property(
            name="battery",
            title=Title("电池电量", "Battery"),
            unit="%",
            minimum=0,
            maximum=100,
            expected_seconds=300,
            decimals=0,
        ),
    ),
)

KINDS = (CAR_PARK, PARKING_BAY)
