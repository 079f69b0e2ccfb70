"""Drive tests as columns: G-NetTrack logs, and other CSV by a mapping of columns.

A phone writes a sentinel where it measured nothing; each becomes NaN and is counted by field. A row
without a place or a time is refused and named; a value beyond what the standard can report becomes
NaN and is put down as a doubt.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from shapely.geometry.base import BaseGeometry

from xinji.methods.geodesy import DATUMS, metres_between
from xinji.store.tables.columns import Heading
from xinji.store.tables.table import UnreadableError
from xinji.systems.network.coverage.inputs.checked_block import CheckedBlock
from xinji.systems.network.coverage.inputs.datum import CONFIDENT, guess_datum
from xinji.systems.network.coverage.inputs.log_times import LogClock
from xinji.systems.network.coverage.inputs.places import note_swapped, placed
from xinji.systems.network.coverage.inputs.report import ImportReport
from xinji.systems.network.coverage.inputs.sectors import Floats, Integers, Texts
from xinji.systems.network.coverage.inputs.tables import Block, table_blocks

MAXIMUM_ROWS = 5_000_000
NEW_RUN_AFTER_S = 300.0
FASTEST_M_S = 80.0
ROAD_M = 15.0

# what phones write when they measured nothing
SENTINEL_TEXTS = frozenset({"", "-", "--", "nan", "null", "none", "n/a", "na", "unknown"})
SENTINEL_NUMBERS = (2_147_483_647.0, -2_147_483_648.0)
SENTINEL_FROM_DB = -200.0

# lowest and highest: TS 38.133 tables 10.1.6.1-1, 10.1.11.1-1, 10.1.16.1-1, a little widened for
# what phones report beyond them
_LIMITS = {
    "rsrp_dbm": (-156.0, -20.0),
    "rsrq_db": (-43.0, 20.0),
    "sinr_db": (-40.0, 60.0),
    "downlink_kbps": (0.0, 20_000_000.0),
    "speed_kmh": (0.0, 500.0),
}
_IN_DB = ("rsrp_dbm", "rsrq_db", "sinr_db")
_NEEDED = ("time", "longitude", "latitude", "rsrp_dbm")
_NR = {"rsrp_dbm": "nr_rsrp_dbm", "rsrq_db": "nr_rsrq_db", "sinr_db": "nr_sinr_db"}
_TEXTS = ("run", "operator", "cell", "mode")

# what phones call the mode of their cell, by its technology; other words tell nothing
_MODES = {
    "nr": "nr 5g 5gnr nrnsa nrsa 5gnsa 5gsa endc nsa sa",
    "lte": "lte 4g lteca lte+ lteplus",
    "3g": "3g umts wcdma hspa hspa+ hspap hsdpa hsupa tdscdma evdo evdo0 evdoa evdob ehrpd",
    "2g": "2g gsm edge gprs cdma 1xrtt iden",
}
TECHNOLOGY = {word: name for name, words in _MODES.items() for word in words.split()}
NO_RSRP = ("3g", "2g")
"""Technologies whose level is no RSRP (RSCP of TS 25.215, RXLEV of TS 45.008)."""


@dataclass(frozen=True)
class Column:
    """A column of a foreign file: its heading, and what to multiply its numbers by."""

    name: str
    factor: float = 1.0


G_NETTRACK: Mapping[str, Column | tuple[Column, ...]] = {
    "run": Column("run"),
    "time": (Column("Timestamp"), Column("t_s"), Column("Time")),
    "longitude": Column("Longitude"),
    "latitude": Column("Latitude"),
    "speed_kmh": Column("Speed"),
    "operator": (Column("Operatorname"), Column("Operator")),
    "cell": Column("CellID"),
    "mode": (Column("NetworkMode"), Column("NetworkTech")),
    "rsrp_dbm": (Column("RSRP"), Column("Level")),
    "rsrq_db": (Column("RSRQ"), Column("Qual")),
    "sinr_db": (Column("SNR"), Column("SINR")),
    "nr_rsrp_dbm": (Column("SSRSRP"), Column("NR_RSRP"), Column("SS-RSRP")),
    "nr_rsrq_db": (Column("SSRSRQ"), Column("NR_RSRQ"), Column("SS-RSRQ")),
    "nr_sinr_db": (Column("SSSINR"), Column("NR_SINR"), Column("SS-SINR")),
    "downlink_kbps": Column("DL_bitrate"),
}
"""G-NetTrack's columns. `NRx...` are its neighbour cells and are not read."""


@dataclass(frozen=True, kw_only=True)
class DriveTests:
    """n samples in the file's order; every array has shape (n,). Places are WGS-84 degrees.

    Attributes:
        run: name of the run.
        time: microseconds, of Unix time, or since the start of the run where the file has no more.
        rsrp_dbm, rsrq_db, sinr_db: of the serving cell; NaN where missing.
        nr: True where they are of a NR cell (SS-RSRP, SS-RSRQ, SS-SINR).
        operator, cell, mode: as the file writes them, empty where missing.
        downlink_kbps: received at that moment, kbit/s. speed_kmh: of the vehicle.
    """

    run: Texts
    time: Integers
    longitude: Floats
    latitude: Floats
    rsrp_dbm: Floats
    rsrq_db: Floats
    sinr_db: Floats
    nr: npt.NDArray[np.bool_]
    operator: Texts
    cell: Texts
    mode: Texts
    downlink_kbps: Floats
    speed_kmh: Floats

    def __len__(self) -> int:
        return len(self.run)

    @property
    def technology(self) -> Texts:
        """`nr`, `lte`, `3g`, `2g`, or empty where neither the values nor the mode tell."""
        named = np.where(self.nr, "nr", technologies(self.mode))
        return named.astype(object)

    @property
    def of_one_technology(self) -> npt.NDArray[np.bool_]:
        """Samples that may be compared with a map of NR.

        Those of NR cells; in a log that names none, those whose technology is not named at all.
        """
        named = self.technology
        nr = np.asarray(named == "nr", np.bool_)
        if self.nr.any():
            return self.nr
        return nr if nr.any() else np.asarray(named == "", np.bool_)

    def take(self, rows: npt.NDArray[Any]) -> DriveTests:
        """The samples of a mask or of row numbers, in that order."""
        return replace(
            self, **{field.name: getattr(self, field.name)[rows] for field in fields(self)}
        )


@dataclass(frozen=True, kw_only=True)
class ImportedDriveTests:
    """The samples that are whole, the row of each, and what was wrong with the others.

    Attributes:
        absolute: whether the times are Unix time.
        missing: sentinels by field, of all rows.
    """

    tests: DriveTests
    rows: Integers
    absolute: bool
    missing: dict[str, int]
    report: ImportReport


def import_drive_tests(
    source: bytes | Path,
    *,
    columns: Mapping[str, Column | tuple[Column, ...]] = G_NETTRACK,
    outline: BaseGeometry | None = None,
    roads: npt.NDArray[np.object_] | None = None,
    datum: str | None = None,
    swapped: bool = False,
    utc_offset_hours: float = 8.0,
) -> ImportedDriveTests:
    """Read a log.

    Args:
        source: bytes or path of a table (`store.tables`), may be gzipped.
        columns: our field to their column, or to several, of which the first one there is taken.
        outline: of the district, WGS-84; samples outside are refused. None for no such check.
        roads: shapely road centre-lines; with the outline they tell the datum.
        datum: of the file's coordinates; None: taken for WGS-84, the report says when that looks
            wrong.
        swapped: the columns longitude and latitude hold each other's values.
        utc_offset_hours: of times written without an offset.

    Raises:
        UnreadableError: not such a file, a needed column is missing, over the caps
            `MAXIMUM_ROWS` and those of the reader.
        ValueError: an unknown datum, or a mapping to an unknown field.
        OSError: the path cannot be read.
    """
    if datum is not None and datum not in DATUMS:
        raise ValueError(f"datum: {datum!r} is not one of {', '.join(DATUMS)}")
    headings, factors = _mapped(columns)
    report = ImportReport()
    missing: dict[str, int] = {}
    parts: list[dict[str, Any]] = []
    seen: list[tuple[Floats, Floats]] = []
    clock = LogClock(utc_offset_hours)
    for block in table_blocks(source, headings, by_rank=True):
        if not parts:
            _check_columns(block, report)
        report.read += len(block.rows) + len(block.faults)
        if report.read > MAXIMUM_ROWS:
            raise UnreadableError(
                f"more than {MAXIMUM_ROWS:,} rows; that is the cap (MAXIMUM_ROWS)"
            )
        for fault in block.faults:
            report.fault(*fault)
        if swapped:
            cells = block.cells
            cells["longitude"], cells["latitude"] = cells["latitude"], cells["longitude"]
        _count_sentinels(block, missing)
        checked = CheckedBlock(block, report)
        part, places = _samples(checked, factors, clock, outline, datum or "wgs84", missing)
        parts.append(part)
        seen.append(places)
    if not parts:
        raise UnreadableError("no row below the head line")
    found = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    rows = found.pop("row")
    if not (found["run"] != "").any():
        found["run"] = _runs(found["time"])
    tests = DriveTests(**found)
    kept = _without_repeats(tests, rows, report)
    tests, rows = tests.take(kept), rows[kept]
    _doubt_jumps(tests, rows, report)
    _judge_places(report, seen, outline, roads, datum or "wgs84", len(tests))
    report.kept = len(tests)
    return ImportedDriveTests(
        tests=tests, rows=rows, absolute=clock.absolute, missing=missing, report=report
    )


def _mapped(
    columns: Mapping[str, Column | tuple[Column, ...]],
) -> tuple[dict[Heading, str], dict[str, float]]:
    known = {"time", "longitude", "latitude", *_TEXTS, *_LIMITS, *_NR.values()}
    if unknown := sorted(set(columns) - known):
        raise ValueError(f"columns: {', '.join(unknown)}: known are {', '.join(sorted(known))}")
    headings: dict[Heading, str] = {}
    factors: dict[str, float] = {}
    for field, given in columns.items():
        for column in (given,) if isinstance(given, Column) else given:
            headings[Heading.of(column.name)] = field
            factors[field] = column.factor
    return headings, factors


def _check_columns(block: Block, report: ImportReport) -> None:
    has = set(block.cells)
    if "nr_rsrp_dbm" in has:
        has.add("rsrp_dbm")
    absent = [name for name in _NEEDED if name not in has]
    if absent:
        raise UnreadableError(f"column missing: {', '.join(absent)}")
    if block.unused:
        report.notes.append(
            f"columns not used, another has the same field: {', '.join(block.unused)}"
        )
    if "nr_rsrp_dbm" not in has:
        report.notes.append(
            "no columns of the NR cell: the measurements are those of the serving cell as the "
            "phone gives it, in non-stand-alone mode the LTE anchor"
        )


def _count_sentinels(block: Block, missing: dict[str, int]) -> None:
    """Empty the cells that hold a sentinel word, and count them."""
    for field, cells in block.cells.items():
        if field in ("time", "longitude", "latitude", "run"):
            continue
        words = {cell for cell in set(cells) if cell.strip().lower() in SENTINEL_TEXTS}
        if words:
            missing[field] = missing.get(field, 0) + sum(cell in words for cell in cells)
            block.cells[field] = ["" if cell in words else cell for cell in cells]


def _samples(
    checked: CheckedBlock,
    factors: dict[str, float],
    clock: LogClock,
    outline: BaseGeometry | None,
    datum: str,
    missing: dict[str, int],
) -> tuple[dict[str, Any], tuple[Floats, Floats]]:
    """The good rows of a block as columns, and all places of the block as the file has them."""
    places = checked.number("longitude"), checked.number("latitude")
    for field, values in zip(("longitude", "latitude"), places, strict=True):
        checked.require(values, field)
    nowhere = (places[0] == 0) & (places[1] == 0)
    checked.refuse(nowhere, "longitude, latitude", "a position; 0, 0 is no fix")
    longitude, latitude = placed(checked, places, outline, datum)
    measured = {field: _measured(checked, field, field, factors, missing) for field in _LIMITS}
    of_nr = {
        field: _measured(checked, column, field, factors, missing) for field, column in _NR.items()
    }
    texts = {field: checked.text(field) for field in _TEXTS}
    _without_rsrp(checked, measured, technologies(texts["mode"]))
    # one row is of one cell: the NR values, where the row has an NR level
    nr = ~np.isnan(of_nr["rsrp_dbm"])
    measured |= {field: np.where(nr, of_nr[field], measured[field]) for field in _NR}
    columns: dict[str, Any] = {
        **texts,
        **measured,
        "nr": nr,
        "time": clock.microseconds(checked, factors.get("time", 1.0)),
        "longitude": longitude,
        "latitude": latitude,
        "row": checked.rows,
    }
    return {name: column[~checked.bad] for name, column in columns.items()}, places


def technologies(modes: Texts) -> Texts:
    """The technology of each mode, empty where the word tells none."""
    known = {
        mode: TECHNOLOGY.get("".join(c for c in mode.lower() if c not in " -_()/"), "")
        for mode in set(modes.tolist())
    }
    return np.array([known[mode] for mode in modes.tolist()], dtype=object)


def _without_rsrp(checked: CheckedBlock, measured: dict[str, Floats], named: Texts) -> None:
    """A level of 2G or 3G in the column of the RSRP is none: it becomes missing, with a doubt."""
    other = np.isin(named, NO_RSRP)
    there = other & ~np.isnan(measured["rsrp_dbm"])
    rule = "a level of NR or LTE; of 2G or 3G it is no RSRP; taken for missing"
    checked.report.doubt_rows(there, checked.rows, "rsrp_dbm", rule, measured["rsrp_dbm"])
    for field in _IN_DB:
        measured[field] = np.where(other, np.nan, measured[field])


def _measured(
    checked: CheckedBlock,
    column: str,
    field: str,
    factors: dict[str, float],
    missing: dict[str, int],
) -> Floats:
    """A column in our unit, NaN for sentinels (counted) and for what cannot be (doubted)."""
    given = checked.number(column)
    none = np.isin(given, SENTINEL_NUMBERS)
    values = given * factors.get(column, 1.0)
    if field in _IN_DB:
        none |= values <= SENTINEL_FROM_DB
    if none.any():
        missing[column] = missing.get(column, 0) + int(none.sum())
    values = np.where(none, np.nan, values)
    low, high = _LIMITS[field]
    beyond = (values < low) | (values > high)
    rule = f"{low:g} to {high:g}; taken for missing"
    checked.report.doubt_rows(beyond, checked.rows, column, rule, values)
    return np.where(beyond, np.nan, values)


def _runs(time: Integers) -> Texts:
    """Runs of a file that names none: a new one after a long pause or a step back in time."""
    step = np.diff(time, prepend=time[:1])
    number = np.cumsum((step > NEW_RUN_AFTER_S * 1e6) | (step < 0)) + 1
    return number.astype(str).astype(object)


def _without_repeats(
    tests: DriveTests, rows: Integers, report: ImportReport
) -> npt.NDArray[np.bool_]:
    """Which rows stay: of rows alike in every field the first."""
    table = np.empty((len(tests), len(fields(tests))), dtype=np.int64)
    for at, field in enumerate(fields(tests)):
        column = getattr(tests, field.name)
        if column.dtype == object:
            coded = pa.array(column, pa.large_string()).dictionary_encode()
            table[:, at] = coded.indices.to_numpy()
        elif column.dtype == np.float64:
            table[:, at] = (column + 0.0).view(np.int64)
        else:
            table[:, at] = column
    packed = np.ascontiguousarray(table).view([("", np.void, table.shape[1] * 8)]).ravel()
    _, first, inverse = np.unique(packed, return_index=True, return_inverse=True)
    before = first[inverse]
    again = before != np.arange(len(tests))
    values = np.char.add("row ", rows[before].astype(str)).astype(object) if again.any() else None
    report.fault_rows(again, rows, "row", "not the same as an earlier row", values)
    return np.asarray(~again, dtype=np.bool_)


def _doubt_jumps(tests: DriveTests, rows: Integers, report: ImportReport) -> None:
    """Places that no vehicle reaches from the last other place of its run."""
    if len(tests) < 2:
        return
    lon, lat = tests.longitude, tests.latitude
    fresh = np.ones(len(tests), dtype=np.bool_)
    fresh[1:] = (np.diff(lon) != 0) | (np.diff(lat) != 0) | (tests.run[1:] != tests.run[:-1])
    # a receiver repeats a place until it has a new one, so the time counts from the last new one
    at = np.flatnonzero(fresh)
    same = tests.run[at[1:]] == tests.run[at[:-1]]
    away = metres_between(lon[at[1:]], lat[at[1:]], lon[at[:-1]], lat[at[:-1]])
    seconds = np.maximum(np.abs(np.diff(tests.time[at])) / 1e6, 1.0)
    jump = np.zeros(len(tests), dtype=np.bool_)
    values = np.zeros(len(tests))
    jump[at[1:]], values[at[1:]] = same & (away > FASTEST_M_S * seconds), np.round(away)
    rule = f"at most {FASTEST_M_S:g} m/s from the place before"
    report.doubt_rows(jump, rows, "longitude, latitude", rule, values)


def _judge_places(
    report: ImportReport,
    seen: list[tuple[Floats, Floats]],
    outline: BaseGeometry | None,
    roads: npt.NDArray[np.object_] | None,
    taken: str,
    kept: int,
) -> None:
    """What the places of the whole file look like."""
    if outline is None:
        return
    longitude, latitude = (np.concatenate([pair[at] for pair in seen]) for at in (0, 1))
    if note_swapped(report):
        return
    report.datum = guess_datum(longitude, latitude, outline, roads, ROAD_M)
    guess = report.datum
    if (
        guess
        and guess.datum != taken
        and guess.confidence >= CONFIDENT
        and max(guess.inside.values()) > 0.5
    ):
        report.notes.append(
            f"the coordinates look like {guess} and were taken for {taken}: "
            f"import again with datum={guess.datum!r}"
        )
    if kept == 0:
        report.notes.append("no row lies inside the district under any known datum")
