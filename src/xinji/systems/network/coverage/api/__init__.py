"""Routes of 5G coverage."""

from __future__ import annotations

from xinji.systems.network.coverage.api import drive_tests, imports, maps, planning, scenarios

ENDPOINTS = tuple(
    endpoint
    for subject in (maps, imports, scenarios, planning, drive_tests)
    for endpoint in subject.routes.endpoints
)
