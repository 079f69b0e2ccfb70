"""Work orders of the hotlines through the one door: 12345, and what 110 hands over.

A good row is taken, a bad one is named with its field and rule, a row that came before is counted;
`work_orders.py` reads the files.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping

import msgspec
import sqlalchemy as sa

from xinji.loop.house import House
from xinji.methods.geodesy import DATUMS, to_wgs84
from xinji.store.observations import moment
from xinji.store.settings import read_setting
from xinji.store.tables.cells import BadCellError, moment_of, number_of
from xinji.store.work_schema import reports
from xinji.systems.platforms.operations.class_table import ClassTable
from xinji.systems.platforms.operations.intake import Intake
from xinji.systems.platforms.operations.new_report import Contact, NewReport, ReportError
from xinji.systems.platforms.operations.work_orders import COLUMNS, FIELDS, WorkOrder

CHANNELS = ("12345", "110")
COLUMNS_SETTING = "transfers.columns"
GROUP = 50
"""Rows in one transaction: one wait for the disk, and the lock is held for a moment only."""

_URGENT = {"urgent", "紧急", "特急", "加急", "high", "是", "1"}
_NORMAL = {"", "normal", "一般", "普通", "平急", "low", "medium", "否", "0"}


class RowError(msgspec.Struct, frozen=True):
    """What is wrong in a row; row 0 is the file."""

    row: int
    field: str
    rule: str


class Imported(msgspec.Struct, kw_only=True):
    """`accepted` rows are stored (`merged` of them joined a case); in a dry run they would be."""

    dry_run: bool
    rows: int = 0
    accepted: int = 0
    merged: int = 0
    repeated: int = 0
    errors: list[RowError] = []


def import_transfers(
    house: House,
    intake: Intake,
    table: ClassTable,
    rows: list[WorkOrder],
    channel: str,
    *,
    dry_run: bool = True,
    datum: str = "wgs84",
) -> Imported:
    """Take the rows of a hotline's file (`work_orders.py`) through the door.

    The sender is the hotline, so a work order that two people import is stored once. A row names
    its place by coordinates in `datum`, else by its address or text. Every row is accepted,
    repeated or in `errors`.

    Raises:
        ValueError: unknown channel or datum.
        StoreFull: the disk is full; the rows before stay, and sending the file again is safe.
    """
    if channel not in CHANNELS:
        raise ValueError(f"channel: one of {', '.join(CHANNELS)}")
    if datum not in DATUMS:
        raise ValueError(f"datum: one of {', '.join(DATUMS)}")
    done = Imported(dry_run=dry_run, rows=len(rows))
    by_title = {known.title.zh: code for code, known in table.classes.items()}
    sender = f"transfer:{channel}"
    known: set[str] = set()
    taken: dict[str, tuple[int, NewReport]] = {}
    for first in range(0, len(rows), GROUP):
        group: list[tuple[int, NewReport]] = []
        for row in rows[first : first + GROUP]:
            try:
                group.append((row.number, _report(row, channel, datum, by_title, intake)))
            except ReportError as error:
                done.errors.append(_row_error(row.number, error))
        # a refused id may come again, corrected, further down: only what is taken is known
        known |= _stored(house, sender, [given.client_id for _, given in group])
        if dry_run:
            _take(intake, group, sender, known, taken, done)
            continue
        with house.database.writing():
            _take(intake, group, sender, known, taken, done)
    done.errors.sort(key=lambda error: error.row)
    return done


def _row_error(number: int, error: ReportError) -> RowError:
    field = "external_id" if error.field == "client_id" else error.field
    return RowError(number, field, error.rule)


def _stored(house: House, sender: str, client_ids: list[str]) -> set[str]:
    """Which of a sender's ids are stored."""
    with house.database.reading() as connection:
        return set(
            connection.execute(
                sa.select(reports.c.client_id).where(
                    reports.c.sender == sender, reports.c.client_id.in_(client_ids)
                )
            ).scalars()
        )


def _take(
    intake: Intake,
    group: list[tuple[int, NewReport]],
    sender: str,
    known: set[str],
    taken: dict[str, tuple[int, NewReport]],
    done: Imported,
) -> None:
    """Take the rows of a group that are not known, in the open transaction; or only check them."""
    for number, given in group:
        if given.client_id in known:
            above, earlier = taken.get(given.client_id, (number, given))
            if earlier == given:
                done.repeated += 1
            else:
                rule = f"stands in row {above} with other content"
                done.errors.append(RowError(number, "external_id", rule))
            continue
        try:
            if done.dry_run:
                intake.check(given)
            else:
                filed = intake.receive(given, sender)
                if filed.repeated:  # somebody imports the same file at the same time
                    done.repeated += 1
                    continue
                done.merged += filed.disposition == "merged"
        except ReportError as error:
            done.errors.append(_row_error(number, error))
            continue
        known.add(given.client_id)
        taken[given.client_id] = number, given
        done.accepted += 1


# -- reading -----------------------------------------------------------------------------------


def columns_of(house: House) -> dict[str, str]:
    """Field by heading, the city's own first."""
    own = read_setting(house.database, COLUMNS_SETTING) or {}
    return {heading: field for heading, field in own.items() if field in FIELDS} | COLUMNS


def time_of(text: str) -> dt.datetime | None:
    """A time as hotlines write it; without an offset it is the district's. Raises ReportError."""
    if not text:
        return None
    try:
        return moment(moment_of(text))
    except BadCellError:
        raise ReportError("happened_at", "a time such as 2026-11-23 09:05") from None


def _report(
    given: WorkOrder,
    channel: str,
    datum: str,
    by_title: Mapping[str, str],
    intake: Intake,
) -> NewReport:
    """The report that a row means. Raises ReportError."""
    if given.rule:
        raise ReportError(given.field, given.rule)
    row = given.values
    outside = row.get("external_id", "")
    if not 0 < len(outside) <= 128:
        raise ReportError("external_id", "1 to 128 characters")
    text, address = row.get("text", ""), row.get("address", "")
    longitude, latitude, error_m = _place(row, datum, intake)
    word = row.get("urgency", "").lower()
    if word not in _URGENT | _NORMAL:
        raise ReportError("urgency", "urgent or normal (紧急 or 一般)")
    name, phone = row.get("name", ""), row.get("phone", "")
    if len(name) > 100 or len(phone) > 40:
        raise ReportError("phone" if len(phone) > 40 else "name", "at most 100, 40 characters")
    code = row.get("case_class", "")
    return NewReport(
        client_id=outside if len(outside) <= 64 else hashlib.sha256(outside.encode()).hexdigest(),
        channel=channel,
        case_class=by_title.get(code, code),
        longitude=longitude,
        latitude=latitude,
        place_error_m=error_m,
        text=text,
        address=address,
        happened_at=time_of(row.get("happened_at", "")),
        urgency="urgent" if word in _URGENT else "",
        external_id=outside,
        contact=Contact(name=name, phone=phone) if name or phone else None,
    )


def _place(
    row: dict[str, str], datum: str, intake: Intake
) -> tuple[float | None, float | None, float | None]:
    """(longitude, latitude, error in metres) in WGS-84; None: the text may name it."""
    given = row.get("longitude", ""), row.get("latitude", "")
    if any(given):
        try:
            longitude, latitude = number_of(given[0]), number_of(given[1])
        except BadCellError:
            raise ReportError("longitude", "longitude and latitude in degrees") from None
        if not (abs(longitude) <= 180 and abs(latitude) <= 90):
            raise ReportError("longitude", "degrees: longitude to 180, latitude to 90")
        west, south = to_wgs84(datum, longitude, latitude)
        return float(west), float(south), None
    if intake.read is not None and row.get("address"):
        place = intake.read(row["address"]).place
        if place is not None:
            return place.longitude, place.latitude, place.error_m
    return None, None, None
