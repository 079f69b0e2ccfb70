"""Arrow IPC streams with the columns `thing`, `property`, `value`, and optionally `time`.

A stream is read with these guards: the schema before any data, no compression (a small body could
unfold to any size), no type whose values may share bytes, and a full validation of every batch.
"""

from __future__ import annotations

import struct
from typing import Any

import pyarrow as pa

from xinji.model.observations import Reason, Refusal
from xinji.wire.columns import (
    EARLIEST_SECONDS,
    LATEST_SECONDS,
    MAXIMUM_BYTES,
    MAXIMUM_ROWS,
    BadTimeError,
    Columns,
    PayloadError,
    micros,
)

_RECORD_BATCH, _DICTIONARY_BATCH = 3, 2  # MessageHeader of Arrow's Message.fbs


def decode_arrow(data: bytes) -> Columns:
    """Columns: `thing`, `property` utf8 (or dictionary of it); `value` a number, utf8 or bool;
    `time` a timestamp (without a zone it is UTC) or a number of Unix seconds.

    Raises:
        PayloadError: not an Arrow stream, another schema, compressed, or a cap is broken.
    """  # noqa: D205
    if len(data) > MAXIMUM_BYTES:
        raise PayloadError(f"a body of {len(data)} bytes", rule="size", too_large=True)
    try:
        _refuse_compression(data)
        with pa.ipc.open_stream(data) as reader:
            _check_schema(reader.schema)
            columns = Columns([], [], [], [], indexes=[])
            first = 0
            for batch in reader:
                if first + batch.num_rows > MAXIMUM_ROWS:
                    raise PayloadError(
                        f"more than {MAXIMUM_ROWS} rows", rule="rows", too_large=True
                    )
                batch.validate(full=True)
                _append(columns, batch, first)
                first += batch.num_rows
    except PayloadError:
        raise
    except (pa.ArrowException, ValueError, OSError, struct.error, MemoryError) as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise PayloadError(f"not an Arrow IPC stream: {text:.200}", rule="arrow") from None
    if not columns.refused:
        columns.indexes = None
    return columns


def _refuse_compression(data: bytes) -> None:
    """Walk the messages' metadata (Arrow columnar format, "Encapsulated message format")."""
    reader = pa.ipc.MessageReader.open_stream(data)
    while True:
        try:
            message = reader.read_next_message()
        except StopIteration:
            return
        metadata = message.metadata.to_pybytes()
        root = struct.unpack_from("<I", metadata)[0]
        kind_at = _field_at(metadata, root, 1)
        header_at = _field_at(metadata, root, 2)
        if kind_at == 0 or header_at == 0:
            continue
        kind = metadata[kind_at]
        header = header_at + struct.unpack_from("<I", metadata, header_at)[0]
        if kind == _DICTIONARY_BATCH:
            at = _field_at(metadata, header, 1)
            header = at + struct.unpack_from("<I", metadata, at)[0] if at else 0
        if kind in (_RECORD_BATCH, _DICTIONARY_BATCH) and header and _field_at(metadata, header, 3):
            raise PayloadError("compressed Arrow buffers are not accepted", rule="uncompressed")


def _field_at(data: bytes, table: int, field: int) -> int:
    """Offset of a FlatBuffers table's field, 0 when it is absent."""
    vtable = table - struct.unpack_from("<i", data, table)[0]
    if vtable < 0:
        raise struct.error("vtable before the buffer")
    size: int = struct.unpack_from("<H", data, vtable)[0]
    slot = 4 + 2 * field
    if slot + 2 > size:
        return 0
    offset: int = struct.unpack_from("<H", data, vtable + slot)[0]
    return table + offset if offset else 0


def _check_schema(schema: Any) -> None:
    for name in ("thing", "property", "value"):
        if schema.names.count(name) != 1:
            raise PayloadError(f"exactly one column `{name}` is needed", field=name, rule="schema")
    for column in schema:
        kind = column.type
        if column.name in ("thing", "property"):
            fits = _is_text(kind)
        elif column.name == "value":
            fits = _is_number(kind) or _is_text(kind) or pa.types.is_boolean(kind)
        elif column.name == "time" and schema.names.count("time") == 1:
            fits = _is_number(kind) or pa.types.is_timestamp(kind)
        else:
            raise PayloadError(
                f"unknown column `{column.name:.80}`", field=column.name[:80], rule="schema"
            )
        if not fits:
            raise PayloadError(
                f"column `{column.name}` has type {kind!s:.80}", field=column.name, rule="type"
            )


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))


def _is_text(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _texts(array: Any) -> list[str | None]:
    """A text column as Python strings; each value of a dictionary becomes one object."""
    if not pa.types.is_dictionary(array.type):
        array = array.dictionary_encode()
    words = array.dictionary.to_pylist()
    return [None if code is None else words[code] for code in array.indices.to_pylist()]


def _append(columns: Columns, batch: Any, first: int) -> None:
    """Add one record batch, whose first row is number `first` of the message."""
    things = _texts(batch.column("thing"))
    properties = _texts(batch.column("property"))
    array = batch.column("value")
    if _is_number(array.type):
        values = array.cast(pa.float64(), safe=False).to_pylist()
    elif _is_text(array.type):
        values = _texts(array)
    else:
        values = array.to_pylist()
    times = _times(batch)
    assert columns.indexes is not None
    rows = zip(things, properties, values, times, strict=True)
    for index, (thing, name, value, time) in enumerate(rows, first):
        if thing is None or name is None or value is None:
            columns.refused.append(Refusal(index, Reason.MALFORMED, "a null name or value"))
        elif isinstance(time, str):
            columns.refused.append(Refusal(index, Reason.BAD_TIME, time))
        else:
            columns.things.append(thing)
            columns.properties.append(name)
            columns.values.append(value)
            columns.times.append(time)
            columns.indexes.append(index)


def _times(batch: Any) -> list[int | str]:
    """Per row Unix µs, 0 for null or no column, or the sentence why it is refused."""
    if "time" not in batch.schema.names:
        return [0] * batch.num_rows
    array = batch.column("time")
    if not pa.types.is_timestamp(array.type):
        return [_time(seconds) for seconds in array.cast(pa.float64(), safe=False).to_pylist()]
    # Floor to microseconds; a coarser unit is exact.
    scale, divisor = {"s": (1_000_000, 1), "ms": (1_000, 1), "us": (1, 1), "ns": (1, 1_000)}[
        array.type.unit
    ]
    low, high = int(EARLIEST_SECONDS * 1e6), int(LATEST_SECONDS * 1e6)
    times: list[int | str] = []
    for tick in array.cast(pa.int64()).to_pylist():
        micro = 0 if tick is None else tick * scale // divisor
        if tick is None or low <= micro < high:
            times.append(micro)
        else:
            times.append(f"time {micro / 1e6:.0f} s is outside 1990 to 2200")
    return times


def _time(seconds: float | None) -> int | str:
    try:
        return micros(seconds)
    except BadTimeError as error:
        return str(error)
