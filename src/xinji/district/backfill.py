"""The simulated past: history sent as Arrow streams, before the run begins.

Two layers: every stream in coarse steps over the last days, and sparse campaigns from the plan's
baseline on for the fleets whose figures are followed over years.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import httpx
import numpy as np
import pyarrow as pa

from xinji.district.carriers import post_until_answered
from xinji.district.conditions import BASELINE_US, conditions
from xinji.district.rhythm import DAY_US, HOUR_US, UTC_OFFSET_HOURS
from xinji.system.simulation import MICROSECONDS, Fleet, Floats, Stream, Times

ROWS_PER_BODY = 100_000
STEP_SECONDS = 900.0
ARROW = "application/vnd.apache.arrow.stream"

_SCHEMA = pa.schema(
    [
        ("thing", pa.dictionary(pa.int32(), pa.string())),
        ("property", pa.dictionary(pa.int32(), pa.string())),
        ("value", pa.float64()),
        ("time", pa.timestamp("us")),
    ]
)


def history_times(fleet: Fleet, end_us: int, days: float, step_seconds: float) -> Times:
    """Moments of a fleet's history before `end_us`, ascending: campaigns, then the last days."""
    step = int(step_seconds * MICROSECONDS)
    begin = end_us - int(days * DAY_US)
    recent = np.arange(begin - begin % step + step, end_us, step, dtype=np.int64)
    if not fleet.campaign_days:
        return recent
    # campaigns are at noon of the district's day
    first = BASELINE_US + (12 - UTC_OFFSET_HOURS) * HOUR_US
    before = min(begin, end_us)
    campaigns = np.arange(first, before, int(fleet.campaign_days * DAY_US), dtype=np.int64)
    return np.concatenate([campaigns, recent])


def bodies(
    fleets: Sequence[Fleet],
    *,
    seed: int,
    end_us: int,
    days: float,
    step_seconds: float = STEP_SECONDS,
) -> Iterator[tuple[bytes, int]]:
    """Arrow bodies with the history before `end_us`, and the rows of each.

    Times ascend within every series. A thing has no rows before it was in service.
    """
    for fleet in fleets:
        times = history_times(fleet, end_us, days, step_seconds)
        if not len(fleet.streams) or not len(times):
            continue
        chunk = max(1, ROWS_PER_BODY // len(fleet.things))
        for begin in range(0, len(times), chunk):
            part = times[begin : begin + chunk]
            moments = conditions(seed, part)
            for stream in fleet.streams:
                values = np.round(stream.sample(moments), stream.decimals)
                batch = _batch(fleet, stream, part, values)
                if batch.num_rows:
                    yield _stream_of(batch), batch.num_rows


async def backfill(
    http: httpx.AsyncClient,
    credential: tuple[str, bytes],
    fleets: Sequence[Fleet],
    *,
    seed: int,
    end_us: int,
    days: float,
    step_seconds: float = STEP_SECONDS,
) -> int:
    """Send the history before `end_us`; the rows that the house stored or already had.

    Raises httpx.HTTPStatusError when the house refuses a body.
    """
    auth = httpx.BasicAuth(*credential)
    rows = 0
    for body, _ in bodies(fleets, seed=seed, end_us=end_us, days=days, step_seconds=step_seconds):
        answer = await post_until_answered(http, body, ARROW, auth=auth)
        rows += answer.stored + answer.repeated
    return rows


def _batch(fleet: Fleet, stream: Stream, times: Times, values: Floats) -> pa.RecordBatch:
    count = len(fleet.things)
    index = np.tile(np.arange(count, dtype=np.int32), len(times))
    time = np.repeat(times, count)
    since = np.array([t.in_service_since or 0 for t in fleet.things], dtype=np.int64)
    kept = time >= since[index]
    index, time, value = index[kept], time[kept], values.reshape(-1)[kept]
    things = pa.array([thing.id for thing in fleet.things], pa.string())
    return pa.record_batch(
        [
            pa.DictionaryArray.from_arrays(pa.array(index), things),
            pa.DictionaryArray.from_arrays(
                pa.array(np.zeros(len(index), dtype=np.int32)), pa.array([stream.property])
            ),
            pa.array(value),
            pa.array(time).cast(pa.timestamp("us")),
        ],
        schema=_SCHEMA,
    )


def _stream_of(batch: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())
