"""What every body of observations is decoded into, and how its names become series.

A decoder keeps the good records and lists the bad ones; only a body that cannot be read at all
raises `PayloadError`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import datetime
from itertools import repeat
from typing import cast

from xinji.model.observations import Quality, Reason, Receipt, Refusal
from xinji.wire.inlet import Batch, Device, Inlet

MAXIMUM_BYTES = 16 << 20
MAXIMUM_ROWS = 200_000

EARLIEST_SECONDS = 631_152_000.0
"""1990-01-01: an earlier time is a device that does not know the date."""
LATEST_SECONDS = 7_258_118_400.0
"""2200-01-01: a later time is a wrong unit, mostly milliseconds."""

QUALITIES = {quality.name.lower(): int(quality) for quality in Quality}

Value = float | str | bool


class PayloadError(ValueError):
    """A body that cannot be decoded at all, or breaks a cap.

    Attributes:
        detail: a sentence for a person, with the byte or the field where it fails.
        field: the member, column or record at fault, or empty.
        rule: the rule that is broken, a short word.
        too_large: True for a cap (HTTP 413), False for content (HTTP 400).
    """

    def __init__(
        self, detail: str, *, field: str = "", rule: str = "decodable", too_large: bool = False
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field
        self.rule = rule
        self.too_large = too_large


class BadTimeError(ValueError):
    """A time that cannot be the time of an observation; its text says why."""


@dataclass(slots=True)
class Columns:
    """Decoded records as parallel columns of equal length; the bad ones are in `refused`.

    Attributes:
        things, properties: names as sent.
        values: numbers, or the name of a state, or a truth value.
        times: Unix microseconds UTC; 0 stands for "now".
        qualities: `Quality` numbers, or None when all are good.
        indexes: position of each row in the sender's message, or None when it is 0, 1, 2 ...
        units: the unit that a record states, empty when it states none; None when none does.
        refused: records that could not be decoded.
    """

    things: list[str]
    properties: list[str]
    values: list[Value]
    times: list[int]
    qualities: list[int] | None = None
    indexes: list[int] | None = None
    units: list[str] | None = None
    refused: list[Refusal] = field(default_factory=list)


def micros(moment: datetime | float | None) -> int:
    """Unix microseconds of an aware datetime or of Unix seconds; 0 ("now") for None.

    Raises:
        BadTimeError: outside 1990 to 2200, or not a number.
    """
    if moment is None:
        return 0
    seconds = moment if isinstance(moment, float) else moment.timestamp()
    if EARLIEST_SECONDS <= seconds < LATEST_SECONDS:
        return round(seconds * 1e6)  # exact: 2^53 µs is the year 2255
    hint = ""
    if EARLIEST_SECONDS <= seconds / 1e3 < LATEST_SECONDS:
        hint = "; it looks like milliseconds, a number is Unix seconds"
    raise BadTimeError(f"time {moment} is outside 1990 to 2200{hint}")


def numeric(value: Value, states: dict[str, float] | None) -> float | None:
    """The stored number of a value; None when it is no state of the property (or it has none)."""
    if isinstance(value, bool):
        return None if states is None else float(value)
    if isinstance(value, str):
        return None if states is None else states.get(value)
    return value


def not_a_state(value: Value, states: dict[str, float] | None) -> str:
    """The sentence for a value that `numeric` does not know."""
    if states is None:
        return f"{value!r:.80} is not a number, and the property has no named states"
    return f"{value!r:.80} is none of the states {', '.join(states)}"


UCUM_OF_SENML = {"%RH": "%", "%EL": "%", "/": "1", "count": "1"}
"""SenML unit names (RFC 8428 section 12.1) that UCUM writes in another way."""


def resolve_columns(
    inlet: Inlet,
    device: Device,
    columns: Columns,
    batch_id: str = "",
) -> Batch:
    """Names to series numbers: the batch to submit, refused rows included.

    Each distinct (thing, property) is resolved once. A record that states another unit than the
    property's is refused.
    """
    keys = list(zip(columns.things, columns.properties, strict=True))
    found = {key: inlet.resolve(device, *key) for key in set(keys)}
    values = cast("list[float]", columns.values)  # only read as such once the check has passed
    if (
        not any(isinstance(number, Reason) for number in found.values())
        and set(map(type, columns.values)) <= {float}
        and all(map(math.isfinite, values))
        and columns.units is None
    ):
        return Batch(
            series=list(map(cast("dict[tuple[str, str], int]", found).__getitem__, keys)),
            times=columns.times,
            values=values,
            sender=device.name,
            qualities=columns.qualities,
            indexes=columns.indexes,
            refused=columns.refused,
            batch_id=batch_id,
        )
    return _resolve_rows(inlet, device, columns, batch_id, keys, found)


def _resolve_rows(
    inlet: Inlet,
    device: Device,
    columns: Columns,
    batch_id: str,
    keys: list[tuple[str, str]],
    found: dict[tuple[str, str], int | Reason],
) -> Batch:
    """Row by row: some row is refused, or is a state."""
    batch = Batch([], [], [], device.name, refused=list(columns.refused), batch_id=batch_id)
    series, times, values, kept = [], [], [], []
    qualities: list[int] = []
    indexes = columns.indexes or range(len(keys))
    rows = zip(
        indexes,
        keys,
        columns.values,
        columns.times,
        columns.qualities or repeat(0),
        columns.units or repeat(""),
        strict=False,
    )
    states_of: dict[int, dict[str, float] | None] = {}
    for index, key, value, time, quality, unit in rows:
        number = found[key]
        if isinstance(number, Reason):
            batch.refused.append(Refusal(index, number, refusal_of(number, device, *key)))
            continue
        stored: float | None
        if isinstance(value, float):
            stored = value
        else:
            if number not in states_of:
                states_of[number] = inlet.states(number)
            stored = numeric(value, states_of[number])
            if stored is None:
                detail = f"{key[0]}/{key[1]}: {not_a_state(value, states_of[number])}"
                batch.refused.append(Refusal(index, Reason.MALFORMED, detail))
                continue
        if not math.isfinite(stored):
            detail = f"{key[0]}/{key[1]}: {stored} is not a finite number"
            batch.refused.append(Refusal(index, Reason.NOT_FINITE, detail))
            continue
        if unit and UCUM_OF_SENML.get(unit, unit) != inlet.unit(number):
            detail = f"{key[0]}/{key[1]}: unit {unit:.40}; the property is in {inlet.unit(number)}"
            batch.refused.append(Refusal(index, Reason.WRONG_UNIT, detail))
            continue
        series.append(number)
        times.append(time)
        values.append(stored)
        qualities.append(quality)
        kept.append(index)
    batch.series, batch.times, batch.values, batch.indexes = series, times, values, kept
    batch.qualities = None if columns.qualities is None else qualities
    return batch


def refusal_of(reason: Reason, device: Device, thing: str, name: str) -> str:
    """The sentence for a name that does not resolve."""
    if reason is Reason.UNKNOWN_THING:
        return f"no thing {thing:.130} is registered"
    if reason is Reason.UNKNOWN_PROPERTY:
        return f"{thing:.130} has no property {name:.80}"
    if reason is Reason.NOT_PERMITTED:
        return f"the credential {device.name:.80} may not write to {thing:.130}"
    return f"{thing:.130}/{name:.80}: {reason}"


def all_refused(batch: Batch, receipt: Receipt) -> list[Refusal]:
    """What the codec refused and what the house refused, each record once, by index."""
    if not batch.refused and not receipt.refused:
        return []
    by_index = {refusal.index: refusal for refusal in (*batch.refused, *receipt.refused)}
    return [by_index[index] for index in sorted(by_index)]
