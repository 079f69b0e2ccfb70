"""SenML packs in JSON (RFC 8428). A record's name is `<thing>/<property>`."""

from __future__ import annotations

import time as clock
from typing import Any

import msgspec

from xinji.model.observations import Reason, Refusal
from xinji.wire.columns import (
    MAXIMUM_BYTES,
    MAXIMUM_ROWS,
    BadTimeError,
    Columns,
    PayloadError,
    Value,
    micros,
)

VERSION = 10
"""The SenML version that RFC 8428 defines (4.4)."""
RELATIVE_SECONDS = float(1 << 28)
"""A smaller time is relative to now (4.5.3)."""
UCUM_OF = {
    "%RH": "%", "%EL": "%", "/": "1", "count": "1", "beat/min": "/min", "beats": "1", "EL": "s",
    "degC": "Cel", "l": "L", "l/s": "L/s", "kWh": "kW.h", "Wh": "W.h", "varh": "var.h",
    "VAh": "V.A.h", "VA": "V.A", "ug/m3": "ug/m3", "ppm": "[ppm]", "ppb": "[ppb]", "dBW": "dB[W]",
    "dBm": "dB[mW]", "rad": "rad", "lat": "deg", "lon": "deg", "km/h": "km/h", "min": "min",
}  # fmt: skip
"""Units of the SenML registries (RFC 8428 12.1, RFC 8798) that are spelt differently in UCUM."""

_KNOWN = frozenset(
    ("bn", "bt", "bu", "bv", "bs", "bver", "n", "u", "v", "vs", "vb", "vd", "s", "t", "ut")
)
_NUMBERS = ("bt", "bv", "bs", "v", "s", "t", "ut")
_PACK = msgspec.json.Decoder(list[dict[str, Any]])


def decode_senml(data: bytes, now: float | None = None) -> Columns:
    """Resolve a pack (4.6): base fields applied, relative times made absolute.

    `now` in Unix seconds is what relative times refer to. A label that is not known is ignored,
    unless it ends in `_`: then the record must not be used (4.4).

    Raises:
        PayloadError: not a JSON array of objects, another version, or a cap is broken.
    """
    if len(data) > MAXIMUM_BYTES or data.count(b",") > 10 * MAXIMUM_ROWS:
        raise PayloadError("the SenML pack is too large", rule="size", too_large=True)
    try:
        pack = _PACK.decode(data)
    except RecursionError:
        raise PayloadError("JSON is nested too deeply", rule="senml") from None
    except UnicodeDecodeError as error:
        raise PayloadError(f"not UTF-8 (byte {error.start} of a string)", rule="senml") from None
    except msgspec.DecodeError as error:
        raise PayloadError(f"not a SenML pack: {error!s:.200}", rule="senml") from None
    if len(pack) > MAXIMUM_ROWS:
        raise PayloadError(f"{len(pack)} records; at most {MAXIMUM_ROWS}", too_large=True)
    now = clock.time() if now is None else now
    columns = Columns([], [], [], [], indexes=[], units=[])
    assert columns.indexes is not None
    assert columns.units is not None
    base: dict[str, Any] = {}
    for index, record in enumerate(pack):
        version = record.get("bver", VERSION)
        if version != VERSION:
            raise PayloadError(
                f"record {index} is SenML version {version!r:.20}; {VERSION} is spoken",
                field="bver",
                rule="version",
            )
        try:
            _check(record)
            for label in ("bn", "bt", "bu", "bv"):
                if label in record:
                    base[label] = record[label]
            value = _value(record, base)
            if value is None:
                continue
            thing, name = _name(record, base)
            time = _time(record, base, now)
        except BadTimeError as error:
            columns.refused.append(Refusal(index, Reason.BAD_TIME, str(error)))
            continue
        except (ValueError, OverflowError) as error:
            columns.refused.append(Refusal(index, Reason.MALFORMED, str(error)))
            continue
        unit = record.get("u", base.get("bu", ""))
        columns.things.append(thing)
        columns.properties.append(name)
        columns.values.append(value)
        columns.times.append(time)
        columns.indexes.append(index)
        columns.units.append(UCUM_OF.get(unit, unit))
    if not any(columns.units):
        columns.units = None
    return columns


def _check(record: dict[str, Any]) -> None:
    """Labels and types (table 1 and 4.4). Raises ValueError."""
    for label, content in record.items():
        if label in _NUMBERS:
            if isinstance(content, bool) or not isinstance(content, int | float):
                raise ValueError(f"`{label}` is not a number")
        elif label in ("bn", "bu", "n", "u", "vs", "vd"):
            if not isinstance(content, str):
                raise ValueError(f"`{label}` is not a string")
        elif label == "vb":
            if not isinstance(content, bool):
                raise ValueError("`vb` is not true or false")
        elif label.endswith("_") and label not in _KNOWN:
            raise ValueError(f"`{label:.40}` must be understood, and is not (RFC 8428 4.4)")


def _value(record: dict[str, Any], base: dict[str, Any]) -> Value | None:
    """The record's value with its base; None for a record that only sets base fields."""
    present = [label for label in ("v", "vs", "vb", "vd") if label in record]
    if len(present) > 1:
        raise ValueError(f"more than one value: {', '.join(present)}")
    if not present:
        if "s" in record:
            raise ValueError("a sum `s` without a value is not stored")
        if any(label.startswith("b") for label in record) and "n" not in record:
            return None
        raise ValueError("no value: one of v, vs, vb is needed")
    if present == ["vd"]:
        raise ValueError("data values `vd` are not stored")
    value: Value = record[present[0]]
    if present == ["v"]:
        return float(value) + float(base.get("bv", 0.0))
    return value


def _name(record: dict[str, Any], base: dict[str, Any]) -> tuple[str, str]:
    """Thing and property of the resolved name (4.5.1)."""
    full: str = base.get("bn", "") + record.get("n", "")
    thing, _, name = full.rpartition("/")
    if not thing or not name:
        raise ValueError(f"the name {full!r:.150} is not <thing>/<property>")
    return thing, name


def _time(record: dict[str, Any], base: dict[str, Any], now: float) -> int:
    """Unix µs of base time plus time; 0 when both are absent or 0: now (4.5.3)."""
    seconds = float(base.get("bt", 0)) + float(record.get("t", 0))
    if seconds == 0:
        return 0
    if seconds < RELATIVE_SECONDS:
        seconds += now
    return micros(seconds)
