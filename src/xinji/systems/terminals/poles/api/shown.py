"""How poles, mounts and circuits are shown, and what every route of poles needs."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from xinji.access.scope import contains
from xinji.api.call import Call, Problem, iso
from xinji.loop.house import House
from xinji.model.observations import Source
from xinji.systems.terminals.poles.checks import Check, failed
from xinji.systems.terminals.poles.ledger import Feed, Ledger, Mount, Pole
from xinji.systems.terminals.poles.service import Poles


def poles(call: Call) -> Poles:
    """The service of this system."""
    return call.house.service(Poles)


def pole_of(call: Call, ledger: Ledger, name: str) -> Pole:
    """A pole inside the caller's area. Raises Problem 404."""
    known = ledger.poles.get(name)
    if known is None or not contains(call.person.area, known.area):
        raise Problem(404, "No such pole", name[:128])
    return known


def floating(call: Call, name: str, default: float, low: float, high: float) -> float:
    """A number of the query inside [low, high]. Raises Problem 400."""
    text = call.text(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not low <= value <= high:
        raise Problem(400, "Bad parameter", field=name, rule=f"a number from {low:g} to {high:g}")
    return value


def mount_item(mount: Mount) -> dict[str, Any]:
    """A mount as the API shows it."""
    item: dict[str, Any] = msgspec.to_builtins(mount)
    for name in ("since", "until", "added_at"):
        item[name] = iso(item[name])
    return item


def check_items(checks: list[Check]) -> list[dict[str, Any]]:
    """Checks as the API shows them."""
    return list(msgspec.to_builtins(checks))


def sum_item(limit: float, used: float) -> dict[str, float]:
    """A limit, what of it is used, and what is left."""
    return {"limit": limit, "used": round(used, 6), "left": round(limit - used, 6)}


def circuit_item(house: House, ledger: Ledger, feed: Feed) -> dict[str, Any]:
    """A circuit: its rating, the rated demand on it, the measured load, and what it feeds."""
    circuit = ledger.circuit(feed)
    item: dict[str, Any] = {
        "power_box": feed[0],
        "circuit": feed[1],
        "known": circuit is not None,
        "own_rating": feed in ledger.ratings,
        "feeds": sorted(fed for fed, each in ledger.feeds.items() if each == feed),
        "mounts": [mount.id for mount in ledger.by_feed.get(feed, ())],
        "load_percent": None,
        "load_at": None,
    }
    if circuit is not None:
        limit = circuit.watts * ledger.types.utilisation_limit
        item |= {
            "rating_a": circuit.rating_a,
            "voltage_v": circuit.voltage_v,
            "phase": circuit.phase,
            "rated_w": circuit.watts,
            "power_w": sum_item(limit, ledger.feed_watts.get(feed, 0.0)),
        }
    load, at = newest(house, feed[0], f"circuit_{feed[1]}_load")
    return item | {"load_percent": load, "load_at": iso(at)}


def newest(house: House, thing: str, name: str) -> tuple[float | None, int | None]:
    """The newest value of a property of any source, and its time."""
    numbers = house.store.table.numbers
    series = [
        number for source in Source if (number := numbers.get((thing, name, source))) is not None
    ]
    if not series:
        return None, None
    times, values, _ = house.store.latest(np.array(series, np.int32))
    at = int(np.argmax(times))
    if not times[at]:
        return None, None
    return float(values[at]), int(times[at])


def _taken(check: Check) -> bool:
    summed = check.name in ("pole-weight", "pole-wind", "power", "box-power")
    return bool(check.others) or (summed and (check.used or 0.0) > 0)


def refusal(checks: list[Check]) -> Problem:
    """The answer to a mount that may not be: the first failed check, and all with their numbers.

    409 when only what stands there already is in its way, else 422.
    """
    broken = failed(checks)
    first = broken[0]
    status = 409 if all(map(_taken, broken)) else 422
    detail = first.name
    if first.limit is not None and first.used is not None and first.wanted is not None:
        detail += f": limit {first.limit:g}, used {first.used:g}, wanted {first.wanted:g}"
    problem = Problem(status, "Cannot be mounted", detail, field=first.field, rule=first.rule)
    body: dict[str, Any] = problem.body
    body["checks"] = check_items(checks)
    return problem
