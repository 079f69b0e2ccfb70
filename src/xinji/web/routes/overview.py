"""The overview: counters, freshness, lights."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import Any

import numpy as np
import sqlalchemy as sa

from xinji.access.scope import contains, within
from xinji.api.call import Call, Routes, iso
from xinji.loop.calendars import DISTRICT_TIME
from xinji.store.schema import cases, events
from xinji.web.routes.plan import boards
from xinji.web.routes.states import FRESH_PERIODS, STATES, counts

routes = Routes()


@routes.get("/api/overview")
def overview(call: Call) -> dict[str, Any]:
    """What an operator sees first."""
    house, area = call.house, call.person.area
    c = cases.c
    midnight = dt.datetime.combine(house.clock.day(), dt.time(), DISTRICT_TIME)
    day = int(midnight.timestamp() * 1e6)
    inside = within(c.area, area)
    with house.database.reading() as connection:
        stages = connection.execute(
            sa.select(c.stage, sa.func.count())
            .where(c.closed_at.is_(None), inside)
            .group_by(c.stage)
        ).all()

        def count(*conditions: Any) -> int:
            query = sa.select(sa.func.count()).select_from(cases).where(inside, *conditions)
            return int(connection.execute(query).scalar() or 0)

        overdue = count(c.closed_at.is_(None), sa.or_(c.overdue, c.due_at < house.clock.now()))
        opened, closed = count(c.opened_at >= day), count(c.closed_at >= day)
        open_events = connection.execute(
            sa.select(sa.func.count())
            .select_from(events)
            .where(events.c.ended_at.is_(None), within(events.c.area, area))
        ).scalar()
    by_kind = counts(house, area)
    totals = {state: sum(n[state] for n in by_kind.values()) for state in STATES}
    counters = house.ingest.counters
    return {
        "things": {"total": sum(totals.values())} | totals,
        "by_kind": [
            {"kind": kind, "total": sum(n.values())} | n for kind, n in sorted(by_kind.items())
        ],
        "observations": {
            "stored": house.store.row_count,
            "refused": counters.refused_total,
            "per_second": house.rate(),
            "last_at": iso(counters.last_at or None),
        },
        "cases": {
            "open": sum(n for _, n in stages),
            "overdue": overdue,
            "opened_today": opened,
            "closed_today": closed,
            "by_stage": dict(tuple(row) for row in stages),
        },
        "events": {"open": open_events},
        "freshness": _freshness(call),
        "lights": boards.today(call.site).lights,
    }


def _freshness(call: Call) -> list[dict[str, Any]]:
    """Age of the newest value of each thing that reports, by kind."""
    house, now = call.house, call.house.clock.now()
    table = house.store.table
    expected = {
        kind.name: min(
            (p.expected_seconds for p in kind.properties if p.expected_seconds), default=None
        )
        for kind in house.registry.kinds.values()
    }
    newest: dict[str, dict[str, int]] = defaultdict(dict)
    for number, (thing, _, _) in enumerate(table.names):
        place = house.registry.things.get(thing)
        if place is not None and contains(call.person.area, place.area):
            known = newest[place.kind]
            known[thing] = max(known.get(thing, 0), int(table.last_time[number]))
    answer = []
    for kind, seconds in expected.items():
        times = [t for t in newest[kind].values() if t]
        if not times or seconds is None:
            continue
        ages = (now - np.array(times)) / 1e6
        answer.append(
            {
                "kind": kind,
                "expected_seconds": seconds,
                "median_age_seconds": round(float(np.median(ages)), 1),
                "p95_age_seconds": round(float(np.quantile(ages, 0.95)), 1),
                "fresh_share": round(float(np.mean(ages <= FRESH_PERIODS * seconds)), 4),
            }
        )
    return answer
