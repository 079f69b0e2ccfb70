"""Classes, conditions, departments, vendors' codes and the work calendar."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Literal

import msgspec
import sqlalchemy as sa

from xinji.access.identity import Role
from xinji.api.call import Call, Problem, Routes
from xinji.api.uploads import uploaded_table
from xinji.loop.calendars import CALENDARS
from xinji.store.tables.table import UnreadableError
from xinji.store.work_schema import calendar_days
from xinji.systems.platforms.operations.api.reports import operations
from xinji.systems.platforms.operations.class_import import (
    LARGEST_ROWS,
    Imported,
    RowError,
    check_class,
    import_classes,
)
from xinji.systems.platforms.operations.class_table import Department, UrbanClass

routes = Routes()


@routes.get("/api/classes", query="q enabled")
def classes_list(call: Call) -> dict[str, Any]:
    """The tree of classes with their filing conditions."""
    words, enabled = call.text("q").lower(), call.flag("enabled")
    items = [
        known
        for known in operations(call).classes.classes.values()
        if (enabled is None or known.enabled is enabled)
        and (
            not words
            or words in f"{known.code} {known.title.zh} {known.title.en} {known.big.zh}".lower()
        )
    ]
    return {"items": items, "next": None, "total": len(items)}


@routes.put("/api/classes/{code}")
def class_put(call: Call) -> UrbanClass:
    """Store a class with its conditions (administrator); it counts at once."""
    given = call.json(UrbanClass)
    if given.code != call.request.path_params["code"]:
        raise Problem(422, "Bad body", field="code", rule="the code of the path")
    part = operations(call)
    faults = check_class(given, part.classes)
    if faults:
        raise Problem(422, "Bad body", field=faults[0][0], rule=faults[0][1])
    house = call.house
    with house.database.writing():
        part.classes.put([given])
        house.audit.record(call.person.name, "class.put", given.code, msgspec.to_builtins(given))
    part.classes.load()
    part.declare()
    return given


@routes.post("/api/classes/import", role=Role.ADMINISTRATOR, query="dry_run")
def classes_import(call: Call) -> dict[str, Any]:
    """A city's own table, CSV, TSV or XLSX: good classes are stored, bad rows are named.

    A class with a bad row is left as it was; `dry_run=true` (the default) stores nothing.
    """
    part = operations(call)
    dry_run = call.flag("dry_run") is not False
    try:
        found = uploaded_table(call.body, LARGEST_ROWS)
        report = import_classes(found, part.classes)
    except UnreadableError as error:
        report = Imported([], [RowError(error.row, error.field, error.rule)])
    if not dry_run and report.classes:
        house = call.house
        with house.database.writing():
            part.classes.put(report.classes)
            codes = [each.code for each in report.classes]
            house.audit.record(call.person.name, "class.import", str(len(codes)), codes)
        part.classes.load()
        part.declare()
    return {
        "dry_run": dry_run,
        "classes": len(report.classes),
        "conditions": sum(len(each.conditions) for each in report.classes),
        "errors": report.errors,
    }


@routes.get("/api/departments")
def departments_list(call: Call) -> dict[str, Any]:
    """Departments, the switched-off ones too."""
    items = list(operations(call).classes.departments.values())
    return {"items": items, "next": None, "total": len(items)}


@routes.put("/api/departments/{code}")
def department_put(call: Call) -> Department:
    """Store a department (administrator); switched off, it gets no more work."""
    given = call.json(Department)
    if given.code != call.request.path_params["code"] or not 0 < len(given.code) <= 64:
        raise Problem(422, "Bad body", field="code", rule="the code of the path")
    if not (0 < len(given.title.zh) <= 200 and len(given.title.en) <= 200):
        raise Problem(422, "Bad body", field="title", rule="1 to 200 characters")
    part = operations(call)
    with call.house.database.writing():
        part.classes.put_departments([given])
        call.house.audit.record(call.person.name, "department.put", given.code,
                                msgspec.to_builtins(given))  # fmt: skip
    part.classes.load()
    return given


@routes.get("/api/vendor-codes")
def vendor_codes_list(call: Call) -> dict[str, Any]:
    """Alarm codes of camera vendors and the classes they mean."""
    items = [
        {"vendor": vendor, "code": code, "class_code": known}
        for (vendor, code), known in operations(call).classes.vendor_codes.items()
    ]
    return {"items": items, "next": None, "total": len(items)}


class Day(msgspec.Struct):
    """Body of a calendar day."""

    working: bool
    note: str = ""


@routes.get("/api/calendar", query="year")
def calendar_year(call: Call) -> dict[str, Any]:
    """The work calendar of a year: hours, and the days that are not what their weekday says."""
    calendars = call.house.calendars
    this = dt.datetime.fromtimestamp(call.house.clock.now() / 1e6, dt.UTC).year
    year = call.number("year", this, 1970, 2999)
    d = calendar_days.c
    with call.house.database.reading() as connection:
        rows = connection.execute(
            sa.select(calendar_days).where(d.day.startswith(f"{year}-")).order_by(d.day)
        ).all()
    return {
        "year": year,
        "known": year in calendars.years,
        "years": calendars.years,
        "hours": calendars.hours,
        "calendars": CALENDARS,
        "unknown": calendars.unknown(call.house.clock.now()),
        "days": [{"day": row.day, "working": row.working, "note": row.note} for row in rows],
    }


@routes.put("/api/calendar/{day}")
def calendar_put(call: Call) -> dict[str, Any]:
    """Say that a day works or rests (administrator); clocks that run count by it at once."""
    given = call.json(Day)
    try:
        day = dt.date.fromisoformat(call.request.path_params["day"])
        if not 1970 <= day.year <= 2999:
            raise ValueError
    except ValueError:
        raise Problem(422, "Bad body", field="day", rule="a day, 2026-10-01") from None
    house = call.house
    with house.database.writing():
        house.calendars.put(day, working=given.working, note=given.note[:200])
        house.audit.record(
            call.person.name, "calendar.put", day.isoformat(), {"working": given.working}
        )
    house.calendars.load()
    return {"day": day.isoformat(), "working": given.working, "note": given.note}


class Complete(msgspec.Struct):
    """Body: the days of a year are all there."""

    complete: Literal[True]


@routes.put("/api/calendar/years/{year}")
def calendar_declare(call: Call) -> dict[str, Any]:
    """Say that a year's days are all entered (administrator); limits may end in it from then on."""
    call.json(Complete)
    text = call.request.path_params["year"]
    if not re.fullmatch("(19[7-9]|2[0-9]{2})[0-9]", text, re.ASCII):
        raise Problem(422, "Bad body", field="year", rule="a year from 1970 to 2999")
    house, year = call.house, int(text)
    try:
        with house.database.writing():
            house.calendars.declare(year)
            house.audit.record(call.person.name, "calendar.declare", text, {})
    except ValueError as error:
        raise Problem(422, "Not complete", str(error), field="year", rule=str(error)) from None
    house.calendars.load()
    return {"year": year, "known": year in house.calendars.years}
