"""A case as stored, and what comes with an action on it."""

from __future__ import annotations

from typing import Any

import msgspec


class CaseError(Exception):
    """An action that is refused; `status` is its HTTP status, `field` what is missing."""

    def __init__(self, status: int, message: str, field: str = "") -> None:
        super().__init__(message)
        self.status, self.field = status, field


class CaseRow(msgspec.Struct):
    """A row of `cases`; the fields are its columns in order."""

    id: str
    type: str
    case_class: str
    state: str
    stage: str
    title: str
    title_en: str
    thing: str
    area: str
    severity: str
    opened_at: int
    due_at: int | None
    closed_at: int | None
    outcome: str | None
    assignee: str | None
    department: str
    limit_us: int | None
    clock_us: int
    clock_at: int | None
    overdue: bool
    indicator: str | None
    source: str
    steps: int
    revision: int
    condition: str = ""
    calendar: str = ""
    extensions: int = 0
    level: str = "district"
    parent: str | None = None
    exempt: bool = False
    supervised: bool = False
    reopened: int = 0
    longitude: float | None = None
    latitude: float | None = None
    channel: str = ""
    reports: int = 0
    done_at: int | None = None

    @property
    def subject(self) -> str:
        """What the case is about: a thing, an indicator or an area."""
        return self.thing or self.indicator or self.area


class Change(msgspec.Struct, kw_only=True):
    """What comes with an action.

    `fields` are values for the case's own columns that the action `sets`. `roles` are all that
    the actor may act as: the first one that the action allows is the one recorded.
    """

    actor: str
    roles: tuple[str, ...]
    note: str = ""
    assignee: str | None = None
    evidence: dict[str, Any] = {}
    fields: dict[str, Any] = {}
    scope: str = ""
