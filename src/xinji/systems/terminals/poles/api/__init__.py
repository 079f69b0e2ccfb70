"""Routes of shared poles."""

from __future__ import annotations

from xinji.systems.terminals.poles.api import imports, mounts, power, sheets

# the routes with words in their path before those with an id there
ENDPOINTS = tuple(
    endpoint
    for subject in (imports, mounts, power, sheets)
    for endpoint in subject.routes.endpoints
)
