"""The routes of 一网统管; docs/urban-cases.md is their contract."""

from __future__ import annotations

from xinji.systems.platforms.operations.api import (
    cases,
    classes,
    evaluation,
    looks,
    photos,
    reports,
    residents,
    work,
)

ROUTES = tuple(
    endpoint
    for subject in (photos, reports, cases, work, looks, classes, residents, evaluation)
    for endpoint in subject.routes.endpoints
)
