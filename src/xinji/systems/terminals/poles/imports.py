"""Poles, boxes and mounts from a table: good rows are taken, bad ones are set apart and named.

An import states what stands there, so the checks of a mount do not refuse its rows: what is wrong
is reported and becomes a conflict. A row is refused when it cannot be read or names nothing known.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from xinji.loop.house import House
from xinji.methods.geodesy import to_wgs84
from xinji.model.things import Thing
from xinji.store.registry import Invalid
from xinji.store.tables.cells import BadCellError, moment_of, number_of, whole_of
from xinji.store.tables.columns import Fault, plain_fields, records
from xinji.store.tables.formula_cells import harmless
from xinji.store.tables.table import Table, UnreadableError
from xinji.systems.terminals.poles.changes import NewMount, Refused, check_body, mount_of
from xinji.systems.terminals.poles.checks import conflicts
from xinji.systems.terminals.poles.kinds import BOX, POLE, POWER_BOX
from xinji.systems.terminals.poles.ledger import Ledger, Mount
from xinji.systems.terminals.poles.stored import add_mounts, known_clients
from xinji.systems.terminals.poles.types import Types

SENDER = "@file"
"""Whoever brings a file, the same row is the same mount; no account has such a name."""

MOST_ROWS = 50_000
LONGEST_CELL = 500
MOST_ERRORS = 1_000

_POLE_COLUMNS = {
    "编号": "id", "杆号": "id", "类别": "kind", "名称": "name", "经度": "longitude",
    "纬度": "latitude", "杆型": "type", "型号": "type", "杆高": "height_m", "道路": "road",
    "状态": "status", "主副杆": "role", "设备箱": "box", "产权单位": "owner", "启用日期": "since",
    "in_service_since": "since",
}  # fmt: skip
_MOUNT_COLUMNS = {
    "杆号": "pole", "综合杆": "pole", "搭载位": "slot", "设备类型": "device", "设备名称": "name",
    "序列号": "serial", "设备编号": "thing", "搭载用户": "owner", "接口": "interface",
    "重量": "weight_kg", "重量kg": "weight_kg", "迎风面积": "wind_area_m2",
    "迎风面积m2": "wind_area_m2", "额定功率": "rated_w", "额定功率w": "rated_w",
    "需用系数": "diversity", "高度": "height_m", "挂高": "height_m", "方位角": "azimuth_deg",
    "设备箱": "box", "箱位": "bays", "电源箱": "power_box", "回路": "circuit", "安装日期": "since",
}  # fmt: skip
# headings of our own exports are the fields themselves
_OWN = ("id", "kind", "name", "longitude", "latitude", "type", "height_m", "road", "status", "role",
        "box", "owner", "since", "pole", "slot", "device", "serial", "thing", "interface",
        "weight_kg", "wind_area_m2", "rated_w", "diversity", "azimuth_deg", "bays", "power_box",
        "circuit", "client_id")  # fmt: skip
_KINDS = {"综合杆": POLE, "综合设备箱": BOX, "综合电源箱": POWER_BOX, "": POLE}
_STATUS = {"在用": "live", "规划": "planned", "": "live"}
_ROLES = {"主杆": "main", "副杆": "sub"}
_POLE_NEEDED = ("id", "name", "longitude", "latitude", "type")
_MOUNT_NEEDED = ("pole", "slot", "device", "weight_kg", "wind_area_m2", "rated_w")
_NUMBERS = ("weight_kg", "wind_area_m2", "rated_w", "diversity", "height_m", "azimuth_deg")


class RowError(msgspec.Struct, frozen=True):
    """What is wrong in a row; the head line is row 1."""

    row: int
    field: str
    rule: str


class Report(msgspec.Struct, kw_only=True):
    """What an import did, or with a dry run would do.

    `apart` is a CSV of the refused rows as they came, with the fault of each in front; `conflicts`
    counts the checks that would fail by name, in all of the ledger, before and after.
    """

    dry_run: bool
    read: int = 0
    kept: int = 0
    refused: int = 0
    added: int = 0
    changed: int = 0
    repeated: int = 0
    errors: list[RowError] = []
    apart: str = ""
    conflicts_before: dict[str, int] = {}
    conflicts_after: dict[str, int] = {}


class _Bad(ValueError):
    def __init__(self, field: str, rule: str) -> None:
        super().__init__(f"{field}: {rule}")
        self.field, self.rule = field, rule


def import_poles(house: House, types: Types, table: Table, *, datum: str, dry_run: bool) -> Report:
    """Register poles, equipment boxes and power boxes; in the caller's transaction.

    Raises UnreadableError: a needed column is missing, or two columns are of one field.
    """
    fields = _fields(table, _POLE_COLUMNS, _POLE_NEEDED)
    report, apart = Report(dry_run=dry_run), _Apart(fields)
    found: dict[str, Thing] = {}
    for number, row, fault in records(table, fields):
        report.read += 1
        try:
            _whole_row(fault)
            thing = house.registry.check(_thing(house, types, row, datum))
            if thing.id in found:
                raise _Bad("id", "appears twice in the file")
            known = house.registry.things.get(thing.id)
            if known is not None and known.kind != thing.kind:
                raise _Bad("id", f"is a {known.kind} already")
        except (_Bad, Invalid) as error:
            apart.add(report, number, row, error.field, error.rule)
            continue
        found[thing.id] = thing
    report.kept = len(found)
    report.changed = sum(name in house.registry.things for name in found)
    report.added = report.kept - report.changed
    report.apart = apart.text()
    if not dry_run and found:
        house.registry.put(list(found.values()))
    return report


def import_mounts(
    house: House, ledger: Ledger, table: Table, person: str, *, dry_run: bool
) -> Report:
    """Add what stands on poles; in the caller's transaction. The same row twice is one mount.

    `ledger` is that of the open transaction. Raises UnreadableError: a needed column is missing, or
    two columns are of one field.
    """
    fields = _fields(table, _MOUNT_COLUMNS, _MOUNT_NEEDED)
    report, apart = Report(dry_run=dry_run), _Apart(fields)
    now = house.clock.now()
    found: dict[str, Mount] = {}
    for number, row, fault in records(table, fields):
        report.read += 1
        try:
            _whole_row(fault)
            standing = ledger.by_id.get(row.get("id", ""))
            if standing is not None and standing.pole == row.get("pole"):
                # a row of our own export that still stands
                report.kept += 1
                report.repeated += 1
                continue
            mount = _mount(row, ledger, person, now)
            check_body(house, ledger, mount, now)
            if found.get(mount.client_id, mount) != mount:
                raise _Bad("row", "the same device on the same pole stands above with other values")
        except (_Bad, Refused) as error:
            apart.add(report, number, row, error.field, error.rule)
            continue
        report.kept += 1
        report.repeated += mount.client_id in found
        found.setdefault(mount.client_id, mount)
    before = known_clients(house.database, SENDER, list(found))
    added = [mount for client, mount in found.items() if client not in before]
    report.repeated += len(found) - len(added)
    report.added = len(added)
    report.apart = apart.text()
    report.conflicts_before = _counted(ledger)
    after = Ledger(
        types=ledger.types, poles=ledger.poles, boxes=ledger.boxes,
        power_boxes=ledger.power_boxes, mounts=[*ledger.mounts, *added], feeds=ledger.feeds,
        ratings=ledger.ratings,
    )  # fmt: skip
    report.conflicts_after = _counted(after)
    if not dry_run:
        add_mounts(house.database, added)
    return report


def _counted(ledger: Ledger) -> dict[str, int]:
    found = Counter(check.name for each in conflicts(ledger).values() for check in each)
    return dict(sorted(found.items()))


def _fields(table: Table, names: Mapping[str, str], needed: tuple[str, ...]) -> list[str]:
    """The field of each column; what is no field of ours keeps its heading."""
    known = plain_fields(table.head, dict(names) | {name: name for name in _OWN})
    absent = [name for name in needed if name not in known]
    if absent:
        raise UnreadableError(f"column missing: {', '.join(absent)}", row=1, field=absent[0])
    return known


def _whole_row(fault: Fault | None) -> None:
    if fault is not None:
        raise _Bad(fault.field, fault.rule)


# -- rows ---------------------------------------------------------------------------------------


def _thing(house: House, types: Types, row: dict[str, str], datum: str) -> Thing:
    _filled(row, _POLE_NEEDED)
    kind = _KINDS.get(row.get("kind", ""), row.get("kind", ""))
    if kind not in (POLE, BOX, POWER_BOX):
        raise _Bad("kind", f"{POLE}, {BOX} or {POWER_BOX}")
    known: dict[str, Any] = {POLE: types.poles, BOX: types.boxes, POWER_BOX: types.power_boxes}
    if row["type"] not in known[kind]:
        raise _Bad("type", f"one of {', '.join(known[kind])}")
    degrees = (_number(row, "longitude"), _number(row, "latitude"))
    if not (abs(degrees[0]) <= 180 and abs(degrees[1]) <= 90):
        raise _Bad("longitude", "degrees from -180 to 180, latitude from -90 to 90")
    longitude, latitude = (round(float(each), 7) for each in to_wgs84(datum, *degrees))
    area = house.registry.places.areas_of(longitude, latitude)[0]
    if not area:
        doubt = house.registry.places.datum_doubt(longitude, latitude)
        raise _Bad("longitude", doubt or "a place inside the district")
    attributes: dict[str, Any] = {"type": row["type"]}
    if row.get("road"):
        attributes["road"] = row["road"]
    if kind == POLE:
        attributes["status"] = _STATUS.get(row.get("status", ""), row.get("status", ""))
        if row.get("role"):
            attributes["role"] = _ROLES.get(row["role"], row["role"])
        if row.get("box"):
            attributes["box"] = row["box"]
        if row.get("height_m"):
            attributes["height_m"] = _number(row, "height_m")
    since = row.get("since", "")
    return Thing(
        id=row["id"],
        kind=kind,
        name=row["name"],
        longitude=longitude,
        latitude=latitude,
        area=area,
        owner=row.get("owner", ""),
        attributes=attributes,
        in_service_since=_day("since", since) if since else None,
    )


def _mount(row: dict[str, str], ledger: Ledger, person: str, now: int) -> Mount:
    _filled(row, _MOUNT_NEEDED)
    pole = ledger.poles.get(row["pole"])
    if pole is None:
        raise _Bad("pole", "a registered pole")
    values: dict[str, Any] = {
        name: row[name]
        for name in ("slot", "name", "serial", "thing", "owner", "interface", "box", "power_box")
        if row.get(name)
    }
    values["device"] = _device(row["device"], ledger.types)
    values |= {name: _number(row, name) for name in _NUMBERS if row.get(name)}
    if row.get("circuit"):
        values["circuit"] = _whole("circuit", row["circuit"])
    if row.get("bays"):
        parts = row["bays"].strip("[]").replace(";", ",").replace("、", ",").split(",")
        values["bays"] = [_whole("bays", part.strip()) for part in parts if part.strip()]
    if row.get("since"):
        values["since"] = _day("since", row["since"])
    client = row.get("client_id", "")
    if not client:
        # what makes a device on a pole the same one in another file
        names = ("slot", "device", "serial", "thing", "name", "owner", "since")
        plain = [pole.id, *(str(values.get(name, "")) for name in names)]
        client = "file:" + hashlib.sha256("\x1f".join(plain).encode()).hexdigest()[:32]
    try:
        given = msgspec.convert(values | {"client_id": client}, NewMount)
    except msgspec.ValidationError as error:
        rule, _, place = str(error).partition(" - at `$")
        raise _Bad(place.rstrip("`").lstrip(".") or "row", rule) from None
    id_ = hashlib.sha256(f"{SENDER}\x1f{client}".encode()).hexdigest()[:16]
    return mount_of(
        given, pole.id, id_=id_, sender=SENDER, now=now, source=pole.source, person=person
    )


def _device(word: str, types: Types) -> str:
    return next((name for name, known in types.devices.items() if word == known.zh), word)


def _filled(row: dict[str, str], needed: tuple[str, ...]) -> None:
    for name in needed:
        if not row.get(name):
            raise _Bad(name, "not empty")
    for name, value in row.items():
        if len(value) > LONGEST_CELL:
            raise _Bad(name, f"at most {LONGEST_CELL} characters")


def _number(row: Mapping[str, str], name: str) -> float:
    try:
        value = number_of(row[name])
    except BadCellError as error:
        raise _Bad(name, str(error)) from None
    if not abs(value) < 1e9:
        raise _Bad(name, "a number")
    return value


def _whole(name: str, text: str) -> int:
    try:
        value = whole_of(text)
    except BadCellError as error:
        raise _Bad(name, str(error)) from None
    if not abs(value) < 1e9:
        raise _Bad(name, "a whole number")
    return value


def _day(name: str, text: str) -> int:
    try:
        return moment_of(text)
    except BadCellError as error:
        raise _Bad(name, str(error)) from None


class _Apart:
    """The refused rows as a CSV of their own, by field, to be mended and brought again."""

    def __init__(self, fields: list[str]) -> None:
        self._sink = io.StringIO(newline="")
        self._writer = csv.writer(self._sink)
        self._head, self._count = [field for field in fields if field], 0

    def add(self, report: Report, number: int, row: dict[str, str], field: str, rule: str) -> None:
        """Note a refused row."""
        report.refused += 1
        if self._count >= MOST_ERRORS:
            return
        if not self._count:
            self._writer.writerow(["row", "field", "rule", *self._head])
        self._count += 1
        report.errors.append(RowError(number, field, rule))
        cells = (harmless(row.get(name, ""))[:LONGEST_CELL] for name in self._head)
        self._writer.writerow([number, field, rule, *cells])

    def text(self) -> str:
        """The CSV; empty when nothing was refused."""
        return self._sink.getvalue()
