"""The plan board and the card behind each figure."""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

from xinji.access.scope import within
from xinji.api.call import Call, Problem, Routes, Site, iso
from xinji.plan.board import Board, board, card, today
from xinji.plan.supervision import TARGET_BEHIND
from xinji.store.schema import cases

routes = Routes()

FRESH_SECONDS = 10.0
"""A computed board serves everyone for this long."""


class BoardCache:
    """Boards by day, for `FRESH_SECONDS`."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, Any], tuple[float, Board]] = {}

    def get(self, site: Site, day: Any) -> Board:
        """The board of a day, computed when the kept one is old."""
        now = time.monotonic()
        key = (id(site), day)
        kept = self._kept.get(key)
        if kept is None or now - kept[0] > FRESH_SECONDS:
            self._kept = {k: v for k, v in self._kept.items() if now - v[0] <= FRESH_SECONDS}
            kept = (now, board(site.plan, site.house.systems, site.house.figures, day))
            self._kept[key] = kept
        return kept[1]


boards = BoardCache()


@routes.get("/api/plan", query="as_of")
def plan_board(call: Call) -> Board:
    """Every task with its indicators, values and lights, as of a day."""
    return boards.get(call.site, call.day("as_of", today()))


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
        call.day("as_of", today()),
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
