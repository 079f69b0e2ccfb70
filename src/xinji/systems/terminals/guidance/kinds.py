"""What parking guidance registers and observes: screens of three levels."""

from __future__ import annotations

from xinji.model.things import Attribute, Kind, Property
from xinji.model.title import Title

GUIDANCE_SCREEN = Kind(
    name="guidance-screen",
    title=Title("停车诱导屏", "Guidance screen"),
    icon="screen",
    attributes=(
        Attribute(
            name="level", title=Title("级别", "Level"), type="integer", unit="1", required=True
        ),
        Attribute(name="road", title=Title("道路", "Road")),
    ),
    properties=(
        Property(
            name="screen",
            title=Title("屏幕状态", "Screen"),
            states=(Title("关闭", "off"), Title("正常", "on")),
            minimum=0,
            maximum=1,
            expected_seconds=15,
            decimals=0,
        ),
        Property(
            name="displayed",
            title=Title("显示空余车位", "Free spaces displayed"),
            minimum=0,
            maximum=20_000,
            expected_seconds=60,
            decimals=0,
        ),
    ),
)

KINDS = (GUIDANCE_SCREEN,)
