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

from xinji.access.scope import contains
from xinji.api.call import iso
from xinji.loop.case_row import CaseError, CaseRow, Change
from xinji.loop.house import House
from xinji.methods.geodesy import metres_between
from xinji.model.title import Title
from xinji.store.schema import case_steps, cases, users
from xinji.store.work_schema import overrides, workers
from xinji.systems.platforms.operations.class_table import ClassTable
from xinji.systems.platforms.operations.dispatch import (
    Assignment,
    Plan,
    Task,
    Worker,
    assign_now,
    left_over,
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
MOST_WHO_RETURNED = 16
"""Workers whose returns the plan heeds: each is a kind of vehicle of its own, and few kinds fit."""


class Alternative(msgspec.Struct, frozen=True, kw_only=True):
    """Another who has the skill, and how soon."""

    worker: str
    minutes: float
    late_minutes: float


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """The machine's choice for a case, in both languages, and who else could go."""

    assignment: Assignment
    explanation: Title
    alternatives: tuple[Alternative, ...]

    @property
    def worker(self) -> str:
        """Who is chosen."""
        return self.assignment.worker


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
        self.proposed: dict[str, Proposal] = {}
        self.plan: Plan | None = None
        self.planned_at: int | None = None
        self._turning = threading.Lock()

    # -- who and what ------------------------------------------------------------------------

    def workers(self, *, on_duty: bool = True, scope: str = "") -> list[Any]:
        """Rows of `workers` with the number of open cases each has in hand.

        Of an area (`scope`) those whose account lies in it, and those of a wider one who stand in
        it now.
        """
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
        query = (
            sa.select(
                workers,
                sa.func.coalesce(held.c.open_cases, 0).label("open_cases"),
                users.c.area.label("account_area"),
            )
            .outerjoin(held, held.c.assignee == w.person)
            .outerjoin(users, users.c.name == w.person)
        )
        if on_duty:
            query = query.where(w.on_duty, w.longitude.is_not(None))
        with self._house.database.reading() as connection:
            rows = connection.execute(query.order_by(w.person)).all()
        return [row for row in rows if self._at_work_in(scope, row)]

    def _at_work_in(self, scope: str, row: Any) -> bool:
        if not scope:
            return True
        if row.account_area is None:
            return False
        if contains(scope, row.account_area):
            return True
        if row.longitude is None or not contains(row.account_area, scope):
            return False
        place = self._house.registry.places.areas_of(row.longitude, row.latitude)[0]
        return contains(scope, place)

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

    def _returned(self, rows: list[CaseRow]) -> dict[str, tuple[str, ...]]:
        """Who has had each case and gave it back."""
        s = case_steps.c
        with self._house.database.reading() as connection:
            steps = connection.execute(
                sa.select(s.case_id, s.actor)
                .where(s.action == "return", s.case_id.in_([row.id for row in rows]))
                .distinct()
            ).all()
        found: dict[str, tuple[str, ...]] = {}
        for case, actor in steps:
            found[case] = (*found.get(case, ()), actor)
        return found

    def _task(self, row: CaseRow, now: int, returned_by: tuple[str, ...] = ()) -> Task:
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
            returned_by=returned_by,
        )

    def _worker(self, row: Any, now: int) -> Worker:
        return Worker(
            name=row.person,
            longitude=row.longitude,
            latitude=row.latitude,
            skills=tuple(row.skills),
            until_us=now + SHIFT_US,
            load=row.open_cases * SERVICE_SECONDS[""],
            # what is in hand comes first
            free_us=now + int(row.open_cases * SERVICE_SECONDS[""] * US),
            speed_m_s=WALK_M_S,
        )

    # -- the instant answer --------------------------------------------------------------------

    def turn(
        self, *, automatic: bool | None = None, scope: str = ""
    ) -> tuple[list[Proposal], dict[str, Title]]:
        """Propose for what is filed (in an area, `scope`) and, when `automatic`, dispatch it.

        Returns what was dispatched, and why the rest was not, by case.
        """
        with self._turning:
            now = self._house.clock.now()
            filed = [row for row in self._tasks(("filed",)) if contains(scope, row.area)]
            if not filed:
                return [], {}
            free = [row for row in self.workers(scope=scope) if row.open_cases < HAND]
            returned = self._returned(filed)
            tasks = [self._task(row, now, returned.get(row.id, ())) for row in filed]
            crew = [self._worker(row, now) for row in free]
            found = assign_now(tasks, crew, now)
            by_case = {task.case: task for task in tasks}
            made = [_proposal(each, by_case[each.case], crew, now) for each in found]
            self.proposed |= {each.assignment.case: each for each in made}
            left = {
                each.case: Title(_REASONS.get(each.reason, "暂无可派人员"), each.reason)
                for each in left_over(tasks, crew, found, now)
            }
            if not (self.automatic if automatic is None else automatic):
                return [], left
            return [each for each in made if self._send(each)], left

    def _send(self, chosen: Proposal) -> bool:
        each = chosen.assignment
        try:
            self._house.cases.act(
                each.case,
                "dispatch",
                actor="dispatch",
                role="rule",
                assignee=each.worker,
                note=chosen.explanation.zh,
                evidence={
                    "arrive_at": iso(each.arrive_us),
                    "late_seconds": round(each.late_seconds),
                    "reasons": {k: round(v, 1) for k, v in each.reasons.items()},
                    "explanation": msgspec.to_builtins(chosen.explanation),
                },
            )
        except CaseError as error:
            log.info("case %s not dispatched: %s", each.case, error)
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
        returned = _of_few(self._returned(rows))
        self.plan = plan_routes(
            [self._task(row, now, returned.get(row.id, ())) for row in rows],
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
            "arrive_at": iso(chosen.assignment.arrive_us),
            "alternatives": chosen.alternatives,
        }


def _of_few(returned: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
    """The returns of at most `MOST_WHO_RETURNED` workers; the instant answer heeds all."""
    heeded: set[str] = set()
    found = {}
    for case, names in returned.items():
        if len(heeded | set(names)) <= MOST_WHO_RETURNED:
            heeded |= set(names)
            found[case] = names
    return found


def _proposal(each: Assignment, task: Task, crew: list[Worker], now: int) -> Proposal:
    """A choice with its words and the next three who could go."""
    others = []
    for worker in crew:
        able = set(task.skills) <= set(worker.skills) and worker.name not in task.returned_by
        if worker.name == each.worker or not able:
            continue
        way = metres_between(worker.longitude, worker.latitude, task.longitude, task.latitude)
        seconds = float(way) / worker.speed_m_s + max(0, worker.free_us - now) / US
        late = max(0.0, seconds + task.service_seconds - (task.due_us - now) / US)
        others.append((seconds, worker.name, late))
    minutes = (each.arrive_us - now) / US / 60
    skill = (
        f"，技能：{'、'.join(_SKILLS.get(name, name) for name in task.skills)}"
        if task.skills
        else ""
    )
    late_words = (
        f"，将超时{each.late_seconds / 60:.0f}分钟" if each.late_seconds else "，可按时完成"
    )
    first = not others or min(others)[0] >= minutes * 60
    zh = f"{'最快到达' if first else '综合最优'}：约{minutes:.0f}分钟{skill}{late_words}"
    return Proposal(
        assignment=each,
        explanation=Title(zh, each.explanation),
        alternatives=tuple(
            Alternative(
                worker=name, minutes=round(seconds / 60, 1), late_minutes=round(late / 60, 1)
            )
            for seconds, name, late in sorted(others)[:3]
        ),
    )


_SKILLS = {
    "sanitation": "环卫",
    "enforcement": "执法",
    "traffic": "交通",
    "drainage": "排水",
    "roads": "市政",
    "greening": "绿化",
    "facilities": "公用设施",
    "emergency": "应急",
}
_REASONS = {
    "nobody is on duty": "无人在岗或都已满负荷",
    "all who could do it have other cases first": "可派人员都有更急的案件",
    "all who could do it have returned it": "能处置的人员都已退回，请人工派遣",
    "nobody with the skill can finish it before the shift ends": "具备技能的人员下班前无法完成",
}
