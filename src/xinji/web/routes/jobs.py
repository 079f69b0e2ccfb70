"""Long computations: how far, what came of it, end it."""

from __future__ import annotations

from typing import Any

from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.api.call import Call, Routes
from xinji.api.job import job_item, job_of

routes = Routes()


@routes.get("/api/jobs/{id}")
def job_(call: Call) -> dict[str, Any]:
    """One computation: state, progress, answer."""
    return job_item(job_of(call))


@routes.post("/api/jobs/{id}/cancel", role=Role.VIEWER, reach=Reach.AREA)
def job_cancel(call: Call) -> dict[str, Any]:
    """End a computation at its next step."""
    job = job_of(call)
    job.cancel()
    call.house.audit.record(call.person.name, "job.cancel", job.name, {"id": job.id})
    return job_item(job)
