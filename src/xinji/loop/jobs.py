"""Long computations that a person asked for: one at a time, with progress, and to be cancelled.

Jobs live in memory: what a job has computed is stored by the job itself, and one that a restart
interrupts is asked for again.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

log = logging.getLogger(__name__)

KEPT = 200
WAITING = 20


class JobError(RuntimeError):
    """No more jobs are taken now; the message says why."""


class Cancelled(Exception):
    """Raised inside a job whose person has cancelled it."""


@dataclass
class Job:
    """A computation: `state` is waiting, running, done, failed or cancelled.

    Attributes:
        name: what it does, `system.verb`.
        person: who asked; only they and administrators see it.
        done, total: progress, in the work's own units; `total` 0 while it is not known.
        answer: what it returned, JSON-ready.
        failure: why it failed, for people.
    """

    name: str
    person: str
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    state: str = "waiting"
    done: int = 0
    total: int = 0
    answer: Any = None
    failure: str = ""
    _stop: threading.Event = field(default_factory=threading.Event, repr=False)

    def progress(self, done: int, total: int) -> None:
        """Say how far the work is. Raises Cancelled when it should end."""
        self.done, self.total = int(done), int(total)
        self.check()

    def check(self) -> None:
        """Raises Cancelled when the work should end."""
        if self._stop.is_set():
            raise Cancelled

    def cancel(self) -> None:
        """Ask the work to end at its next `progress`."""
        self._stop.set()


class Jobs:
    """The jobs of a house, done one after the other on a thread of their own."""

    def __init__(self) -> None:
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="jobs")
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._lock = threading.Lock()

    def submit(self, name: str, person: str, work: Callable[[Job], Any]) -> Job:
        """Queue a work; it gets its job, to report progress to.

        Raises JobError: too many are waiting.
        """
        job = Job(name, person)
        with self._lock:
            waiting = sum(each.state == "waiting" for each in self._jobs.values())
            if waiting >= WAITING:
                raise JobError(f"{waiting} computations are waiting already")
            while len(self._jobs) >= KEPT:
                self._jobs.popitem(last=False)
            self._jobs[job.id] = job
        self._worker.submit(self._run, job, work)
        return job

    def find(self, id_: str) -> Job | None:
        """A job, while it is remembered."""
        return self._jobs.get(id_)

    def _run(self, job: Job, work: Callable[[Job], Any]) -> None:
        try:
            job.check()
            job.state = "running"
            job.answer = work(job)
            job.state = "done"
        except Cancelled:
            job.state = "cancelled"
        except ValueError as error:
            job.failure, job.state = str(error), "failed"
        except Exception:
            log.exception("job %s failed", job.name)
            job.failure, job.state = "an error of the program; it is in its log", "failed"

    def close(self) -> None:
        """End: cancel all, and wait for the running one to notice."""
        for job in list(self._jobs.values()):
            job.cancel()
        self._worker.shutdown(wait=True, cancel_futures=True)
