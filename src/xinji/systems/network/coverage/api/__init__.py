"""Routes of 5G coverage."""

from __future__ import annotations

from xinji.systems.network.coverage.api import (
    buildings,
    drive_tests,
    grids,
    imports,
    maps,
    place,
    planning,
    scenarios,
)

ENDPOINTS = tuple(
    endpoint
    for subject in (maps, grids, place, buildings, imports, scenarios, planning, drive_tests)
    for endpoint in subject.routes.endpoints
)
