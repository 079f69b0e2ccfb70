"""What fresh-food logistics registers and observes: forward warehouses with cold rooms."""

from __future__ import annotations

from xinji.model.things import Attribute, Kind, Property
from xinji.model.title import Title

FRESH_WAREHOUSE = Kind(
    name="fresh-warehouse",
    title=Title("生鲜前置仓", "Fresh-food warehouse"),
    icon="warehouse",
    attributes=(
        Attribute(
            name="programme",
            title=Title("建设方式", "Programme"),
            required=True,
            choices=("new-2020", "rebuilt-2020", "other"),
        ),
    ),
    properties=(
        Property(
            name="temperature",
            title=Title("冷藏温度", "Cold room temperature"),
            unit="Cel",
            minimum=-40,
            maximum=60,
            expected_seconds=15,
        ),
    ),
)

KINDS = (FRESH_WAREHOUSE,)
