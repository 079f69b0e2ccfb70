"""Rows of cases and reports bound to the chain: a digest of each is part of its last link.

A case's row is bound by its last step, a report's by its last record of the audit chain. What was
stored before there were digests is taken over once, by links of its own (`adopt`); from then on a
row without a link is a row that somebody put there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.access.chain import sm3
from xinji.store.schema import audit, case_steps, cases
from xinji.store.work_schema import reports

ADOPTED = "history.adopt"
"""The record after which every row has a link."""

CASE_ADOPTED = "case.adopt"
REPORT_ACTIONS = ("report.adopt", "report.file", "report.move", "report.rate")

COLUMNS: dict[str, dict[str, tuple[str, ...]]] = {
    "cases": {
        "1": (
            "id", "type", "case_class", "state", "stage", "title", "title_en", "thing", "area",
            "severity", "opened_at", "due_at", "closed_at", "outcome", "assignee", "department",
            "limit_us", "clock_us", "clock_at", "overdue", "indicator", "source", "steps",
            "condition", "calendar", "extensions", "level", "parent", "exempt", "supervised",
            "reopened", "longitude", "latitude", "channel", "reports", "done_at",
        ),
    },
    "reports": {
        "1": (
            "id", "sender", "client_id", "channel", "case_class", "condition", "class_confidence",
            "text", "address", "longitude", "latitude", "place_error_m", "area", "happened_at",
            "received_at", "photos", "thing", "event", "confidence", "evidence", "urgency",
            "case_id", "disposition", "score", "follow_code", "contact", "rating", "rating_note",
            "external_id", "source",
        ),
    },
}  # fmt: skip
"""What each version of a digest covers: a new column is a new version, the old ones stay."""

_TABLES = {"cases": cases, "reports": reports}
_encoder = msgspec.json.Encoder(order="deterministic")


def _exact(column: sa.Column[Any], value: Any) -> Any:
    """The value as the database gives it back: a whole number in a column of floats is a float."""
    if value is None:
        return None
    kind = column.type
    if isinstance(kind, sa.Float):
        return float(value)
    if isinstance(kind, sa.Boolean):
        return bool(value)
    return int(value) if isinstance(kind, sa.Integer) else value


_KINDS = {
    (table, version): tuple((name, _TABLES[table].c[name]) for name in names)
    for table, versions in COLUMNS.items()
    for version, names in versions.items()
}


def row_digest(table: str, row: Mapping[Any, Any], version: str = "") -> str:
    """Version and SM3 of a row of `cases` or `reports`, as `1:<64 hexadecimal digits>`.

    Raises:
        KeyError: a version of a newer program.
    """
    version = version or max(COLUMNS[table])
    values = [_exact(column, row[name]) for name, column in _KINDS[table, version]]
    return f"{version}:{sm3(_encoder.encode(values))}"


def _last_bound(actions: Iterable[str]) -> sa.Subquery:
    """The last record of the audit chain for each object of some actions."""
    newest = (
        sa.select(audit.c.object.label("key"), sa.func.max(audit.c.id).label("id"))
        .where(audit.c.action.in_(tuple(actions)))
        .group_by(audit.c.object)
        .subquery()
    )
    return (
        sa.select(newest.c.key, newest.c.id, audit.c.detail)
        .join(audit, audit.c.id == newest.c.id)
        .subquery()
    )


def unbound(connection: sa.Connection) -> Iterator[tuple[str, str, str]]:
    """Rows without a digest: (action of the link to be made, id, digest)."""
    last = case_steps.alias()
    old = (
        sa.select(cases)
        .outerjoin(last, sa.and_(last.c.case_id == cases.c.id, last.c.number == cases.c.steps))
        .where(last.c.row_digest.is_(None))
        .order_by(cases.c.id)
    )
    for row in connection.execute(old).mappings():
        yield CASE_ADOPTED, row["id"], row_digest("cases", row)
    for row in connection.execute(sa.select(reports).order_by(reports.c.id)).mappings():
        yield "report.adopt", row["id"], row_digest("reports", row)


def adopted(connection: sa.Connection) -> bool:
    """True when every row must have a link."""
    found = sa.select(audit.c.id).where(audit.c.action == ADOPTED).limit(1)
    return connection.execute(found).first() is not None


def faults(connection: sa.Connection) -> Iterator[tuple[str, str]]:
    """(table, what is wrong) of every row that is not as its last link says, or is not there."""
    complete = adopted(connection)
    streaming = connection.execution_options(yield_per=5_000)
    last, adoption = case_steps.alias(), _last_bound([CASE_ADOPTED])
    found = (
        sa.select(cases, last.c.row_digest, last.c.hash, adoption.c.detail)
        .outerjoin(last, sa.and_(last.c.case_id == cases.c.id, last.c.number == cases.c.steps))
        .outerjoin(adoption, adoption.c.key == cases.c.id)
    )
    for row in streaming.execute(found).mappings():
        if row["hash"] is None and row["steps"]:
            continue  # its last step is gone, which `verify` says of the steps
        said = row["row_digest"] or _said(row["detail"])
        yield from _compared("cases", f"case {row['id']}", row, said, complete)
    first = case_steps.alias()
    gone = (
        sa.select(first.c.case_id)
        .outerjoin(cases, cases.c.id == first.c.case_id)
        .where(cases.c.id.is_(None))
        .distinct()
    )
    for case in connection.execute(gone).scalars():
        yield "cases", f"case {case} has steps and is missing"
    bound = _last_bound(REPORT_ACTIONS)
    found = sa.select(reports, bound.c.detail).outerjoin(bound, bound.c.key == reports.c.id)
    for row in streaming.execute(found).mappings():
        yield from _compared("reports", f"report {row['id']}", row, _said(row["detail"]), complete)
    gone = (
        sa.select(bound.c.key)
        .outerjoin(reports, reports.c.id == bound.c.key)
        .where(reports.c.id.is_(None))
    )
    for report in connection.execute(gone).scalars():
        yield "reports", f"report {report} is in the chain and is missing"


def _said(detail: str | None) -> str:
    """The digest in a record's detail; "" when there is none."""
    try:
        return str(msgspec.json.decode(detail or "{}").get("row", ""))
    except (msgspec.DecodeError, AttributeError):
        return ""


def _compared(
    table: str, name: str, row: Mapping[Any, Any], said: str, complete: bool
) -> Iterator[tuple[str, str]]:
    if not said:
        if complete:
            yield table, f"{name} has no link: it was put there past the program"
        return
    try:
        same = row_digest(table, row, said.partition(":")[0]) == said
    except KeyError:
        yield table, f"{name} was bound by a newer version of Xinji"
        return
    if not same:
        yield table, f"{name} is not as its last link says: it was changed past the program"
