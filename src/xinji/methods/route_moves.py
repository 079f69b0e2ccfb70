"""Inner loops of the local search of `vehicle_routing.trade_for_waits`, compiled by numba.

Arrays as in `vehicle_routing.Problem`; `table` of shape (v, n + 1) holds the stops of each route,
`lengths` of shape (v,) how many. Cost of a route: metres + `weight` x seconds until each work
begins; inf when it breaks a window, a shift or a skill.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

ROUNDS = 200


@njit(cache=True, nogil=True)
def cost_of(
    visits: Integers,
    length: int,
    vehicle: int,
    distance_m: Floats,
    service_s: Floats,
    latest_s: Floats,
    from_s: Floats,
    until_s: Floats,
    speed: Floats,
    allowed: Booleans,
    weight: float,
) -> float:
    """Cost of one route."""
    vehicles = len(from_s)
    place, now, total = vehicle, from_s[vehicle], 0.0
    for at in range(length):
        stop = visits[at]
        if not allowed[vehicle, stop]:
            return np.inf
        way = distance_m[place, vehicles + stop]
        start = now + way / speed[vehicle]
        now = start + service_s[stop]
        if start > latest_s[stop] or now > until_s[vehicle]:
            return np.inf
        total += way + weight * start
        place = vehicles + stop
    return total


@njit(cache=True, nogil=True)
def improve(
    table: Integers,
    lengths: Integers,
    distance_m: Floats,
    service_s: Floats,
    latest_s: Floats,
    from_s: Floats,
    until_s: Floats,
    speed: Floats,
    allowed: Booleans,
    weight: float,
) -> None:
    """Move and swap stops while the sum of the costs falls; changes `table` and `lengths`."""
    vehicles = len(from_s)
    costs = np.empty(vehicles)
    for each in range(vehicles):
        costs[each] = cost_of(table[each], lengths[each], each, distance_m, service_s, latest_s,
                              from_s, until_s, speed, allowed, weight)  # fmt: skip
    less, more = np.empty(table.shape[1], np.int64), np.empty(table.shape[1], np.int64)
    for _ in range(ROUNDS):
        better = False
        for a in range(vehicles):
            at = 0
            while at < lengths[a]:
                # take the stop out, then try every place of every route
                stop, size = table[a, at], lengths[a] - 1
                less[:at] = table[a, :at]
                less[at:size] = table[a, at + 1 : size + 1]
                without = cost_of(less, size, a, distance_m, service_s, latest_s, from_s, until_s,
                                  speed, allowed, weight)  # fmt: skip
                gain, best, where = -1e-6, -1, -1
                for b in range(vehicles):
                    if not allowed[b, stop]:
                        continue
                    source, count = (less, size) if b == a else (table[b], lengths[b])
                    for place in range(count + 1):
                        more[:place] = source[:place]
                        more[place] = stop
                        more[place + 1 : count + 1] = source[place:count]
                        cost = cost_of(more, count + 1, b, distance_m, service_s, latest_s, from_s,
                                       until_s, speed, allowed, weight)  # fmt: skip
                        change = (
                            cost - costs[a] if b == a else (cost + without - costs[a] - costs[b])
                        )
                        if change < gain:
                            gain, best, where = change, b, place
                if best >= 0:
                    better = True
                    table[a, :size] = less[:size]
                    lengths[a] = size
                    count = lengths[best]
                    more[:count] = table[best, :count]
                    table[best, where] = stop
                    table[best, where + 1 : count + 1] = more[where:count]
                    lengths[best] = count + 1
                    for each in (a, best):
                        costs[each] = cost_of(
                            table[each], lengths[each], each, distance_m, service_s, latest_s,
                            from_s, until_s, speed, allowed, weight,
                        )  # fmt: skip
                else:
                    at += 1
        for a in range(vehicles):
            for b in range(a + 1, vehicles):
                for i in range(lengths[a]):
                    for j in range(lengths[b]):
                        one, other = table[a, i], table[b, j]
                        if not (allowed[a, other] and allowed[b, one]):
                            continue
                        table[a, i], table[b, j] = other, one
                        left = cost_of(table[a], lengths[a], a, distance_m, service_s, latest_s,
                                       from_s, until_s, speed, allowed, weight)  # fmt: skip
                        right = cost_of(table[b], lengths[b], b, distance_m, service_s, latest_s,
                                        from_s, until_s, speed, allowed, weight)  # fmt: skip
                        if left + right < costs[a] + costs[b] - 1e-6:
                            costs[a], costs[b] = left, right
                            better = True
                        else:
                            table[a, i], table[b, j] = one, other
        if not better:
            return
