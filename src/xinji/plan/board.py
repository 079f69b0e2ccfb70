"""The board: every task of the plan with its indicators, values, targets and lights.

A target whose indicator no system declares shows "no data"; no number is ever made up.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any

import msgspec

from xinji.loop.calendars import DISTRICT_TIME
from xinji.loop.clock import HouseClock
from xinji.loop.declarations import SystemSummary
from xinji.loop.indicators import Figure, Figures, lineage, rows_sql
from xinji.model.indicators import DatedValue, Indicator, Plan, Status, Target
from xinji.model.title import Title
from xinji.plan.path import required, status
from xinji.store.observations import StoreError, columns_of

HISTORY_POINTS = 25


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """An indicator of the plan on a day. `value` is None when there are no data."""

    id: str
    title: Title
    task: int
    clause: str
    promise: Title
    unit: str
    target: float
    op: str
    due: dt.date
    path: str
    baseline: DatedValue | None
    required_today: float | None
    value: float | None
    status: Status
    source: str | None
    direction: str
    decimals: int
    fault: str = ""


class TaskLine(msgspec.Struct, frozen=True, kw_only=True):
    """A task of the plan, the systems that answer it, and its indicators."""

    number: int
    name: str
    title: Title
    family: str
    systems: list[str]
    indicators: list[Line]


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """The whole plan on a day."""

    id: str
    title: Title
    as_of: dt.date
    computed_at: dt.datetime
    families: list[dict[str, Any]]
    existing: list[dict[str, Any]]
    tasks: list[TaskLine]
    lights: dict[str, int]


def end_of(day: dt.date, clock: HouseClock) -> dt.datetime:
    """The last moment of a day of the district, or now by its clock when the day is not over."""
    last = dt.datetime.combine(day, dt.time.max, DISTRICT_TIME)
    return min(last, clock.moment())


def line_of(
    target: Target, indicator: Indicator | None, figure: Figure | None, day: dt.date
) -> Line:
    """A target and its figure, side by side."""
    value = figure.value if figure else None
    return Line(
        id=target.indicator,
        title=target.title,
        task=target.task,
        clause=target.clause,
        promise=target.promise,
        unit=target.unit,
        target=target.values[-1].value,
        op=target.op,
        due=target.values[-1].date,
        path=target.path.value,
        baseline=target.baseline,
        required_today=required(target, day),
        value=value,
        status=status(target, value, day),
        source=figure.source if figure else None,
        direction=indicator.direction if indicator else "up",
        decimals=indicator.decimals if indicator else 1,
        fault=figure.fault if figure else "",
    )


def line_as_of(figures: Figures, target: Target, day: dt.date) -> Line:
    """Compute one target's line."""
    indicator = figures.indicators.get(target.indicator)
    figure = figures.compute(indicator, end_of(day, figures.clock)) if indicator else None
    return line_of(target, indicator, figure, day)


def board(plan: Plan, systems: Sequence[SystemSummary], figures: Figures, day: dt.date) -> Board:
    """Compute the board for the end of a day."""
    lines = [line_as_of(figures, target, day) for target in plan.targets]
    tasks = [
        TaskLine(
            number=task.number,
            name=task.title.zh,
            title=task.title,
            family=task.family,
            systems=[system.name for system in systems if task.number in system.tasks],
            indicators=[line for line in lines if line.task == task.number],
        )
        for task in plan.tasks
    ]
    lights = {light.value: 0 for light in Status}
    for line in lines:
        lights[line.status.value] += 1
    return Board(
        id=plan.id,
        title=plan.title,
        as_of=day,
        computed_at=figures.clock.moment().astimezone(dt.UTC),
        families=[{"name": f.name, "title": f.title} for f in plan.families],
        existing=[
            {"number": e.number, "title": e.title, "clause": e.clause, "facts": e.facts}
            for e in plan.existing
        ],
        tasks=tasks,
        lights=lights,
    )


def card(
    figures: Figures, target: Target, day: dt.date, limit: int = 50, area: str = ""
) -> dict[str, Any]:
    """The card behind a figure: line, SQL, lineage, rows (those inside `area`), history."""
    line = msgspec.to_builtins(line_as_of(figures, target, day))
    indicator = figures.indicators.get(target.indicator)
    if indicator is None:
        return {
            **line,
            "sql": None,
            "lineage": None,
            "rows": {"columns": [], "rows": [], "total": 0},
            "history": {"date": [], "value": [], "required": []},
        }
    return {
        **line,
        "sql": indicator.sql.strip(),
        "rows_sql": rows_sql(indicator),
        "system": indicator.system,
        "lineage": msgspec.to_builtins(lineage(indicator)),
        "rows": _rows(figures, indicator, day, limit, area),
        "history": history(figures, indicator, target, day),
    }


def _rows(
    figures: Figures, indicator: Indicator, day: dt.date, limit: int, area: str
) -> dict[str, Any]:
    """The rows behind a figure, and how many there are. Rows without an area are not of `area`."""
    try:
        table, total = figures.rows(indicator, end_of(day, figures.clock), limit)
        if area and "area" not in table.column_names:
            return {"columns": [], "rows": [], "total": 0}
        if area:
            code = area.replace("'", "''")
            inside = f"select * from ({rows_sql(indicator)}\n) where starts_with(area, '{code}')"
            scoped = msgspec.structs.replace(indicator, rows_sql=inside)
            table, total = figures.rows(scoped, end_of(day, figures.clock), limit)
    except StoreError as error:
        return {"columns": ["fault"], "rows": [[str(error)]], "total": 0}
    columns = columns_of(table)
    return {
        "columns": list(columns),
        "rows": [[_plain(v) for v in row] for row in zip(*columns.values(), strict=True)],
        "total": total,
    }


def _plain(value: Any) -> Any:
    """A cell for JSON; the store's naive times are UTC."""
    return value.replace(tzinfo=dt.UTC) if isinstance(value, dt.datetime) else value


def history(
    figures: Figures, indicator: Indicator, target: Target, day: dt.date
) -> dict[str, list[Any]]:
    """Value and required value on evenly spaced days from the baseline to `day`."""
    start = target.baseline.date if target.baseline else day - dt.timedelta(days=365)
    start = min(start, day - dt.timedelta(days=30))
    span = (day - start).days
    days = [start + dt.timedelta(days=round(span * i / (HISTORY_POINTS - 1)))
            for i in range(HISTORY_POINTS)]  # fmt: skip
    return {
        "date": [each.isoformat() for each in days],
        "value": [figures.compute(indicator, end_of(each, figures.clock)).value for each in days],
        "required": [required(target, each) for each in days],
    }
