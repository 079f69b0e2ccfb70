"""Replay: rows of a CSV file, sent through MQTT as a device would send them.

A small mapping (TOML) says which columns are the time, and which column is which property of which
thing. Missing cells send nothing. Messages are batches in the order of the file; the client sends
again what was not acknowledged, the store keeps one of each, so a killed server loses nothing.
"""

from __future__ import annotations

import asyncio
import csv
import datetime as dt
import gzip
import io
import time
import tomllib
import zoneinfo
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec

from xinji.model.rules import Rule
from xinji.model.things import Thing
from xinji.wire.mqtt.client import Client

BATCH_ROWS = 200
MISSING = ("", "NA", "NaN", "nan", "null")


class MappingError(ValueError):
    """The mapping does not fit, or a cell cannot be read; names the key or the line and column."""


class TimeColumns(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One column of ISO 8601 times, or year, month, day, hour (minute, second) in columns."""

    columns: tuple[str, ...]
    zone: str = "UTC"


class Column(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A column: value x `scale` + `offset` is the property.

    A `running_sum` is sent as its differences; a fall of the sum starts it anew.
    """

    column: str
    thing: str
    property: str
    scale: float = 1.0
    offset: float = 0.0
    running_sum: bool = False


class Mapping(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file means. `things` and `rules` are registered before the replay."""

    time: TimeColumns
    columns: tuple[Column, ...]
    things: tuple[Thing, ...] = ()
    rules: tuple[Rule, ...] = ()


def read_mapping(path: Path) -> Mapping:
    """Raises MappingError."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Mapping)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError, UnicodeDecodeError) as error:
        raise MappingError(f"{path}: {error}") from error


def read_rows(path: Path, mapping: Mapping) -> Iterator[tuple[int, str, str, float]]:
    """(Unix microseconds, thing, property, value) in the order of the file. Raises MappingError."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rb") as file:
        reader = csv.DictReader(io.TextIOWrapper(file, "utf-8-sig", newline=""))
        header = reader.fieldnames or ()
        wanted = (*mapping.time.columns, *(column.column for column in mapping.columns))
        missing = [name for name in wanted if name not in header]
        if missing:
            raise MappingError(f"{path}: no column {', '.join(missing)}")
        sums: dict[Column, float] = {}
        zone = zoneinfo.ZoneInfo(mapping.time.zone)
        for row in reader:
            at = _time(path, reader.line_num, [row[name] for name in mapping.time.columns], zone)
            for column in mapping.columns:
                cell = row[column.column]
                if cell is None or cell.strip() in MISSING:
                    continue
                try:
                    value = float(cell)
                except ValueError:
                    where = f"{path}: line {reader.line_num}: {column.column}"
                    raise MappingError(f"{where}: {cell!r} is not a number") from None
                if column.running_sum:
                    before = sums.get(column, 0.0)
                    sums[column] = value
                    value = value - before if value >= before else value
                yield at, column.thing, column.property, value * column.scale + column.offset


def _time(path: Path, line: int, cells: list[str], zone: dt.tzinfo) -> int:
    try:
        if len(cells) == 1:
            moment = dt.datetime.fromisoformat(cells[0])
        else:
            moment = dt.datetime(*(int(float(cell)) for cell in cells))  # type: ignore[arg-type]  # noqa: DTZ001
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=zone)
    except (ValueError, TypeError) as error:
        raise MappingError(f"{path}: line {line}: time {cells}: {error}") from None
    return round(moment.timestamp()) * 1_000_000 + moment.microsecond


def batches(rows: Iterable[tuple[int, str, str, float]]) -> Iterator[tuple[int, bytes]]:
    """(time of the last row, payload of `xinji/batch`) for at most `BATCH_ROWS` rows each."""
    columns: dict[str, list[Any]] = {"thing": [], "property": [], "time": [], "value": []}
    last = 0
    for at, thing, name, value in rows:
        last = at
        columns["thing"].append(thing)
        columns["property"].append(name)
        columns["time"].append(at / 1e6)
        columns["value"].append(value)
        if len(columns["thing"]) == BATCH_ROWS:
            yield last, msgspec.json.encode(columns)
            for each in columns.values():
                each.clear()
    if columns["thing"]:
        yield last, msgspec.json.encode(columns)


async def replay(
    client: Client, rows: Iterable[tuple[int, str, str, float]], speed: float | None
) -> int:
    """Send everything; returns the number of acknowledged messages.

    `speed` is seconds of the file per second, None as fast as the server takes it.
    """
    began, first = time.monotonic(), None
    sent = 0
    for at, payload in batches(rows):
        first = at if first is None else first
        if speed:
            await asyncio.sleep(max(0.0, began + (at - first) / 1e6 / speed - time.monotonic()))
        await client.publish("xinji/batch", payload)
        sent += 1
    await client.drain()
    return sent
