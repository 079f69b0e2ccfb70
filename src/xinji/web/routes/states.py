"""In which state a page shows a thing: what the loop keeps, and what time has made of it.

The loop keeps good, alarm, silent and no data (`things.state`). Two more are seen only when one
looks: a thing of a kind that never reports by design is `not reporting`, and one that is good by
what it said last, but has not said anything for long, is `stale`: a rule of silence may give it
more time, or there is none, or the house was down. A stale thing is not shown as normal.
"""

from __future__ import annotations

from collections import defaultdict

import sqlalchemy as sa

from xinji.access.scope import within
from xinji.api.call import Problem
from xinji.loop.house import House
from xinji.store.schema import things

STATES = ("good", "alarm", "silent", "no data", "not reporting", "stale")
FILTERS = STATES[:-1]
"""Those that a list is filtered by; the filter `good` holds the stale ones too."""
FRESH_PERIODS = 3
"""A value is fresh until this many reporting periods have passed."""


def in_state(house: House, state: str) -> sa.ColumnElement[bool]:
    """The things of a filter. Raises Problem 400."""
    if state not in FILTERS:
        raise Problem(400, "Bad parameter", field="state", rule=", ".join(FILTERS))
    t = things.c
    still = t.kind.in_([kind.name for kind in house.registry.kinds.values() if not kind.reports])
    if state == "not reporting":
        return sa.and_(t.state == "no data", still)
    return sa.and_(t.state == state, ~still) if state == "no data" else t.state == state


def is_stale(house: House, kind: str, name: str, time: int) -> bool:
    """Whether a value of a time (microseconds) is too old to be shown as live.

    By what has been judged, as silence is: nobody's values are stale because the house is late.
    """
    known = house.registry.properties.get((kind, name))
    if known is None or not known.expected_seconds:
        return False
    return house.judged_to() - time > FRESH_PERIODS * known.expected_seconds * 1_000_000


def shown_state(house: House, kind: str, state: str, *, stale: bool = False) -> str:
    """The state of a thing; `stale`: it was heard, and nothing that it reports is fresh."""
    known = house.registry.kinds.get(kind)
    if state == "no data" and known is not None and not known.reports:
        return "not reporting"
    return "stale" if state == "good" and stale else state


def counts(house: House, scope: str) -> dict[str, dict[str, int]]:
    """Things of an area by kind and shown state."""
    with house.database.reading() as connection:
        rows = connection.execute(
            sa.select(things.c.id, things.c.kind, things.c.state).where(
                within(things.c.area, scope)
            )
        ).all()
    stale = stale_things(house)
    found: dict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(STATES, 0))
    for row in rows:
        found[row.kind][shown_state(house, row.kind, row.state, stale=row.id in stale)] += 1
    return found


def stale_things(house: House) -> set[str]:
    """Ids of the things that were heard, and nothing of which is fresh."""
    limits, judged_to = _limits(house), house.judged_to()
    registered, last = house.registry.things, house.store.table.last_time
    heard: set[str] = set()
    fresh: set[str] = set()
    for number, (thing, name, _) in enumerate(house.store.table.names):
        place = registered.get(thing)
        limit = limits.get((place.kind, name)) if place is not None else None
        if limit is not None and last[number]:
            (heard if judged_to - int(last[number]) > limit else fresh).add(thing)
    return heard - fresh


def _limits(house: House) -> dict[tuple[str, str], float]:
    """Microseconds after which a value is stale, by kind and property that report regularly."""
    return {
        (kind.name, each.name): FRESH_PERIODS * each.expected_seconds * 1_000_000
        for kind in house.registry.kinds.values()
        for each in kind.properties
        if each.expected_seconds
    }
