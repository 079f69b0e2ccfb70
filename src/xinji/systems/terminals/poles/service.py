"""The service of shared poles: the ledger in memory, its figures and conflicts observed.

What is wrong with the ledger is observed as `conflicts` of the pole or box; a Threshold rule of the
house makes the event, and the case closes when the count is 0 again.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

import msgspec

from xinji.loop.case_row import CaseRow
from xinji.loop.house import House
from xinji.loop.service import Periodic, Service
from xinji.model.observations import Source
from xinji.store.observations import StoreError
from xinji.store.settings import read_setting, write_setting
from xinji.systems.terminals.poles.checks import Check, conflicts
from xinji.systems.terminals.poles.figures import figures, pole_figures
from xinji.systems.terminals.poles.ledger import Ledger, Mount
from xinji.systems.terminals.poles.stored import read_ledger, stamp
from xinji.systems.terminals.poles.take_over import take_over
from xinji.systems.terminals.poles.types import Types, TypesError, own_types, read_types
from xinji.wire.inlet import Device

log = logging.getLogger(__name__)

SYSTEM = "terminals.poles"
SETTING = "pole-types"
TURN_SECONDS = 5.0
"""A turn in which nothing is new is two small queries."""

CONFLICT_CLASS = "pole-conflict"

Row = tuple[str, str, int, float]


class Poles(Service):
    """The poles of a house."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._lock = threading.Lock()
        self._observing = threading.Lock()
        self._ledger: Ledger | None = None
        self._key: tuple[Any, ...] = ()
        self._conflicts: tuple[Ledger, dict[str, list[Check]]] | None = None
        self._registered: tuple[int, ...] = ()
        self._observed: Ledger | None = None
        self._told: dict[tuple[str, str], float] = {}
        self.types = self._stored_types()

    def periodic(self) -> Iterable[Periodic]:
        """Observing what has changed."""
        return (Periodic(run=self._turn, seconds=TURN_SECONDS, first=3.0, shortest=2.0),)

    # -- what is there --------------------------------------------------------------------------

    def ledger(self) -> Ledger:
        """What stands now; read again only when something has changed.

        In a transaction that has not changed the ledger it is that of the transaction.
        """
        types = self.types
        key = (types.version, stamp(self._house.database))
        with self._lock:
            if self._ledger is not None and self._key == key:
                return self._ledger
        found = read_ledger(self._house.database, types)
        with self._lock:
            self._ledger, self._key = found, key
        return found

    def conflicts(self, ledger: Ledger | None = None) -> dict[str, list[Check]]:
        """What is wrong with a ledger, by thing; without one, with that of now."""
        ledger = ledger or self.ledger()
        known = self._conflicts
        if known is None or known[0] is not ledger:
            known = self._conflicts = (ledger, conflicts(ledger))
        return known[1]

    # -- changes --------------------------------------------------------------------------------

    def changed(self) -> None:
        """After a change was committed: observe what the ledger is now."""
        try:
            self.observe()
        except (StoreError, ValueError) as error:
            # the change is stored; the next turn observes it
            log.error("not observed: %s", error)

    def set_types(self, data: Any, person: str) -> Types:
        """Replace the table of types.

        Raises TypesError: the table contradicts itself, or its version is the present one's.
        """
        types = read_types(data)
        if types.version == self.types.version:
            raise TypesError("version", f"another one than the present {types.version}")
        with self._house.database.writing():
            write_setting(self._house.database, SETTING, msgspec.to_builtins(types))
            self._house.audit.record(person, "pole.types", "poles", {"version": types.version})
        self.types = types
        self.changed()
        return types

    def _stored_types(self) -> Types:
        stored = read_setting(self._house.database, SETTING)
        if stored is None:
            return own_types()
        try:
            return read_types(stored)
        except TypesError as error:
            log.error("the stored table of types is not used: %s", error)
            return own_types()

    # -- turning --------------------------------------------------------------------------------

    async def _turn(self) -> None:
        await asyncio.to_thread(self.turn)

    def turn(self) -> None:
        """Take over new inventories, and observe what has changed; not on the keeper thread."""
        registered = stamp(self._house.database)[:2]
        if registered != self._registered:
            added = take_over(self._house)
            if added:
                self._observe_past(added)
            self._registered = registered
        self.observe()

    def observe(self) -> int:
        """Store the figures that are not what was last told; how many."""
        with self._observing:
            ledger = self.ledger()
            if ledger is self._observed:
                return 0
            now = self._house.clock.now()
            rows = [
                (thing, name, now, float(value))
                for thing, values in figures(ledger, self.conflicts(ledger)).items()
                for name, value in values.items()
                if self._told.get((thing, name)) != value
            ]
            self._put(ledger, rows)
            self._told |= {(row[0], row[1]): row[3] for row in rows}
            self._observed = ledger
        return len(rows)

    def _observe_past(self, added: Iterable[Mount]) -> None:
        """The figures on the days when the devices of new inventories were mounted."""
        ledger = self.ledger()
        now = self._house.clock.now()
        by_pole: dict[str, list[Mount]] = defaultdict(list)
        for mount in added:
            by_pole[mount.pole].append(mount)
        rows: list[Row] = []
        for pole, mounts in by_pole.items():
            for day in sorted({mount.since for mount in mounts if mount.since < now}):
                standing = [mount for mount in mounts if mount.since <= day]
                values = pole_figures(ledger, pole, standing)
                rows += [(pole, name, day, float(value)) for name, value in values.items()]
        self._put(ledger, rows)

    def _put(self, ledger: Ledger, rows: list[Row]) -> None:
        known = ledger.poles | ledger.boxes | ledger.power_boxes
        by_source: dict[str, list[Row]] = defaultdict(list)
        for row in rows:
            by_source[known[row[0]].source].append(row)
        for source, each in by_source.items():
            self._house.ingest.put(Device(SYSTEM, source=Source.of(source)), each)

    # -- cases ----------------------------------------------------------------------------------

    def case_details(self, row: CaseRow) -> dict[str, Any]:
        """What a case of a conflict shows: the checks that fail now."""
        if row.case_class != CONFLICT_CLASS:
            return {}
        return {"conflicts": msgspec.to_builtins(self.conflicts().get(row.thing, []))}
