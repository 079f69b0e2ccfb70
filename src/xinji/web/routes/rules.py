"""Rules: listed, stored, and tried on what was observed before they are."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.access.identity import Person, Role
from xinji.access.jurisdiction import Reach, keep_inside
from xinji.access.scope import contains
from xinji.api.call import Call, Problem, Routes, iso
from xinji.loop.calendars import DISTRICT_TIME
from xinji.loop.house import House
from xinji.loop.rule_preview import MOST_DAYS, Busy, Episode, preview
from xinji.model.rules import Condition, Rule
from xinji.model.things import THING_ID
from xinji.store.schema import events
from xinji.store.schema import rules as rules_table
from xinji.web.routes.accounts import check_area

routes = Routes()

LONGEST_SECONDS = 366 * 86_400
LARGEST_NUMBER = 1e15
MOST_THINGS = 10_000


def rule_for(house: House, person: Person, rule: Rule) -> Rule | None:
    """A rule as a person sees it: with the things of their area only; None when it is not theirs.

    A rule of the whole district is everybody's to read.
    """
    mine = person.area
    if not mine:
        return rule
    if not contains(mine, rule.area) and not contains(rule.area, mine):
        return None
    if not rule.things:
        return rule
    things = house.registry.things
    own = tuple(t for t in rule.things if t in things and contains(mine, things[t].area))
    return msgspec.structs.replace(rule, things=own) if own else None


@routes.get("/api/rules")
def rules_list(call: Call) -> dict[str, Any]:
    """Every rule that is at work in the caller's area, declared or stored."""
    known = (rule_for(call.house, call.person, rule) for rule in call.house.all_rules())
    items = [rule for rule in known if rule is not None]
    return {"items": items, "next": None, "total": len(items)}


@routes.post("/api/rules", role=Role.ADMINISTRATOR, reach=Reach.AREA)
def rules_add(call: Call) -> Any:
    """Store a rule, or replace a stored one of the same id; it runs at once."""
    return _put_rule(call, call.json(Rule))


@routes.put("/api/rules/{id}", reach=Reach.AREA)
def rules_put(call: Call) -> Any:
    """Replace a rule."""
    rule = call.json(Rule)
    if rule.id != call.request.path_params["id"]:
        raise Problem(422, "Bad body", field="id", rule="the id of the path")
    return _put_rule(call, rule)


@routes.post("/api/rules/preview", role=Role.ADMINISTRATOR, query="days limit", reach=Reach.AREA)
def rules_preview(call: Call) -> dict[str, Any]:
    """What a rule would have found in the last days (30): it is not stored and changes nothing."""
    days, limit = call.number("days", MOST_DAYS, 1, MOST_DAYS), call.number("limit", 200, 1, 1_000)
    rule = msgspec.structs.replace(call.json(Rule), enabled=True)
    _check_rule(call, rule)
    house = call.house
    try:
        found = preview(house.store, house.registry, rule, house.clock.now(), days)
    except Busy as error:
        raise Problem(503, "Busy", str(error), headers={"Retry-After": "5"}) from None
    episodes = found.episodes
    seconds = sorted(each.seconds for each in episodes)
    by_day: dict[str, int] = {}
    for each in episodes:
        day = dt.datetime.fromtimestamp(each.started_at / 1e6, DISTRICT_TIME).date().isoformat()
        by_day[day] = by_day.get(day, 0) + 1
    e = events.c
    with house.database.reading() as connection:
        present = connection.execute(
            sa.select(sa.func.count()).where(e.rule == rule.id, e.started_at >= found.start)
        ).scalar()
    return {
        "from": iso(found.start),
        "to": iso(found.end),
        "rows": found.rows,
        "complete": found.complete,
        "series": found.series,
        "episodes": len(episodes),
        "things": len({each.thing for each in episodes if each.thing}),
        "seconds": {
            "total": sum(seconds),
            "median": seconds[len(seconds) // 2] if seconds else None,
            "longest": seconds[-1] if seconds else None,
        },
        "by_day": by_day,
        "present": present or 0,
        "items": [_episode_item(house, each) for each in episodes[-limit:][::-1]],
    }


def _episode_item(house: House, each: Episode) -> dict[str, Any]:
    place = house.registry.things.get(each.thing)
    return {
        "thing": each.thing,
        "thing_name": place.name if place else "",
        "area": each.area,
        "started_at": iso(each.started_at),
        "detected_at": iso(each.detected_at),
        "ended_at": iso(each.ended_at),
        "seconds": each.seconds,
        "value": each.value,
        "extreme": each.extreme,
        "limit": each.limit,
    }


def _put_rule(call: Call, rule: Rule) -> Any:
    house = call.house
    _check_rule(call, rule)
    with house.database.writing() as connection:
        connection.execute(sa.delete(rules_table).where(rules_table.c.id == rule.id))
        connection.execute(
            sa.insert(rules_table).values(
                id=rule.id,
                definition=msgspec.to_builtins(rule),
                revision=house.database.changed("rules", rule.id),
            )
        )
        house.audit.record(call.person.name, "rule.put", rule.id, msgspec.to_builtins(rule))

    house.ingest.keeper.submit(house.recompile).result()
    return rule


def _check_rule(call: Call, rule: Rule) -> None:
    """Raises Problem 422, Beyond 403: not a rule, or wider than the caller."""
    house = call.house
    if (rule.kind, rule.property) not in house.registry.properties:
        raise Problem(422, "Bad body", field="property", rule="a property of `kind`")
    if rule.case_class and rule.case_class not in house.cases.classes:
        raise Problem(422, "Bad body", field="case_class", rule="a declared case class")
    if not THING_ID.fullmatch(rule.id):
        words = "1 to 128 letters, digits, '.', '_', ':' or '-'"
        raise Problem(422, "Bad body", field="id", rule=words)
    _check_condition(rule.condition)
    if rule.id.startswith("plan."):
        raise Problem(422, "Bad body", field="id", rule="not beginning with `plan.`")
    if len(rule.things) > MOST_THINGS:
        raise Problem(422, "Bad body", field="things", rule=f"at most {MOST_THINGS}")
    check_area(call, rule.area)
    keep_inside(call.person, rule.area)
    for thing in rule.things if call.person.area else ():
        place = house.registry.things.get(thing)
        keep_inside(call.person, place.area if place else "", "things")
    present = next((each for each in house.all_rules() if each.id == rule.id), None)
    if present is not None:
        # What replaces a rule ends it: one that is at work elsewhere too is not the caller's.
        keep_inside(call.person, present.area, "id")


def _check_condition(condition: Condition) -> None:
    """Raises Problem 422 for numbers that the rule engine cannot hold, and unknown operators."""
    for name, value in msgspec.structs.asdict(condition).items():
        rule = ""
        if name == "op" and value not in (">=", ">", "<=", "<"):
            rule = "one of >=, >, <=, <"
        elif name.endswith("seconds") and not 0 <= value <= LONGEST_SECONDS:
            rule = f"0 to {LONGEST_SECONDS} seconds"
        elif isinstance(value, (int, float)) and not abs(value) < LARGEST_NUMBER:
            rule = f"a number below {LARGEST_NUMBER:g}"
        if rule:
            raise Problem(422, "Bad body", field=f"condition.{name}", rule=rule)
