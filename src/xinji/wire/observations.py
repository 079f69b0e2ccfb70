"""Bodies of observations, the same over MQTT and HTTP: JSON rows or columns, Arrow, SenML."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from xinji.model.observations import Reason, Refusal
from xinji.wire.arrow import decode_arrow
from xinji.wire.columns import (
    MAXIMUM_BYTES,
    MAXIMUM_ROWS,
    QUALITIES,
    BadTimeError,
    Columns,
    PayloadError,
    Value,
    micros,
)
from xinji.wire.senml import decode_senml

Moment = float | Annotated[datetime, msgspec.Meta(tz=True)]
"""RFC 3339 with an offset, or Unix seconds."""
Grade = Literal["good", "uncertain", "bad"]


class Reading(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The payload of a topic `xinji/<thing>/<property>` when it is an object.

    An unknown member is refused: a misspelt `time` would otherwise be stored as "now".
    """

    value: float | str | bool
    time: Moment | None = None
    quality: Grade | None = None


class Row(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """One record of a JSON body in rows."""

    thing: str
    property: str
    value: float | str | bool
    time: Moment | None = None
    quality: Grade | None = None


class Body(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """A JSON body in columns of equal length."""

    thing: list[str]
    property: list[str]
    value: list[float | str | bool]
    time: list[Moment | None] | None = None
    quality: list[Grade | None] | None = None


class RawBody(msgspec.Struct, frozen=True, gc=False, forbid_unknown_fields=True):
    """The same, undecoded: to find the rows at fault."""

    thing: list[msgspec.Raw]
    property: list[msgspec.Raw]
    value: list[msgspec.Raw]
    time: list[msgspec.Raw] | None = None
    quality: list[msgspec.Raw] | None = None


_DETAIL_LENGTH = 200

_READING = msgspec.json.Decoder(float | str | bool | Reading)
_ROWS = msgspec.json.Decoder(list[Row] | Body)
_ROW = msgspec.json.Decoder(Row)
_RAW = msgspec.json.Decoder(list[msgspec.Raw] | RawBody)


def decode_reading(payload: bytes) -> tuple[Value, int, int] | tuple[Reason, str]:
    """(value, Unix µs or 0, quality) of one MQTT payload, or (reason, detail); never raises."""
    try:
        reading = _READING.decode(payload)
        if type(reading) is not Reading:
            return reading, 0, 0
        return (
            reading.value,
            micros(reading.time),
            0 if reading.quality is None else QUALITIES[reading.quality],
        )
    except BadTimeError as error:
        return Reason.BAD_TIME, str(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return reason_of(error)


def reason_of(error: Exception) -> tuple[Reason, str]:
    """The reason word and the sentence for an error of msgspec's JSON decoder."""
    text = str(error)
    if len(text) > _DETAIL_LENGTH:  # it may quote a name of any length from the body
        text = f"{text[: _DETAIL_LENGTH // 2]} ... {text[-_DETAIL_LENGTH // 2 :]}"
    if isinstance(error, RecursionError):
        return Reason.MALFORMED, "JSON is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return Reason.MALFORMED, f"a string is not UTF-8 (byte {error.start} of it)"
    if "`$.time`" in text:
        return Reason.BAD_TIME, text
    if text.startswith("Number out of range"):
        return Reason.NOT_FINITE, text
    return Reason.MALFORMED, text


def check_size(data: bytes) -> None:
    """Caps on a body before it is decoded. Raises PayloadError (`too_large`)."""
    if len(data) > MAXIMUM_BYTES:
        raise PayloadError(
            f"a body of {len(data)} bytes; at most {MAXIMUM_BYTES}", rule="size", too_large=True
        )
    # A row has at most 5 members; more commas than that only serve to fill memory.
    if data.count(b",") > 6 * MAXIMUM_ROWS:
        raise too_many_rows(data.count(b",") // 5)


def too_many_rows(rows: int) -> PayloadError:
    """The error for a body with more rows than the cap."""
    return PayloadError(f"{rows} rows; at most {MAXIMUM_ROWS}", rule="rows", too_large=True)


def decode_json(data: bytes) -> Columns:
    """JSON rows `[{thing, property, value, time?, quality?}]` or the same members as columns.

    Raises:
        PayloadError: not JSON (naming the byte), neither form, columns of unequal length, a cap.
    """
    check_size(data)
    try:
        body = _ROWS.decode(data)
    except msgspec.ValidationError:
        return _decode_leniently(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(reason_of(error)[1], rule="json") from None
    try:
        if type(body) is list:
            return _columns_of_rows(body)
        return _columns_of_body(body)
    except BadTimeError:
        return _decode_leniently(data)


def _columns_of_rows(rows: list[Row]) -> Columns:
    """Raises BadTimeError for any row: the caller then goes row by row."""
    if len(rows) > MAXIMUM_ROWS:
        raise too_many_rows(len(rows))
    qualities = [row.quality for row in rows]
    return Columns(
        things=[row.thing for row in rows],
        properties=[row.property for row in rows],
        values=[row.value for row in rows],
        times=[micros(row.time) for row in rows],
        qualities=_qualities(qualities),
    )


def _columns_of_body(body: Body) -> Columns:
    rows = _equal_lengths(body)
    return Columns(
        things=body.thing,
        properties=body.property,
        values=body.value,
        times=[0] * rows if body.time is None else [micros(time) for time in body.time],
        qualities=_qualities(body.quality or ()),
    )


def _qualities(words: Iterable[str | None]) -> list[int] | None:
    if not any(words):
        return None
    return [0 if word is None else QUALITIES[word] for word in words]


def _equal_lengths(body: Body | RawBody) -> int:
    rows = len(body.thing)
    for name in ("property", "value", "time", "quality"):
        column = getattr(body, name)
        if column is not None and len(column) != rows:
            raise PayloadError(
                f"column `{name}` has {len(column)} values, `thing` has {rows}",
                field=name,
                rule="equal-length",
            )
    if rows > MAXIMUM_ROWS:
        raise too_many_rows(rows)
    return rows


def _decode_leniently(data: bytes) -> Columns:
    """Record by record: the good ones are kept, each bad one gives a refusal."""
    try:
        body = _RAW.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError(
            f"{reason_of(error)[1]}; expected rows [{{thing, property, value, time?}}] or columns "
            "{thing: [], property: [], value: [], time?: []}",
            rule="rows-or-columns",
        ) from None
    if isinstance(body, RawBody):
        rows = _equal_lengths(body)
        members = [
            (name, column)
            for name in ("thing", "property", "value", "time", "quality")
            if (column := getattr(body, name)) is not None
        ]
        records: Iterable[bytes] = (
            b"{" + b",".join(b'"%b":%b' % (name.encode(), col[row]) for name, col in members) + b"}"
            for row in range(rows)
        )
    else:
        if len(body) > MAXIMUM_ROWS:
            raise too_many_rows(len(body))
        records = map(bytes, body)
    columns = Columns([], [], [], [], [], [])
    assert columns.indexes is not None
    assert columns.qualities is not None
    for index, record in enumerate(records):
        try:
            row = _ROW.decode(record)
            time = micros(row.time)
        except BadTimeError as error:
            columns.refused.append(Refusal(index, Reason.BAD_TIME, str(error)))
            continue
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            columns.refused.append(Refusal(index, *reason_of(error)))
            continue
        columns.things.append(row.thing)
        columns.properties.append(row.property)
        columns.values.append(row.value)
        columns.times.append(time)
        columns.qualities.append(0 if row.quality is None else QUALITIES[row.quality])
        columns.indexes.append(index)
    return columns


DECODERS: dict[str, Callable[[bytes], Columns]] = {
    "application/json": decode_json,
    "application/vnd.apache.arrow.stream": decode_arrow,
    "application/senml+json": decode_senml,
}
"""Decoder of each media type of `POST /api/observations`."""


def decode(media_type: str, data: bytes) -> Columns:
    """Decode a body. Raises KeyError for a media type not in `DECODERS`, and PayloadError."""
    return DECODERS[media_type](data)


def encode_refusals(refused: Iterable[Refusal]) -> list[dict[str, Any]]:
    """Refusals as the API shows them."""
    return [{"index": r.index, "reason": str(r.reason), "detail": r.detail} for r in refused]
