"""The body of a request: bounded in size and time, and all bodies together in memory.

One reader for every route, the devices' too. A body that is refused is not read on.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import ClientDisconnect, Request

BODY_SECONDS = 60.0
"""From the first look at a body to its last byte (408)."""
MOST_HELD = 256 << 20
"""Bytes of all bodies that are being received or worked on (503)."""
MOST_HELD_OF_STRANGERS = 64 << 20
"""Bytes of those that are for nobody who is known."""
RETRY_SECONDS = 5


class BodyError(Exception):
    """A body that is refused: the status and title of the answer, and the rule that was broken."""

    def __init__(self, status: int, title: str, rule: str) -> None:
        super().__init__(f"{title}: {rule}")
        self.status, self.title, self.rule = status, title, rule

    @property
    def headers(self) -> dict[str, str]:
        """Of the answer. What is left of a body that is too large or late is not read."""
        if self.status == 503:
            return {"Retry-After": str(RETRY_SECONDS)}
        return {"Connection": "close"} if self.status in (408, 413) else {}


class Bodies:
    """The bodies that a process holds. Used from one event loop only."""

    def __init__(self) -> None:
        self.held = self.held_of_strangers = 0
        self.refused: Counter[int] = Counter()
        """Bodies refused since the process began, by status."""

    @asynccontextmanager
    async def reading(
        self, request: Request, limit: int, *, stranger: bool = False
    ) -> AsyncIterator[bytes]:
        """The whole body, accounted for until the context ends. `limit` in bytes.

        Raises BodyError 400 (the client went away), 408, 413, 503.
        """
        body = bytearray()
        try:
            try:
                await self._receive(request, limit, body, stranger=stranger)
            except BodyError as error:
                self.refused[error.status] += 1
                raise
            yield bytes(body)
        finally:
            self.held -= len(body)
            self.held_of_strangers -= len(body) * stranger

    async def _receive(
        self, request: Request, limit: int, body: bytearray, *, stranger: bool
    ) -> None:
        too_large = BodyError(413, "Body too large", f"at most {limit} bytes")
        length = request.headers.get("content-length", "")
        if length.isdecimal() and int(length[:20]) > limit:
            raise too_large
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in request.stream():
                    if len(body) + len(chunk) > limit:
                        raise too_large
                    self._hold(len(chunk), stranger=stranger)
                    body += chunk
        except TimeoutError:
            rule = f"complete within {BODY_SECONDS:g} s"
            raise BodyError(408, "The body did not arrive", rule) from None
        except ClientDisconnect:
            raise BodyError(400, "The body did not arrive", "the client went away") from None

    def _hold(self, size: int, *, stranger: bool) -> None:
        full = self.held + size > MOST_HELD
        if stranger:
            full |= self.held_of_strangers + size > MOST_HELD_OF_STRANGERS
        if full:
            raise BodyError(503, "Busy", "too many large bodies are being received")
        self.held += size
        self.held_of_strangers += size * stranger
