"""Kilometres, promises kept and waits: assignment at once and planned routes, beside greedy rules.

Input: 240 open cases spread over the district (37 km2), limits of 2, 4 or 8 h and service of 6 to
20 minutes, all known at the start; 30 or 16 workers at 4 m/s on straight ways, no way home. A case
is on time when it is finished within its limit. The greedy rules and `assign_now` run as events:
whoever comes free gets the next case. `plan_routes` plans everything once; the search is
limited by iterations and not by time, so that every machine finds the same routes. Means
over three seeds that were not used to choose the weights; waits are from the start to arrival.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from benchmarks.figures import Goal, Measured, Row, Setting

SEEDS = (201, 202, 203)
NOW_US = 1_790_000_000_000_000
HOUR_US = 3_600_000_000
METRES_PER_MINUTE = (5.0, 20.0)
# kilometres of the study that set this input: nearest, Hungarian, PyVRP
STUDY = {30: (194.0, 182.0, 65.0), 16: (187.0, 188.0, 78.0)}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Of one run: kilometres, cases on time, mean wait in minutes, CPU seconds."""

    km: float
    on_time: int
    wait_min: float
    cpu_s: float


def instance(seed: int, cases: int, count: int) -> tuple[list[Any], list[Any]]:
    """(tasks, workers) over the district."""
    from xinji.district.geography import load_district
    from xinji.systems.platforms.operations.dispatch import Task, Worker

    district = load_district()
    generator = np.random.default_rng([seed, 4])
    longitudes, latitudes = district.scatter(cases, generator)
    limits = generator.choice([2, 4, 8], cases)
    service = generator.uniform(6, 20, cases) * 60
    tasks = [
        Task(
            case=f"c{at}",
            longitude=float(longitudes[at]),
            latitude=float(latitudes[at]),
            due_us=NOW_US + int(limits[at]) * HOUR_US,
            service_seconds=float(service[at]),
            waiting_since_us=NOW_US,
        )
        for at in range(cases)
    ]
    places = np.column_stack(district.scatter(count, generator))
    workers = [
        Worker(name=f"w{at}", longitude=float(x), latitude=float(y), until_us=NOW_US + 12 * HOUR_US)
        for at, (x, y) in enumerate(places)
    ]
    return tasks, workers


Choice = Callable[[Sequence[Any], Sequence[Any], str, int], Any]


def by_events(tasks: Sequence[Any], workers: Sequence[Any], choose: Choice) -> Outcome:
    """Whoever comes free is given a case by `choose(open tasks, workers, free worker, now)`."""
    from xinji.methods.geodesy import metres_between

    waiting = {task.case: task for task in tasks}
    crew = {worker.name: worker for worker in workers}
    due = [(NOW_US, at, worker.name) for at, worker in enumerate(workers)]
    heapq.heapify(due)
    metres, waits, on_time = 0.0, [], 0
    start = time.process_time()
    while waiting and due:
        now, at, name = heapq.heappop(due)
        case = choose(list(waiting.values()), list(crew.values()), name, now)
        if case is None:
            continue
        task, worker = waiting.pop(case), crew[name]
        way = float(
            metres_between(worker.longitude, worker.latitude, task.longitude, task.latitude)
        )
        arrive = now + int(way / worker.speed_m_s * 1e6)
        leave = arrive + int(task.service_seconds * 1e6)
        metres += way
        waits.append((arrive - NOW_US) / 60e6)
        on_time += leave <= task.due_us
        crew[name] = msgspec.structs.replace(
            worker, longitude=task.longitude, latitude=task.latitude, free_us=leave,
            load=worker.load + task.service_seconds,
        )  # fmt: skip
        heapq.heappush(due, (leave, at, name))
    return Outcome(
        km=metres / 1000, on_time=on_time, wait_min=float(np.mean(waits)),
        cpu_s=time.process_time() - start,
    )  # fmt: skip


def nearest(tasks: Sequence[Any], workers: Sequence[Any], name: str, _: int) -> str:
    from xinji.methods.geodesy import metres_between

    worker = next(worker for worker in workers if worker.name == name)
    ways = metres_between(
        worker.longitude, worker.latitude,
        np.array([task.longitude for task in tasks]), np.array([task.latitude for task in tasks]),
    )  # fmt: skip
    return str(tasks[int(ways.argmin())].case)


def earliest_due(tasks: Sequence[Any], _: Sequence[Any], __: str, ___: int) -> str:
    return str(min(tasks, key=lambda task: task.due_us).case)


def at_once(policy: Any = None) -> Choice:
    """`assign_now` over all workers, busy ones included; the free one takes its own case."""
    from xinji.systems.platforms.operations.dispatch import assign_now

    def choose(tasks: Sequence[Any], workers: Sequence[Any], name: str, now: int) -> str | None:
        for each in assign_now(tasks, workers, now, policy):
            if each.worker == name:
                return each.case
        # all open cases are better left to others who come free soon
        own = [worker for worker in workers if worker.name == name]
        alone = assign_now(tasks, own, now, policy)
        return alone[0].case if alone else None

    return choose


def planned(tasks: Any, workers: Any, iterations: int, seed: int, more: float) -> Outcome:
    """One plan for everything."""
    from xinji.systems.platforms.operations.dispatch import plan_routes

    start = time.process_time()
    plan = plan_routes(
        tasks, workers, NOW_US, 300.0, seed, metres_per_minute=more, iterations=iterations
    )
    return Outcome(
        km=plan.travel_m / 1000, on_time=plan.on_time, wait_min=plan.mean_wait_s / 60,
        cpu_s=time.process_time() - start,
    )  # fmt: skip


def _measured(system: str, runs: Sequence[Outcome], cases: int) -> Measured:
    return Measured(
        system=system,
        value=round(float(np.mean([run.km for run in runs])), 1),
        runs=[round(run.km, 1) for run in runs],
        note=f"on time {np.mean([run.on_time for run in runs]):.1f} of {cases}, mean wait "
        f"{np.mean([run.wait_min for run in runs]):.0f} min, "
        f"{np.mean([run.cpu_s for run in runs]):.2f} CPU-s",
    )


def measure(setting: Setting) -> list[Row]:
    """Kilometres for 30 and 16 workers; on time, waits and CPU in the notes."""
    cases, iterations = (40, 200) if setting.quick else (240, 10_000)
    seeds = SEEDS[:1] if setting.quick else SEEDS
    rows = []
    for count in (30, 16):
        inputs = [instance(seed, cases, count) for seed in seeds]
        greedy = [
            _measured(name, [by_events(*each, rule) for each in inputs], cases)
            for name, rule in (("nearest", nearest), ("earliest due", earliest_due))
        ]
        rolling = _measured(
            "xinji, at once", [by_events(*each, at_once()) for each in inputs], cases
        )
        plans = {
            share: _measured(
                f"xinji, planned, {share:g} m per minute",
                [planned(*each, iterations, seed, share)
                 for each, seed in zip(inputs, seeds, strict=True)],
                cases,
            )
            for share in (0.0, *METRES_PER_MINUTE)
        }  # fmt: skip
        # with the whole limit for the way alone: begun in time, not finished in time
        begun = [
            [
                msgspec.structs.replace(t, due_us=t.due_us + int(t.service_seconds * 1e6))
                for t in each
            ]
            for each, _ in inputs
        ]
        looser = _measured(
            "xinji, planned",
            [planned(each, workers, iterations, seed, 0.0)
             for each, (_, workers), seed in zip(begun, inputs, seeds, strict=True)],
            cases,
        )  # fmt: skip
        study = STUDY[count]
        about = f"{cases} cases, seeds {seeds[0]}-{seeds[-1]}; in the study of this input nearest "
        about += f"{study[0]:g}, Hungarian {study[1]:g}, PyVRP {study[2]:g} km"
        rows += [
            Row(work="dispatch", what=f"{count} workers, at once", unit="km", ours=rolling,
                peers=greedy, goal=Goal(most=study[1]), lower_is_better=True, input=about),
            Row(work="dispatch", what=f"{count} workers, planned", unit="km", ours=plans[0.0],
                peers=[*(plans[share] for share in METRES_PER_MINUTE), *greedy],
                goal=Goal(most=study[2]), lower_is_better=True),
            Row(work="dispatch", what=f"{count} workers, planned, begun in time", unit="km",
                ours=looser, goal=Goal(most=study[2]), lower_is_better=True),
        ]  # fmt: skip
    return rows
