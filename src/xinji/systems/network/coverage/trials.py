"""Networks under edit: the maps after a planner's changes, kept so that the next one is quick.

A state is known by its edits, whichever scenario they belong to: undoing a change, or a second
scenario that begins alike, finds its maps already there.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xinji.systems.network.coverage.changes import (
    AddStation,
    Edit,
    TurnSector,
    altered,
    apply,
    replaced,
    settled,
)
from xinji.systems.network.coverage.prediction import Prediction

STATES_KEPT = 8
"""States whose maps stay in memory; others are computed again from their edits."""

OwnEdit = tuple[str, Edit]
"""An operator and a change of its network."""


@dataclass(eq=False, kw_only=True)
class State:
    """Edits in order, and the maps by operator after them."""

    edits: list[OwnEdit]
    predictions: dict[str, Prediction]


class Trials:
    """What is tried out with the maps that were computed last."""

    def __init__(self, predictions: dict[str, Prediction]) -> None:
        self._today = State(edits=[], predictions=dict(predictions))
        self._known: list[State] = []
        self._lock = threading.Lock()

    def after(self, edits: Sequence[OwnEdit]) -> dict[str, Prediction]:
        """The maps after edits, by operator. Only what no state in memory holds is computed.

        Raises:
            ValueError: an edit does not fit; names its number, the field and the rule.
        """
        wanted = list(edits)
        with self._lock:
            state = self._nearest(wanted)
            while len(state.edits) < len(wanted):
                state = self._further(state, wanted)
                self._known.append(state)
            del self._known[:-STATES_KEPT]
            return dict(state.predictions)

    def _nearest(self, wanted: list[OwnEdit]) -> State:
        """The state to go on from; it is the last to be forgotten then.

        Changes of one station that follow each other are computed as one: a state between two of
        them is passed over for that before the first, unless it is forgotten.
        """
        fitting = [self._today] + [
            each for each in self._known if each.edits == wanted[: len(each.edits)]
        ]
        chosen = longest = max(fitting, key=lambda each: len(each.edits))
        if 0 < len(longest.edits) < len(wanted):
            begin = self._begin(wanted, len(longest.edits))
            chosen = next((each for each in fitting if len(each.edits) == begin), longest)
        if chosen is not self._today:
            self._known.remove(chosen)
            self._known.append(chosen)
        return chosen

    def _begin(self, edits: list[OwnEdit], at: int) -> int:
        """Number of the first of the changes of one station that edit `at` goes on with."""
        station = self._station(edits[at])
        while at and station is not None and self._station(edits[at - 1]) == station:
            at -= 1
        return at

    def _station(self, own: OwnEdit) -> tuple[str, str] | None:
        """Operator and station of a change of what stands already, None when one is added."""
        operator, edit = own
        if isinstance(edit, AddStation):
            return None
        if not isinstance(edit, TurnSector):
            return operator, edit.station
        if operator in self._today.predictions:
            sectors = self._today.predictions[operator].sectors
            rows = np.flatnonzero(sectors.sector_id == edit.sector)
            if len(rows):
                return operator, str(sectors.station_id[rows[0]])
        # the sectors of a station that was added are named after it
        return operator, edit.sector.rpartition(":")[0]

    def _further(self, state: State, wanted: list[OwnEdit]) -> State:
        """The state after the next edit, or after all the next ones of one station."""
        number = len(state.edits)
        operator, edit = wanted[number]
        if operator not in state.predictions:
            raise ValueError(f"edits[{number}].operator: {operator} has no map")
        found = state.predictions[operator]
        try:
            if isinstance(edit, AddStation):
                found, number = apply(found, edit), number + 1
            else:
                whose, sectors, station = self._station(wanted[number]), found.sectors, ""
                while number < len(wanted) and self._station(wanted[number]) == whose:
                    change = wanted[number][1]
                    assert not isinstance(change, AddStation)
                    station, sectors = altered(operator, sectors, change)
                    number += 1
                # kept, so that the next change of the station finds it done
                state.predictions[operator] = settled(found, station)
                found = replaced(state.predictions[operator], station, sectors)
        except ValueError as error:
            raise ValueError(f"edits[{number}].{error}") from None
        return State(edits=wanted[:number], predictions=state.predictions | {operator: found})
