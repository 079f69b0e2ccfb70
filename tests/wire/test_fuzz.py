"""Mutated bytes into every decoder: an answer or the decoder's own error, and no growth."""

import gc
import json
import math
import os
import random
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.recorder import House
from tests.wire.test_mqtt_codec import cut, stream
from tests.wire.test_observations_http import arrow
from xinji.model.observations import Reason
from xinji.wire.columns import Columns, PayloadError, resolve_columns
from xinji.wire.inlet import Device
from xinji.wire.mqtt import encode as enc
from xinji.wire.mqtt.codec import Decoder
from xinji.wire.mqtt.packets import Connect, ProtocolError, Publish, Will
from xinji.wire.mqtt.topics import Intake
from xinji.wire.observations import DECODERS, decode, decode_reading

ARROW, JSON, SENML = (
    "application/vnd.apache.arrow.stream",
    "application/json",
    "application/senml+json",
)
TIMES = pa.array([1_800_000_000_000_000, None, 1], pa.timestamp("us"))
ROWS = [
    {"thing": f"thing:{n}", "property": "temperature", "value": n, "time": 1_800_000_000 + n}
    for n in range(3)
]
SEEDS = {
    JSON: [
        json.dumps(ROWS).encode(),
        json.dumps([ROWS[0] | {"time": "2026-11-22T10:00:00.1+08:00", "quality": "bad"}]).encode(),
        json.dumps({k: [row[k] for row in ROWS] for k in ROWS[0]}).encode(),
        b'{"thing":["thing:0"],"property":["door"],"value":["open"],"time":[null]}',
    ],
    SENML: [
        b'[{"bn":"thing:0/","bt":1.8e9,"bu":"Cel","bver":10,"n":"temperature","v":20.5},'
        b'{"n":"door","vs":"open","t":-5},{"n":"door","vb":true},{"n":"x","s":3,"ut":1}]',
        b'[{"bn":"thing:1/","bv":1,"bs":2},{"n":"temperature","v":-1e3,"t":1}]',
    ],
    ARROW: [
        arrow(
            thing=["thing:0"] * 3,
            property=["temperature"] * 3,
            value=[1.0, None, 3.0],
            time=TIMES,
        ),
        arrow(
            thing=pa.array(["thing:0", "thing:1", None]).dictionary_encode(),
            property=pa.array(["door"] * 3, pa.large_string()),
            value=["open", "关", ""],
            time=[1.8e9, math.nan, -math.inf],
        ),
        arrow(thing=["thing:0"], property=["door"], value=[True]),
    ],
}  # fmt: skip
READINGS = [
    b"21.5",
    b'"open"',
    b'{"value": 23.456789, "time": "2026-11-22T10:00:00.000000Z", "quality": "good"}',
    b'{"value": true, "time": 1800000000.5}',
]
WILL = enc.encode_connect(
    Connect(client_id="c", username="u", password=b"p", keep_alive=9, will=Will("t", b"w", 1, True))
)
TOKENS = [
    b"null",
    b"1e999",
    b"-0",
    b"[",
    b"{",
    b'"',
    b"\\ud800",
    b"\xff",
    b"\0",
    b"9" * 30,
    b"NaN",
    b",",
]


def mutate(rng, data):
    """A few random edits of `data`."""
    data = bytearray(data)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(7)
        if kind == 0 and at < len(data):
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(data):
            data[at] = rng.choice((0, 1, 2, 127, 128, 255, rng.randrange(256)))
        elif kind == 2:
            data[at:at] = rng.randbytes(rng.randrange(1, 5))
        elif kind == 3:
            del data[at : at + rng.randrange(1, 9)]
        elif kind == 4:
            stop = rng.randrange(len(data) + 1)
            data[at:at] = data[min(at, stop) : min(at, stop) + 40]
        elif kind == 5:
            data[at:at] = rng.choice(TOKENS)
        else:
            del data[at:]
    return bytes(data)


def mqtt_case(rng, data):
    decoder = Decoder(1 << 16, connect_maximum=4096)
    found = []
    if rng.random() < 0.5:
        found += decoder.feed(data)
    else:
        for part in cut(data, [rng.randrange(1 << 20) for _ in range(rng.randrange(1, 6))]):
            found += decoder.feed(part)
    assert decoder.fault is None or type(decoder.fault) is ProtocolError
    assert decoder.pending <= 1 << 16
    return [packet for packet in found if type(packet) is Publish]


def body_case(media_type, data, house=House(), device=Device("d")):  # noqa: B008
    try:
        columns = decode(media_type, data)
    except PayloadError as error:
        return bool(error.detail)
    check(columns)
    batch = resolve_columns(house, device, columns)
    assert len(batch.series) == len(batch.times) == len(batch.values)
    assert all(type(value) is float and math.isfinite(value) for value in batch.values)
    assert all(type(time) is int and 0 <= time < 1 << 53 for time in batch.times)
    return True


def check(columns):
    assert type(columns) is Columns
    lengths = {
        len(columns.things),
        len(columns.properties),
        len(columns.values),
        len(columns.times),
    }
    lengths |= {
        len(c) for c in (columns.qualities, columns.indexes, columns.units) if c is not None
    }
    assert len(lengths) == 1
    assert all(refusal.detail and type(refusal.reason) is Reason for refusal in columns.refused)


def reading_case(data):
    answer = decode_reading(data)
    assert len(answer) == 3 or (type(answer[0]) is Reason and answer[1])


def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def fuzz(cases, seed):
    """`cases` mutations, shared out among the decoders."""
    rng = random.Random(seed)
    house, device = House(), Device("d")
    streams = [stream(n, 8)[:3000] for n in range(20)] + [WILL]
    for number in range(cases):
        kind = number % 10
        if kind < 4:
            messages = mqtt_case(rng, mutate(rng, rng.choice(streams)))
            if messages:
                for delivery in Intake(house, device).deliveries(messages):
                    batch = delivery.batch
                    assert len(batch.series) == len(batch.times) == len(batch.values)
        elif kind < 6:
            reading_case(mutate(rng, rng.choice(READINGS)))
        else:
            media_type = (JSON, SENML, ARROW, JSON)[kind - 6]
            assert body_case(media_type, mutate(rng, rng.choice(SEEDS[media_type])))


def test_seeds_are_valid():
    for media_type, seeds in SEEDS.items():
        for seed in seeds:
            check(decode(media_type, seed))
    assert set(SEEDS) == set(DECODERS)


def test_ten_thousand_mutations():
    fuzz(10_000, 1)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_million_mutations_and_no_growth():
    fuzz(50_000, 2)
    gc.collect()
    before = resident()
    for seed in range(20):
        fuzz(50_000, 100 + seed)
    gc.collect()
    assert resident() - before < 32 << 20


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(SEEDS)), st.binary(max_size=300))
def test_random_bodies(media_type, data):
    body_case(media_type, data)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["thing", "property", "value", "time", "n", "v", "bn"]), inner
        )
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(JSON_VALUES)
def test_random_json(value):
    data = json.dumps(value).encode()
    body_case(JSON, data)
    body_case(SENML, data)
    reading_case(data)
