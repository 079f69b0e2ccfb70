"""Scenarios of planners in the database: a name and edits in order."""

from __future__ import annotations

import secrets
from typing import Annotated, Any

import msgspec
import sqlalchemy as sa

from xinji.store.database import Database
from xinji.store.network_schema import coverage_scenarios as table
from xinji.systems.network.coverage.changes import MOST_CHANGES, Edit

MOST_SCENARIOS = 1_000


class OperatorEdit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A change of one operator's network."""

    operator: str
    edit: Edit


class NewScenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a scenario is made of. `origin` says how a machine proposed it."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    edits: Annotated[tuple[OperatorEdit, ...], msgspec.Meta(max_length=MOST_CHANGES)] = ()
    origin: dict[str, Any] | None = None


class Scenario(msgspec.Struct, frozen=True):
    """A stored scenario; `revision` counts its changes."""

    id: str
    name: str
    edits: tuple[OperatorEdit, ...]
    origin: dict[str, Any] | None
    created_by: str
    created_at: int
    revision: int


class Outdated(ValueError):
    """Somebody else has changed the scenario since it was read."""


def _scenario(row: Any) -> Scenario:
    return Scenario(
        id=row.id,
        name=row.name,
        edits=msgspec.convert(row.edits, tuple[OperatorEdit, ...]),
        origin=row.origin,
        created_by=row.created_by,
        created_at=row.created_at,
        revision=row.revision,
    )


def read(database: Database, id_: str) -> Scenario | None:
    """One of them."""
    with database.reading() as connection:
        row = connection.execute(sa.select(table).where(table.c.id == id_)).first()
    return None if row is None else _scenario(row)


def read_all(database: Database) -> list[Scenario]:
    """All, the newest first."""
    with database.reading() as connection:
        rows = connection.execute(sa.select(table).order_by(table.c.created_at.desc())).all()
    return [_scenario(row) for row in rows]


def create(database: Database, given: NewScenario, person: str, now: int) -> Scenario:
    """Store a new one; in the caller's transaction.

    Raises ValueError: there are too many.
    """
    with database.writing() as connection:
        count = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar() or 0
        if count >= MOST_SCENARIOS:
            raise ValueError(f"name: {count:,} scenarios are stored, take some away first")
        made = Scenario(
            id=secrets.token_hex(8),
            name=given.name,
            edits=given.edits,
            origin=given.origin,
            created_by=person,
            created_at=now,
            revision=1,
        )
        connection.execute(sa.insert(table).values(**msgspec.to_builtins(made)))
    return made


def change(database: Database, known: Scenario, given: NewScenario, revision: int) -> Scenario:
    """Replace name and edits; in the caller's transaction.

    Raises Outdated: it has another revision by now.
    """
    changed = msgspec.structs.replace(
        known, name=given.name, edits=given.edits, revision=revision + 1
    )
    with database.writing() as connection:
        done = connection.execute(
            sa.update(table)
            .where(table.c.id == known.id, table.c.revision == revision)
            .values(
                name=changed.name,
                edits=msgspec.to_builtins(changed.edits),
                revision=changed.revision,
            )
        )
        if not done.rowcount:
            raise Outdated(f"revision: it is {known.revision} by now, not {revision}")
    return changed


def remove(database: Database, id_: str) -> None:
    """Take one away; in the caller's transaction."""
    with database.writing() as connection:
        connection.execute(sa.delete(table).where(table.c.id == id_))
