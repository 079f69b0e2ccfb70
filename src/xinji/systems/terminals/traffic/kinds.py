"""What traffic observation registers and observes: lanes of the checkpoint sections."""

from __future__ import annotations

from xinji.model.things import Attribute, Kind, Property
from xinji.model.title import Title

TRAFFIC_LANE = Kind(
    name="traffic-lane",
    title=Title("断面卡口车道", "Checkpoint lane"),
    icon="lane",
    attributes=(
        Attribute(name="section", title=Title("断面", "Section"), required=True),
        Attribute(name="lane", title=Title("车道号", "Lane"), type="integer", required=True),
        Attribute(name="cameras", title=Title("抓拍摄像机", "Cameras"), type="integer"),
        Attribute(name="road", title=Title("道路", "Road")),
    ),
    properties=(
        Property(
            name="flow",
            title=Title("流量", "Flow"),
            unit="/h",
            minimum=0,
            maximum=4_000,
            expected_seconds=20,
            decimals=0,
        ),
        Property(
            name="mean_speed",
            title=Title("平均车速", "Mean speed"),
            unit="km/h",
            minimum=0,
            maximum=200,
            expected_seconds=20,
        ),
    ),
)

KINDS = (TRAFFIC_LANE,)
