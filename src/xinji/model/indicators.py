"""Indicators and the plan: what was promised, and how it is computed."""

from __future__ import annotations

import datetime as dt
from enum import StrEnum

import msgspec

from xinji.model.title import Title


class Indicator(msgspec.Struct, frozen=True, kw_only=True):
    """A named figure.

    `sql` returns one row whose first column is the value; it sees the tables `things`, `areas`,
    `observations`, `events`, `cases`, `case_steps`, `reports`, `looks`, `spot_checks` and the
    parameter `$asof` (a timestamp), and must not look beyond it. A second column named `source`,
    if any, is the weakest source of the rows used; otherwise the engine finds it from the tables
    read.
    """

    id: str
    title: Title
    unit: str
    sql: str
    direction: str = "up"
    owner: str = ""
    system: str = ""
    decimals: int = 1
    rows_sql: str = ""


class Path(StrEnum):
    """How a target moves between its dated values.

    `linear` interpolates; `step` asks for a value only from its date on; `cumulative` counts
    whole units, and asks at the end of each dated value.
    """

    LINEAR = "linear"
    STEP = "step"
    CUMULATIVE = "cumulative"


class DatedValue(msgspec.Struct, frozen=True):
    """A value at the end of a day of the district's time zone."""

    date: dt.date
    value: float


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """What the plan promises of an indicator.

    `clause` cites the plan by number (part, section, item); `promise` is in our own words.
    """

    indicator: str
    title: Title
    task: int
    clause: str
    promise: Title
    unit: str
    op: str
    path: Path
    values: tuple[DatedValue, ...]
    baseline: DatedValue | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A numbered task of the plan."""

    number: int
    title: Title
    family: str


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """One of the four families: network, facilities, platforms, terminals."""

    name: str
    title: Title


class ExistingSystem(msgspec.Struct, frozen=True, kw_only=True):
    """A system that the plan reports as existing at its baseline."""

    number: int
    title: Title
    clause: str
    facts: Title


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """A district's plan as data; another district brings another file and changes no code."""

    id: str
    title: Title
    district: str
    published: dt.date
    source: str
    families: tuple[Family, ...]
    tasks: tuple[Task, ...]
    existing: tuple[ExistingSystem, ...]
    targets: tuple[Target, ...]


class Status(StrEnum):
    """A target's light."""

    AHEAD = "ahead"
    ON_PATH = "on path"
    BEHIND = "behind"
    NO_DATA = "no data"
