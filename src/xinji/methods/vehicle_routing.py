"""Routes for many workers: vehicle routing with time windows, skills and prizes, by PyVRP.

PyVRP (Wouda, Lan and Kool, INFORMS Journal on Computing 2024): iterated local search. Routes are
open: a worker starts where it is and need not come back. A stop that does not fit is left out and
named, never dropped. The result is checked here again, and does not rest on the solver's word.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xinji.methods.route_moves import improve

Floats = npt.NDArray[np.float64]
Booleans = npt.NDArray[np.bool_]

MOST_STOPS, MOST_VEHICLES, MOST_PROFILES = 2_000, 500, 32
NEIGHBOURS = 20
"""Of each stop that the search tries; fewer than PyVRP's 50 is faster and as good (two seeds)."""
FORBIDDEN = 1_000_000
"""Metres and seconds of a way that must not be taken."""
PRIZE = 1_000_000
"""Metres that a stop is worth: more than any detour in a city."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """n stops and v vehicles. Seconds count from now.

    Attributes:
        distance_m: shape (v + n, v + n), vehicles' places first; need not be symmetric.
        service_s: shape (n,), work at the stop.
        latest_s: shape (n,), latest start of the work.
        from_s, until_s: shape (v,), when the vehicle is free, and when it must be done.
        speed_m_s: shape (v,).
        allowed: shape (v, n), whether the vehicle may serve the stop.
    """

    distance_m: Floats
    service_s: Floats
    latest_s: Floats
    from_s: Floats
    until_s: Floats
    speed_m_s: Floats
    allowed: Booleans


@dataclass(frozen=True, kw_only=True)
class Routing:
    """Stops of each vehicle in order, the start of work at each (s), and the stops left out."""

    visits: tuple[tuple[int, ...], ...]
    starts_s: tuple[tuple[float, ...], ...]
    unserved: tuple[int, ...]
    travel_m: float


def route(
    problem: Problem,
    seconds: float,
    seed: int = 0,
    iterations: int | None = None,
    initial: Routing | None = None,
) -> Routing:
    """Shortest routes that serve as many stops as the windows permit.

    Args:
        problem: see there.
        seconds: wall time to search.
        seed: of the search; equal results need `iterations` too.
        iterations: stop after so many, if that comes first.
        initial: routes to start from, of the same vehicles and stops.

    Raises ValueError: shapes that do not fit, sizes above the caps, times that are not finite.
    """
    _check(problem, seconds)
    vehicles, stops = problem.allowed.shape
    reachable = _reachable(problem)
    served = np.flatnonzero(reachable)
    if not vehicles or not len(served):
        return Routing(
            visits=((),) * vehicles,
            starts_s=((),) * vehicles,
            unserved=tuple(range(stops)),
            travel_m=0.0,
        )
    visits = _search(problem, served, seconds, seed, iterations, initial)
    return replay(problem, visits)


def replay(problem: Problem, visits: tuple[tuple[int, ...], ...]) -> Routing:
    """Walk the routes: stops that break a window, a shift or a skill are left out and named."""
    vehicles, stops = problem.allowed.shape
    kept: list[tuple[int, ...]] = []
    starts: list[tuple[float, ...]] = []
    travel, done = 0.0, set()
    for vehicle in range(vehicles):
        place, now = vehicle, float(problem.from_s[vehicle])
        mine: list[int] = []
        times: list[float] = []
        for stop in visits[vehicle]:
            way = float(problem.distance_m[place, vehicles + stop])
            start = now + way / float(problem.speed_m_s[vehicle])
            end = start + float(problem.service_s[stop])
            # a second of grace: the solver counts in whole seconds
            late = start > problem.latest_s[stop] + 1 or end > problem.until_s[vehicle] + 1
            if late or stop in done or not problem.allowed[vehicle, stop]:
                continue
            mine.append(stop)
            times.append(start)
            done.add(stop)
            travel, place, now = travel + way, vehicles + stop, end
        kept.append(tuple(mine))
        starts.append(tuple(times))
    return Routing(
        visits=tuple(kept),
        starts_s=tuple(starts),
        unserved=tuple(stop for stop in range(stops) if stop not in done),
        travel_m=travel,
    )


def trade_for_waits(problem: Problem, routing: Routing, metres_per_minute: float) -> Routing:
    """Let cases wait less where that costs few metres: local search from a feasible routing.

    Moves one stop to its best place in any route, or swaps two stops, while that lowers
    metres + `metres_per_minute` x the sum of the minutes until the work begins. Windows, shifts
    and skills hold throughout. Stops left out stay so.
    """
    vehicles, stops = problem.allowed.shape
    if metres_per_minute <= 0 or not any(routing.visits):
        return routing
    table = np.full((vehicles, stops + 1), -1, np.int64)
    for vehicle, visits in enumerate(routing.visits):
        table[vehicle, : len(visits)] = visits
    lengths = np.array([len(visits) for visits in routing.visits], np.int64)
    improve(
        table, lengths, problem.distance_m, problem.service_s, problem.latest_s + 1.0,
        problem.from_s, problem.until_s + 1.0, problem.speed_m_s, problem.allowed,
        metres_per_minute / 60.0,
    )  # fmt: skip
    return replay(problem, tuple(
        tuple(int(stop) for stop in table[vehicle, : lengths[vehicle]])
        for vehicle in range(vehicles)
    ))  # fmt: skip


def earliest_start(problem: Problem) -> Floats:
    """Earliest start of work at each stop if a vehicle went there at once: (n,), inf: nobody."""
    vehicles, stops = problem.allowed.shape
    if not vehicles:
        return np.full(stops, np.inf)
    ways = problem.distance_m[:vehicles, vehicles:] / problem.speed_m_s[:, None]
    starts = problem.from_s[:, None] + ways
    ends = starts + problem.service_s[None, :]
    fits = problem.allowed & (ends <= problem.until_s[:, None])
    earliest: Floats = np.where(fits, starts, np.inf).min(axis=0)
    return earliest


def _reachable(problem: Problem) -> Booleans:
    reach: Booleans = earliest_start(problem) <= problem.latest_s
    return reach


def _search(
    problem: Problem,
    served: npt.NDArray[np.intp],
    seconds: float,
    seed: int,
    iterations: int | None,
    initial: Routing | None,
) -> tuple[tuple[int, ...], ...]:
    # imported here: it loads a plotting library, which takes half a second
    import pyvrp
    import pyvrp.search
    from pyvrp.stop import MaxIterations, MaxRuntime, MultipleCriteria

    vehicles = len(problem.from_s)
    keep = np.concatenate([np.arange(vehicles), vehicles + served])
    ways = problem.distance_m[np.ix_(keep, keep)]
    number = {int(stop): at for at, stop in enumerate(served)}
    profiles: dict[tuple[float, bytes], int] = {}
    distances, durations, types = [], [], []
    horizon = int(max(problem.until_s.max(), 1))
    for vehicle in range(vehicles):
        speed = float(problem.speed_m_s[vehicle])
        skills = problem.allowed[vehicle, served]
        key = (speed, skills.tobytes())
        if key not in profiles:
            if len(profiles) == MOST_PROFILES:
                raise ValueError(
                    f"allowed, speed_m_s: more than {MOST_PROFILES} different kinds of vehicle"
                )
            profiles[key] = len(profiles)
            metres = np.rint(ways)
            takes = np.ceil(ways / speed)
            # open routes: the way back costs nothing
            metres[:, :vehicles] = takes[:, :vehicles] = 0
            barred = vehicles + np.flatnonzero(~skills)
            for table in (metres, takes):
                table[:, barred] = table[barred, :] = FORBIDDEN
                np.fill_diagonal(table, 0)
            distances.append(metres.astype(np.int64))
            durations.append(takes.astype(np.int64))
        types.append(
            pyvrp.VehicleType(
                num_available=1,
                start_depot=vehicle,
                end_depot=vehicle,
                tw_early=int(np.ceil(problem.from_s[vehicle])),
                tw_late=int(max(problem.until_s[vehicle], np.ceil(problem.from_s[vehicle]))),
                profile=profiles[key],
            )
        )
    data = pyvrp.ProblemData(
        locations=[pyvrp.Location(0, 0) for _ in keep],
        clients=[
            pyvrp.Client(
                location=vehicles + at,
                service_duration=int(np.ceil(problem.service_s[stop])),
                tw_early=0,
                tw_late=int(min(problem.latest_s[stop], horizon)),
                prize=PRIZE,
                required=False,
            )
            for at, stop in enumerate(served)
        ],
        depots=[pyvrp.Depot(location=vehicle) for vehicle in range(vehicles)],
        vehicle_types=types,
        distance_matrices=distances,
        duration_matrices=durations,
    )
    stop = MaxRuntime(seconds)
    criterion = stop if iterations is None else MultipleCriteria([stop, MaxIterations(iterations)])
    start = None
    if initial is not None:
        start = pyvrp.Solution(
            data,
            [
                pyvrp.Route(data, [number[stop] for stop in visits if stop in number], vehicle)
                for vehicle, visits in enumerate(initial.visits)
                if any(stop in number for stop in visits)
            ],
        )
    result = pyvrp.solve(
        data, criterion, seed=seed, collect_stats=False, display=False, initial_solution=start,
        params=pyvrp.SolveParams(
            neighbourhood=pyvrp.search.NeighbourhoodParams(num_neighbours=NEIGHBOURS)
        ),
    )  # fmt: skip
    found: list[tuple[int, ...]] = [()] * vehicles
    for each in result.best.routes():
        found[each.vehicle_type()] = tuple(
            int(served[activity.idx]) for activity in each if activity.is_client()
        )
    return tuple(found)


def _check(problem: Problem, seconds: float) -> None:
    vehicles, stops = problem.allowed.shape
    if stops > MOST_STOPS or vehicles > MOST_VEHICLES:
        raise ValueError(
            f"allowed: {vehicles} vehicles and {stops} stops, at most {MOST_VEHICLES} and "
            f"{MOST_STOPS}"
        )
    shapes = {
        "distance_m": (vehicles + stops, vehicles + stops),
        "service_s": (stops,), "latest_s": (stops,),
        "from_s": (vehicles,), "until_s": (vehicles,), "speed_m_s": (vehicles,),
    }  # fmt: skip
    for name, shape in shapes.items():
        values = getattr(problem, name)
        if values.shape != shape:
            raise ValueError(f"{name}: shape {values.shape}, not {shape}")
        if not np.isfinite(values).all():
            raise ValueError(f"{name}: not finite")
    if (problem.distance_m < 0).any() or (problem.service_s < 0).any():
        raise ValueError("distance_m, service_s: below 0")
    if (problem.speed_m_s <= 0).any():
        raise ValueError("speed_m_s: not above 0")
    if not 0 < seconds <= 3_600:
        raise ValueError(f"seconds: {seconds} is not within 0 to 3,600")
