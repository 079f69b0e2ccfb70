"""How a route answers with a long computation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xinji.access.accounts import may_see
from xinji.access.identity import Role
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


def may_end(call: Call, job: Job) -> bool:
    """Whether a job is the caller's: their own, or an administrator's of its person's area."""
    if job.person == call.person.name:
        return True
    administers = call.person.role is Role.ADMINISTRATOR
    return administers and may_see(call.house.identity, call.person, job.person)


def job_of(call: Call) -> Job:
    """The path's job, when it is the caller's. Raises Problem 404."""
    job = call.house.jobs.find(call.request.path_params["id"])
    if job is None or not may_end(call, job):
        raise Problem(404, "No such job", "it ended long ago, or the house was started again")
    return job


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
