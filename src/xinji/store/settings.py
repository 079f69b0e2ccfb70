"""Small things that a part of the house has learnt or was told, kept by name as JSON."""

from __future__ import annotations

import time
from typing import Any

import sqlalchemy as sa

from xinji.store.database import Database
from xinji.store.work_schema import settings


def read_setting(database: Database, name: str) -> Any:
    """The value of that name, or None."""
    with database.reading() as connection:
        return connection.execute(
            sa.select(settings.c.value).where(settings.c.name == name)
        ).scalar()


def write_setting(database: Database, name: str, value: Any) -> None:
    """Store a value, in the open transaction or in one of its own."""
    with database.writing() as connection:
        connection.execute(sa.delete(settings).where(settings.c.name == name))
        connection.execute(
            sa.insert(settings).values(name=name, value=value, at=int(time.time() * 1e6))
        )
