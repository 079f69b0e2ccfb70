"""A city's own table of classes and filing conditions, from CSV, TSV or XLSX.

Columns, in Chinese or English (`_COLUMNS`): 代码 大类 小类 立案条件 处置时限 时限类型 结案条件
处置单位, and 技能 检测 程度 标准. One row is one condition. Every fault names its row, its field
and its rule; a class with a fault is not imported, the others are.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from xinji.loop.calendars import CALENDARS
from xinji.model.title import Title
from xinji.store.tables.cells import BadCellError, number_of
from xinji.store.tables.columns import plain_fields, records
from xinji.store.tables.table import Table, UnreadableError
from xinji.systems.platforms.operations.class_table import (
    FAMILIES,
    ClassTable,
    Condition,
    UrbanClass,
)

LARGEST_ROWS = 20_000
MOST_ERRORS = 1_000
CODE = re.compile(r"(event|component)\.[0-9]{4}")
SEVERITIES = ("warning", "minor", "major", "critical")

_COLUMNS = {
    "代码": "code", "编码": "code", "大类": "big", "小类": "title", "立案条件": "condition",
    "处置时限": "amount", "时限": "amount", "时限类型": "calendar", "结案条件": "closing",
    "处置单位": "department", "技能": "skill", "检测": "problem", "程度": "severity",
    "标准": "standard", "title_zh": "title", "big_zh": "big", "condition_zh": "condition",
    "closing_zh": "closing",
} | {name: name for name in (
    "code", "big", "title", "condition", "amount", "calendar", "closing", "department", "skill",
    "problem", "severity", "standard", "big_en", "title_en", "condition_en", "closing_en",
)}  # fmt: skip
_OF_CLASS = ("big", "title", "department", "skill", "problem", "severity", "standard", "big_en",
             "title_en")  # fmt: skip
"""Fields that are the same in every row of a class."""
_CALENDARS = {
    "紧急工作时": "emergency-hours",
    "工作时": "work-hours",
    "工作日": "work-days",
    "自然日": "natural-days",
}
_NEEDED = ("code", "big", "title", "condition", "amount", "calendar", "closing", "department")


class RowError(msgspec.Struct, frozen=True):
    """What is wrong in a row; rows count from 1, the head line is row 1."""

    row: int
    field: str
    rule: str


class Imported(msgspec.Struct):
    """Classes that are whole, and what is wrong with the others."""

    classes: list[UrbanClass]
    errors: list[RowError]


def import_classes(found: Table, table: ClassTable) -> Imported:
    """Judge a table of rows. Nothing is stored; a missing column is an error in row 1.

    Raises UnreadableError: two columns of one field.
    """
    if not found.rows:
        raise UnreadableError("a head line and at least one row")
    fields = plain_fields(found.head, _COLUMNS)
    absent = [name for name in _NEEDED if name not in fields]
    if absent:
        return Imported([], [RowError(1, name, "a column that is needed") for name in absent])
    errors: list[RowError] = []
    classes: dict[str, UrbanClass] = {}
    first: dict[str, tuple[int, dict[str, str]]] = {}
    broken: set[str] = set()
    for number, row, fault in records(found, fields):
        faults = [(fault.field, fault.rule)] if fault else _fault(row, table)
        if not faults:
            row["department"] = _department(row["department"], table) or ""
        above, known = first.setdefault(row.get("code", ""), (number, row))
        faults += [
            (name, f"the same in all rows of a class; row {above} has another")
            for name in _OF_CLASS
            if not faults and row.get(name) != known.get(name)
        ]
        if faults:
            broken.add(row.get("code", ""))
            errors += [RowError(number, field, rule) for field, rule in faults]
            continue
        _add(classes, row)
    whole = [known for code, known in classes.items() if code not in broken]
    return Imported(whole, errors[:MOST_ERRORS])


def check_class(known: UrbanClass, table: ClassTable) -> list[tuple[str, str]]:
    """(field, rule) of what is wrong with a class."""
    faults: list[tuple[str, str]] = []
    if not CODE.fullmatch(known.code) or known.family not in FAMILIES:
        faults.append(("code", "event or component, a dot, four digits"))
    if not known.title.zh or not known.big.zh:
        faults.append(("title", "not empty"))
    if known.department not in table.departments:
        faults.append(("department", "a department of the table"))
    if known.severity not in SEVERITIES:
        faults.append(("severity", f"one of {', '.join(SEVERITIES)}"))
    if not known.conditions:
        faults.append(("conditions", "at least one filing condition"))
    for each in known.conditions:
        if not each.id.startswith(f"{known.code}."):
            faults.append(("conditions.id", "the code of the class, a dot, a number"))
        if each.calendar not in CALENDARS:
            faults.append(("conditions.calendar", f"one of {', '.join(CALENDARS)}"))
        if not 0 < each.amount <= 366:
            faults.append(("conditions.amount", "more than 0 and at most 366"))
    faults += [
        ("excluded.hours", "from 0 to 24")
        for hours in known.excluded.hours
        if not all(0 <= hour <= 24 for hour in hours)
    ]
    return faults


def _fault(row: dict[str, str], table: ClassTable) -> list[tuple[str, str]]:
    faults = [(name, "not empty") for name in _NEEDED if not row[name]]
    if row["code"] and not CODE.fullmatch(row["code"]):
        faults.append(("code", "event or component, a dot, four digits"))
    if row["calendar"] and _CALENDARS.get(row["calendar"], row["calendar"]) not in CALENDARS:
        faults.append(("calendar", f"one of {', '.join((*_CALENDARS, *CALENDARS))}"))
    try:
        if row["amount"] and not 0 < number_of(row["amount"]) <= 366:
            raise BadCellError
    except BadCellError:
        faults.append(("amount", "a number above 0, at most 366"))
    if row["department"] and _department(row["department"], table) is None:
        faults.append(("department", "a code or a name of the departments' table"))
    if row.get("severity") and row["severity"] not in SEVERITIES:
        faults.append(("severity", f"one of {', '.join(SEVERITIES)}"))
    faults += [(name, "at most 500 characters") for name, value in row.items() if len(value) > 500]
    return faults


def _department(name: str, table: ClassTable) -> str | None:
    return next(
        (each.code for each in table.departments.values() if name in (each.code, each.title.zh)),
        None,
    )


def _add(found: dict[str, UrbanClass], row: dict[str, Any]) -> None:
    code = row["code"]
    known = found.get(code) or UrbanClass(
        code=code,
        family=code.split(".")[0],
        big=Title(row["big"], row.get("big_en") or row["big"]),
        title=Title(row["title"], row.get("title_en") or row["title"]),
        department=row["department"],
        skill=row.get("skill", ""),
        problem=row.get("problem", ""),
        severity=row.get("severity") or "minor",
        standard=row.get("standard", ""),
        verified=bool(row.get("standard")),
    )
    condition = Condition(
        id=f"{code}.{len(known.conditions) + 1}",
        title=Title(row["condition"], row.get("condition_en") or row["condition"]),
        amount=number_of(row["amount"]),
        calendar=_CALENDARS.get(row["calendar"], row["calendar"]),
        closing=Title(row["closing"], row.get("closing_en") or row["closing"]),
        verified=known.verified,
    )
    found[code] = msgspec.structs.replace(known, conditions=(*known.conditions, condition))
