"""The routes of 一网统管; docs/urban-cases.md is their contract."""

from __future__ import annotations

from xinji.systems.platforms.operations.api import (
    cases,
    classes,
    evaluation,
    looks,
    open311,
    photos,
    reports,
    residents,
    transfers,
    work,
)

ROUTES = tuple(
    endpoint
    for subject in (
        photos,
        reports,
        cases,
        work,
        looks,
        classes,
        residents,
        evaluation,
        open311,
        transfers,
    )
    for endpoint in subject.routes.endpoints
)
