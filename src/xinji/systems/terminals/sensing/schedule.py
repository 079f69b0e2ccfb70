"""Whose turn it is: many cameras, few cores, nobody starves.

Cameras that somebody asked to see, or where something was seen that is not decided, are urgent.
Of `1 + share` turns at most `share` go to urgent ones while another camera is due, so that every
camera is seen; within each kind the one due longest comes first.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass


@dataclass(slots=True)
class _Turn:
    due: float
    urgent: bool
    number: int
    taken: bool = False


class Schedule:
    """Turns of cameras; times in seconds of any one clock.

    `every` seconds between looks at a calm camera, `soon` between looks at an urgent one.
    """

    def __init__(self, every: float, soon: float, share: int = 2) -> None:
        if not 0 < soon <= every:
            raise ValueError("0 < soon <= every")
        if share < 1:
            raise ValueError("share is at least 1")
        self._every, self._soon, self._share = every, soon, share
        self._turns: dict[str, _Turn] = {}
        self._calm: list[tuple[float, int, str]] = []
        self._urgent: list[tuple[float, int, str]] = []
        self._number = 0
        self._in_a_row = 0

    def pace(self, every: float, soon: float, now: float = 0.0) -> None:
        """Other seconds between looks; what waits for its turn waits so much shorter or longer.

        Raises ValueError.
        """
        if not 0 < soon <= every:
            raise ValueError("0 < soon <= every")
        scale = (every / self._every, soon / self._soon)
        self._every, self._soon = every, soon
        if scale == (1.0, 1.0):
            return
        for camera, turn in list(self._turns.items()):
            if not turn.taken and turn.due > now:
                due = now + (turn.due - now) * scale[turn.urgent]
                self._put(camera, due, urgent=turn.urgent)

    def __len__(self) -> int:
        return len(self._turns)

    def add(self, camera: str, due: float) -> None:
        """A camera that is looked at from now on; one that is known stays as it is."""
        if camera not in self._turns:
            self._put(camera, due, urgent=False)

    def remove(self, camera: str) -> None:
        """No more turns for it."""
        self._turns.pop(camera, None)

    def ask(self, camera: str, now: float) -> bool:
        """A look is wanted now; False when the camera is not known."""
        turn = self._turns.get(camera)
        if turn is None:
            return False
        if not turn.taken and not (turn.urgent and turn.due <= now):
            self._put(camera, min(now, turn.due), urgent=True)
        return True

    def take(self, now: float) -> str | None:
        """The camera whose turn it is, or None when none is due. Give it back with `done`."""
        calm, urgent = self._first(self._calm, now), self._first(self._urgent, now)
        use_urgent = urgent is not None and (calm is None or self._in_a_row < self._share)
        camera = urgent if use_urgent else calm
        if camera is None:
            return None
        heapq.heappop(self._urgent if use_urgent else self._calm)
        self._in_a_row = self._in_a_row + 1 if use_urgent else 0
        self._turns[camera].taken = True
        return camera

    def done(self, camera: str, now: float, *, urgent: bool) -> None:
        """It was looked at; when it comes again depends on whether it is urgent."""
        if camera in self._turns:
            self._put(camera, now + (self._soon if urgent else self._every), urgent=urgent)

    def next_due(self) -> float | None:
        """When the next turn is due, None without cameras."""
        first = [heap[0][0] for heap in (self._calm, self._urgent) if heap]
        return min(first, default=None)

    def _put(self, camera: str, due: float, *, urgent: bool) -> None:
        self._number += 1
        self._turns[camera] = _Turn(due, urgent, self._number)
        heapq.heappush(self._urgent if urgent else self._calm, (due, self._number, camera))

    def _first(self, heap: list[tuple[float, int, str]], now: float) -> str | None:
        while heap:
            due, number, camera = heap[0]
            turn = self._turns.get(camera)
            if turn is None or turn.number != number or turn.taken:
                heapq.heappop(heap)
                continue
            return camera if due <= now else None
        return None
