"""A small plan over the gauges: one target that is counted, one measured, one nobody computes."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from tests.conftest import EAST, SQUARE, TEST_SYSTEM, WEST, gauge
from xinji.loop.clock import HouseClock
from xinji.loop.house import House
from xinji.model.indicators import DatedValue, Family, Plan, Target, Task
from xinji.model.indicators import Path as Way
from xinji.model.title import Title
from xinji.plan.supervision import SUPERVISION, TARGET_BEHIND
from xinji.system.assembly import assemble


def target(indicator: str, op: str, wanted: float, task: int = 18) -> Target:
    """Asked of every day since 2021."""
    return Target(
        indicator=indicator,
        title=Title(f"{indicator} 指标", indicator),
        task=task,
        clause="二(四)1",
        promise=Title("承诺", "Promise"),
        unit="1",
        op=op,
        path=Way.STEP,
        values=(DatedValue(dt.date(2021, 12, 31), wanted),),
    )


PLAN = Plan(
    id="square-14",
    title=Title("方区规划", "Plan of Square"),
    district=SQUARE.code,
    published=dt.date(2021, 1, 1),
    source="test",
    families=(Family(name="terminals", title=Title("新终端", "New terminals")),),
    tasks=(
        Task(number=18, title=Title("感知", "Sensing"), family="terminals"),
        Task(number=19, title=Title("充电", "Charging"), family="terminals"),
    ),
    existing=(),
    targets=(
        target("gauges.count", ">=", 3.0),
        target("gauges.rain", "<=", 10.0),
        target("gauges.nobody", ">=", 1.0, task=19),
    ),
)


def planned_house(path: Path, gauges: int = 3, clock: HouseClock | None = None) -> House:
    """The square district with gauges and the case type of supervision."""
    house = assemble(
        path,
        (TEST_SYSTEM,),
        case_types=(SUPERVISION,),
        case_classes=(TARGET_BEHIND,),
        clock=clock,
    )
    house.registry.put_areas([SQUARE, WEST, EAST])
    house.registry.put([house.registry.check(gauge(n + 1)) for n in range(gauges)])
    return house
