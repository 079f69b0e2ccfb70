"""Figures: SQL with `$asof`, the source of their rows, and where each number comes from.

Nothing is stored: a figure of a past day is the same SQL with another `$asof`, over tables that
keep their history.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
import pyarrow as pa
import sqlglot
from sqlglot import exp
from sqlglot.lineage import Node
from sqlglot.lineage import lineage as column_lineage
from sqlglot.optimizer.qualify import qualify

from xinji.loop.clock import HouseClock
from xinji.model.indicators import Indicator
from xinji.store.duck import DuckObservations
from xinji.store.mirror import Mirror
from xinji.store.observations import StoreError

TABLES: dict[str, object] = {
    "things": dict.fromkeys(
        ("id", "kind", "name", "longitude", "latitude", "area", "owner", "attributes", "source",
         "in_service_since", "retired_at", "h3", "state"), "varchar"),
    "areas": dict.fromkeys(
        ("code", "level", "title_zh", "title_en", "parent", "area_km2"), "varchar"),
    "observations": dict.fromkeys(
        ("thing", "kind", "area", "property", "time", "value", "quality", "source"), "varchar"),
    "events": dict.fromkeys(
        ("id", "rule", "thing", "area", "started_at", "detected_at", "ended_at", "severity",
         "value", "extreme", "limit", "source", "case_id"), "varchar"),
    "cases": dict.fromkeys(
        ("id", "type", "case_class", "state", "stage", "title", "thing", "area", "severity",
         "opened_at", "due_at", "closed_at", "outcome", "assignee", "department", "clock_us",
         "overdue", "indicator", "source", "condition", "calendar", "limit_us", "extensions",
         "level", "parent", "exempt", "supervised", "reopened", "longitude", "latitude", "channel",
         "reports", "done_at"), "varchar"),
    "case_steps": dict.fromkeys(
        ("id", "case_id", "number", "time", "action", "from_state", "to_state", "actor", "role"),
        "varchar"),
    "reports": dict.fromkeys(
        ("id", "sender", "channel", "case_class", "class_confidence", "longitude", "latitude",
         "area", "happened_at", "received_at", "thing", "confidence", "urgency", "case_id",
         "disposition", "score", "rating", "source"), "varchar"),
    "looks": dict.fromkeys(
        ("id", "case_id", "round", "thing", "problem", "asked_at", "due_at", "answered_at",
         "verdict", "score", "model"), "varchar"),
    "spot_checks": dict.fromkeys(
        ("case_id", "asked_at", "answered_at", "still_there", "answered_by"), "varchar"),
}  # fmt: skip
"""What indicator SQL may read, under the same names on every store."""

WEAKEST = ("simulated", "replayed", "measured")


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """A value as of a moment; None when there are no data. `source` is that of its weakest row."""

    indicator: str
    value: float | None
    source: str | None
    asof: dt.datetime
    fault: str = ""


class Lineage(msgspec.Struct, frozen=True, kw_only=True):
    """Where a figure comes from: tables, and columns as `table.column`."""

    tables: list[str]
    value_columns: list[str]
    filter_columns: list[str]


class IndicatorError(ValueError):
    """An indicator's SQL is not usable; says which and why."""


class Figures:
    """Computes indicators of a house; `clock` says which day it is there."""

    def __init__(
        self,
        store: DuckObservations,
        mirror: Mirror,
        clock: HouseClock,
        indicators: Iterable[Indicator],
    ) -> None:
        self._store, self._mirror, self.clock = store, mirror, clock
        self.indicators = {each.id: each for each in indicators}

    def compute(self, indicator: Indicator, asof: dt.datetime) -> Figure:
        """The figure as of an aware moment. A broken SQL gives a figure with a `fault`."""
        self._mirror.refresh()
        try:
            table = self._store.sql(indicator.sql, _parameters(asof), limit=2)
            value = table.column(0)[0].as_py() if table.num_rows else None
            source = self._source(indicator, asof) if value is not None else None
        except StoreError as error:
            return Figure(
                indicator=indicator.id, value=None, source=None, asof=asof, fault=str(error)
            )
        return Figure(
            indicator=indicator.id,
            value=None if value is None else float(value),
            source=source,
            asof=asof,
        )

    def rows(self, indicator: Indicator, asof: dt.datetime, limit: int) -> tuple[pa.Table, int]:
        """The rows behind a figure (at most `limit`), and how many there are."""
        self._mirror.refresh()
        query = rows_sql(indicator)
        counted = self._store.sql(f"select count(*) from ({query})", _parameters(asof))
        return self._store.sql(query, _parameters(asof), limit), int(counted.column(0)[0].as_py())

    def _source(self, indicator: Indicator, asof: dt.datetime) -> str | None:
        query = rows_sql(indicator)
        try:
            table = self._store.sql(
                f"select distinct source from ({query})", _parameters(asof), limit=8
            )
        except StoreError:
            return None
        found = set(table.column(0).to_pylist())
        return next((word for word in WEAKEST if word in found), None)


def _parameters(asof: dt.datetime) -> dict[str, Any]:
    return {"asof": asof.astimezone(dt.UTC).replace(tzinfo=None)}


def _parse(indicator: Indicator) -> exp.Expr:
    try:
        return sqlglot.parse_one(indicator.sql, dialect="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise IndicatorError(f"indicator {indicator.id}: sql: {error}") from error


def check(indicator: Indicator) -> None:
    """Raises IndicatorError unless the SQL is one SELECT over known tables with `$asof`."""
    tree = _parse(indicator)
    if not isinstance(tree, exp.Query):
        raise IndicatorError(f"indicator {indicator.id}: sql: one SELECT")
    unknown = {table for table in _tables(tree) if table not in TABLES}
    if unknown:
        raise IndicatorError(f"indicator {indicator.id}: sql reads {', '.join(sorted(unknown))}")
    if not any(p.name == "asof" for p in tree.find_all(exp.Parameter, exp.Placeholder)):
        raise IndicatorError(f"indicator {indicator.id}: sql: does not use $asof")


def rows_sql(indicator: Indicator) -> str:
    """The query of the rows behind a figure: the declared one, or the SQL without its aggregate."""
    if indicator.rows_sql:
        return indicator.rows_sql.strip().rstrip(";")
    tree = _parse(indicator)
    if isinstance(tree, exp.Select) and not tree.args.get("with_") and not tree.args.get("group"):
        bare = tree.copy()
        bare.set("expressions", [exp.Star()])
        bare.set("limit", None)
        return bare.sql(dialect="duckdb")
    return indicator.sql.strip().rstrip(";")


def lineage(indicator: Indicator) -> Lineage:
    """Tables and columns that feed the value, and those that only filter, join or group."""
    tree = _parse(indicator)
    assert isinstance(tree, exp.Query)
    shown = tree.copy()
    first = shown.selects[0]
    if not isinstance(first, exp.Alias | exp.Column):
        first.replace(exp.alias_(first.copy(), "value"))
    name = shown.selects[0].alias_or_name
    value_columns = set(_leaves(column_lineage(name, shown, schema=TABLES, dialect="duckdb")))
    qualified = qualify(
        tree.copy(), schema=TABLES, dialect="duckdb", validate_qualify_columns=False
    )
    every = set(_columns(qualified))
    return Lineage(
        tables=sorted(_tables(tree)),
        value_columns=sorted(value_columns),
        filter_columns=sorted(every - value_columns),
    )


def _tables(tree: exp.Expr) -> set[str]:
    """Names of the tables read, without those that the query itself defines."""
    own = {cte.alias_or_name for cte in tree.find_all(exp.CTE)}
    return {table.name for table in tree.find_all(exp.Table)} - own


def _leaves(node: Node) -> Iterator[str]:
    for each in node.walk():
        if isinstance(each.expression, exp.Table):
            column = each.name.split(".")[-1]
            if column != "*":
                yield f"{each.expression.name}.{column}"


def _columns(tree: exp.Expr) -> Iterator[str]:
    """`table.column` of every column used anywhere, by the real table's name."""
    for scope in sqlglot.optimizer.scope.traverse_scope(tree):
        for column in scope.columns:
            source = scope.sources.get(column.table)
            if isinstance(source, exp.Table):
                yield f"{source.name}.{column.name}"
