"""Long computations: progress, answer, failure, cancelling, and a full queue."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from xinji.loop.jobs import WAITING, Job, JobError, Jobs


@pytest.fixture
def jobs() -> Iterator[Jobs]:
    made = Jobs()
    yield made
    made.close()


def ended(job: Job) -> Job:
    until = time.monotonic() + 20
    while job.state in ("waiting", "running"):
        assert time.monotonic() < until, job
        time.sleep(0.005)
    return job


def test_a_job_tells_its_progress_and_gives_its_answer(jobs: Jobs) -> None:
    def work(job: Job) -> dict[str, int]:
        job.progress(3, 10)
        return {"found": 7}

    job = ended(jobs.submit("test.count", "li", work))
    assert (job.state, job.done, job.total, job.answer) == ("done", 3, 10, {"found": 7})
    assert jobs.find(job.id) is job
    assert jobs.find("nothing") is None


def test_a_job_is_cancelled_at_its_next_step_and_the_next_one_runs(jobs: Jobs) -> None:
    begun = threading.Event()

    def endless(job: Job) -> None:
        begun.set()
        while True:
            job.progress(0, 0)
            time.sleep(0.001)

    running = jobs.submit("test.endless", "li", endless)
    waiting = jobs.submit("test.never", "li", lambda _: 1)
    after = jobs.submit("test.after", "li", lambda _: 2)
    assert begun.wait(20)
    waiting.cancel()
    running.cancel()
    assert ended(running).state == "cancelled"
    assert ended(waiting).state == "cancelled"
    assert ended(after).answer == 2


def test_bad_input_is_told_and_an_error_of_the_program_is_not(jobs: Jobs) -> None:
    def refuse(_: Job) -> None:
        raise ValueError("count: at least 1")

    def fail(_: Job) -> None:
        raise KeyError("secret")

    refused, failed = jobs.submit("a", "li", refuse), jobs.submit("b", "li", fail)
    assert (ended(refused).state, refused.failure) == ("failed", "count: at least 1")
    assert ended(failed).state == "failed"
    assert "secret" not in failed.failure


def test_a_full_queue_takes_no_more(jobs: Jobs) -> None:
    hold = threading.Event()
    first = jobs.submit("hold", "li", lambda _: hold.wait(20))
    while first.state == "waiting":
        time.sleep(0.001)
    for _ in range(WAITING):
        jobs.submit("wait", "li", lambda _: None)
    with pytest.raises(JobError, match="waiting"):
        jobs.submit("one more", "li", lambda _: None)
    hold.set()
