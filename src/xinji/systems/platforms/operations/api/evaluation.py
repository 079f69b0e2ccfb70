"""Figures of urban work for the pages: the report, and what `evaluation` computes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.api.call import Call, Problem, Routes
from xinji.api.listing import export, language_of, spoken
from xinji.api.words import Speaker
from xinji.model.title import Title
from xinji.systems.platforms.operations.evaluation import AREA_DIGITS, BY, evaluate, stage_limits
from xinji.systems.platforms.operations.evaluation_definitions import VERIFIED, definitions
from xinji.systems.platforms.operations.hot_spots import hot_spots
from xinji.systems.platforms.operations.report import MEANING, measure, read_truth
from xinji.systems.platforms.operations.under_reporting import shown, under_reporting
from xinji.systems.platforms.operations.waiting import waiting

routes = Routes()


@routes.get("/api/operations/report", role=Role.OPERATOR, query="from to", reach=Reach.DISTRICT)
def report(call: Call) -> dict[str, Any]:
    """What the house knows of its own work: found, merged, closed."""
    end = call.time("to", call.house.clock.now())
    return {"figures": measure(call.house, None, call.time("from", 0), end), "meaning": MEANING}


@routes.post("/api/operations/report", role=Role.OPERATOR, query="from to", body="truth")
def report_against(call: Call) -> dict[str, Any]:
    """The same against the ground truth of a simulated district (JSON lines in the body)."""
    try:
        truth = read_truth(call.body.splitlines())
        end = call.time("to", truth.end or call.house.clock.now())
        figures = measure(call.house, truth, call.time("from", 0), end)
    except ValueError as error:
        raise Problem(422, "Truth cannot be read", str(error), field="body") from None
    except (KeyError, TypeError):
        rule = "records with the members that a simulated district writes"
        raise Problem(422, "Truth cannot be read", field="body", rule=rule) from None
    return {"figures": figures, "meaning": MEANING}


DAY_US = 86_400 * 1_000_000


@routes.get("/api/evaluation", query="from to by level area format language")
def evaluation(call: Call) -> Any:
    """Counts, rates, scores and grades of a period; with `format` a table to download."""
    by, level = call.text("by", "post"), _level(call)
    if by not in BY:
        raise Problem(400, "Bad parameter", field="by", rule=f"one of {', '.join(BY)}")
    if by == "person" and call.person.role is Role.VIEWER:
        raise Problem(403, "Not allowed", "figures of people are for operators")
    start, end = _period(call)
    rows = evaluate(call.house, start, end, by, scope=_scope(call), level=level)
    form, language = call.text("format", "json"), language_of(call)
    if form != "json" and language:
        return spoken(_in_words(rows, Speaker(call.house, language)), form, f"evaluation-{by}")
    if form != "json":
        flat = [
            {"key": row.key, "title_zh": row.title.zh, "title_en": row.title.en}
            | row.counts
            | row.rates
            | {"score": row.score, "grade": row.grade}
            for row in rows
        ]
        return export(pa.Table.from_pylist(flat), form, f"evaluation-{by}")
    limits = stage_limits()
    return {
        "rows": rows,
        "definitions": definitions(),
        "verified": VERIFIED,
        "stage_minutes": {"verified": limits.verified, **limits.minutes},
    }


def _in_words(rows: Sequence[Any], speaker: Speaker) -> list[dict[str, Any]]:
    titles: dict[str, Any] = {str(each["name"]): each["title"] for each in definitions()}
    return [
        {speaker.say(Title("对象", "Subject")): speaker.say(row.title)}
        | {
            speaker.say(titles[name]): None if value is None else round(value, 4)
            for name, value in (row.counts | row.rates | {"score": row.score}).items()
            if name in titles
        }
        | {speaker.say(Title("等级", "Grade")): row.grade}
        for row in rows
    ]


def _period(call: Call) -> tuple[int, int]:
    """From and to; the last 30 days when they are not given."""
    end = call.time("to", call.house.clock.now() + 1)
    start = call.time("from", end - 30 * DAY_US)
    if not start < end:
        raise Problem(400, "Bad parameter", field="from", rule="before `to`")
    return start, end


def _scope(call: Call) -> str:
    """What the caller may see, narrowed by `area`."""
    own, wanted = call.person.area, call.text("area")
    if not wanted or own.startswith(wanted):
        return own
    if not wanted.startswith(own):
        raise Problem(403, "Not allowed", f"the area is outside {own}")
    return wanted


@routes.get("/api/evaluation/hot-spots", query="days area")
def evaluation_hot_spots(call: Call) -> dict[str, Any]:
    """Hexagons with more cases than their own past lets expect, highest score first."""
    return hot_spots(call.house, call.number("days", 7, 1, 90), scope=_scope(call))


@routes.get("/api/evaluation/under-reporting", query="days area by level")
def evaluation_under_reporting(call: Call) -> dict[str, Any]:
    """How often people report an incident again while it lasts; the lowest rate first."""
    by = call.text("by", "area")
    if by not in ("area", "class"):
        raise Problem(400, "Bad parameter", field="by", rule="area or class")
    found = under_reporting(
        call.house, call.number("days", 30, 1, 730), scope=_scope(call), by=by, level=_level(call)
    )
    items = shown(found, lambda key: _name(call, key))
    return {"items": items, "next": None, "total": len(items)}


@routes.get("/api/evaluation/waiting", query="days area level")
def evaluation_waiting(call: Call) -> dict[str, Any]:
    """Hours from report to done by area, and whether areas wait alike."""
    rows, p = waiting(
        call.house, call.number("days", 30, 1, 730), scope=_scope(call), level=_level(call)
    )
    items = [row | {"title": _name(call, row["area"])} for row in rows]
    return {"items": items, "next": None, "total": len(items), "alike_p": p}


def _level(call: Call) -> str:
    level = call.text("level", "street")
    if level not in AREA_DIGITS:
        raise Problem(400, "Bad parameter", field="level", rule=f"one of {', '.join(AREA_DIGITS)}")
    return level


def _name(call: Call, key: str) -> Title:
    area = call.house.registry.areas.get(key)
    known = call.house.cases.classes.get(key)
    return area.title if area else known.title if known else Title(key, key)
