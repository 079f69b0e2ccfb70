"""The case engine: interprets the tables of case types.

A step is one transaction: the case's row, the step as a link of the hash chain, its timers. State
is plain SQL, so lists and indicators read it; a second action on a stale state fails its check.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.access.audit import Audit
from xinji.access.bound import row_digest
from xinji.access.chain import GENESIS
from xinji.access.scope import contains
from xinji.loop.calendars import DISTRICT_TIME, Calendars
from xinji.loop.case_row import CaseError, CaseRow, Change
from xinji.loop.clock import HouseClock
from xinji.loop.timers import Timers
from xinji.model.cases import Action, CaseClass, CaseType, Clock, Effect
from xinji.model.title import Title
from xinji.store.database import Database, Prepared
from xinji.store.schema import case_steps, cases, events

CHECKING = "核查"
"""The stage that begins when the work is said to be done."""

AfterAction = Callable[[CaseRow, Action, Change, int], None]
"""Called in the transaction of a step: the case after it, the action, what came, the time."""

Prepare = Callable[[CaseRow, Action, Change], Change]
"""Called before an action is applied: checks and completes what came. Raises CaseError."""

SETTABLE = frozenset(
    {
        "department",
        "level",
        "area",
        "case_class",
        "condition",
        "calendar",
        "limit_us",
        "parent",
        "thing",
        "severity",
        "reports",
        "longitude",
        "latitude",
    }
)
"""Columns that an action may set."""

_ONE = sa.select(cases).where(cases.c.id == sa.bindparam("case"))

_WRITTEN = tuple(name for name in CaseRow.__struct_fields__ if name not in ("id", "opened_at"))


class CaseEngine:
    """Opens cases, applies actions, keeps timers. Safe from any thread (the database's lock).

    Attributes:
        prepare, after: called for every action of a case type, before it is applied and after, in
            its transaction: what a system adds to its own kind of work.
    """

    def __init__(
        self,
        database: Database,
        audit: Audit,
        clock: HouseClock,
        calendars: Calendars,
        types: Iterable[CaseType],
        classes: Iterable[CaseClass],
    ) -> None:
        self._database, self._audit, self._clock = database, audit, clock
        self.calendars = calendars
        self.prepare: dict[str, Prepare] = {}
        self.after: dict[str, AfterAction] = {}
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
            .values({name: sa.bindparam(f"new_{name}") for name in _WRITTEN}),
            engine,
        )
        self._timers = Timers(database)
        steps = case_steps.c
        self._last_hash = Prepared(
            sa.select(steps.hash, steps.tag).where(
                steps.case_id == sa.bindparam("case"), steps.number == sa.bindparam("number")
            ),
            engine,
        )
        self._count_action = Prepared(
            sa.select(sa.func.count()).where(
                steps.case_id == sa.bindparam("case"), steps.action == sa.bindparam("action")
            ),
            engine,
        )
        self._count_events = Prepared(
            sa.select(sa.func.count(), sa.func.count().filter(events.c.ended_at.is_(None))).where(
                events.c.case_id == sa.bindparam("case")
            ),
            engine,
        )
        self._count = self._largest_number()
        self.reload()

    def _largest_number(self) -> int:
        """The digits after "CN", day and "-": of every case, whatever day the clock said it was.

        Counted once; a gap that a rolled-back transaction leaves stays one.
        """
        number = sa.cast(sa.func.substr(cases.c.id, 12), sa.Integer)
        with self._database.reading() as connection:
            return connection.execute(sa.select(sa.func.max(number))).scalar() or 0

    def open_case(self, subject: str, case_class: str) -> str | None:
        """The open case of a thing (or indicator, or area: `Found.subject`) and class."""
        return self._open.get((subject, case_class))

    def put_class(self, known: CaseClass) -> None:
        """Declare a class, or replace one. Raises ValueError for an unknown case type."""
        if known.type not in self.types:
            raise ValueError(f"case class {known.name}: unknown case type {known.type}")
        self.classes[known.name] = known

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
        note: str = "",
        fields: dict[str, Any] | None = None,
    ) -> str:
        """File a case; returns its id.

        `fields` are values of `SETTABLE` columns and `channel`. Raises CaseError for an unknown
        class.
        """
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
            for name, value in (fields or {}).items():
                setattr(row, name, value)
            row.due_at = self._due(row)
            row.revision = self._database.changed("cases", row.id)
            self._insert(self._database.cursor(), **msgspec.structs.asdict(row))
            self._step(row, now, "open", "", row.state, actor, role, note, evidence or {})
            self._timers.set(row, self.types[row.type], now, good=False)
            self._open[row.subject, case_class] = row.id
        return row.id

    def act(
        self,
        case: str,
        action: str,
        *,
        actor: str,
        role: str | tuple[str, ...],
        note: str = "",
        assignee: str | None = None,
        evidence: dict[str, Any] | None = None,
        fields: dict[str, Any] | None = None,
        scope: str = "",
        client_id: str = "",
    ) -> CaseRow:
        """Apply an action and store the step; returns the case after it.

        Args:
            role: what the actor may act as, the role itself or role and posts.
            fields: values of the case's columns that the action `sets`.
            client_id: the actor's own number for this action; a repeat does nothing and is
                answered with the case as it is.

        Raises:
            CaseError: 404 unknown or outside `scope`, 403 role, 409 state or guard, 422 field.
        """
        change = Change(
            actor=actor,
            roles=(role,) if isinstance(role, str) else role,
            note=note,
            assignee=assignee,
            evidence=evidence or {},
            fields=fields or {},
            scope=scope,
        )
        with self._database.writing():
            if client_id:
                done = self._repeated(case, change, client_id)
                if done is not None:
                    return done
                change.evidence = change.evidence | {"client_id": client_id}
            return self._checked(case, action, change)

    def _repeated(self, case: str, change: Change, client_id: str) -> CaseRow | None:
        """The case, when the same actor has sent this action before."""
        s = case_steps.c
        with self._database.writing() as connection:
            said = connection.execute(
                sa.select(s.evidence).where(s.case_id == case, s.actor == change.actor)
            ).scalars()
            known = any(msgspec.json.decode(each).get("client_id") == client_id for each in said)
        row = self._row(case) if known else None
        return row if row is not None and contains(change.scope, row.area) else None

    def _checked(self, case: str, action: str, change: Change) -> CaseRow:
        """Check an action against the table and apply it, in the open transaction."""
        row = self._row(case)
        if row is None or not contains(change.scope, row.area):
            raise CaseError(404, f"case: {case} does not exist")
        rule = self._actions.get((row.type, action))
        if rule is None:
            raise CaseError(422, f"action: {action!r} is not an action of {row.type}", "action")
        if row.state not in rule.source:
            raise CaseError(409, f"action: {action} is not possible in state {row.state}")
        if not any(role in rule.roles for role in change.roles):
            raise CaseError(403, f"action: {action} is not for {', '.join(change.roles)}")
        if row.type in self.prepare:
            change = self.prepare[row.type](row, rule, change)
        given = change.evidence | {
            "note": change.note.strip(),
            "assignee": change.assignee,
            "evidence": change.evidence,
        }
        for field in rule.requires:
            if not (given.get(field) or change.fields.get(field)):
                raise CaseError(422, f"{field}: required for {action}", field)
        for field in change.fields:
            if field not in rule.sets or field not in SETTABLE:
                raise CaseError(422, f"{field}: {action} does not set it", field)
        signal = self._signal(case)
        if not self._holds(row, rule, signal):
            raise CaseError(409, f"action: {action} needs {rule.guard}, and it is {signal}")
        if rule.at_most:
            cursor = self._database.cursor()
            done = self._count_action(cursor, case=case, action=action).fetchone()[0]
            if done >= rule.at_most:
                raise CaseError(409, f"action: {action} at most {rule.at_most} times")
        return self._apply(row, rule, change, good=signal == "signal-good")

    def _holds(self, row: CaseRow, rule: Action, signal: str) -> bool:
        if rule.guard.startswith("outcome-"):
            return rule.guard == f"outcome-{row.outcome}"
        return rule.guard in ("", signal)

    def _apply(self, row: CaseRow, rule: Action, change: Change, *, good: bool) -> CaseRow:
        now = self._clock.now()
        before, expected, subject = row.state, row.steps, (row.subject, row.case_class)
        stage = row.stage
        target = self._states[row.type, rule.target or row.state]
        if row.clock_at is not None:
            row.clock_us += self.calendars.between(row.calendar, row.clock_at, now)
        row.clock_at = now if target.clock is Clock.RUN else None
        row.state, row.stage = target.name, target.stage
        for name, value in change.fields.items():
            setattr(row, name, value)
        if change.assignee:
            row.assignee = change.assignee
        evidence = self._effect(row, rule, change)
        row.due_at = self._due(row)
        role = next(role for role in change.roles if role in rule.roles)
        if row.limit_us is not None and row.clock_us >= row.limit_us:
            row.overdue = True
        if target.final:
            if row.closed_at is None:
                row.closed_at, row.outcome = now, rule.outcome or "closed"
        elif target.clock is Clock.RUN:
            row.done_at = None
        elif target.stage == CHECKING != stage:
            row.done_at = now
        row.steps += 1
        row.revision = self._database.changed("cases", row.id)
        done = self._update(
            self._database.cursor(),
            case=row.id,
            expected=expected,
            **{f"new_{name}": getattr(row, name) for name in _WRITTEN},
        )
        if done.rowcount != 1:
            raise CaseError(409, f"case: {row.id} was changed by somebody else; look again")
        if change.assignee:
            evidence = evidence | {"assignee": change.assignee}
        if change.fields:
            evidence = evidence | {"set": change.fields}
        self._step(
            row, now, rule.name, before, row.state, change.actor, role, change.note, evidence
        )
        self._timers.set(row, self.types[row.type], now, good=good)
        if row.closed_at is not None:
            self._open.pop(subject, None)
        else:
            if self._open.get(subject) == row.id:
                del self._open[subject]
            self._open.setdefault((row.subject, row.case_class), row.id)
        if row.type in self.after:
            self.after[row.type](row, rule, change, now)
        if good and row.closed_at is None:
            self._recheck(row)
        return row

    def _effect(self, row: CaseRow, rule: Action, change: Change) -> dict[str, Any]:
        """Do what the action does besides the state; returns the step's evidence."""
        evidence = change.evidence
        if rule.effect is Effect.EXTEND and row.limit_us is not None:
            original = row.limit_us // (row.extensions + 1)
            row.limit_us += original
            row.extensions += 1
            row.overdue = False
            evidence = evidence | {"limit_seconds": row.limit_us / 1e6}
        elif rule.effect is Effect.EXEMPT:
            row.exempt = True
        elif rule.effect is Effect.SUPERVISE:
            row.supervised = True
        elif rule.effect is Effect.REOPEN:
            row.closed_at = row.outcome = row.parent = None
            row.reopened += 1
        return evidence

    def _recheck(self, row: CaseRow) -> None:
        """In a state that waits for a good signal, close at once when it is good already."""
        for action in self.types[row.type].actions:
            if (
                row.state in action.source
                and action.guard == "signal-good"
                and "rule" in action.roles
            ):
                self._apply(row, action, Change(actor="rule", roles=("rule",)), good=True)
                return

    def signal(self, case: str) -> None:
        """Tell a case that the set of its open events changed."""
        with self._database.writing():
            row = self._row(case)
            if row is None or row.closed_at is not None:
                return
            good = self._signal(case) == "signal-good"
            self._timers.set(row, self.types[row.type], self._clock.now(), good=good)
            if good:
                self._recheck(row)

    def run_timers(self, limit: int = 1_000) -> int:
        """Do what is due; returns how many timers fired. Each is one transaction."""
        now = self._clock.now()
        due = self._timers.due(now, limit)
        for number, case, action in due:
            with self._database.writing() as connection:
                if not self._timers.take(connection, number):
                    continue
                try:
                    self.act(case, action, actor="timer", role="timer")
                except CaseError:
                    # The guard does not hold: for a re-check that is the good news still to come.
                    self._timers.again(case, action, now)
        return len(due)

    def available(self, row: CaseRow, roles: Iterable[str]) -> list[Action]:
        """The actions that somebody with these roles and posts may do now."""
        with self._database.lock:
            signal = self._signal(row.id)
        held = set(roles)
        return [
            action
            for action in self.types[row.type].actions
            if row.state in action.source
            and held.intersection(action.roles)
            and self._holds(row, action, signal)
        ]

    def row(self, case: str) -> CaseRow | None:
        """A case as stored now."""
        found = self._database.rows(_ONE, case=case)
        return CaseRow(*found[0]) if found else None

    def reload(self) -> None:
        """After a rolled-back transaction: what memory holds is what is on disk."""
        with self._database.reading() as connection:
            c = cases.c
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
        cursor = self._database.cursor()
        last = self._last_hash(cursor, case=row.id, number=row.steps - 1).fetchone()
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
            before=last[0] if last else GENESIS,
            row_digest=row_digest("cases", msgspec.structs.asdict(row)),
            # drawn, not computed: nobody who sees the chain can tell whose steps they are
            tag=(last and last[1]) or secrets.token_hex(16),
        )

    def _due(self, row: CaseRow) -> int | None:
        """When the limit is reached if the clock goes on; None when it does not run."""
        if row.limit_us is None or row.clock_at is None:
            return None
        return self.calendars.after(row.calendar, row.clock_at, row.limit_us - row.clock_us)

    def clock_reading(self, row: CaseRow, now: int) -> int:
        """Microseconds on the case's clock at `now`."""
        if row.clock_at is None:
            return row.clock_us
        return row.clock_us + self.calendars.between(row.calendar, row.clock_at, now)
