"""The rules' inner loop (numba): rows in, transitions out.

A slot is one rule on one series. The slots of a series are a linked list (`first`, `next`), so a
row costs only its own slots, however many rules there are. Every slot is a small machine:

    NORMAL -> PENDING (condition holds) -> ACTIVE (held long enough: OPEN)
    ACTIVE -> CLEARING (signal good) -> NORMAL (good long enough: CLOSE)

driven by the time of the observations, never by the server's clock, so a replay gives the same
events. Rows that are not newer than what the series showed are passed over: late data cannot raise
a stale alarm.
"""

from __future__ import annotations

import numpy as np
from numba import njit

THRESHOLD, OUT_OF_RANGE, RATE, STUCK, DEVIATION, COUNT = range(6)
NORMAL, PENDING, ACTIVE, CLEARING = range(4)
OPEN, CLOSE, GROUP_OPEN, GROUP_CLOSE = range(4)

HOURS = 168
HOUR_US = 3_600_000_000
MINUTE_US = 60_000_000.0

SLOT = np.dtype(
    [
        ("rule", np.int32),
        ("series", np.int32),
        ("type", np.uint8),
        ("strict", np.uint8),
        ("sign", np.int8),
        ("phase", np.uint8),
        ("limit", np.float64),
        ("clear", np.float64),
        ("hold", np.int64),
        ("clear_hold", np.int64),
        ("since", np.int64),
        ("onset", np.int64),
        ("value", np.float64),
        ("extreme", np.float64),
        ("reference", np.float64),
        ("reference_time", np.int64),
        ("ring", np.int32),
        ("group", np.int32),
        ("spread", np.float64),
        ("seen", np.int64),
        ("bound", np.float64),
    ]
)
"""State and parameters of a slot. Meaning of `limit` and `clear` by type:

threshold, count: limits times `sign` (so that one comparison serves); out of range: low and high;
rate: per minute; stuck: tolerance, with `hold` as its seconds; deviation: factor and least.
`bound` is what the value was compared with when the event opened.
"""

GROUP = np.dtype(
    [("rule", np.int32), ("area", np.int32), ("least", np.int32), ("count", np.int32),
     ("active", np.uint8), ("onset", np.int64), ("extreme", np.int32)]
)  # fmt: skip

RING = np.dtype([("hour", np.int64), ("sum", np.float64), ("n", np.int32)])

TRANSITION = np.dtype(
    [("what", np.uint8), ("slot", np.int32), ("onset", np.int64), ("at", np.int64),
     ("detected", np.int64), ("value", np.float64), ("extreme", np.float64),
     ("bound", np.float64)]
)  # fmt: skip
"""`onset` names the episode; it stands in the row because a slot can open and close many times in
one batch."""


@njit(cache=True, nogil=True)
def _expected(ring, means, weeks, t, v):  # type: ignore[no-untyped-def]
    """Mean of the same hour last week (NaN when unknown), after adding (t, v) to this hour."""
    hour = t // HOUR_US
    if hour != ring["hour"]:
        if ring["n"] > 0:
            k = ring["hour"] % HOURS
            means[k] = ring["sum"] / ring["n"]
            weeks[k] = ring["hour"]
        ring["hour"] = hour
        ring["sum"] = 0.0
        ring["n"] = 0
    ring["sum"] += v
    ring["n"] += 1
    k = hour % HOURS
    # The ring holds the last time this hour of the week was seen; older than a week is no guide.
    return means[k] if weeks[k] == hour - HOURS else np.nan


@njit(cache=True, nogil=True)
def _judge(slot, t, v, rings, means, weeks):  # type: ignore[no-untyped-def]
    """(condition holds, signal is good, value of interest, what it was compared with)."""
    kind = slot["type"]
    if kind in (THRESHOLD, COUNT):
        x = v * slot["sign"]
        bad = x > slot["limit"] if slot["strict"] else x >= slot["limit"]
        still = x > slot["clear"] if slot["strict"] else x >= slot["clear"]
        return bad, not still, v, slot["limit"] * slot["sign"]
    if kind == OUT_OF_RANGE:
        low = v < slot["limit"]
        bad = low or v > slot["clear"]
        return bad, not bad, v, slot["limit"] if low else slot["clear"]
    if kind == RATE:
        previous, then = slot["reference"], slot["reference_time"]
        slot["reference"], slot["reference_time"] = v, t
        if then == 0:
            return False, False, 0.0, slot["limit"]
        rate = (v - previous) / ((t - then) / MINUTE_US)
        bad = abs(rate) >= slot["limit"]
        return bad, not bad, rate, slot["limit"]
    if kind == STUCK:
        if slot["reference_time"] == 0 or abs(v - slot["reference"]) > slot["limit"]:
            slot["reference"], slot["reference_time"] = v, t
            return False, True, v, slot["limit"]
        return True, False, v, slot["limit"]
    last_week = _expected(rings[slot["ring"]], means[slot["ring"]], weeks[slot["ring"]], t, v)
    if np.isnan(last_week):
        return False, False, v, np.nan
    off = abs(v - last_week)
    bad = slot["seen"] >= HOURS and off >= slot["clear"] and off > slot["limit"] * slot["spread"]
    if not bad:
        # A running mean absolute difference over about a week of rows; anomalies do not feed it.
        slot["seen"] += 1
        slot["spread"] += (off - slot["spread"]) / min(slot["seen"], 4 * HOURS)
    return bad, not bad, v, last_week


@njit(cache=True, nogil=True)
def run(  # type: ignore[no-untyped-def]
    begin, series, times, values, newest, first, following, slots, groups, rings, means, weeks, out
):
    """Feed rows[begin:] to the slots; returns (row to go on from, transitions written).

    Stops early when `out` could overflow; call again from the returned row.
    """
    written = 0
    for i in range(begin, len(series)):
        s = series[i]
        t = times[i]
        if s >= len(first) or t <= newest[s]:
            continue
        slot = first[s]
        room = 0
        at = slot
        while at >= 0:
            room += 2
            at = following[at]
        if written + room > len(out):
            return i, written
        newest[s] = t
        while slot >= 0:
            this = slots[slot]
            slot_number = slot
            slot = following[slot]
            bad, good, value, bound = _judge(this, t, values[i], rings, means, weeks)
            if this["type"] == COUNT:
                written = _count(this, bad, good, t, value, groups, out, written)
                continue
            phase = this["phase"]
            if phase in (NORMAL, PENDING):
                if not bad:
                    this["phase"] = NORMAL
                    continue
                if phase == NORMAL:
                    this["since"] = this["reference_time"] if this["type"] == STUCK else t
                    this["value"] = value
                    this["extreme"] = value
                    this["bound"] = bound
                    this["phase"] = PENDING
                _extend(this, value)
                if t - this["since"] >= this["hold"]:
                    this["phase"] = ACTIVE
                    this["onset"] = this["since"]
                    written = _emit(out, written, OPEN, slot_number, this["onset"], t, this)
                continue
            if not good:
                this["phase"] = ACTIVE
                if bad:
                    _extend(this, value)
                continue
            if phase == ACTIVE:
                this["phase"] = CLEARING
                this["since"] = t
            if t - this["since"] >= this["clear_hold"]:
                this["phase"] = NORMAL
                written = _emit(out, written, CLOSE, slot_number, this["since"], t, this)
    return len(series), written


@njit(cache=True, nogil=True)
def _extend(slot, value):  # type: ignore[no-untyped-def]
    """Keep the extreme: the value farthest in the direction of the condition."""
    if slot["type"] == THRESHOLD:
        if value * slot["sign"] > slot["extreme"] * slot["sign"]:
            slot["extreme"] = value
    elif abs(value - slot["bound"]) > abs(slot["extreme"] - slot["bound"]):
        slot["extreme"] = value


@njit(cache=True, nogil=True)
def _emit(out, written, what, number, at, detected, slot):  # type: ignore[no-untyped-def]
    row = out[written]
    row["what"] = what
    row["slot"] = number
    row["onset"] = slot["onset"]
    row["at"] = at
    row["detected"] = detected
    row["value"] = slot["value"]
    row["extreme"] = slot["extreme"]
    row["bound"] = slot["bound"]
    return written + 1


@njit(cache=True, nogil=True)
def _count(slot, bad, good, t, value, groups, out, written):  # type: ignore[no-untyped-def]
    """A member of a group changes sides; the group opens or closes when the count crosses."""
    member = slot["phase"] == ACTIVE
    if bad == member or (not bad and not good):
        return written
    group = groups[slot["group"]]
    slot["phase"] = ACTIVE if bad else NORMAL
    group["count"] += 1 if bad else -1
    group["extreme"] = max(group["extreme"], group["count"])
    opens = not group["active"] and group["count"] >= group["least"]
    closes = group["active"] and group["count"] < group["least"]
    if not opens and not closes:
        return written
    group["active"] = 1 if opens else 0
    if opens:
        group["onset"] = t
        group["extreme"] = group["count"]
    row = out[written]
    row["what"] = GROUP_OPEN if opens else GROUP_CLOSE
    row["slot"] = slot["group"]
    row["onset"] = group["onset"]
    row["at"] = t
    row["detected"] = t
    row["value"] = float(group["count"])
    row["extreme"] = float(group["extreme"])
    row["bound"] = float(group["least"])
    return written + 1
