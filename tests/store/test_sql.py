"""Read-only SQL: one SELECT over the named tables, and no way out of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from tests.conftest import gauge, open_house, send
from xinji.loop.house import House
from xinji.store.observations import StoreError

CLEAN = "select 1 as one"


def filled(path: Path) -> House:
    """A house with rows, a case and its mirror."""
    house = open_house(path)
    house.registry.put([house.registry.check(gauge(n)) for n in (1, 2, 3)])
    send(house, [("gauge-1", "rain_mm_h", 0, 50.0), ("gauge-2", "rain_mm_h", 0, 1.0)])
    house.mirror.refresh()
    return house


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = filled(tmp_path_factory.mktemp("sql") / "data")
    yield made
    made.close()


@pytest.mark.parametrize(
    ("query", "value"),
    [
        (CLEAN, 1),
        (f"{CLEAN};", 1),
        (f"{CLEAN} -- a remark", 1),
        (f"/* a remark */ {CLEAN} ; ", 1),
        ("with x as (select 2 as n) select n from x", 2),
        ("from things select count(*)", 3),
        ("values (5)", 5),
        ("select count(*) from observations where value > 10", 1),
        ("select count(*) from events e join cases c on c.id = e.case_id", 1),
        ("select count(*) from case_steps", 1),
        ("select count(*) from areas", 3),
        ("select attributes->>'model' from things limit 1", None),
        ("select date_part('year', time_bucket(interval 1 day, $asof))", 2026),
    ],
)
def test_one_select_is_answered_with_and_without_a_limit(
    full: House, query: str, value: object
) -> None:
    asof = {"asof": dt.datetime(2026, 5, 1)}  # noqa: DTZ001
    for limit in (None, 10):
        assert full.store.sql(query, asof, limit).column(0)[0].as_py() == value


def test_a_limit_limits(full: House) -> None:
    assert full.store.sql("select id from things order by id", {}, 2).num_rows == 2


@pytest.mark.parametrize(
    "query",
    [
        "",
        ";",
        "this is no SQL",
        "select",
        f"{CLEAN}; {CLEAN}",
        f"{CLEAN}; drop table things",
        "insert into things select * from things",
        "update things set name = ''",
        "delete from store.rows",
        "truncate store.rows",
        "drop table store.rows",
        "create table store.x (a int)",
        "create or replace view observations as select 1",
        "alter table store.rows add column x int",
        "attach 'x.duckdb' as x",
        "detach house",
        "use store",
        "set memory_limit = '1GB'",
        "reset memory_limit",
        "install httpfs",
        "load httpfs",
        "copy things to 'x.csv'",
        "copy (select 1) to 'x.parquet'",
        "export database 'x'",
        "import database 'x'",
        "checkpoint",
        "begin",
        "commit",
        "vacuum",
        "explain select 1",
        "call pragma_version()",
        "prepare x as select 1",
        "pivot things on kind using count(*)",
        "with x as (insert into things (id) values ('x') returning id) select * from x",
        "with x as (delete from store.rows returning series) select * from x",
        "with x as (update things set name = '' returning id) select * from x",
        "select * from query('select 1')",
        "select * from checkpoint('store')",
        "select * from Force_Checkpoint ( 'store' )",
        "select * from \"enable_logging\"(storage = 'file', storage_path = 'x')",
        "select * from enable_profiling()",
        "select write_log('x')",
        "select 1) union all (select 2",
    ],
)
def test_anything_else_is_refused_and_changes_nothing(
    full: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.chdir(tmp_path)
    before = _state(full)
    for limit in (None, 5):
        with pytest.raises(StoreError):
            full.store.sql(query, {}, limit)
    assert _state(full) == before
    assert list(tmp_path.iterdir()) == []


def test_after_all_that_the_store_goes_on(full: House) -> None:
    rows = full.store.row_count
    send(full, [("gauge-3", "rain_mm_h", 0, 1.0)])
    assert full.store.row_count == rows + 1


def _state(house: House) -> list[object]:
    queries = [
        "select count(*), sum(series), sum(value) from store.rows",
        "select count(*), string_agg(name, ',' order by id) from things",
        "select count(*) from duckdb_tables()",
        "select count(*) from duckdb_views() where not internal",
        "select count(*) from duckdb_databases()",
        "select value from duckdb_settings() where name = 'memory_limit'",
    ]
    return [house.store.sql(query, {}).to_pylist() for query in queries]


FILE_READERS = [
    "select * from read_csv('{file}')",
    "select * from read_csv_auto('{file}')",
    "select * from read_text('{file}')",
    "select * from read_blob('{file}')",
    "select * from read_json('{file}')",
    "select * from read_json_auto('{file}')",
    "select * from read_parquet('{file}')",
    "select * from parquet_scan('{file}')",
    "select * from parquet_metadata('{file}')",
    "select * from sniff_csv('{file}')",
    "select * from glob('{file}')",
    "select * from '{file}'",
    "select * from \"{file}\"",
    "with x as (select * from read_text('{file}')) select * from x",
    "select (select content from read_text('{file}'))",
    "select * from sqlite_scan('{file}', 'users')",
    "select * from read_csv('http://127.0.0.1:1/x.csv')",
    "select getenv('HOME')",
]  # fmt: skip


@pytest.mark.parametrize("query", FILE_READERS)
@pytest.mark.parametrize("name", ["/etc/passwd", "secret.csv", "registry.sqlite3"])
def test_no_file_of_the_machine_can_be_read(full: House, query: str, name: str) -> None:
    secret = full.folder.path / "secret.csv"
    secret.write_text("word\nopen sesame\n")
    file = name if name.startswith("/") else str(full.folder.path / name)
    with pytest.raises(StoreError):
        full.store.sql(query.format(file=file), {})


def test_no_variable_of_the_program_can_be_read(full: House) -> None:
    hidden = pa.table({"secret": ["open sesame"]})
    with pytest.raises(StoreError):
        full.store.sql("select * from hidden", {})
    assert hidden.num_rows == 1


def test_what_is_shut_stays_shut_after_the_store_recovers(tmp_path: Path) -> None:
    full = filled(tmp_path)
    full.store._connection.close()
    full.store._recover()
    with pytest.raises(StoreError):
        full.store.sql("select * from read_text('/etc/passwd')", {})
    assert full.store.sql("select count(*) as n from store.rows", {}).column("n")[0].as_py() == 2
    full.close()


def test_a_parameter_is_a_value_and_never_sql(full: House) -> None:
    query = "select count(*) as n from things where id = $id"
    for value in ("gauge-1' or '1'='1", "'; drop table things; --"):
        assert full.store.sql(query, {"id": value, "unused": 1}).column("n")[0].as_py() == 0
    assert full.store.sql(query, {"id": "gauge-1"}).column("n")[0].as_py() == 1
