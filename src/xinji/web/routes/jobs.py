"""Long computations: how far, what came of it, end it."""

from __future__ import annotations

from typing import Any

from xinji.access.identity import Role
from xinji.api.call import Call, Problem, Routes
from xinji.api.job import job_item
from xinji.loop.jobs import Job

routes = Routes()


def _job(call: Call) -> Job:
    job = call.house.jobs.find(call.request.path_params["id"])
    allowed = job and (job.person == call.person.name or call.person.role is Role.ADMINISTRATOR)
    if job is None or not allowed:
        raise Problem(404, "No such job", "it ended long ago, or the house was started again")
    return job


@routes.get("/api/jobs/{id}")
def job_(call: Call) -> dict[str, Any]:
    """One computation: state, progress, answer."""
    return job_item(_job(call))


@routes.post("/api/jobs/{id}/cancel", role=Role.VIEWER)
def job_cancel(call: Call) -> dict[str, Any]:
    """End a computation at its next step."""
    job = _job(call)
    job.cancel()
    call.house.audit.record(call.person.name, "job.cancel", job.name, {"id": job.id})
    return job_item(job)
