"""What flooding registers and observes: ponding sensors at low points."""

from __future__ import annotations

from xinji.model.things import Attribute, Kind, Property
from xinji.model.title import Title

PONDING_SENSOR = Kind(
    name="ponding-sensor",
    title=Title("道路积水监测点", "Ponding sensor"),
    icon="water",
    attributes=(Attribute(name="road", title=Title("道路", "Road")),),
    properties=(
        Property(
            name="water_depth_cm",
            title=Title("积水深度", "Water depth"),
            unit="cm",
            minimum=0,
            maximum=300,
            expected_seconds=20,
        ),
    ),
)

KINDS = (PONDING_SENSOR,)
