"""What the rules found, on its way to the database in small commits.

A hundred thousand things that fall silent together are a hundred thousand events. They are written
a few hundred at a time, and between two commits the writer is anybody's who waits for it: whoever
signs in, changes a rule or sends fifty rows.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterable
from typing import Any

from xinji.loop.events import Ended, EventWriter
from xinji.loop.rules import Found
from xinji.model.rules import Rule, Silence

PIECE = 200
"""Transitions of one commit."""
GAP_SECONDS = 0.001
"""Between two commits of one turn: long enough for a waiting thread to take the lock."""


class Findings:
    """The queue in front of an `EventWriter`; on the keeper thread only."""

    def __init__(self, writer: EventWriter) -> None:
        self._writer = writer
        self._found: deque[Found] = deque()
        self._heard: deque[str] = deque()
        self._ended: deque[Ended] = deque()

    def __len__(self) -> int:
        return len(self._found) + len(self._heard) + len(self._ended)

    def put(
        self,
        found: Iterable[Found],
        heard: Iterable[str] = (),
        ended: Iterable[Ended] = (),
    ) -> None:
        """Queue transitions, things heard for the first time, and events that no rule holds."""
        self._found.extend(found)
        self._heard.extend(heard)
        self._ended.extend(ended)

    def keep_of(self, rules: Iterable[Rule]) -> None:
        """Drop what rules have found that are not among these any more, as they were.

        The silence of a rule goes on when the rule changes, its other episodes do not.
        """
        known = {rule.id: rule for rule in rules}
        self._found = deque(
            each
            for each in self._found
            if (rule := known.get(each.rule.id)) is not None
            and (rule == each.rule or isinstance(each.rule.condition, Silence))
        )

    def clear(self) -> None:
        """Forget what is queued; the rules find it again."""
        self._found.clear()
        self._heard.clear()
        self._ended.clear()

    def write(self, now: int, seconds: float = float("inf")) -> bool:
        """Write what is queued, for about `seconds`; True when nothing is left.

        What an incident is still to take into its case counts as queued.

        Args:
            now: see `EventWriter.write`.

        Raises:
            StoreFull: a piece was not written; the queue is lost, see `clear`.
        """
        end = time.monotonic() + seconds
        joining = self._writer.incidents.joining
        while self or joining():
            found, heard = _piece(self._found), _piece(self._heard)
            ended = _piece(self._ended)
            over = time.monotonic() > end
            # which alarms have one cause is asked once a turn, not for each piece of them
            decide = over or not self
            self._writer.write(found, heard, ended=ended, now=now, decide=decide)
            if over:
                break
            time.sleep(GAP_SECONDS)
        return not (self or joining())


def _piece(queue: deque[Any]) -> list[Any]:
    return [queue.popleft() for _ in range(min(PIECE, len(queue)))]
