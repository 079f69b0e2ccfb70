"""JSON, Arrow and SenML bodies: what is kept, what is refused and why."""

import math

import pyarrow as pa
import pytest

from tests.wire.recorder import House
from tests.wire.test_observations_http import arrow
from xinji.model.observations import Reason
from xinji.wire.columns import PayloadError, resolve_columns
from xinji.wire.inlet import Device
from xinji.wire.observations import decode, decode_json, decode_reading
from xinji.wire.senml import decode_senml

NOW = 1_800_000_000.0
ARROW = "application/vnd.apache.arrow.stream"


def reasons(columns):
    return [(refusal.index, refusal.reason) for refusal in columns.refused]


# -- JSON


def test_lenient_columns_find_the_row_at_fault():
    columns = decode_json(
        b'{"thing":["a","b",3,"d"],"property":["p","p","p","p"],"value":[1,null,3,4],'
        b'"time":[null,null,null,"never"],"quality":["bad","good","good","good"]}'
    )
    assert columns.things == ["a"]
    assert columns.indexes == [0]
    assert columns.qualities == [2]
    assert reasons(columns) == [
        (1, Reason.MALFORMED), (2, Reason.MALFORMED), (3, Reason.BAD_TIME)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (b"1", (1.0, 0, 0)),
        (b" -2.5e1 ", (-25.0, 0, 0)),
        (b'"open"', ("open", 0, 0)),
        (b"true", (True, 0, 0)),
        (b'{"value":1,"quality":"bad"}', (1.0, 0, 2)),
        (b'{"value":1,"time":null}', (1.0, 0, 0)),
        (b'{"value":1,"time":1800000000}', (1.0, 1_800_000_000_000_000, 0)),
        (b'{"value":1,"time":"2026-11-22T10:00:00.123456Z"}', (1.0, 1795341600123456, 0)),
        (b'{"value":1,"time":"2026-11-22 18:00:00.123456+08:00"}', (1.0, 1795341600123456, 0)),
    ],
)
def test_reading(payload, expected):
    assert decode_reading(payload) == expected


def test_time_in_milliseconds_is_said_to_be():
    reason, detail = decode_reading(b'{"value":1,"time":1795341600123}')
    assert reason is Reason.BAD_TIME
    assert "milliseconds" in detail


def test_details_of_refusals_stay_short():
    reason, detail = decode_reading(b'{"value":1,"' + b"x" * 100_000 + b'":1}')
    assert reason is Reason.MALFORMED
    assert len(detail) < 220
    assert len(decode_json(b'[{"' + b"x" * 100_000 + b'":1}]').refused[0].detail) < 220


@pytest.mark.parametrize("micro", [1, 123_456, 999_999, 500_001])
def test_microseconds_are_exact(micro):
    text = f'{{"value":1,"time":"2199-12-31T23:59:59.{micro:06d}Z"}}'
    assert decode_reading(text.encode())[1] % 1_000_000 == micro


# -- resolving


def test_states_units_and_names_are_resolved_row_by_row():
    columns = decode_senml(
        b'[{"bn":"thing:0/","n":"temperature","v":20,"u":"Cel"},{"n":"door","vs":"open"},'
        b'{"n":"temperature","v":20,"u":"K"},{"n":"door","vs":"ajar"},{"n":"smell","v":1},'
        b'{"n":"temperature","vb":true}]',
        NOW,
    )
    house = House()
    batch = resolve_columns(house, Device("d"), columns)
    assert list(batch.values) == [20.0, 1.0]
    assert batch.indexes == [0, 1]
    assert [(r.index, r.reason) for r in batch.refused] == [
        (2, Reason.WRONG_UNIT), (3, Reason.MALFORMED), (4, Reason.UNKNOWN_PROPERTY),
        (5, Reason.MALFORMED),
    ]  # fmt: skip


# -- SenML, RFC 8428


def one(pack):
    columns = decode_senml(pack, NOW)
    assert not columns.refused, columns.refused
    return [
        (f"{t}/{p}", v, time)
        for t, p, v, time in zip(
            columns.things, columns.properties, columns.values, columns.times, strict=True
        )
    ]


def test_senml_example_of_5_1_2():
    pack = (
        b'[{"bn":"urn:dev:ow:10e2073a0108006:/","bt":1.276020076001e+09,"bu":"A","bver":10,'
        b'"n":"voltage","u":"V","v":120.1},{"n":"current","t":-5,"v":1.2},'
        b'{"n":"current","t":-4,"v":1.3}]'
    )
    columns = decode_senml(pack, NOW)
    assert columns.things == ["urn:dev:ow:10e2073a0108006:"] * 3
    assert columns.properties == ["voltage", "current", "current"]
    assert columns.times == [1276020076001000, 1276020071001000, 1276020072001000]
    assert columns.units == ["V", "A", "A"]
    assert columns.values == [120.1, 1.2, 1.3]


@pytest.mark.parametrize(
    ("pack", "rows"),
    [
        (b'[{"n":"a/p","v":1}]', [("a/p", 1.0, 0)]),
        (b'[{"n":"a/p","v":1,"t":-60}]', [("a/p", 1.0, int((NOW - 60) * 1e6))]),  # 4.5.3
        (b'[{"bn":"a/","bv":10,"n":"p","v":1},{"n":"q","v":2}]',
         [("a/p", 11.0, 0), ("a/q", 12.0, 0)]),
        (b'[{"bn":"a/"},{"n":"p","vb":false}]', [("a/p", False, 0)]),
        (b'[{"bn":"a/","n":"p","v":1},{"bn":"b/","n":"p","v":1}]',
         [("a/p", 1.0, 0), ("b/p", 1.0, 0)]),
        (b'[{"n":"a/p","v":1,"unknown":3}]', [("a/p", 1.0, 0)]),
        (b'[{"n":"a/p","v":1,"s":7,"ut":3}]', [("a/p", 1.0, 0)]),
        (b"[]", []),
    ],
)  # fmt: skip
def test_senml_records(pack, rows):
    assert one(pack) == rows


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b'{"n":"a/p"}', Reason.MALFORMED),
        (b'{"n":"a/p","s":3}', Reason.MALFORMED),
        (b'{"n":"a/p","vd":"aGk"}', Reason.MALFORMED),
        (b'{"n":"a/p","v":1,"vb":true}', Reason.MALFORMED),
        (b'{"n":"p","v":1}', Reason.MALFORMED),
        (b'{"v":1}', Reason.MALFORMED),
        (b'{"n":"a/p","v":"1"}', Reason.MALFORMED),
        (b'{"n":"a/p","v":true}', Reason.MALFORMED),
        (b'{"n":3,"v":1}', Reason.MALFORMED),
        (b'{"n":"a/p","v":1,"x_":1}', Reason.MALFORMED),  # 4.4: must be understood
        (b'{"n":"a/p","v":1,"t":1e20}', Reason.BAD_TIME),
    ],
)
def test_senml_refusals(record, reason):
    columns = decode_senml(b'[{"n":"b/p","v":1},' + record + b',{"n":"c/p","v":3}]', NOW)
    assert columns.things == ["b", "c"]
    assert reasons(columns) == [(1, reason)]


@pytest.mark.parametrize(
    "pack", [b"", b"{}", b"[1]", b'[{"bver":11}]', b'[{"n":"\xff"}]', b"[" * 9999]
)
def test_senml_that_is_none(pack):
    with pytest.raises(PayloadError):
        decode_senml(pack)


# -- Arrow


def test_arrow_types():
    table = pa.table(
        {
            "thing": pa.array(["a", "b", None, "d", "e"]).dictionary_encode(),
            "property": pa.array(["p"] * 5, pa.large_string()),
            "value": pa.array([1, 2, 3, None, 5], pa.int32()),
            "time": pa.array([0, None, 0, 0, 10**15], pa.timestamp("ms", tz="UTC")),
        }
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=2)
    columns = decode(ARROW, sink.getvalue().to_pybytes())
    assert columns.things == ["b"]
    assert columns.times == [0]
    assert columns.indexes == [1]
    assert reasons(columns) == [
        (0, Reason.BAD_TIME), (2, Reason.MALFORMED), (3, Reason.MALFORMED), (4, Reason.BAD_TIME)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (pa.array([1_800_000_000], pa.timestamp("s")), 1_800_000_000_000_000),
        (pa.array([1_800_000_000_123], pa.timestamp("ms")), 1_800_000_000_123_000),
        (pa.array([1_800_000_000_123_456_789], pa.timestamp("ns")), 1_800_000_000_123_456),
        (pa.array([1_800_000_000.5]), 1_800_000_000_500_000),
        (pa.array([1_800_000_000]), 1_800_000_000_000_000),
    ],
)
def test_arrow_times(times, expected):
    assert decode(ARROW, arrow(thing=["a"], property=["p"], value=[1.0], time=times)).times == [
        expected
    ]


@pytest.mark.parametrize("index", [pa.int8(), pa.uint32(), pa.uint64()])
def test_arrow_dictionaries_of_any_index(index):
    names = pa.DictionaryArray.from_arrays(pa.array([1, 0, 1], index), pa.array(["a", "b"]))
    columns = decode(ARROW, arrow(thing=names, property=["p"] * 3, value=[1.0] * 3))
    assert columns.things == ["b", "a", "b"]


def test_arrow_values_that_are_not_finite_are_refused_when_resolved():
    columns = decode(
        ARROW,
        arrow(thing=["thing:0"] * 3, property=["temperature"] * 3, value=[1.0, math.nan, math.inf]),
    )
    batch = resolve_columns(House(), Device("d"), columns)
    assert [(r.index, r.reason) for r in batch.refused] == [
        (1, Reason.NOT_FINITE), (2, Reason.NOT_FINITE)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "field"),
    [
        ({"thing": ["a"], "property": ["p"]}, "value"),
        ({"thing": [1], "property": ["p"], "value": [1.0]}, "thing"),
        ({"thing": ["a"], "property": ["p"], "value": [[1.0]]}, "value"),
        ({"thing": ["a"], "property": ["p"], "value": [1.0], "time": ["now"]}, "time"),
        ({"thing": ["a"], "property": ["p"], "value": [1.0], "extra": [1]}, "extra"),
        ({"thing": pa.nulls(1), "property": ["p"], "value": [1.0]}, "thing"),
        ({"thing": pa.array(["a"], pa.string_view()), "property": ["p"], "value": [1.0]}, "thing"),
    ],
)
def test_arrow_schema_is_checked(columns, field):
    with pytest.raises(PayloadError) as error:
        decode(ARROW, arrow(**columns))
    assert error.value.field == field


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
def test_compressed_arrow_is_refused(compression):
    table = pa.table({"thing": ["a"] * 999, "property": ["p"] * 999, "value": [0.0] * 999})
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    with pytest.raises(PayloadError, match="compressed"):
        decode(ARROW, sink.getvalue().to_pybytes())


def test_compressed_arrow_dictionary_is_refused():
    table = pa.table(
        {
            "thing": pa.array(["a" * 500] * 9).dictionary_encode(),
            "property": ["p"] * 9,
            "value": [0.0] * 9,
        }
    )
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression="zstd")
    with pa.ipc.new_stream(sink, table.schema, options=options) as writer:
        writer.write_table(table)
    with pytest.raises(PayloadError, match="compressed"):
        decode(ARROW, sink.getvalue().to_pybytes())


@pytest.mark.parametrize("body", [b"", b"ARROW1\0\0", b"\xff\xff\xff\xff", b"x" * 1000])
def test_arrow_that_is_none(body):
    with pytest.raises(PayloadError):
        decode(ARROW, body)
