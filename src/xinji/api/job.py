"""How a route answers with a long computation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xinji.api.call import Call, Problem
from xinji.loop.jobs import Job, JobError


def job_item(job: Job) -> dict[str, Any]:
    """A job as the API shows it."""
    return {
        "id": job.id,
        "name": job.name,
        "state": job.state,
        "done": job.done,
        "total": job.total,
        "answer": job.answer if job.state == "done" else None,
        "failure": job.failure,
    }


def start(call: Call, name: str, work: Callable[[Job], Any]) -> dict[str, Any]:
    """Begin a computation for the caller; ask `GET /api/jobs/{id}` how far it is.

    Raises Problem 503: too many are waiting.
    """
    try:
        job = call.house.jobs.submit(name, call.person.name, work)
    except JobError as error:
        raise Problem(503, "Busy", str(error), headers={"Retry-After": "10"}) from None
    call.house.audit.record(call.person.name, "job.start", name, {"id": job.id})
    return job_item(job)
