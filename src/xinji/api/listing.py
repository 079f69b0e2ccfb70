"""Lists: filter by SQL, page by cursor, export whole."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pyarrow as pa
import sqlalchemy as sa

from xinji.api.call import Call, Download, Problem
from xinji.api.words import LANGUAGES, Speaker
from xinji.store.exports import FORMS, XLSX, encode, table_of, workbook

PAGE = 50
LARGEST_PAGE = 1_000
LARGEST_EXPORT = 1_000_000
LARGEST_SHEET = 100_000
"""Rows of an XLSX file: a spreadsheet holds a million, and takes a gigabyte for them."""
SPOKEN = ("csv", "xlsx")
COUNTED = 10_000
"""Rows that a list counts at most; behind that `total_is` says "at least"."""

ToItems = Callable[[Sequence[Any]], list[dict[str, Any]]]


def listing(
    call: Call,
    query: sa.Select[Any],
    order: Sequence[sa.ColumnElement[Any]],
    to_items: ToItems,
    *,
    descending: bool = False,
    name: str = "list",
) -> Any:
    """Answer a list request.

    Args:
        query: the filtered SELECT, scope included; `order` are columns of it, unique together.
        to_items: turns rows into items, many at once.
        name: of the exported file.

    The answer's `total` is counted up to `COUNTED`; `total_is` is "at least" when there are more.
    """
    form = call.text("format", "json")
    columns = [column.desc() if descending else column.asc() for column in order]
    ordered = query.order_by(*columns)
    language = language_of(call)
    if form != "json":
        _check_form(form, language)
        most = LARGEST_SHEET if form == "xlsx" else LARGEST_EXPORT
        with call.house.database.reading() as connection:
            rows = connection.execute(ordered.limit(most)).all()
        items = to_items(rows)
        if language:
            return spoken(Speaker(call.house, language).table(items), form, name)
        return export(table_of(items), form, name)
    limit = call.number("limit", PAGE, 1, LARGEST_PAGE)
    cursor = call.text("cursor")
    paged = ordered
    if cursor:
        after = _decode(cursor, len(order))
        left, right = sa.tuple_(*order), sa.tuple_(*(sa.literal(value) for value in after))
        paged = paged.where(left < right if descending else left > right)
    with call.house.database.reading() as connection:
        rows = connection.execute(paged.limit(limit + 1)).all()
        total = int(connection.execute(_count(query)).scalar() or 0)
    more = len(rows) > limit
    rows = rows[:limit]
    following = None
    if more:
        following = _encode([getattr(rows[-1], column.key or "") for column in order])
    answer = {"items": to_items(rows), "next": following, "total": min(total, COUNTED)}
    return answer | ({"total_is": "at least"} if total > COUNTED else {})


def _count(query: sa.Select[Any]) -> sa.Select[Any]:
    """How many rows a list has, counted no further than one above `COUNTED`."""
    one = sa.literal(1).label("one")
    ones = query.order_by(None).with_only_columns(one, maintain_column_froms=True)
    return sa.select(sa.func.count()).select_from(ones.limit(COUNTED + 1).subquery())


def language_of(call: Call) -> str:
    """The language that a download is asked in; "" for programs. Raises Problem."""
    language = call.text("language")
    if language not in ("", *LANGUAGES):
        raise Problem(400, "Bad parameter", field="language", rule=f"one of {', '.join(LANGUAGES)}")
    return language


def spoken(rows: list[dict[str, Any]], form: str, name: str) -> Download:
    """Rows under headings as CSV or XLSX. Raises Problem for another form."""
    _check_form(form, "words")
    if form == "xlsx":
        return Download(workbook(rows, name), XLSX, f"{name}.xlsx", len(rows))
    return export(table_of(rows), form, name)


def _check_form(form: str, language: str) -> None:
    """Raises Problem: words are for spreadsheets, the other forms for programs."""
    forms = SPOKEN if language else tuple(FORMS)
    if form not in forms:
        rule = f"json, {', '.join(forms)}" + (" with a language" if language else "")
        raise Problem(400, "Bad parameter", field="format", rule=rule)


def export(table: pa.Table, form: str, name: str) -> Download:
    """A table as a download. Raises Problem for an unknown form."""
    _check_form(form, "")
    return Download(encode(table, form), FORMS[form], f"{name}.{form}", table.num_rows)


def _encode(values: list[Any]) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode(values)).decode().rstrip("=")


def _of_a_cursor(value: Any) -> bool:
    return isinstance(value, str) or (isinstance(value, int) and abs(value) < 1 << 63)


def _decode(cursor: str, length: int) -> list[Any]:
    try:
        values = msgspec.json.decode(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, msgspec.DecodeError):
        values = None
    if not isinstance(values, list) or len(values) != length or not all(map(_of_a_cursor, values)):
        raise Problem(400, "Bad parameter", field="cursor", rule="a cursor that this list gave")
    return values
