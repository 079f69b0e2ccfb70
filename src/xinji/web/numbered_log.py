"""The newest messages of a stream, numbered: what a reader that comes back is given again.

One log for all readers, bounded in messages and bytes, however many readers there are and however
slow they are: each only holds the number of the next message that it has not been sent.
"""

from __future__ import annotations

import re
import secrets
from collections import deque
from typing import NamedTuple

from xinji.access.scope import contains

MOST_MESSAGES = 5_000
MOST_BYTES = 8 << 20
CHUNK_BYTES = 64 << 10
"""A reader is given at most about this much at a time, and one message at least."""

_ID = re.compile(r"([0-9a-f]{16})-(0|[1-9][0-9]{0,14})")


class Message(NamedTuple):
    """One message as it is sent, without its `id` line, and the area that it is about."""

    area: str
    data: bytes


class NumberedLog:
    """Messages by number. Used from one event loop only."""

    def __init__(self) -> None:
        self._messages: deque[Message] = deque()
        self._bytes = 0
        self._next = 0
        self._run = ""
        self.restart()

    @property
    def next(self) -> int:
        """The number that the next message will get."""
        return self._next

    @property
    def first(self) -> int:
        """The number of the oldest message that is still held."""
        return self._next - len(self._messages)

    def restart(self) -> None:
        """Forget everything: something was not noted, so that nobody can go on where they were."""
        self._messages.clear()
        self._bytes = 0
        self._run = secrets.token_hex(8)
        # an open reader stands at `_next` at most: one further, and it sees that it has missed
        self._next += 1

    def add(self, messages: list[Message]) -> None:
        """Append; the oldest are forgotten."""
        for message in messages:
            self._messages.append(message)
            self._bytes += len(message.data)
        self._next += len(messages)
        while len(self._messages) > MOST_MESSAGES or self._bytes > MOST_BYTES:
            self._bytes -= len(self._messages.popleft().data)

    def id_of(self, position: int) -> bytes:
        """The id line that says: everything before `position` was sent."""
        return b"id: %s-%d\n" % (self._run.encode(), position)

    def position_of(self, id_: str) -> int | None:
        """Where the reader of an id goes on; None when what came since is not held any more."""
        match = _ID.fullmatch(id_)
        if match is None or match[1] != self._run:
            return None
        position = int(match[2])
        return position if self.first <= position <= self._next else None

    def since(self, position: int, area: str) -> tuple[bytes, int]:
        """Messages of an area from a position on, with their ids, and the position behind them.

        Nothing and the same position when there is nothing new. The position must be held.
        """
        parts: list[bytes] = []
        size = 0
        for number in range(position - self.first, len(self._messages)):
            message = self._messages[number]
            position += 1
            if contains(area, message.area):
                parts += (self.id_of(position), message.data)
                size += len(message.data)
                if size >= CHUNK_BYTES:
                    break
        return b"".join(parts), position
