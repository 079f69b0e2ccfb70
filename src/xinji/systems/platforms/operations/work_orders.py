"""Files of hotlines as rows by field.

A file is a table (CSV, TSV, XLSX) or JSON (a list of objects, or one under `items`, `data` or
`rows`). Columns are known by their headings (`COLUMNS`, Chinese and English; a city adds its own by
the setting `transfers.columns`, {heading: field}). Rows count from 1; in a table the head line is
row 1.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from xinji.store.tables.columns import Heading, plain_fields, records
from xinji.store.tables.reading import read_table
from xinji.store.tables.table import LONGEST_CELL, Table, UnreadableError

MOST_ROWS = 20_000

FIELDS = ("external_id", "text", "address", "happened_at", "longitude", "latitude", "case_class",
          "urgency", "name", "phone")  # fmt: skip
_HEADINGS = {
    "external_id": "工单编号 工单号 受理编号 受理单号 案件编号 警情编号 接警单编号 流水号 编号 "
    "external_id id case_id order_no ticket number",
    "text": "诉求内容 工单内容 报警内容 警情内容 反映内容 事件描述 问题描述 描述 内容 "
    "text content description",
    "address": "事发地址 发生地址 报警地址 事发地点 发生地点 地址 地点 address location",
    "happened_at": "事发时间 发生时间 来电时间 报警时间 受理时间 登记时间 时间 "
    "happened_at time created_at created received_at",
    "longitude": "经度 longitude lon lng long",
    "latitude": "纬度 latitude lat",
    "case_class": "案件类别 事项分类 分类编码 小类编码 小类 类别 case_class class category",
    "urgency": "紧急程度 紧急 urgency priority",
    "name": "来电人 报警人 联系人 姓名 name caller",
    "phone": "来电号码 报警电话 联系电话 电话 phone telephone",
}
COLUMNS = {heading: field for field, names in _HEADINGS.items() for heading in names.split()}


class WorkOrder(msgspec.Struct, array_like=True):
    """A row as the file has it: its values by field, or what is wrong with it as a whole."""

    number: int
    values: dict[str, str] = {}
    field: str = ""
    rule: str = ""


def read_work_orders(data: bytes, columns: dict[str, str]) -> list[WorkOrder]:
    """The rows of a file, unjudged; of two columns of a field the one that `columns` has first.

    Raises UnreadableError: not such a file, a needed column is missing, above `MOST_ROWS`.
    """
    if data.lstrip(b"\xef\xbb\xbf \r\n\t")[:1] in (b"[", b"{"):
        rows = _json(data, columns)
    else:
        rows = _of_table(read_table(data, MOST_ROWS), columns)
    if not rows:
        raise UnreadableError("at least one row")
    if len(rows) > MOST_ROWS:
        raise UnreadableError(f"at most {MOST_ROWS:,} rows; this has {len(rows):,}")
    return rows


def _of_table(table: Table, columns: Mapping[str, str]) -> list[WorkOrder]:
    fields = plain_fields(table.head, columns, by_rank=True)
    absent = [name for name in ("external_id",) if name not in fields]
    if not {"text", "case_class"}.intersection(fields):
        absent.append("text")
    if absent:
        named = _HEADINGS[absent[0]].split()
        rule = f"a column {named[0]} (or {', '.join(named[1:4])} ...)"
        raise UnreadableError(rule, row=1, field=absent[0])
    return [
        WorkOrder(number, {}, fault.field, fault.rule) if fault else WorkOrder(number, values)
        for number, values, fault in records(table, fields)
    ]


def _json(data: bytes, columns: Mapping[str, str]) -> list[WorkOrder]:
    try:
        found = msgspec.json.decode(data.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise UnreadableError(f"JSON: {error}") from error
    if isinstance(found, dict):
        found = next((found[name] for name in ("items", "data", "rows") if name in found), None)
    if not isinstance(found, list):
        raise UnreadableError("a list of objects, or one under items, data or rows")
    known = {Heading.of(heading).whole: field for heading, field in columns.items()}
    rows: list[WorkOrder] = []
    for number, item in enumerate(found, 1):
        if not isinstance(item, dict):
            rows.append(WorkOrder(number, {}, "row", "an object"))
            continue
        values: dict[str, str] = {}
        fault = ""
        for heading, value in item.items():
            field = known.get(Heading.of(heading).whole, "")
            if not field or field in values or value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, (str, int, float)):
                fault = fault or field
            values[field] = str(value).strip()[:LONGEST_CELL]
        rows.append(
            WorkOrder(number, {}, fault, "a text or a number")
            if fault
            else WorkOrder(number, values)
        )
    return rows
