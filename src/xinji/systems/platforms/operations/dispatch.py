"""Who goes where: an answer at once, and a plan for the hours to come.

`assign_now` pairs open cases with workers (Hungarian assignment) by travel, lateness, workload and
the waiting of areas, and says why in words. `plan_routes` makes routes for everything that is open
(PyVRP), with a knob between short ways and short waits. Skills and shifts are hard. Due times are
when the work must be finished; what cannot be in time is done as soon as possible and called late.
Times are Unix microseconds, ways straight lines; nothing here reads a clock.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from xinji.methods.assignment import assign, second_best
from xinji.methods.geodesy import metres_between
from xinji.methods.vehicle_routing import (
    Problem,
    Routing,
    earliest_start,
    route,
    trade_for_waits,
)

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

MOST_TASKS, MOST_WORKERS = 5_000, 1_000


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A case that needs somebody there. `waiting_since_us` is when it was found.

    `returned_by` are those who had it and gave it back: it is not handed to them again.
    """

    case: str
    longitude: float
    latitude: float
    due_us: int
    service_seconds: float = 600.0
    skills: tuple[str, ...] = ()
    waiting_since_us: int = 0
    area: str = ""
    returned_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_place(self.longitude, self.latitude)
        if not 0 <= self.service_seconds <= 86_400:
            raise ValueError(f"service_seconds: {self.service_seconds} is not within 0 to 86,400")


class Worker(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody on duty until a time; `load` is seconds of work done or given today.

    `free_us` is when the present work ends (0: now); the place is the one at that moment.
    """

    name: str
    longitude: float
    latitude: float
    until_us: int
    skills: tuple[str, ...] = ()
    load: float = 0.0
    speed_m_s: float = 4.0
    free_us: int = 0

    def __post_init__(self) -> None:
        _check_place(self.longitude, self.latitude)
        if not 0 < self.speed_m_s <= 100:
            raise ValueError(f"speed_m_s: {self.speed_m_s} is not within 0 to 100")


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """Weights in seconds of travel per second.

    Attributes:
        lateness: per second past the due time.
        workload: per second that a worker's load is above the mean of all.
        waiting: per second that the task has waited, when there are more tasks than workers.
        area_waiting: per second that the task's area waits above the mean of all areas.
        free_wait: per second until a worker who is still busy comes free.
        next_round_seconds: how long a task waits that is not taken now; the lateness that this
            would bring is counted.
        urgency, queue_share: per second that the time left falls short of this share of the time
            that the whole queue takes.
    """

    lateness: float = 4.0
    workload: float = 0.02
    waiting: float = 0.02
    area_waiting: float = 0.05
    free_wait: float = 1.0
    urgency: float = 0.1
    next_round_seconds: float = 600.0
    queue_share: float = 1.0


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """Worker to case. `reasons` are the parts of `cost` in seconds of travel."""

    case: str
    worker: str
    arrive_us: int
    late_seconds: float
    cost: float
    reasons: dict[str, float]
    explanation: str


class Unserved(msgspec.Struct, frozen=True, kw_only=True):
    """A case that nobody was given, and why."""

    case: str
    reason: str


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A case on a route."""

    case: str
    arrive_us: int
    leave_us: int
    late_seconds: float


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """Cases of one worker in order."""

    worker: str
    stops: tuple[Stop, ...]
    travel_m: float


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Routes for what is open.

    `mean_wait_s` is from `waiting_since_us` to arrival, over the cases served; `on_time` counts
    cases finished by their due time.
    """

    routes: tuple[Route, ...]
    unserved: tuple[Unserved, ...]
    travel_m: float
    mean_wait_s: float
    on_time: int


def assign_now(
    tasks: Sequence[Task],
    workers: Sequence[Worker],
    now_us: int,
    policy: Policy | None = None,
) -> list[Assignment]:
    """Give each worker at most one case, most cases first, then the lowest cost.

    A worker with a later `free_us` takes part and gets the case that it should do next.
    Raises ValueError: more than 5,000 tasks or 1,000 workers, names that are not unique.
    """
    weights = policy or Policy()
    _check_sizes(tasks, workers)
    if not tasks or not workers:
        return []
    travel = _metres(tasks, workers) / _column([worker.speed_m_s for worker in workers])
    free = _column([max((worker.free_us - now_us) / 1e6, 0.0) for worker in workers])
    service = _row([task.service_seconds for task in tasks])
    due = _row([(task.due_us - now_us) / 1e6 for task in tasks])
    until = _column([(worker.until_us - now_us) / 1e6 for worker in workers])
    arrive = free + travel
    late = np.maximum(arrive + service - due, 0.0)
    skilled = _skilled(tasks, workers)
    allowed = (skilled & (arrive + service <= until)).T
    loads = np.array([worker.load for worker in workers])
    waited = np.array([_waited(task, now_us) for task in tasks])
    areas = _area_waits(tasks, waited)
    # what would be late behind the queue is taken before what can wait
    nearest = np.where(allowed.T, arrive, np.inf).min(axis=0)
    best = np.where(np.isfinite(nearest), nearest, 0.0)
    slack = due[0] - service[0] - best
    queue = weights.queue_share * len(tasks) / len(workers) * float(service.mean() + best.mean())
    soon = weights.next_round_seconds
    urgent = weights.lateness * np.clip(soon - slack, 0.0, soon)
    urgent += weights.urgency * np.clip(queue - slack, 0.0, queue)
    parts = {
        "travel": travel.T,
        "free": weights.free_wait * np.broadcast_to(free, travel.shape).T,
        "late": weights.lateness * late.T,
        "workload": np.broadcast_to(weights.workload * (loads - loads.mean()), allowed.shape),
        "urgency": np.broadcast_to(-urgent[:, None], allowed.shape),
        "waiting": np.broadcast_to(-weights.waiting * waited[:, None], allowed.shape),
        "area": np.broadcast_to(-weights.area_waiting * areas[:, None], allowed.shape),
    }
    cost = np.sum(list(parts.values()), axis=0)
    rows, columns = assign(cost, allowed)
    others, _ = second_best(arrive.T, rows, columns, allowed)
    found = []
    for row, column, other in zip(rows.tolist(), columns.tolist(), others.tolist(), strict=True):
        found.append(
            Assignment(
                case=tasks[row].case,
                worker=workers[column].name,
                arrive_us=now_us + int(arrive[column, row] * 1e6),
                late_seconds=float(late[column, row]),
                cost=float(cost[row, column]),
                reasons={name: float(part[row, column]) for name, part in parts.items()},
                explanation=_explain(
                    tasks[row], arrive[:, row], column, other, float(due[0, row]),
                    float(late[column, row]),
                ),
            )
        )  # fmt: skip
    return found


def left_over(
    tasks: Sequence[Task],
    workers: Sequence[Worker],
    assignments: Sequence[Assignment],
    now_us: int,
) -> list[Unserved]:
    """The tasks that `assign_now` gave to nobody, with the reason, in the order of `tasks`."""
    taken = {each.case for each in assignments}
    return [
        Unserved(case=task.case, reason=_why(task, workers, now_us))
        for task in tasks
        if task.case not in taken
    ]


def plan_routes(
    tasks: Sequence[Task],
    workers: Sequence[Worker],
    now_us: int,
    seconds: float = 5.0,
    seed: int = 0,
    *,
    metres_per_minute: float = 5.0,
    grace_seconds: float = 3_600.0,
    iterations: int | None = None,
) -> Plan:
    """Routes for all workers over all tasks.

    Args:
        tasks: at most 2,000.
        workers: at most 500, of at most 32 different kinds (skills for these tasks, speed).
        now_us: when the plan begins.
        seconds: wall time to search; the trade for waits comes on top (0.1 s for 240 tasks, about
            10 s for 2,000).
        seed: of the search; equal plans need `iterations` too.
        metres_per_minute: how much further people may go so that one case waits a minute less;
            0 makes the ways as short as the due times permit.
        grace_seconds: a case that nobody can finish in time may start so long after the earliest
            moment possible.
        iterations: of the search, for plans that can be repeated.

    Raises ValueError: sizes above the caps, names not unique, metres_per_minute below 0.
    """
    _check_sizes(tasks, workers)
    if not 0 <= metres_per_minute <= 1e6:
        raise ValueError(f"metres_per_minute: {metres_per_minute} is not within 0 to 1,000,000")
    if not tasks or not workers:
        return _plan(tasks, workers, now_us, None)
    whole = _problem(tasks, workers, now_us, grace_seconds)
    shortest = route(whole, seconds, seed, iterations)
    return _plan(tasks, workers, now_us, trade_for_waits(whole, shortest, metres_per_minute))


def _problem(
    tasks: Sequence[Task], workers: Sequence[Worker], now_us: int, grace_seconds: float
) -> Problem:
    places: list[Worker | Task] = [*workers, *tasks]
    longitudes = np.array([each.longitude for each in places])
    latitudes = np.array([each.latitude for each in places])
    service = np.array([task.service_seconds for task in tasks])
    due = np.array([(task.due_us - now_us) / 1e6 for task in tasks])
    problem = Problem(
        distance_m=metres_between(
            longitudes[:, None], latitudes[:, None], longitudes[None, :], latitudes[None, :]
        ),
        service_s=service,
        latest_s=due - service,
        from_s=np.array([max((worker.free_us - now_us) / 1e6, 0.0) for worker in workers]),
        until_s=np.array([max((worker.until_us - now_us) / 1e6, 0.0) for worker in workers]),
        speed_m_s=np.array([worker.speed_m_s for worker in workers]),
        allowed=_skilled(tasks, workers),
    )
    earliest = earliest_start(problem)
    hopeless = (earliest > problem.latest_s) & np.isfinite(earliest)
    soon = np.where(np.isfinite(earliest), earliest, 0.0) + grace_seconds
    return _with_latest(problem, np.where(hopeless, soon, problem.latest_s))


def _with_latest(problem: Problem, latest_s: Floats) -> Problem:
    return Problem(
        distance_m=problem.distance_m, service_s=problem.service_s, latest_s=latest_s,
        from_s=problem.from_s, until_s=problem.until_s, speed_m_s=problem.speed_m_s,
        allowed=problem.allowed,
    )  # fmt: skip


def _plan(
    tasks: Sequence[Task], workers: Sequence[Worker], now_us: int, routing: Routing | None
) -> Plan:
    routes, waits, on_time = [], [], 0
    left: tuple[int, ...] = tuple(range(len(tasks)))
    for at, worker in enumerate(workers):
        if routing is None:
            routes.append(Route(worker=worker.name, stops=(), travel_m=0.0))
            continue
        left = routing.unserved
        stops = []
        mine = [tasks[stop] for stop in routing.visits[at]]
        for task, start in zip(mine, routing.starts_s[at], strict=True):
            arrive = now_us + int(start * 1e6)
            leave = arrive + int(task.service_seconds * 1e6)
            late = max((leave - task.due_us) / 1e6, 0.0)
            # the rounding of whole seconds is no lateness
            late = late if late > 1.5 else 0.0
            stops.append(Stop(case=task.case, arrive_us=arrive, leave_us=leave, late_seconds=late))
            waits.append((arrive - now_us) / 1e6 + _waited(task, now_us))
            on_time += late == 0
        places = [(worker.longitude, worker.latitude), *((t.longitude, t.latitude) for t in mine)]
        lengths = [float(metres_between(*a, *b)) for a, b in itertools.pairwise(places)]
        routes.append(Route(worker=worker.name, stops=tuple(stops), travel_m=sum(lengths)))
    return Plan(
        routes=tuple(routes),
        unserved=tuple(
            Unserved(case=tasks[stop].case, reason=_why(tasks[stop], workers, now_us))
            for stop in left
        ),
        travel_m=sum(each.travel_m for each in routes),
        mean_wait_s=float(np.mean(waits)) if waits else 0.0,
        on_time=on_time,
    )


def _explain(task: Task, arrive: Floats, column: int, other: int, due: float, late: float) -> str:
    skill = f" with the skill {', '.join(task.skills)}" if task.skills else ""
    own = float(arrive[column])
    first = other < 0 or own <= float(arrive[other])
    text = f"{'nearest' if first else 'best for all'}{skill}; {_minutes(own)}"
    text += f"; due in {_minutes(due)}" if due >= 0 else f"; was due {_minutes(-due)} ago"
    if late > 0:
        text += f", {_minutes(late)} late"
    if other < 0:
        return text + f"; nobody else{skill} can come"
    gap = float(arrive[other]) - own
    return text + (
        f"; next best would be {_minutes(gap)} later"
        if gap >= 0
        else f"; another could come {_minutes(-gap)} earlier but is needed elsewhere or has more "
        "work"
    )


def _why(task: Task, workers: Sequence[Worker], now_us: int) -> str:
    if not workers:
        return "nobody is on duty"
    able = [worker for worker in workers if set(task.skills) <= set(worker.skills)]
    if not able:
        return f"nobody on duty has the skill {', '.join(task.skills)}"
    able = [worker for worker in able if worker.name not in task.returned_by]
    if not able:
        return "all who could do it have returned it"
    for worker in able:
        way = float(
            metres_between(worker.longitude, worker.latitude, task.longitude, task.latitude)
        )
        start = max(worker.free_us, now_us) + way / worker.speed_m_s * 1e6
        if start + task.service_seconds * 1e6 <= worker.until_us:
            return "all who could do it have other cases first"
    return "nobody with the skill can finish it before the shift ends"


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d}"


def _waited(task: Task, now_us: int) -> float:
    if not task.waiting_since_us:
        return 0.0
    return max((now_us - task.waiting_since_us) / 1e6, 0.0)


def _area_waits(tasks: Sequence[Task], waited: Floats) -> Floats:
    """Of each task: mean wait of its area less the mean over areas, in seconds."""
    names, numbers = np.unique([task.area for task in tasks], return_inverse=True)
    means = np.bincount(numbers, waited, len(names)) / np.bincount(numbers, minlength=len(names))
    differences: Floats = (means - means.mean())[numbers]
    return differences


def _metres(tasks: Sequence[Task], workers: Sequence[Worker]) -> Floats:
    """Straight ways, shape (workers, tasks)."""
    ways: Floats = metres_between(
        _column([worker.longitude for worker in workers]),
        _column([worker.latitude for worker in workers]),
        _row([task.longitude for task in tasks]),
        _row([task.latitude for task in tasks]),
    )
    return ways


def _skilled(tasks: Sequence[Task], workers: Sequence[Worker]) -> Booleans:
    """Whether the worker has all skills of the task and has not returned it, (workers, tasks)."""
    able = [set(worker.skills) for worker in workers]
    kinds: dict[tuple[str, ...], list[bool]] = {}
    columns = []
    for task in tasks:
        if task.skills not in kinds:
            kinds[task.skills] = [set(task.skills) <= skills for skills in able]
        fit = kinds[task.skills]
        if task.returned_by:
            fit = [
                able and worker.name not in task.returned_by
                for able, worker in zip(fit, workers, strict=True)
            ]
        columns.append(fit)
    return np.array(columns, np.bool_).T.reshape(len(workers), len(tasks))


def _column(values: Sequence[float]) -> Floats:
    return np.array(values, np.float64)[:, None]


def _row(values: Sequence[float]) -> Floats:
    return np.array(values, np.float64)[None, :]


def _check_place(longitude: float, latitude: float) -> None:
    if not (abs(longitude) <= 180 and abs(latitude) <= 90):
        raise ValueError(f"longitude, latitude: ({longitude}, {latitude}) not WGS-84")


def _check_sizes(tasks: Sequence[Task], workers: Sequence[Worker]) -> None:
    if len(tasks) > MOST_TASKS or len(workers) > MOST_WORKERS:
        raise ValueError(
            f"tasks, workers: {len(tasks)} and {len(workers)}, at most {MOST_TASKS:,} and "
            f"{MOST_WORKERS:,}"
        )
    if len({task.case for task in tasks}) < len(tasks):
        raise ValueError("tasks: a case is there twice")
    if len({worker.name for worker in workers}) < len(workers):
        raise ValueError("workers: a name is there twice")
