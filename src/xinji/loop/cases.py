"""The case engine: interprets the tables of case types.

A step is one transaction: the case's row, the step as a link of the hash chain, its timers. State
is plain SQL, so lists and indicators read it; a second action on a stale state fails its check.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.access.audit import Audit
from xinji.access.scope import contains
from xinji.loop.clock import HouseClock
from xinji.model.cases import Action, CaseClass, CaseType, Clock
from xinji.model.title import Title
from xinji.store.database import Database, Prepared
from xinji.store.schema import cases, events, timers

DISTRICT_TIME = dt.timezone(dt.timedelta(hours=8))
RETRY_US = 30_000_000
"""A timer whose guard does not hold yet looks again after this."""


class CaseError(Exception):
    """An action that is refused; `status` is its HTTP status, `field` what is missing."""

    def __init__(self, status: int, message: str, field: str = "") -> None:
        super().__init__(message)
        self.status, self.field = status, field


class CaseRow(msgspec.Struct):
    """A row of `cases`; the fields are its columns in order."""

    id: str
    type: str
    case_class: str
    state: str
    stage: str
    title: str
    title_en: str
    thing: str
    area: str
    severity: str
    opened_at: int
    due_at: int | None
    closed_at: int | None
    outcome: str | None
    assignee: str | None
    department: str
    limit_us: int | None
    clock_us: int
    clock_at: int | None
    overdue: bool
    indicator: str | None
    source: str
    steps: int
    revision: int


class CaseEngine:
    """Opens cases, applies actions, keeps timers. Safe from any thread (the database's lock)."""

    def __init__(
        self,
        database: Database,
        audit: Audit,
        clock: HouseClock,
        types: Iterable[CaseType],
        classes: Iterable[CaseClass],
    ) -> None:
        self._database, self._audit, self._clock = database, audit, clock
        self.types = {each.name: each for each in types}
        self.classes = {each.name: each for each in classes}
        self._actions: dict[tuple[str, str], Action] = {
            (kind.name, action.name): action
            for kind in self.types.values()
            for action in kind.actions
        }
        self._states = {
            (kind.name, state.name): state for kind in self.types.values() for state in kind.states
        }
        for each in self.classes.values():
            if each.type not in self.types:
                raise ValueError(f"case class {each.name}: unknown case type {each.type}")
        c = cases.c
        engine = database.writer
        self._find = Prepared(sa.select(cases).where(c.id == sa.bindparam("case")), engine)
        self._insert = Prepared(sa.insert(cases), engine)
        self._update = Prepared(
            sa.update(cases)
            .where(c.id == sa.bindparam("case"), c.steps == sa.bindparam("expected"))
            .values(
                {
                    name: sa.bindparam(f"new_{name}")
                    for name in (
                        "state",
                        "stage",
                        "due_at",
                        "closed_at",
                        "outcome",
                        "assignee",
                        "clock_us",
                        "clock_at",
                        "overdue",
                        "steps",
                        "revision",
                    )
                }
            ),
            engine,
        )
        self._forget_timers = Prepared(
            sa.delete(timers).where(timers.c.case_id == sa.bindparam("case")), engine
        )
        self._add_timer = Prepared(
            sa.insert(timers).values(case_id="", name="", due_at=0, action=""), engine
        )
        self._count_events = Prepared(
            sa.select(sa.func.count(), sa.func.count().filter(events.c.ended_at.is_(None))).where(
                events.c.case_id == sa.bindparam("case")
            ),
            engine,
        )
        self.reload()

    def open_case(self, subject: str, case_class: str) -> str | None:
        """The open case of a thing (or indicator, or area: `Found.subject`) and class."""
        return self._open.get((subject, case_class))

    def open(
        self,
        case_class: str,
        *,
        title: Title,
        thing: str = "",
        area: str = "",
        severity: str = "minor",
        source: str = "measured",
        actor: str = "rule",
        role: str = "rule",
        indicator: str | None = None,
        evidence: dict[str, Any] | None = None,
    ) -> str:
        """File a case; returns its id. Raises CaseError for an unknown class."""
        known = self.classes.get(case_class)
        if known is None:
            raise CaseError(422, f"case_class: {case_class!r} is not declared", "case_class")
        kind = self.types[known.type]
        state = kind.state(kind.initial)
        limit = known.limit_seconds or kind.limit_seconds
        with self._database.writing():
            now = self._clock.now()
            day = dt.datetime.fromtimestamp(now / 1e6, DISTRICT_TIME)
            self._count += 1
            row = CaseRow(
                id=f"CN{day:%Y%m%d}-{self._count:06d}",
                type=kind.name,
                case_class=case_class,
                state=state.name,
                stage=state.stage,
                title=title.zh,
                title_en=title.en,
                thing=thing,
                area=area,
                severity=severity,
                opened_at=now,
                due_at=None,
                closed_at=None,
                outcome=None,
                assignee=None,
                department=known.department,
                limit_us=int(limit * 1e6) if limit else None,
                clock_us=0,
                clock_at=now if state.clock is Clock.RUN else None,
                overdue=False,
                indicator=indicator,
                source=source,
                steps=1,
                revision=0,
            )
            row.due_at = _due(row)
            row.revision = self._database.changed("cases", row.id)
            self._insert(self._database.cursor(), **msgspec.structs.asdict(row))
            self._step(row, now, "open", "", row.state, actor, role, "", evidence or {})
            self._set_timers(row, now, good=False)
            self._open[thing or indicator or area, case_class] = row.id
        return row.id

    def act(
        self,
        case: str,
        action: str,
        *,
        actor: str,
        role: str,
        note: str = "",
        assignee: str | None = None,
        evidence: dict[str, Any] | None = None,
        scope: str = "",
    ) -> CaseRow:
        """Apply an action and store the step; returns the case after it.

        Raises:
            CaseError: 404 unknown or outside `scope`, 403 role, 409 state or guard, 422 field.
        """
        with self._database.writing():
            row = self._row(case)
            if row is None or not contains(scope, row.area):
                raise CaseError(404, f"case: {case} does not exist")
            rule = self._actions.get((row.type, action))
            if rule is None:
                raise CaseError(422, f"action: {action!r} is not an action of {row.type}", "action")
            if row.state not in rule.source:
                raise CaseError(409, f"action: {action} is not possible in state {row.state}")
            if role not in rule.roles:
                raise CaseError(403, f"action: {action} is not for role {role}")
            given = {"note": note.strip(), "assignee": assignee, "evidence": evidence}
            for field in rule.requires:
                if not given[field]:
                    raise CaseError(422, f"{field}: required for {action}", field)
            signal = self._signal(case)
            if rule.guard not in ("", signal):
                raise CaseError(409, f"action: {action} needs {rule.guard}, and it is {signal}")
            good = signal == "signal-good"
            return self._apply(row, rule, actor, role, note, assignee, evidence or {}, good=good)

    def _apply(
        self,
        row: CaseRow,
        rule: Action,
        actor: str,
        role: str,
        note: str,
        assignee: str | None,
        evidence: dict[str, Any],
        *,
        good: bool,
    ) -> CaseRow:
        now = self._clock.now()
        before, expected = row.state, row.steps
        target = self._states[row.type, rule.target or row.state]
        if row.clock_at is not None:
            row.clock_us += max(0, now - row.clock_at)
        row.clock_at = now if target.clock is Clock.RUN else None
        row.state, row.stage = target.name, target.stage
        row.due_at = _due(row)
        if assignee:
            row.assignee = assignee
        if role == "timer" and row.limit_us is not None and row.clock_us >= row.limit_us:
            row.overdue = True
        if target.final:
            row.closed_at, row.outcome = now, rule.outcome or "closed"
        row.steps += 1
        row.revision = self._database.changed("cases", row.id)
        done = self._update(
            self._database.cursor(),
            case=row.id,
            expected=expected,
            new_state=row.state,
            new_stage=row.stage,
            new_due_at=row.due_at,
            new_closed_at=row.closed_at,
            new_outcome=row.outcome,
            new_assignee=row.assignee,
            new_clock_us=row.clock_us,
            new_clock_at=row.clock_at,
            new_overdue=row.overdue,
            new_steps=row.steps,
            new_revision=row.revision,
        )
        if done.rowcount != 1:
            raise CaseError(409, f"case: {row.id} was changed by somebody else; look again")
        if assignee:
            evidence = evidence | {"assignee": assignee}
        self._step(row, now, rule.name, before, row.state, actor, role, note, evidence)
        self._set_timers(row, now, good=good)
        if target.final:
            self._open.pop((row.thing or row.indicator or row.area, row.case_class), None)
        elif good:
            self._recheck(row)
        return row

    def _recheck(self, row: CaseRow) -> None:
        """In a state that waits for a good signal, close at once when it is good already."""
        for action in self.types[row.type].actions:
            if (
                row.state in action.source
                and action.guard == "signal-good"
                and "rule" in action.roles
            ):
                self._apply(row, action, "rule", "rule", "", None, {}, good=True)
                return

    def signal(self, case: str) -> None:
        """Tell a case that the set of its open events changed."""
        with self._database.writing():
            row = self._row(case)
            if row is None or row.closed_at is not None:
                return
            good = self._signal(case) == "signal-good"
            self._set_timers(row, self._clock.now(), good=good)
            if good:
                self._recheck(row)

    def run_timers(self, limit: int = 1_000) -> int:
        """Do what is due; returns how many timers fired. Each is one transaction."""
        now = self._clock.now()
        with self._database.reading() as connection:
            due = connection.execute(
                sa.select(timers.c.id, timers.c.case_id, timers.c.action)
                .where(timers.c.due_at <= now)
                .order_by(timers.c.due_at)
                .limit(limit)
            ).all()
        for number, case, action in due:
            with self._database.writing() as connection:
                gone = connection.execute(sa.delete(timers).where(timers.c.id == number))
                if not gone.rowcount:
                    continue
                try:
                    self.act(case, action, actor="timer", role="timer")
                except CaseError:
                    # The guard does not hold: for a re-check that is the good news still to come.
                    self._add_timer(
                        self._database.cursor(),
                        case_id=case,
                        name="retry",
                        due_at=now + RETRY_US,
                        action=action,
                    )
        return len(due)

    def available(self, row: CaseRow, role: str) -> list[Action]:
        """The actions that a role may do now."""
        if row.closed_at is not None:
            return []
        with self._database.lock:
            signal = self._signal(row.id)
        return [
            action
            for action in self.types[row.type].actions
            if row.state in action.source and role in action.roles and action.guard in ("", signal)
        ]

    def row(self, case: str) -> CaseRow | None:
        """A case as stored now."""
        with self._database.reading() as connection:
            found = connection.execute(sa.select(cases).where(cases.c.id == case)).first()
        return None if found is None else CaseRow(*found)

    def reload(self) -> None:
        """After a rolled-back transaction: what memory holds is what is on disk."""
        with self._database.reading() as connection:
            c = cases.c
            # The digits after "CN", day and "-": a number is never given twice, even when the
            # transaction of a case was rolled back and left a gap.
            last = sa.func.max(sa.cast(sa.func.substr(c.id, 12), sa.Integer))
            self._count = int(connection.execute(sa.select(last)).scalar() or 0)
            self._open = {
                (row.thing or row.indicator or row.area, row.case_class): row.id
                for row in connection.execute(
                    sa.select(c.thing, c.indicator, c.area, c.case_class, c.id).where(
                        c.closed_at.is_(None)
                    )
                )
            }

    def _row(self, case: str) -> CaseRow | None:
        found = self._find(self._database.cursor(), case=case).fetchone()
        return None if found is None else CaseRow(*found)

    def _signal(self, case: str) -> str:
        """The guard that holds now; a case without an event has no signal to be judged by."""
        known, bad = self._count_events(self._database.cursor(), case=case).fetchone()
        if not known:
            return "signal-none"
        return "signal-bad" if bad else "signal-good"

    def _step(
        self,
        row: CaseRow,
        at: int,
        action: str,
        before: str,
        after: str,
        actor: str,
        role: str,
        note: str,
        evidence: dict[str, Any],
    ) -> None:
        self._audit.steps.append(
            case_id=row.id,
            number=row.steps,
            at=at,
            action=action,
            from_state=before,
            to_state=after,
            actor=actor,
            role=role,
            note=note,
            evidence=msgspec.json.encode(evidence, order="deterministic").decode(),
        )

    def _set_timers(self, row: CaseRow, now: int, *, good: bool) -> None:
        cursor = self._database.cursor()
        self._forget_timers(cursor, case=row.id)
        if row.closed_at is not None:
            return
        for timer in self.types[row.type].timers:
            if row.state not in timer.states:
                continue
            due: int | None = None
            if timer.starts == "state" or (timer.starts == "signal-good" and good):
                due = now + int(timer.seconds * 1e6)
            elif timer.starts == "limit" and not row.overdue:
                due = row.due_at
            if due is not None:
                self._add_timer(
                    cursor, case_id=row.id, name=timer.name, due_at=due, action=timer.action
                )


def _due(row: CaseRow) -> int | None:
    """When the limit is reached if the clock goes on running; None when it does not run."""
    if row.limit_us is None or row.clock_at is None:
        return None
    return row.clock_at + row.limit_us - row.clock_us


def clock_reading(row: CaseRow, now: int) -> int:
    """Microseconds on the case's clock at `now`."""
    return row.clock_us + (max(0, now - row.clock_at) if row.clock_at is not None else 0)
