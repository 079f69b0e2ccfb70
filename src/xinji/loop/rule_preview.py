"""A proposed rule tried on what was observed: what it would have found, before it is stored.

The rows of the last days run through the rule kernel on an engine and a table of series of their
own, on the caller's thread: the running rules and the keeper see nothing of it. Rows come in order
of their time, so what arrived late counts as if it had come in time. The engine begins without a
state: what began before the window is found when it goes on inside it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from xinji.loop.rules import Found, RuleEngine
from xinji.model.observations import Source
from xinji.model.rules import Rule, Silence
from xinji.store.duck import DuckObservations
from xinji.store.observations import Float64, Int32, Int64
from xinji.store.registry import Registry
from xinji.store.series import SeriesTable

MOST_DAYS = 30
MOST_ROWS = 2_000_000
MOST_SECONDS = 10.0
"""Real time for reading; what is not read by then is left out, the oldest days first."""
MOST_MOMENTS = 20_000
"""Times at which the silence of things is looked at; the newest count."""
MOST_SERIES = 100_000
DAY_US = 86_400 * 1_000_000

_one = threading.Lock()


class Busy(RuntimeError):
    """Another preview is being computed."""


@dataclass(frozen=True, slots=True)
class Episode:
    """What the rule would have found; times in Unix microseconds, `ended_at` None while it lasts.

    `thing` is empty for a rule over an area. `seconds` is to the end, or to the end of the window.
    """

    thing: str
    area: str
    started_at: int
    detected_at: int
    ended_at: int | None
    seconds: float
    value: float
    extreme: float
    limit: float


@dataclass(frozen=True, slots=True)
class Preview:
    """A try: the window that was read, how many rows of how many series, and the episodes.

    `complete` is False when a cap left out the oldest part of what was asked for; `start` is then
    where what was read begins. Episodes are in order of their detection.
    """

    start: int
    end: int
    rows: int
    series: int
    complete: bool
    episodes: list[Episode]


@dataclass(frozen=True, slots=True)
class _Rows:
    series: Int32
    times: Int64
    values: Float64
    start: int
    complete: bool


def preview(
    store: DuckObservations, registry: Registry, rule: Rule, now: int, days: int = MOST_DAYS
) -> Preview:
    """Run a rule over the last `days` before `now` (Unix microseconds).

    Raises Busy: one preview at a time.
    """
    if not _one.acquire(blocking=False):
        raise Busy("another rule is being tried")
    try:
        table, numbers = _series_of(store.table, registry, rule)
        rows = _read(store, numbers, now - days * DAY_US, now)
        engine = RuleEngine(registry, table)
        engine.set_rules((rule,))
        if isinstance(rule.condition, Silence):
            limit = int(rule.condition.seconds * 1e6)
            found, complete = _silences(engine, rows, limit, now)
        else:
            found, complete = engine.observe(rows.series, rows.times, rows.values), True
    finally:
        _one.release()
    return Preview(
        start=rows.start,
        end=now,
        rows=len(rows.series),
        series=len(table),
        complete=rows.complete and complete,
        episodes=_episodes(found, now),
    )


def _series_of(known: SeriesTable, registry: Registry, rule: Rule) -> tuple[SeriesTable, Int32]:
    """A table of the rule's series alone, and their numbers in the store, in its order."""
    chosen: list[tuple[tuple[str, str, int], int]] = []
    for thing in rule.things or registry.things:
        place = registry.things.get(thing)
        if place is None or place.kind != rule.kind or not place.area.startswith(rule.area):
            continue
        for source in Source:
            key = (thing, rule.property, int(source))
            number = known.numbers.get(key)
            if number is not None:
                chosen.append((key, number))
    chosen = chosen[:MOST_SERIES]
    table = SeriesTable(max(1, len(chosen)))
    for key, _ in chosen:
        table.number(*key)
    return table, np.array([number for _, number in chosen], np.int32)


def _read(store: DuckObservations, numbers: Int32, start: int, end: int) -> _Rows:
    """Rows in order of time, with the series numbered by their place in `numbers`."""
    order = np.argsort(numbers, kind="stable")
    parts: list[tuple[Int32, Int64, Float64]] = []
    begun, left, at, complete = time.monotonic(), MOST_ROWS, end, True
    while len(numbers) and at > start:
        if left <= 0 or time.monotonic() - begun > MOST_SECONDS:
            complete = False
            break
        before, at = at, max(start, at - DAY_US)
        part = store.window(numbers, at, before, 0, left)
        found = part.column("series").to_numpy().astype(np.int32, copy=False)
        times = part.column("time").to_numpy().astype("datetime64[us]").astype(np.int64)
        by_time = np.argsort(times, kind="stable")
        place = order[np.searchsorted(numbers[order], found)].astype(np.int32)
        parts.append((place[by_time], times[by_time], part.column("value").to_numpy()[by_time]))
        if len(found) == left:
            complete, at = False, int(times.min())
        left -= len(found)
    parts.reverse()
    if not parts:
        none = np.zeros(0, np.int64)
        return _Rows(none.astype(np.int32), none, none.astype(np.float64), start, complete)
    series, times, values = (np.concatenate(column) for column in zip(*parts, strict=True))
    return _Rows(series, times, values, at, complete)


def _silences(engine: RuleEngine, rows: _Rows, limit: int, now: int) -> tuple[list[Found], bool]:
    """Listen at every moment when somebody falls silent or is heard again."""
    order = np.lexsort((rows.times, rows.series))
    series, times = rows.series[order], rows.times[order]
    last = np.ones(len(times), np.bool_)
    last[:-1] = series[1:] != series[:-1]
    following = np.append(times[1:], now)
    following[last] = now
    gap = following - times > limit
    heard_again = following[gap & ~last]
    moments = np.unique(np.concatenate([times[gap] + limit + 1, heard_again, [now]]))
    complete = len(moments) <= MOST_MOMENTS
    found: list[Found] = []
    done = 0
    for moment in moments[-MOST_MOMENTS:].tolist():
        upto = int(np.searchsorted(rows.times, moment, side="right"))
        np.maximum.at(engine.table.arrived, rows.series[done:upto], rows.times[done:upto])
        done = upto
        found += engine.listen(moment)
    return found, complete


def _episodes(found: Iterable[Found], now: int) -> list[Episode]:
    """Begins and ends put together."""
    opened: dict[tuple[str, str, int], list[Found]] = {}
    ended: dict[int, Found] = {}
    begins: list[Found] = []
    for each in found:
        key = (each.thing, "" if each.thing else each.area, each.source)
        if each.opens:
            begins.append(each)
            opened.setdefault(key, []).append(each)
        elif opened.get(key):
            ended[id(opened[key].pop())] = each
    return list(_joined(begins, ended, now))


def _joined(begins: list[Found], ended: dict[int, Found], now: int) -> Iterator[Episode]:
    for begin in begins:
        end = ended.get(id(begin))
        yield Episode(
            thing=begin.thing,
            area=begin.area,
            started_at=begin.onset,
            detected_at=begin.detected,
            ended_at=None if end is None else end.at,
            seconds=round(((now if end is None else end.at) - begin.onset) / 1e6, 3),
            value=begin.value,
            extreme=begin.extreme if end is None else end.extreme,
            limit=begin.bound,
        )
