"""Where a figure comes from, read from its SQL in any of its shapes."""

from __future__ import annotations

import pytest

from xinji.loop.indicators import IndicatorError, check, lineage, rows_sql
from xinji.model.indicators import Indicator
from xinji.model.title import Title
from xinji.system.discovery import discover


def of(sql: str, rows: str = "") -> Indicator:
    return Indicator(id="a.b", title=Title("指标", "x"), unit="1", sql=sql, rows_sql=rows)


@pytest.mark.parametrize(
    ("sql", "tables", "values", "filters"),
    [
        (
            "select avg(value) as value from observations "
            "where property = 'rain_mm_h' and time <= $asof",
            ["observations"],
            ["observations.value"],
            ["observations.property", "observations.time"],
        ),
        (
            "select count(*) as value from things "
            "where kind = 'gauge' and in_service_since <= $asof",
            ["things"],
            [],
            ["things.in_service_since", "things.kind"],
        ),
        (
            "with newest as (select thing, max(time) as at from observations "
            "where time <= $asof group by thing) "
            "select avg(o.value) as value from observations o join newest n "
            "on n.thing = o.thing and n.at = o.time",
            ["observations"],
            ["observations.value"],
            ["observations.thing", "observations.time"],
        ),
        (
            "select avg(o.value) as value from observations o join things t on t.id = o.thing "
            "join areas a on a.code = t.area where a.level = 'subdistrict' and o.time <= $asof",
            ["areas", "observations", "things"],
            ["observations.value"],
            ["areas.code", "areas.level", "observations.thing", "observations.time",
             "things.area", "things.id"],
        ),
        (
            "select avg(clock_us) as value from cases where id in "
            "(select case_id from case_steps where action = 'done' and time <= $asof)",
            ["case_steps", "cases"],
            ["cases.clock_us"],
            ["case_steps.action", "case_steps.case_id", "case_steps.time", "cases.id"],
        ),
        (
            "select value from (select 100.0 * sum(overdue::int) / count(*) as value "
            "from cases where opened_at <= $asof)",
            ["cases"],
            ["cases.overdue"],
            ["cases.opened_at"],
        ),
        (
            "select nullif(count(*), 0) as value, min(source) as source "
            "from things where in_service_since <= $asof",
            ["things"],
            [],
            ["things.in_service_since", "things.source"],
        ),
    ],
)  # fmt: skip
def test_tables_and_columns(
    sql: str, tables: list[str], values: list[str], filters: list[str]
) -> None:
    indicator = of(sql)
    check(indicator)
    found = lineage(indicator)
    assert (found.tables, found.value_columns, found.filter_columns) == (tables, values, filters)


@pytest.mark.parametrize(
    ("sql", "column"),
    [
        ("select count(distinct id) from things where in_service_since <= $asof", "things.id"),
        ("select sum(value) / 2 from observations where time <= $asof", "observations.value"),
    ],
)
def test_an_expression_without_a_name(sql: str, column: str) -> None:
    assert lineage(of(sql)).value_columns == [column]


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("select 1 from things", "asof"),
        ("delete from things where id = $asof", "one SELECT"),
        ("select count(*) from users where $asof is null", "users"),
        ("select count(*) from store.rows where time <= $asof", "rows"),
        ("selec 1", "sql"),
        ("", "sql"),
    ],
)
def test_sql_that_is_no_indicator_is_refused(sql: str, words: str) -> None:
    with pytest.raises(IndicatorError, match=words):
        check(of(sql))


def test_a_query_of_its_own_may_carry_the_name_of_no_table() -> None:
    with pytest.raises(IndicatorError, match="observation_"):
        check(of("select count(*) from observation_ where time <= $asof"))


@pytest.mark.parametrize(
    ("sql", "rows", "begins"),
    [
        ("select count(*) as value from things where kind = 'x' and to_timestamp(0) <= $asof", "",
         "SELECT * FROM things WHERE"),
        ("select avg(value) from observations where time <= $asof limit 1", "",
         "SELECT * FROM observations WHERE time <= $asof"),
        ("select count(*) from things", "select id from things;", "select id from things"),
    ],
)  # fmt: skip
def test_the_rows_behind_a_figure(sql: str, rows: str, begins: str) -> None:
    assert rows_sql(of(sql, rows)).startswith(begins)
    assert not rows_sql(of(sql, rows)).endswith(";")


def test_every_declared_indicator_has_a_lineage() -> None:
    indicators = [each for system in discover() for each in system.indicators]
    assert indicators
    for indicator in indicators:
        found = lineage(indicator)
        assert found.tables, indicator.id
        assert found.value_columns + found.filter_columns, indicator.id
