"""Drive tests as the house keeps them, and how far the prediction is from them."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from xinji.store.database import Database
from xinji.store.network_schema import drive_tests as table
from xinji.systems.network.coverage.inputs.apart import packed, unpacked
from xinji.systems.network.coverage.inputs.drive_tests import DriveTests, ImportedDriveTests
from xinji.systems.network.coverage.links import Links, links_of
from xinji.systems.network.coverage.prediction import Prediction

Floats = npt.NDArray[np.float64]

ENOUGH = 30
"""Samples from which a sector's median is told."""

SHOWN_FAULTS = 100


class DriveTest(msgspec.Struct, frozen=True):
    """A stored file; times are Unix microseconds, None where the file has no dates."""

    id: str
    name: str
    operator: str
    started_at: int | None
    ended_at: int | None
    samples: int
    refused: int
    report: dict[str, Any]
    source: str
    added_by: str
    added_at: int


def encoded(tests: DriveTests) -> bytes:
    """The columns as they are stored."""
    return packed(tests)


def decoded(content: bytes) -> DriveTests:
    """The columns of `encoded`."""
    return unpacked(DriveTests, content)


def put(
    database: Database,
    content: bytes,
    found: ImportedDriveTests,
    *,
    name: str,
    operator: str,
    source: str,
    person: str,
    now: int,
) -> DriveTest:
    """Store a file's samples, in the caller's transaction; the same file twice is stored once."""
    report = msgspec.to_builtins(found.report)
    for each in ("faults", "doubts"):
        report[each] = report[each][:SHOWN_FAULTS]
    report["missing"] = found.missing
    times = found.tests.time
    dated = found.absolute and len(times) > 0
    made = DriveTest(
        id=hashlib.sha256(content).hexdigest(),
        name=name,
        operator=operator,
        started_at=int(times.min()) if dated else None,
        ended_at=int(times.max()) if dated else None,
        samples=len(found.tests),
        refused=found.report.refused,
        report=report,
        source=source,
        added_by=person,
        added_at=now,
    )
    with database.writing() as connection:
        connection.execute(sa.delete(table).where(table.c.id == made.id))
        values = msgspec.to_builtins(made) | {"columns": encoded(found.tests)}
        connection.execute(sa.insert(table).values(**values))
    return made


_FACTS = [table.c[each] for each in DriveTest.__struct_fields__]


def read_all(database: Database) -> list[DriveTest]:
    """All files, the newest first."""
    with database.reading() as connection:
        rows = connection.execute(sa.select(*_FACTS).order_by(table.c.added_at.desc())).all()
    return [DriveTest(*row) for row in rows]


def read(database: Database, id_: str) -> tuple[DriveTest, DriveTests] | None:
    """One file and its samples."""
    with database.reading() as connection:
        row = connection.execute(
            sa.select(*_FACTS, table.c.columns).where(table.c.id == id_)
        ).first()
    return None if row is None else (DriveTest(*row[:-1]), decoded(row[-1]))


def remove(database: Database, id_: str) -> None:
    """Take a file away; in the caller's transaction."""
    with database.writing() as connection:
        connection.execute(sa.delete(table).where(table.c.id == id_))


def at_places(prediction: Prediction, longitude: Floats, latitude: Floats) -> Floats:
    """(n) dBm that the map gives at each place, NaN outside it and on footprints."""
    cells = prediction.scene.cells_of(longitude, latitude)
    open_ground = np.where(prediction.scene.building < 0, prediction.rsrp, np.nan).ravel()
    found = np.where(cells >= 0, open_ground[cells], np.nan)
    found[~np.isfinite(found)] = np.nan
    return found


def sector_residuals(
    prediction: Prediction, tests: DriveTests
) -> tuple[Links, Floats, dict[str, tuple[float, int]]]:
    """Links of the samples, measured minus predicted of each, and by sector the median and count.

    Samples name their serving sector in `cell`; those that name none we know are left out. Sectors
    with fewer than `ENOUGH` samples are not told.
    """
    links = links_of(prediction, tests.cell, tests.longitude, tests.latitude)
    residual = tests.rsrp_dbm - links.rsrp_dbm
    known = np.flatnonzero((links.row >= 0) & np.isfinite(residual) & tests.of_one_technology)
    order = known[np.argsort(links.row[known], kind="stable")]
    rows, starts = np.unique(links.row[order], return_index=True)
    found = {}
    for row, part in zip(rows.tolist(), np.split(order, starts[1:]), strict=True):
        if len(part) >= ENOUGH:
            name = str(prediction.sectors.sector_id[row])
            found[name] = (float(np.median(residual[part])), len(part))
    return links, residual, found
