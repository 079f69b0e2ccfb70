"""Timers of cases: what happens by itself when nobody acts."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from xinji.loop.case_row import CaseRow
from xinji.model.cases import CaseType
from xinji.store.database import Database, Prepared
from xinji.store.schema import timers

RETRY_US = 30_000_000
"""A timer whose guard does not hold yet looks again after this."""


class Timers:
    """The stored timers of a house; every change is part of the transaction that is open."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._forget = Prepared(
            sa.delete(timers).where(timers.c.case_id == sa.bindparam("case")), database.writer
        )
        self._add = Prepared(
            sa.insert(timers).values(case_id="", name="", due_at=0, action=""), database.writer
        )

    def set(self, row: CaseRow, type_: CaseType, now: int, *, good: bool) -> None:
        """The timers of a case as its state wants them; `good`: no event of it is open."""
        cursor = self._database.cursor()
        self._forget(cursor, case=row.id)
        if row.closed_at is not None:
            return
        for timer in type_.timers:
            if row.state not in timer.states:
                continue
            due: int | None = None
            if timer.starts == "state" or (timer.starts == "signal-good" and good):
                due = now + int(timer.seconds * 1e6)
            elif timer.starts == "limit" and not row.overdue:
                due = row.due_at
            if due is not None:
                self._add(cursor, case_id=row.id, name=timer.name, due_at=due, action=timer.action)

    def due(self, now: int, limit: int) -> list[Any]:
        """(id, case_id, action) of what is due, the earliest first."""
        with self._database.reading() as connection:
            return list(
                connection.execute(
                    sa.select(timers.c.id, timers.c.case_id, timers.c.action)
                    .where(timers.c.due_at <= now)
                    .order_by(timers.c.due_at)
                    .limit(limit)
                )
            )

    def take(self, connection: sa.Connection, number: int) -> bool:
        """Take one away; False when somebody else has."""
        gone = connection.execute(sa.delete(timers).where(timers.c.id == number))
        return bool(gone.rowcount)

    def again(self, case: str, action: str, now: int) -> None:
        """Look again later."""
        self._add(
            self._database.cursor(),
            case_id=case,
            name="retry",
            due_at=now + RETRY_US,
            action=action,
        )
