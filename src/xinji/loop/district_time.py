"""The district's time over restarts: kept in the registry, and never before what is stored."""

from __future__ import annotations

import sqlalchemy as sa

from xinji.loop.clock import HouseClock
from xinji.store.database import Database
from xinji.store.duck import DuckObservations
from xinji.store.schema import case_steps, events
from xinji.store.settings import read_setting, write_setting

KEPT = "clock"
AHEAD_SECONDS = 300
"""What a device's own time may be ahead of the house's, and be stored."""


def resume(database: Database, store: DuckObservations, given: HouseClock | None) -> HouseClock:
    """The clock of a house that opens: the one given, the free one that it had, or the system's.

    Whichever it is, it goes on after everything that the house has stored.
    """
    kept = read_setting(database, KEPT) or {}
    clock = given
    if clock is None:
        clock = HouseClock(kept["at"]) if kept.get("free") else HouseClock()
    newest = int(store.table.last_time[: len(store.table)].max(initial=0)) / 1e6 - AHEAD_SECONDS
    clock.not_before(max(kept.get("at", 0.0), newest, _newest_work(database) / 1e6))
    return clock


def keep(database: Database, clock: HouseClock) -> None:
    """Write down what time it is."""
    write_setting(database, KEPT, {"at": round(clock.seconds(), 3), "free": clock.free})


def _newest_work(database: Database) -> int:
    """Time of the last step of a case and of the last event, Unix microseconds."""
    s, e = case_steps.c, events.c
    with database.reading() as connection:
        found = (
            connection.execute(sa.select(s.at).order_by(s.id.desc()).limit(1)).scalar(),
            connection.execute(
                sa.select(e.detected_at).order_by(e.revision.desc()).limit(1)
            ).scalar(),
        )
    return max(int(each or 0) for each in found)
