"""Changes as Server-Sent Events: what was committed, to whom may see it.

Changed ids are gathered from commits (any thread) and read back once per flush, so a busy house
costs one query a flush and not one per change. What was read goes once into one bounded log
(`numbered_log.py`), from which every reader is sent what it has not had. A reader that does not
keep up, or that comes back too late, is told so (`behind`) and goes on with the newest; one that
comes back in time goes on where it was (`Last-Event-ID`). A stream ends with the session or token
that opened it. The event loop alone touches readers and log.

Source: WHATWG HTML, 9.2 Server-sent events.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from xinji.access.identity import Person, hashed
from xinji.access.scope import contains
from xinji.api.call import Call, Problem, Routes, iso, token_of
from xinji.loop.house import House
from xinji.store.database import Change
from xinji.store.schema import cases, events, things
from xinji.web.numbered_log import Message, NumberedLog
from xinji.web.routes.things import latest_of
from xinji.web.routes.work import case_items, event_items

FLUSH_SECONDS = 0.5
KEEP_ALIVE_SECONDS = 15.0
MAXIMUM_READERS = 500
MAXIMUM_OF_A_PERSON = 30
PER_FLUSH = 500
MOST_WAITING = 20_000
"""Changed ids that wait for a flush; beyond, they are let go and every reader is behind."""
KEPT_SECONDS = 120.0
"""Changes are noted for so long after the last reader left: it may come back."""
RETRY_SECONDS = 30

streams: Counter[str] = Counter(open=0, opened=0, resumed=0, behind=0, refused=0)
"""Streams that are open, and since the process began: opened, gone on where they were, told that
they are behind, refused."""

_encode = msgspec.json.encode


def encoded(name: str, data: Any) -> bytes:
    """An event as it is sent."""
    return b"event: " + name.encode() + b"\ndata: " + _encode(data) + b"\n\n"


@dataclass(slots=True, eq=False)
class Reader:
    """An open stream; `key` is the hash of the token that opened it, `last_id` where it had come.

    `states` are events of which only the newest counts, by name.
    """

    person: Person
    thing: str
    key: str
    last_id: str = ""
    ends_at: float = math.inf
    position: int = 0
    states: dict[str, bytes] = field(default_factory=dict)
    last_seen: int = 0
    over: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def end(self) -> None:
        """End the stream; what it has not been sent is not sent any more."""
        self.over = True
        self.news.set()


class Changes:
    """All open streams of an application."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._readers: set[Reader] = set()
        self._log = NumberedLog()
        self._lock = threading.Lock()
        self._changed: dict[str, dict[str, None]] = {"things": {}, "events": {}, "cases": {}}
        self._lost = self._closing = False
        self._noting_until = -math.inf
        self._last_stored = -1
        self._loop: asyncio.AbstractEventLoop | None = None
        house.database.listeners.append(self._note)
        house.identity.ended.append(self._forget)
        house.chores.work(self.run)

    def _forget(self, keys: frozenset[str]) -> None:
        """End the streams of tokens that have ended; from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._end, keys)

    def _end(self, keys: frozenset[str]) -> None:
        for reader in self._readers:
            if reader.key in keys:
                reader.end()

    def _note(self, changes: list[Change]) -> None:
        """Take in what a commit changed; from any thread."""
        if time.monotonic() > self._noting_until:
            return
        with self._lock:
            for table, key in changes:
                if table in self._changed:
                    self._changed[table][key] = None
            if sum(map(len, self._changed.values())) > MOST_WAITING:
                self._lost = True
                for keys in self._changed.values():
                    keys.clear()

    def _take(self) -> tuple[dict[str, list[str]], bool]:
        """The next changed ids by table, and whether some were let go before them."""
        taken = {}
        with self._lock:
            for table, keys in self._changed.items():
                taken[table] = list(keys)[:PER_FLUSH]
                for key in taken[table]:
                    del keys[key]
            lost, self._lost = self._lost, False
        return taken, lost

    async def run(self) -> None:
        """Flush until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            now = time.monotonic()
            if self._readers:
                self._noting_until = now + KEPT_SECONDS
            if now > self._noting_until:
                continue
            taken, lost = self._take()
            watched = {reader.thing for reader in self._readers} - {""}
            try:
                messages, stored, latest = await run_in_threadpool(self._read, taken, watched)
            except BaseException:
                self._log.restart()  # what was taken is not read again: everybody is behind
                raise
            if lost:
                self._log.restart()
            self._send(messages, stored, latest)

    def _read(
        self, changed: dict[str, list[str]], watched: set[str]
    ) -> tuple[list[Message], bytes | None, dict[str, tuple[int, bytes]]]:
        """What changed, the totals when they did, the newest values of the watched things."""
        house = self._house
        found: list[tuple[str, str, dict[str, Any]]] = []
        with house.database.reading() as connection:

            def rows(table: sa.Table, *columns: Any) -> Any:
                ids = changed[table.name]
                query = sa.select(*columns or (table,)).where(table.c.id.in_(ids))
                return connection.execute(query).all() if ids else []

            states = rows(things, things.c.id, things.c.area, things.c.state)
            found += [("thing", r.area, {"id": r.id, "state": r.state}) for r in states]
            found += [("event", e["area"], e) for e in event_items(house, rows(events))]
            found += [("case", c["area"], c) for c in case_items(house, rows(cases))]
        messages = [Message(area, encoded(name, data)) for name, area, data in found]
        counters = house.ingest.counters
        stored = None
        if counters.stored != self._last_stored:
            self._last_stored = counters.stored
            totals = {
                "stored": house.store.row_count,
                "refused": counters.refused_total,
                "per_second": house.rate(),
                "last_at": iso(counters.last_at or None),
            }
            stored = encoded("stored", totals)
        return messages, stored, {thing: self._latest(thing) for thing in watched}

    def _latest(self, thing: str) -> tuple[int, bytes]:
        """Newest values of a thing, and what tells them from other ones."""
        place = self._house.registry.things.get(thing)
        rows = latest_of(self._house, thing, place.kind) if place else []
        seen = hash(tuple((row["property"], row["time"]) for row in rows)) if rows else 0
        columns = {
            "thing": [thing] * len(rows),
            **{name: [row[name] for row in rows] for name in ("property", "value", "time")},
        }
        return seen, encoded("latest", columns)

    def _send(
        self,
        messages: list[Message],
        stored: bytes | None,
        latest: dict[str, tuple[int, bytes]],
    ) -> None:
        now = self._house.identity.now()
        self._log.add(messages)
        for reader in self._readers:
            if reader.ends_at <= now:
                reader.end()
                continue
            if stored is not None:
                reader.states["stored"] = stored
            if reader.thing in latest:
                seen, data = latest[reader.thing]
                if seen != reader.last_seen:
                    reader.last_seen = seen
                    reader.states["latest"] = data
            if reader.states or reader.position < self._log.next:
                reader.news.set()

    def admit(self, reader: Reader) -> Problem | None:
        """Give a reader its place, or say why there is none."""
        own = sum(other.person.name == reader.person.name for other in self._readers)
        headers = {"Retry-After": str(RETRY_SECONDS)}
        problem = None
        if own >= MAXIMUM_OF_A_PERSON:
            rule = f"at most {MAXIMUM_OF_A_PERSON} of a person"
            problem = Problem(429, "Too many streams", rule=rule, headers=headers)
        elif self._closing or len(self._readers) >= MAXIMUM_READERS:
            problem = Problem(503, "Too many streams", headers=headers)
        if problem is not None:
            streams["refused"] += 1
            return problem
        self._loop, now = asyncio.get_running_loop(), time.monotonic()
        if now > self._noting_until:
            self._log.restart()  # nothing was noted for a while
        self._noting_until = now + KEPT_SECONDS
        self._readers.add(reader)
        streams["opened"] += 1
        streams["open"] += 1
        position = self._log.position_of(reader.last_id) if reader.last_id else self._log.next
        streams["resumed"] += bool(reader.last_id) and position is not None
        reader.position = -1 if position is None else position
        return None

    def leave(self, reader: Reader) -> None:
        """Take a reader's place back."""
        self._readers.discard(reader)
        streams["open"] -= 1

    def _next(self, reader: Reader) -> bytes:
        """What a reader is sent next; nothing when it has everything."""
        parts = []
        if reader.position < self._log.first:
            streams["behind"] += 1
            reader.position = self._log.next
            parts += [self._log.id_of(reader.position), encoded("behind", {})]
        if reader.states:
            parts += reader.states.values()
            reader.states = {}
        data, reader.position = self._log.since(reader.position, reader.person.area)
        return b"".join([*parts, data])

    async def stream(self, reader: Reader) -> AsyncIterator[bytes]:
        """The bytes of one stream that was admitted."""
        # Looked at when the stream is known: a token that ends from here on is told.
        until = await run_in_threadpool(self._house.identity.alive_until, reader.key)
        if until is None:
            return
        reader.ends_at = until
        # an id from the beginning: a reader that goes before its first event can come back too
        begin = self._log.id_of(reader.position) if reader.position >= self._log.first else b""
        yield b"retry: 3000\n" + begin + b"\n"
        while not reader.over:
            reader.news.clear()
            if data := self._next(reader):
                yield data
                continue
            try:
                await asyncio.wait_for(reader.news.wait(), KEEP_ALIVE_SECONDS)
            except TimeoutError:
                yield b": still here\n" + self._log.id_of(reader.position) + b"\n"
        yield encoded("bye", {})

    def close(self) -> None:
        """End every stream, and admit no other."""
        self._closing = True
        for reader in self._readers:
            reader.end()

    def routes(self) -> Routes:
        """The endpoint."""
        routes = Routes()

        @routes.get("/api/changes", query="thing")
        def changes(call: Call) -> EventStream:
            """Changes as Server-Sent Events."""
            thing = call.text("thing")
            place = self._house.registry.things.get(thing)
            if thing and (place is None or not contains(call.person.area, place.area)):
                raise Problem(404, "No such thing", thing)
            last_id = call.request.headers.get("last-event-id", "")[:64]
            key = hashed(token_of(call.request))
            return EventStream(self, Reader(call.person, thing, key, last_id))

        return routes


class EventStream(StreamingResponse):
    """The answer to `GET /api/changes`: its place is taken and given back on the event loop."""

    def __init__(self, changes: Changes, reader: Reader) -> None:
        super().__init__(
            changes.stream(reader),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )
        self._changes, self._reader = changes, reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI. Nothing is awaited between the look at the caps and taking the place."""
        problem = self._changes.admit(self._reader)
        if problem is not None:
            await problem.response()(scope, receive, send)
            return
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._changes.leave(self._reader)
