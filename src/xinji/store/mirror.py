"""Copies of the registry's tables inside DuckDB, so that indicators join them with observations.

Every row carries the revision of its last change, so a refresh reads only what changed. The copies
live in memory and are made anew at each start: the registry is the only truth.
"""

from __future__ import annotations

import threading
from typing import Any

import msgspec
import pyarrow as pa
import sqlalchemy as sa

from xinji.store.database import Database
from xinji.store.duck import DuckObservations
from xinji.store.schema import areas, case_steps, cases, events, things

CHUNK = 50_000

_TIMES = {"in_service_since", "retired_at", "started_at", "detected_at", "ended_at", "opened_at",
          "due_at", "closed_at", "time"}  # fmt: skip

_TABLES: tuple[tuple[str, sa.Table, str, tuple[str, ...]], ...] = (
    ("things", things, "id", ("id", "kind", "name", "longitude", "latitude", "area", "owner",
     "attributes", "source", "in_service_since", "retired_at", "h3", "state")),
    ("areas", areas, "code", ("code", "level", "title_zh", "title_en", "parent", "area_km2")),
    ("events", events, "id", ("id", "rule", "thing", "area", "started_at", "detected_at",
     "ended_at", "severity", "value", "extreme", "limit", "source", "case_id")),
    ("cases", cases, "id", ("id", "type", "case_class", "state", "stage", "title", "thing",
     "area", "severity", "opened_at", "due_at", "closed_at", "outcome", "assignee", "department",
     "clock_us", "overdue", "indicator", "source")),
)  # fmt: skip

_STEP_COLUMNS = ("id", "case_id", "number", "at", "action", "from_state", "to_state", "actor",
                 "role")  # fmt: skip


class Mirror:
    """Keeps the copies. `refresh` is safe from any thread."""

    def __init__(self, database: Database, store: DuckObservations) -> None:
        self._database, self._store = database, store
        self._seen = dict.fromkeys((name for name, *_ in _TABLES), 0)
        self._last_step = 0
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
        return copied

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
