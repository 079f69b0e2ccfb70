"""The tree of classes and filing conditions (立案条件), as data that a district can replace.

A class (小类) has several conditions, each with a limit on a clock of its own: the limit belongs to
the condition. The seed (`classes.csv`) follows the form of GB/T 30428.2 with city extensions that
count down from 99; the standard's own text was not read, so every row of it is `unverified`.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.loop.calendars import DISTRICT_TIME
from xinji.model.cases import CaseClass
from xinji.model.title import Title
from xinji.store.database import Database
from xinji.store.work_schema import conditions, departments, urban_classes, vendor_codes

HERE = Path(__file__).parent
SEED_STANDARD = "after GB/T 30428.2; not read in the standard's own text"
FAMILIES = ("event", "component")


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """A filing condition: `amount` units of `calendar` from filing to the end of the work."""

    id: str
    title: Title
    amount: float
    calendar: str
    closing: Title
    verified: bool = False


class Excluded(msgspec.Struct, frozen=True, kw_only=True):
    """Where and when a class may not be reported: area codes; local hours, maybe over midnight."""

    areas: tuple[str, ...] = ()
    hours: tuple[tuple[float, float], ...] = ()


class UrbanClass(msgspec.Struct, frozen=True, kw_only=True):
    """A small class. `problem` is what a detector calls it; `skill` is what its work needs."""

    code: str
    family: str
    big: Title
    title: Title
    department: str
    skill: str = ""
    problem: str = ""
    severity: str = "minor"
    enabled: bool = True
    excluded: Excluded = Excluded()
    evidence: tuple[str, ...] = ("after",)
    standard: str = ""
    verified: bool = False
    conditions: tuple[Condition, ...] = ()

    def forbids(self, area: str, at_us: int) -> str:
        """Why it may not be reported there and then, or empty."""
        if not self.enabled:
            return "a class that is switched on"
        if any(area.startswith(code) for code in self.excluded.areas):
            return "not reported in this area"
        local = dt.datetime.fromtimestamp(at_us / 1e6, DISTRICT_TIME)
        hour = local.hour + local.minute / 60
        for start, end in self.excluded.hours:
            if start <= hour < end if start <= end else (hour >= start or hour < end):
                return f"not reported from {start:g} to {end:g} h"
        return ""

    def case_class(self) -> CaseClass:
        """As the case engine knows it."""
        return CaseClass(name=self.code, title=self.title, type="urban", department=self.department)


class Department(msgspec.Struct, frozen=True, kw_only=True):
    """Who handles. A department that no longer exists is kept, switched off."""

    code: str
    title: Title
    level: str = "district"
    skills: tuple[str, ...] = ()
    enabled: bool = True


def read_classes(path: Path) -> list[UrbanClass]:
    """Classes of a CSV file in the form of the seed, one row a condition."""
    by_code: dict[str, UrbanClass] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            code = row["code"]
            known = by_code.get(code) or UrbanClass(
                code=code,
                family=code.split(".")[0],
                big=Title(row["big_zh"], row["big_en"]),
                title=Title(row["title_zh"], row["title_en"]),
                department=row["department"],
                skill=row["skill"],
                problem=row["problem"],
                severity=row["severity"],
                standard=SEED_STANDARD,
            )
            condition = Condition(
                id=f"{code}.{len(known.conditions) + 1}",
                title=Title(row["condition_zh"], row["condition_en"]),
                amount=float(row["amount"]),
                calendar=row["calendar"],
                closing=Title(row["closing_zh"], row["closing_en"]),
            )
            by_code[code] = msgspec.structs.replace(
                known, conditions=(*known.conditions, condition)
            )
    return list(by_code.values())


SEED = tuple(read_classes(HERE / "classes.csv"))


class ClassTable:
    """Classes, conditions, departments and vendors' codes of a house. Reads are from memory."""

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.writing() as connection:
            if not connection.execute(sa.select(urban_classes.c.code).limit(1)).first():
                self.put(SEED)
                with (HERE / "departments.csv").open(encoding="utf-8", newline="") as file:
                    self.put_departments(
                        Department(
                            code=row["code"],
                            title=Title(row["title_zh"], row["title_en"]),
                            level=row["level"],
                            skills=tuple(row["skills"].split()),
                        )
                        for row in csv.DictReader(file)
                    )
                with (HERE / "vendor_codes.csv").open(encoding="utf-8", newline="") as file:
                    connection.execute(sa.insert(vendor_codes), list(csv.DictReader(file)))
        self.load()

    def load(self) -> None:
        """Take everything from the database."""
        with self._database.reading() as connection:
            limits: dict[str, list[Condition]] = {}
            for row in connection.execute(sa.select(conditions).order_by(conditions.c.id)):
                limits.setdefault(row.class_code, []).append(
                    Condition(
                        id=row.id,
                        title=Title(row.title_zh, row.title_en),
                        amount=row.amount,
                        calendar=row.calendar,
                        closing=Title(row.closing_zh, row.closing_en),
                        verified=row.verified,
                    )
                )
            self.classes = {
                row.code: UrbanClass(
                    code=row.code,
                    family=row.family,
                    big=Title(row.big_zh, row.big_en),
                    title=Title(row.title_zh, row.title_en),
                    department=row.department,
                    skill=row.skill,
                    problem=row.problem,
                    severity=row.severity,
                    enabled=row.enabled,
                    excluded=msgspec.convert(row.excluded, Excluded),
                    evidence=tuple(row.evidence),
                    standard=row.standard,
                    verified=row.verified,
                    conditions=tuple(limits.get(row.code, ())),
                )
                for row in connection.execute(
                    sa.select(urban_classes).order_by(urban_classes.c.code)
                )
            }
            self.departments = {
                row.code: Department(
                    code=row.code,
                    title=Title(row.title_zh, row.title_en),
                    level=row.level,
                    skills=tuple(row.skills),
                    enabled=row.enabled,
                )
                for row in connection.execute(sa.select(departments))
            }
            self.vendor_codes = {
                (row.vendor, row.code): row.class_code
                for row in connection.execute(sa.select(vendor_codes))
            }
        self.by_problem = {known.problem: known for known in self.classes.values() if known.problem}

    def condition(self, code: str) -> tuple[UrbanClass, Condition] | None:
        """A condition and its class by the condition's id."""
        known = self.classes.get(code.rpartition(".")[0])
        if known is None:
            return None
        return next(((known, each) for each in known.conditions if each.id == code), None)

    def put(self, classes: Iterable[UrbanClass]) -> None:
        """Store classes with their conditions, replacing those of the same code.

        Joins an open transaction; call `load` after the commit.
        """
        with self._database.writing() as connection:
            for known in classes:
                connection.execute(
                    sa.delete(conditions).where(conditions.c.class_code == known.code)
                )
                connection.execute(
                    sa.delete(urban_classes).where(urban_classes.c.code == known.code)
                )
                connection.execute(sa.insert(urban_classes).values(_class_row(known, self._next())))
                if known.conditions:
                    connection.execute(
                        sa.insert(conditions),
                        [_condition_row(known.code, each) for each in known.conditions],
                    )

    def put_departments(self, known: Iterable[Department]) -> None:
        """Store departments, replacing those of the same code."""
        with self._database.writing() as connection:
            for each in known:
                connection.execute(sa.delete(departments).where(departments.c.code == each.code))
                connection.execute(
                    sa.insert(departments).values(
                        code=each.code,
                        title_zh=each.title.zh,
                        title_en=each.title.en,
                        level=each.level,
                        skills=list(each.skills),
                        enabled=each.enabled,
                    )
                )

    def _next(self) -> int:
        return self._database.changed("urban_classes", "")


def _class_row(known: UrbanClass, revision: int) -> dict[str, Any]:
    return {
        "code": known.code,
        "family": known.family,
        "big_zh": known.big.zh,
        "big_en": known.big.en,
        "title_zh": known.title.zh,
        "title_en": known.title.en,
        "department": known.department,
        "skill": known.skill,
        "problem": known.problem,
        "severity": known.severity,
        "excluded": msgspec.to_builtins(known.excluded),
        "evidence": list(known.evidence),
        "enabled": known.enabled,
        "standard": known.standard,
        "verified": known.verified,
        "revision": revision,
    }


def _condition_row(code: str, each: Condition) -> dict[str, Any]:
    return {
        "id": each.id,
        "class_code": code,
        "title_zh": each.title.zh,
        "title_en": each.title.en,
        "amount": each.amount,
        "calendar": each.calendar,
        "closing_zh": each.closing.zh,
        "closing_en": each.closing.en,
        "verified": each.verified,
    }
