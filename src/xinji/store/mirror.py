"""Copies of the registry's tables inside DuckDB, so that indicators join them with observations.

Every row carries the revision of its last change, so a refresh reads only what changed. Two tables
have none: of `looks`, what is new and what was not answered yet is read; `spot_checks`, a small
share of the closings, is read whole when its size or its newest moment changed. The copies live in
memory and are made anew at each start: the registry is the only truth.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import msgspec
import pyarrow as pa
import sqlalchemy as sa

from xinji.store.database import Database
from xinji.store.duck import DuckObservations
from xinji.store.schema import areas, case_steps, cases, events, things
from xinji.store.work_schema import looks, reports, spot_checks

CHUNK = 50_000

_TIMES = {"in_service_since", "retired_at", "started_at", "detected_at", "ended_at", "opened_at",
          "due_at", "closed_at", "time", "done_at", "happened_at", "received_at", "asked_at",
          "answered_at"}  # fmt: skip

_TABLES: tuple[tuple[str, sa.Table, str, tuple[str, ...]], ...] = (
    ("things", things, "id", ("id", "kind", "name", "longitude", "latitude", "area", "owner",
     "attributes", "source", "in_service_since", "retired_at", "h3", "state")),
    ("areas", areas, "code", ("code", "level", "title_zh", "title_en", "parent", "area_km2")),
    ("events", events, "id", ("id", "rule", "thing", "area", "started_at", "detected_at",
     "ended_at", "severity", "value", "extreme", "limit", "source", "case_id")),
    ("cases", cases, "id", ("id", "type", "case_class", "state", "stage", "title", "thing",
     "area", "severity", "opened_at", "due_at", "closed_at", "outcome", "assignee", "department",
     "clock_us", "overdue", "indicator", "source", "condition", "calendar", "limit_us",
     "extensions", "level", "parent", "exempt", "supervised", "reopened", "longitude", "latitude",
     "channel", "reports", "done_at")),
    ("reports", reports, "id", ("id", "sender", "channel", "case_class", "class_confidence",
     "longitude", "latitude", "area", "happened_at", "received_at", "thing", "confidence",
     "urgency", "case_id", "disposition", "score", "rating", "source")),
)  # fmt: skip

_STEP_COLUMNS = ("id", "case_id", "number", "at", "action", "from_state", "to_state", "actor",
                 "role")  # fmt: skip
_LOOK_COLUMNS = ("id", "case_id", "round", "thing", "problem", "asked_at", "due_at", "answered_at",
                 "verdict", "score", "model")  # fmt: skip
_CHECK_COLUMNS = ("case_id", "asked_at", "answered_at", "still_there", "answered_by")


class Mirror:
    """Keeps the copies. `refresh` is safe from any thread."""

    def __init__(self, database: Database, store: DuckObservations) -> None:
        self._database, self._store = database, store
        self._seen = dict.fromkeys((name for name, *_ in _TABLES), 0)
        self._last_step = 0
        self._last_look = 0
        self._open_looks: set[int] = set()
        self._checks_seen: tuple[Any, ...] = (0, None, None, 0)
        self._lock = threading.Lock()

    def refresh(self) -> int:
        """Bring the copies up to now; returns the number of rows copied."""
        copied = 0
        with self._lock, self._database.reading() as connection:
            for name, table, key, columns in _TABLES:
                while rows := connection.execute(
                    sa.select(*(table.c[column] for column in columns), table.c.revision)
                    .where(table.c.revision > self._seen[name])
                    .order_by(table.c.revision)
                    .limit(CHUNK)
                ).all():
                    self._write(name, key, columns, [tuple(row)[:-1] for row in rows])
                    self._seen[name] = int(rows[-1][-1])
                    copied += len(rows)
            s = case_steps.c
            while rows := connection.execute(
                sa.select(*(s[column] for column in _STEP_COLUMNS))
                .where(s.id > self._last_step)
                .order_by(s.id)
                .limit(CHUNK)
            ).all():
                renamed = tuple("time" if c == "at" else c for c in _STEP_COLUMNS)
                self._write("case_steps", "", renamed, [tuple(row) for row in rows])
                self._last_step = int(rows[-1][0])
                copied += len(rows)
            copied += self._refresh_looks(connection)
            copied += self._refresh_spot_checks(connection)
        return copied

    def _refresh_looks(self, connection: sa.Connection) -> int:
        """Looks that are new, and those that waited for an answer at the last refresh."""
        k = looks.c
        wanted = sa.select(*(k[column] for column in _LOOK_COLUMNS)).order_by(k.id)
        copied, waiting = 0, sorted(self._open_looks)
        for begin in range(0, len(waiting), 1_000):
            part = waiting[begin : begin + 1_000]
            copied += self._write_looks(
                connection.execute(wanted.where(k.id.in_(part), k.answered_at.is_not(None))).all()
            )
        while rows := connection.execute(wanted.where(k.id > self._last_look).limit(CHUNK)).all():
            copied += self._write_looks(rows)
            self._last_look = int(rows[-1][0])
        return copied

    def _write_looks(self, rows: Sequence[Any]) -> int:
        if rows:
            self._write("looks", "id", _LOOK_COLUMNS, [tuple(row) for row in rows])
        for row in rows:
            if row.answered_at is None:
                self._open_looks.add(row.id)
            else:
                self._open_looks.discard(row.id)
        return len(rows)

    def _refresh_spot_checks(self, connection: sa.Connection) -> int:
        k = spot_checks.c
        seen = connection.execute(
            sa.select(sa.func.count(), sa.func.max(k.asked_at), sa.func.max(k.answered_at),
                      sa.func.count(k.answered_at))
        ).one()  # fmt: skip
        if tuple(seen) == self._checks_seen:
            return 0
        rows = connection.execute(sa.select(*(k[column] for column in _CHECK_COLUMNS))).all()
        with self._store.reading() as cursor:
            cursor.execute("delete from house.spot_checks")
        if rows:
            self._write("spot_checks", "", _CHECK_COLUMNS, [tuple(row) for row in rows])
        self._checks_seen = tuple(seen)
        return len(rows)

    def _write(
        self, name: str, key: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]
    ) -> None:
        by_column = list(zip(*rows, strict=True))
        data = {
            column: _as_json(values) if column == "attributes" else list(values)
            for column, values in zip(columns, by_column, strict=True)
        }
        changed = pa.table(
            {
                column: pa.array(values, pa.int64()) if column in _TIMES else pa.array(values)
                for column, values in data.items()
            }
        )
        selected = ", ".join(
            f'make_timestamp("{c}") as "{c}"' if c in _TIMES else f'"{c}"' for c in columns
        )
        with self._store.reading() as cursor:
            cursor.register("changed", changed)
            cursor.begin()
            if key:
                cursor.execute(
                    f"delete from house.{name} where {key} in (select {key} from changed)"
                )
            cursor.execute(f"insert into house.{name} by name select {selected} from changed")
            cursor.commit()


def _as_json(values: Any) -> list[str]:

    return [msgspec.json.encode(value).decode() for value in values]
