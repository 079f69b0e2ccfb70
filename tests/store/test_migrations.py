"""The schema that migrations make is the schema of the code; a newer database is not touched."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from xinji.store import network_schema, pole_schema, work_schema  # noqa: F401
from xinji.store.database import Database
from xinji.store.observations import StoreError
from xinji.store.schema import metadata


def _ours(_object: Any, name: str | None, kind: str, *_: Any) -> bool:
    # The R*Tree and its shadow tables exist on SQLite only.
    return not (kind == "table" and (name or "").startswith("things_box"))


def test_migrations_make_the_schema(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'registry.sqlite3'}")
    with database.reading() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_object": _ours, "compare_type": True}
        )
        assert compare_metadata(context, metadata) == []
        made = sa.inspect(connection)
        for table in metadata.sorted_tables:
            columns = {column["name"]: column for column in made.get_columns(table.name)}
            assert list(columns) == [column.name for column in table.columns]
            for column in table.columns:
                found = columns[column.name]
                assert found["nullable"] == bool(column.nullable), f"{table.name}.{column.name}"
            indexes = {
                index["name"]: index["column_names"] for index in made.get_indexes(table.name)
            }
            assert indexes == {
                index.name: [column.name for column in index.columns] for index in table.indexes
            }, table.name
            keys = {key["constrained_columns"][0] for key in made.get_foreign_keys(table.name)}
            assert keys == {key.parent.name for key in table.foreign_keys}, table.name
    database.close()


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'registry.sqlite3'}"

    def schema() -> list[Any]:
        with sqlite3.connect(tmp_path / "registry.sqlite3") as connection:
            return connection.execute("select name, sql from sqlite_master order by 1").fetchall()

    Database(url).close()
    first = schema()
    Database(url).close()
    assert schema() == first


def test_a_database_of_a_newer_version_is_refused_and_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "registry.sqlite3"
    Database(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    with pytest.raises(StoreError, match="newer Xinji"):
        Database(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        assert connection.execute("select * from alembic_version").fetchall() == [("9999",)]


def test_the_file_is_safe_against_power_loss_and_readers_cannot_write(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'registry.sqlite3'}")
    with database.writing() as connection:
        assert connection.exec_driver_sql("pragma synchronous").scalar() == 2
        assert connection.exec_driver_sql("pragma journal_mode").scalar() == "wal"
        assert connection.exec_driver_sql("pragma foreign_keys").scalar() == 1
    with database.reading() as connection, pytest.raises(sa.exc.OperationalError):
        connection.execute(sa.text("delete from users"))
    database.close()
