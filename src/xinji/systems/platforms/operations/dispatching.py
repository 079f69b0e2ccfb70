"""Who goes: the instant answer for filed cases, the rolling plan, and why.

The machine dispatches what is filed to whoever is on duty; a person may send somebody else and is
asked why, and the reason is kept (`overrides`).
"""

from __future__ import annotations

import logging
import threading
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.api.call import iso
from xinji.loop.cases import CaseError, CaseRow, Change
from xinji.loop.house import House
from xinji.model.title import Title
from xinji.store.schema import cases
from xinji.store.work_schema import overrides, workers
from xinji.systems.platforms.operations.class_table import ClassTable
from xinji.systems.platforms.operations.dispatch import (
    Assignment,
    Plan,
    Task,
    Worker,
    assign_now,
    plan_routes,
)

log = logging.getLogger(__name__)

US = 1_000_000
HAND = 3
"""Open cases that a worker is given at a time by the instant answer; the plan orders the rest."""
SHIFT_US = 8 * 3600 * US
UNLIMITED_US = 24 * 3600 * US
SERVICE_SECONDS = {
    "sanitation": 900.0,
    "enforcement": 1200.0,
    "traffic": 900.0,
    "drainage": 2400.0,
    "roads": 2400.0,
    "greening": 1800.0,
    "facilities": 1800.0,
    "emergency": 1200.0,
    "": 1200.0,
}
"""Time on the spot by skill; figures of our own until a district's cases give better ones."""
WALK_M_S = 4.0
PLAN_SECONDS = 3.0
LARGEST_PLAN = 1_000


class Dispatching:
    """Dispatch of urban cases.

    Attributes:
        automatic: dispatch by itself what is filed; else only propose.
        proposed: the machine's latest choice by case.
        plan: the rolling plan, or None before the first.
    """

    def __init__(self, house: House, classes: ClassTable) -> None:
        self._house, self._classes = house, classes
        self.automatic = True
        self.proposed: dict[str, Assignment] = {}
        self.plan: Plan | None = None
        self.planned_at: int | None = None
        self._turning = threading.Lock()

    # -- who and what ------------------------------------------------------------------------

    def workers(self, *, on_duty: bool = True) -> list[Any]:
        """Rows of `workers` with the number of open cases each has in hand."""
        c = cases.c
        held = (
            sa.select(c.assignee, sa.func.count().label("open_cases"))
            .where(
                c.type == "urban",
                c.closed_at.is_(None),
                c.state.in_(("dispatched", "handling")),
                c.assignee.is_not(None),
            )
            .group_by(c.assignee)
            .subquery()
        )
        w = workers.c
        query = sa.select(
            workers, sa.func.coalesce(held.c.open_cases, 0).label("open_cases")
        ).outerjoin(held, held.c.assignee == w.person)
        if on_duty:
            query = query.where(w.on_duty, w.longitude.is_not(None))
        with self._house.database.reading() as connection:
            return list(connection.execute(query.order_by(w.person)).all())

    def _tasks(self, states: tuple[str, ...]) -> list[CaseRow]:
        c = cases.c
        with self._house.database.reading() as connection:
            rows = connection.execute(
                sa.select(cases)
                .where(
                    c.type == "urban",
                    c.closed_at.is_(None),
                    c.state.in_(states),
                    c.longitude.is_not(None),
                )
                .order_by(c.opened_at)
                .limit(LARGEST_PLAN)
            ).all()
        return [CaseRow(*row) for row in rows]

    def _task(self, row: CaseRow, now: int) -> Task:
        urban = self._classes.classes.get(row.case_class)
        skill = urban.skill if urban else ""
        assert row.longitude is not None
        assert row.latitude is not None
        return Task(
            case=row.id,
            longitude=row.longitude,
            latitude=row.latitude,
            due_us=row.due_at or now + UNLIMITED_US,
            service_seconds=SERVICE_SECONDS.get(skill, SERVICE_SECONDS[""]),
            skills=(skill,) if skill else (),
            waiting_since_us=row.opened_at,
            area=row.area,
        )

    def _worker(self, row: Any, now: int) -> Worker:
        return Worker(
            name=row.person,
            longitude=row.longitude,
            latitude=row.latitude,
            skills=tuple(row.skills),
            until_us=now + SHIFT_US,
            load=row.open_cases,
            speed_m_s=WALK_M_S,
        )

    # -- the instant answer --------------------------------------------------------------------

    def turn(self, *, automatic: bool | None = None) -> tuple[list[Assignment], list[str]]:
        """Propose for what is filed and, when `automatic`, dispatch it; (dispatched, left)."""
        with self._turning:
            now = self._house.clock.now()
            filed = self._tasks(("filed",))
            if not filed:
                return [], []
            free = [row for row in self.workers() if row.open_cases < HAND]
            found = assign_now(
                [self._task(row, now) for row in filed],
                [self._worker(row, now) for row in free],
                now,
            )
            self.proposed |= {each.case: each for each in found}
            sent: list[Assignment] = []
            if self.automatic if automatic is None else automatic:
                sent = [each for each in found if self._send(each)]
            done = {each.case for each in sent}
            return sent, [row.id for row in filed if row.id not in done]

    def _send(self, chosen: Assignment) -> bool:
        try:
            self._house.cases.act(
                chosen.case,
                "dispatch",
                actor="dispatch",
                role="rule",
                assignee=chosen.worker,
                note=chosen.explanation.zh,
                evidence={
                    "arrive_at": iso(chosen.arrive_us),
                    "late_seconds": round(chosen.late_seconds),
                    "reasons": {k: round(v, 1) for k, v in chosen.reasons.items()},
                    "explanation": msgspec.to_builtins(chosen.explanation),
                },
            )
        except CaseError as error:
            log.info("case %s not dispatched: %s", chosen.case, error)
            return False
        return True

    def dispatched(self, row: CaseRow, change: Change, now: int) -> None:
        """Keep why a person chose somebody else, in the step's transaction."""
        proposed = self.proposed.get(row.id)
        if change.actor == "dispatch" or proposed is None or proposed.worker == change.assignee:
            return
        with self._house.database.writing() as connection:
            connection.execute(
                sa.insert(overrides).values(
                    case_id=row.id,
                    proposed=proposed.worker,
                    chosen=change.assignee or "",
                    reason=change.note,
                    person=change.actor,
                    at=now,
                )
            )

    # -- the rolling plan ------------------------------------------------------------------------

    def replan(self) -> None:
        """Make the rolling plan of everything that is not done yet."""
        now = self._house.clock.now()
        rows = self._tasks(("filed", "dispatched", "handling"))
        crew = self.workers()
        if not rows or not crew:
            self.plan = None
            return
        self.plan = plan_routes(
            [self._task(row, now) for row in rows],
            [self._worker(row, now) for row in crew],
            now,
            seconds=PLAN_SECONDS,
            seed=1,
        )
        self.planned_at = now
        open_cases = {row.id for row in rows}
        self.proposed = {k: v for k, v in self.proposed.items() if k in open_cases}

    def card(self, row: CaseRow) -> dict[str, Any] | None:
        """What the page of a case says about its dispatch."""
        chosen = self.proposed.get(row.id)
        if chosen is None:
            return None
        return {
            "proposed": chosen.worker,
            "explanation": chosen.explanation,
            "arrive_at": iso(chosen.arrive_us),
            "alternatives": [
                {
                    "worker": each.worker,
                    "minutes": round(each.seconds / 60, 1),
                    "late_minutes": round(each.late_seconds / 60, 1),
                }
                for each in chosen.alternatives
            ],
        }


NOBODY = Title("没有具备技能且空闲的人员", "Nobody with the skill is free")
