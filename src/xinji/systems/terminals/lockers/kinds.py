"""What last-metre delivery registers and observes: meal lockers."""

from __future__ import annotations

from xinji.model.things import Attribute, Kind, Property
from xinji.model.title import Title

MEAL_LOCKER = Kind(
    name="meal-locker",
    title=Title("智能取餐柜", "Meal locker"),
    icon="locker",
    attributes=(
        Attribute(name="cells", title=Title("格口数", "Cells"), type="integer", required=True),
    ),
    properties=(
        Property(
            name="free_cells",
            title=Title("空闲格口", "Free cells"),
            minimum=0,
            maximum=1_000,
            expected_seconds=30,
            decimals=0,
        ),
        Property(
            name="locker",
            title=Title("柜体状态", "Locker state"),
            states=(Title("离线", "offline"), Title("正常", "online")),
            minimum=0,
            maximum=1,
            expected_seconds=30,
            decimals=0,
        ),
    ),
)

KINDS = (MEAL_LOCKER,)
