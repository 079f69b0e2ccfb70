"""The plan board and the card behind each figure."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import sqlalchemy as sa

from xinji.access.scope import within
from xinji.api.call import Call, Problem, Routes, Site, iso
from xinji.plan.board import Board, board, card
from xinji.plan.supervision import TARGET_BEHIND
from xinji.store.schema import cases

routes = Routes()

FRESH_SECONDS = 10.0
"""A computed board serves everyone for this long."""


class BoardCache:
    """Boards by day, for `FRESH_SECONDS` of the reader's time."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, dt.date], tuple[float, Site, Board]] = {}

    def get(self, site: Site, day: dt.date) -> Board:
        """The board of a day, computed when the kept one is old."""
        now = time.monotonic()
        key = (id(site), day)
        kept = self._kept.get(key)
        if kept is None or now - kept[0] > FRESH_SECONDS:
            self._kept = {k: v for k, v in self._kept.items() if now - v[0] <= FRESH_SECONDS}
            found = board(site.plan, site.house.declared.systems, site.house.figures, day)
            # the site is kept with its board: its number is nobody else's meanwhile
            kept = self._kept[key] = (now, site, found)
        return kept[2]

    def today(self, site: Site) -> Board:
        """The board of the district's day."""
        return self.get(site, site.house.clock.day())


boards = BoardCache()


@routes.get("/api/plan", query="as_of")
def plan_board(call: Call) -> Board:
    """Every task with its indicators, values and lights, as of a day."""
    return boards.get(call.site, call.day("as_of", call.house.clock.day()))


@routes.get("/api/plan/indicators/{id}", query="as_of limit")
def plan_card(call: Call) -> dict[str, Any]:
    """The card behind a figure: clause, promise, SQL, lineage, rows, history."""
    name = call.request.path_params["id"]
    target = next((t for t in call.plan.targets if t.indicator == name), None)
    if target is None:
        raise Problem(404, "No such indicator in the plan", name)
    answer = card(
        call.house.figures,
        target,
        call.day("as_of", call.house.clock.day()),
        call.number("limit", 50, 1, 1_000),
        call.person.area,
    )
    with call.house.database.reading() as connection:
        case = connection.execute(
            sa.select(cases.c.id).where(
                cases.c.indicator == name,
                cases.c.case_class == TARGET_BEHIND.name,
                cases.c.closed_at.is_(None),
                within(cases.c.area, call.person.area),
            )
        ).scalar()
    last = call.house.ingest.counters.last_at
    reads = (answer["lineage"] or {"tables": []})["tables"]
    changed = last if "observations" in reads else call.house.changed_at(reads)
    return answer | {"case": case, "last_change": iso(changed or None)}
