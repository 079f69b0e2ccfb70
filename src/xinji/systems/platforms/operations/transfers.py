"""Work orders of the hotlines: 12345, and what 110 hands over because it is not for the police.

A file is CSV (UTF-8 or GB 18030) or JSON (a list of objects, or one under `items`, `data` or
`rows`). Columns are known by their headings (`COLUMNS`, Chinese and English; a city adds its own by
the setting `transfers.columns`, {heading: field}). A good row goes through the one door, a bad one
is named with its field and rule, a row that came before is counted. Rows count from 1; in CSV the
head line is row 1.
"""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.loop.calendars import DISTRICT_TIME
from xinji.loop.house import House
from xinji.methods.geodesy import DATUMS, to_wgs84
from xinji.store.settings import read_setting
from xinji.store.work_schema import reports
from xinji.systems.platforms.operations.class_table import ClassTable
from xinji.systems.platforms.operations.intake import Intake
from xinji.systems.platforms.operations.new_report import Contact, NewReport, ReportError

CHANNELS = ("12345", "110")
MOST_ROWS = 20_000
COLUMNS_SETTING = "transfers.columns"
GROUP = 50
"""Rows in one transaction: one wait for the disk, and the lock is held for a moment only."""

FIELDS = ("external_id", "text", "address", "happened_at", "longitude", "latitude", "case_class",
          "urgency", "name", "phone")  # fmt: skip
_HEADINGS = {
    "external_id": "工单编号 工单号 受理编号 受理单号 案件编号 警情编号 接警单编号 流水号 编号 "
    "external_id id case_id order_no ticket number",
    "text": "诉求内容 工单内容 报警内容 警情内容 反映内容 事件描述 问题描述 描述 内容 "
    "text content description",
    "address": "事发地址 发生地址 报警地址 事发地点 发生地点 地址 地点 address location",
    "happened_at": "事发时间 发生时间 来电时间 报警时间 受理时间 登记时间 时间 "
    "happened_at time created_at created received_at",
    "longitude": "经度 longitude lon lng long",
    "latitude": "纬度 latitude lat",
    "case_class": "案件类别 事项分类 分类编码 小类编码 小类 类别 case_class class category",
    "urgency": "紧急程度 紧急 urgency priority",
    "name": "来电人 报警人 联系人 姓名 name caller",
    "phone": "来电号码 报警电话 联系电话 电话 phone telephone",
}
COLUMNS = {heading: field for field, names in _HEADINGS.items() for heading in names.split()}
_URGENT = {"urgent", "紧急", "特急", "加急", "high", "是", "1"}
_NORMAL = {"", "normal", "一般", "普通", "平急", "low", "medium", "否", "0"}
_CHINESE_TIME = re.compile(r"(\d+)年(\d+)月(\d+)日\s*(?:(\d+)[时点:](?:(\d+)分?(?:(\d+)秒?)?)?)?")
_SLASHED_TIME = re.compile(
    r"(\d{4})[/.-](\d{1,2})[/.-](\d{1,2})(?:\s+(\d{1,2}):(\d{1,2})(?::(\d{1,2}))?)?"
)


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


class _FileError(ValueError):
    """The file is no table."""

    def __init__(self, row: int, field: str, rule: str) -> None:
        super().__init__(rule)
        self.error = RowError(row, field, rule)


def import_transfers(
    house: House,
    intake: Intake,
    table: ClassTable,
    body: bytes,
    channel: str,
    *,
    dry_run: bool = True,
    datum: str = "wgs84",
) -> Imported:
    """Read a hotline's file into the door.

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
    done = Imported(dry_run=dry_run)
    try:
        rows = read_rows(body, read_setting(house.database, COLUMNS_SETTING) or {})
    except _FileError as error:
        done.errors.append(error.error)
        return done
    done.rows = len(rows)
    by_title = {known.title.zh: code for code, known in table.classes.items()}
    sender = f"transfer:{channel}"
    known: set[str] = set()
    for first in range(0, len(rows), GROUP):
        group: list[tuple[int, NewReport]] = []
        for number, row in rows[first : first + GROUP]:
            try:
                group.append((number, _report(row, channel, datum, by_title, intake)))
            except ReportError as error:
                done.errors.append(_row_error(number, error))
        # a refused id may come again, corrected, further down: only what is taken is known
        known |= _stored(house, sender, [given.client_id for _, given in group])
        if dry_run:
            _take(intake, group, sender, known, done)
            continue
        with house.database.writing():
            _take(intake, group, sender, known, done)
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
    done: Imported,
) -> None:
    """Take the rows of a group that are not known, in the open transaction; or only check them."""
    for number, given in group:
        if given.client_id in known:
            done.repeated += 1
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
        done.accepted += 1


# -- reading -----------------------------------------------------------------------------------


def read_rows(
    body: bytes, columns: Mapping[str, str] | None = None
) -> list[tuple[int, dict[str, str] | str]]:
    """(row number, values by field) of a file; a row that is no row is its fault as text.

    Raises a ValueError with the fault of the file.
    """
    known = COLUMNS | {
        _plain(heading): field for heading, field in (columns or {}).items() if field in FIELDS
    }
    text = _text(body)
    if not text.strip():
        raise _FileError(0, "file", "a head line and at least one row")
    rows = _json(text, known) if text.lstrip()[:1] in ("[", "{") else _csv(text, known)
    if not rows:
        raise _FileError(0, "file", "at least one row")
    if len(rows) > MOST_ROWS:
        raise _FileError(0, "file", f"at most {MOST_ROWS:,} rows; this has {len(rows):,}")
    return rows


def _plain(heading: Any) -> str:
    return str(heading).strip().strip("\ufeff").strip().lower()


def _text(body: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = body.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\x00" not in text:
            return text
    raise _FileError(0, "file", "text in UTF-8 or GB 18030")


def _csv(text: str, known: Mapping[str, str]) -> list[tuple[int, dict[str, str] | str]]:
    rows: list[tuple[int, dict[str, str] | str]] = []
    try:
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        head = next(reader, [])
        fields = _fields(head, known)
        for number, cells in enumerate(reader, 2):
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(head):
                rows.append((number, f"{len(head)} cells as the head line; this has {len(cells)}"))
            else:
                rows.append((number, _row(fields, cells)))
            if len(rows) > MOST_ROWS:
                raise _FileError(0, "file", f"at most {MOST_ROWS:,} rows")
    except csv.Error as error:
        raise _FileError(len(rows) + 2, "row", f"CSV: {error}") from error
    return rows


def _fields(head: Sequence[str], known: Mapping[str, str]) -> list[str]:
    """The field of each column, empty for one that is not used; of two of a field the first."""
    fields: list[str] = []
    for heading in head:
        field = known.get(_plain(heading), "")
        fields.append("" if field in fields else field)
    absent = [name for name in ("external_id",) if name not in fields]
    if not {"text", "case_class"}.intersection(fields):
        absent.append("text")
    if absent:
        named = _HEADINGS[absent[0]].split()
        raise _FileError(1, absent[0], f"a column {named[0]} (or {', '.join(named[1:4])} ...)")
    return fields


def _row(fields: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    return {name: cell.strip() for name, cell in zip(fields, cells, strict=True) if name}


def _json(text: str, known: Mapping[str, str]) -> list[tuple[int, dict[str, str] | str]]:
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise _FileError(0, "file", f"JSON: {error}") from error
    if isinstance(found, dict):
        found = next((found[name] for name in ("items", "data", "rows") if name in found), None)
    if not isinstance(found, list):
        raise _FileError(0, "file", "a list of objects, or one under items, data or rows")
    rows: list[tuple[int, dict[str, str] | str]] = []
    for number, item in enumerate(found, 1):
        if not isinstance(item, dict):
            rows.append((number, "an object"))
            continue
        row: dict[str, str] = {}
        for heading, value in item.items():
            field = known.get(_plain(heading), "")
            if field and field not in row and value is not None:
                row[field] = str(value).strip()
        rows.append((number, row))
    return rows


def time_of(text: str) -> dt.datetime | None:
    """A time as hotlines write it; without an offset it is Shanghai's. Raises ReportError."""
    if not text:
        return None
    match = _CHINESE_TIME.fullmatch(text) or _SLASHED_TIME.fullmatch(text)
    try:
        if match:
            year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
            return dt.datetime(year, month, day, hour, minute, second, tzinfo=DISTRICT_TIME)
        value = dt.datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise ReportError("happened_at", "a time such as 2026-11-23 09:05") from None
    return value if value.tzinfo else value.replace(tzinfo=DISTRICT_TIME)


def _report(
    row: dict[str, str] | str,
    channel: str,
    datum: str,
    by_title: Mapping[str, str],
    intake: Intake,
) -> NewReport:
    """The report that a row means. Raises ReportError."""
    if isinstance(row, str):
        raise ReportError("row", row)
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
            longitude, latitude = float(given[0]), float(given[1])
        except ValueError:
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
