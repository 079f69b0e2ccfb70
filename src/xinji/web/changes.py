"""Changes as Server-Sent Events: what was committed, to whom may see it.

Changed ids are gathered from commits (any thread) and read back once per flush, so a busy house
costs one query a flush and not one per change. A reader that does not keep up is cut off; its
browser comes back by itself. A stream ends with the session or token that opened it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import sqlalchemy as sa
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from xinji.access.identity import Person, hashed
from xinji.access.scope import contains
from xinji.api.call import Call, Problem, Routes, iso, token_of
from xinji.loop.house import House
from xinji.store.database import Change
from xinji.store.schema import cases, events, things
from xinji.web.routes.things import latest_of
from xinji.web.routes.work import case_items, event_items

FLUSH_SECONDS = 0.5
KEEP_ALIVE_SECONDS = 15.0
QUEUE = 2_000
MAXIMUM_READERS = 500
PER_FLUSH = 500

_encode = msgspec.json.encode


@dataclass(slots=True, eq=False)
class Reader:
    """An open stream; `key` is the hash of the token that opened it."""

    person: Person
    thing: str
    key: str
    ends_at: float = math.inf
    queue: asyncio.Queue[bytes] = field(default_factory=lambda: asyncio.Queue(QUEUE))
    last_seen: int = 0
    lost: bool = False

    def push(self, name: str, data: Any) -> None:
        """Queue one event; a full queue ends the stream."""
        try:
            self.queue.put_nowait(
                b"event: " + name.encode() + b"\ndata: " + _encode(data) + b"\n\n"
            )
        except asyncio.QueueFull:
            self.lost = True

    def end(self) -> None:
        """End the stream; what is queued is not sent any more."""
        while not self.queue.empty():
            self.queue.get_nowait()
        self.push("bye", {})
        self.lost = True


class Changes:
    """All open streams of an application."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._readers: set[Reader] = set()
        self._changed: dict[str, dict[str, None]] = {"things": {}, "events": {}, "cases": {}}
        self._last_stored = -1
        self.closing = False
        house.database.listeners.append(self._note)
        house.identity.ended.append(self._forget)

    def _forget(self, keys: frozenset[str]) -> None:
        """End the streams of tokens that have ended; from any thread."""
        if self._readers:
            self._loop.call_soon_threadsafe(self._end, keys)

    def _end(self, keys: frozenset[str]) -> None:
        for reader in tuple(self._readers):
            if reader.key in keys:
                reader.end()

    def _note(self, changes: list[Change]) -> None:
        if self._readers:
            for table, key in changes:
                if table in self._changed:
                    self._changed[table][key] = None

    async def run(self) -> None:
        """Flush until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            if self._readers:
                await run_in_threadpool(self._flush)

    def _flush(self) -> None:
        house = self._house
        changed = {}
        for table, keys in self._changed.items():
            taken = list(keys)[:PER_FLUSH]
            for key in taken:
                keys.pop(key, None)
            changed[table] = taken
        messages: list[tuple[str, str, dict[str, Any]]] = []
        with house.database.reading() as connection:
            if changed["things"]:
                rows = connection.execute(
                    sa.select(things.c.id, things.c.area, things.c.state).where(
                        things.c.id.in_(changed["things"])
                    )
                ).all()
                messages += [("thing", r.area, {"id": r.id, "state": r.state}) for r in rows]
            if changed["events"]:
                found = connection.execute(
                    sa.select(events).where(events.c.id.in_(changed["events"]))
                ).all()
                messages += [("event", item["area"], item) for item in event_items(house, found)]
            if changed["cases"]:
                found = connection.execute(
                    sa.select(cases).where(cases.c.id.in_(changed["cases"]))
                ).all()
                messages += [("case", item["area"], item) for item in case_items(house, found)]
        counters = house.ingest.counters
        stored = None
        if counters.stored != self._last_stored:
            self._last_stored = counters.stored
            stored = {
                "stored": house.store.row_count,
                "refused": counters.refused_total,
                "per_second": house.rate(),
                "last_at": iso(counters.last_at or None),
            }
        latest = {r.thing: self._latest(r.thing) for r in self._readers if r.thing}
        self._loop.call_soon_threadsafe(self._send, messages, stored, latest)

    def _latest(self, thing: str) -> tuple[int, dict[str, list[Any]]]:
        """Newest values of a thing, and what tells them from other ones."""
        place = self._house.registry.things.get(thing)
        rows = latest_of(self._house, thing, place.kind) if place else []
        seen = hash(tuple((row["property"], row["time"]) for row in rows)) if rows else 0
        columns = {
            "thing": [thing] * len(rows),
            **{name: [row[name] for row in rows] for name in ("property", "value", "time")},
        }
        return seen, columns

    def _send(
        self,
        messages: list[tuple[str, str, dict[str, Any]]],
        stored: dict[str, Any] | None,
        latest: dict[str, tuple[int, dict[str, list[Any]]]],
    ) -> None:
        now = self._house.identity.now()
        for reader in tuple(self._readers):
            if reader.ends_at <= now:
                reader.end()
                continue
            for name, area, data in messages:
                if contains(reader.person.area, area):
                    reader.push(name, data)
            if stored is not None:
                reader.push("stored", stored)
            if reader.thing in latest:
                seen, columns = latest[reader.thing]
                if seen != reader.last_seen:
                    reader.last_seen = seen
                    reader.push("latest", columns)

    async def stream(self, reader: Reader) -> AsyncIterator[bytes]:
        """The bytes of one stream."""
        self._loop = asyncio.get_running_loop()
        self._readers.add(reader)
        try:
            # Looked at when the stream is known: a token that ends from here on is told.
            until = await run_in_threadpool(self._house.identity.alive_until, reader.key)
            if until is None:
                return
            reader.ends_at = until
            yield b"retry: 3000\n\n"
            while not (self.closing or reader.lost):
                try:
                    yield await asyncio.wait_for(reader.queue.get(), KEEP_ALIVE_SECONDS)
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self._readers.discard(reader)

    def close(self) -> None:
        """End every stream."""
        self.closing = True
        for reader in self._readers:
            reader.push("bye", {})

    def routes(self) -> Routes:
        """The endpoint."""
        routes = Routes()

        @routes.get("/api/changes", query="thing")
        def changes(call: Call) -> StreamingResponse:
            """Changes as Server-Sent Events."""
            if len(self._readers) >= MAXIMUM_READERS:
                raise Problem(503, "Too many streams", headers={"Retry-After": "30"})
            thing = call.text("thing")
            place = self._house.registry.things.get(thing)
            if thing and (place is None or not contains(call.person.area, place.area)):
                raise Problem(404, "No such thing", thing)
            reader = Reader(call.person, thing, hashed(token_of(call.request)))
            return StreamingResponse(
                self.stream(reader),
                media_type="text/event-stream",
                headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
            )

        return routes
