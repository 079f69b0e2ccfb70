"""POST /api/observations, in process."""

import asyncio
import base64
import json

import httpx
import pyarrow as pa
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from tests.wire.recorder import SECRET
from xinji.model.observations import Reason
from xinji.wire import http
from xinji.wire.http import observations_endpoint
from xinji.wire.http_body import Bodies

ROW = {"thing": "thing:0", "property": "temperature", "value": 1.5}


def basic(name="meter-1", secret=SECRET):
    return "Basic " + base64.b64encode(name.encode() + b":" + secret).decode()


@pytest.fixture
def post(house):
    endpoint = observations_endpoint(house, house, Bodies())
    app = Starlette(routes=[Route("/api/observations", endpoint, methods=["POST"])])

    def posting(body, media_type="application/json", **headers):
        async def main():
            transport = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                sent = {"authorization": basic(), "content-type": media_type}
                sent |= {name.replace("_", "-"): value for name, value in headers.items()}
                content = body if not isinstance(body, list | dict) else json.dumps(body).encode()
                return await client.post("/api/observations", content=content, headers=sent)

        return asyncio.run(main())

    return posting


def arrow(**columns):
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def test_rows_are_stored_before_the_answer(post, house):
    answer = post([ROW, ROW | {"time": "2026-01-01T00:00:00Z"}, ROW | {"time": 1767225600.5}])
    assert answer.status_code == 200
    assert answer.json() == {"stored": 3, "repeated": 0, "refused": []}
    assert [row[2] for row in house.rows] == [0, 1767225600000000, 1767225600500000]


def test_columns_arrow_and_senml(post, house):
    columns = {"thing": ["thing:0"], "property": ["temperature"], "value": [2]}
    assert post(columns).json()["stored"] == 1
    table = arrow(thing=["thing:1"], property=["temperature"], value=[3.0])
    assert post(table, "application/vnd.apache.arrow.stream").json()["stored"] == 1
    pack = [{"bn": "thing:2/", "n": "temperature", "v": 4}]
    assert post(pack, "application/senml+json; charset=utf-8").json()["stored"] == 1
    assert [row[3] for row in house.rows] == [2.0, 3.0, 4.0]


def test_bad_records_are_listed_and_the_good_ones_kept(post, house):
    answer = post(
        [ROW, {}, ROW | {"thing": "thing:x"}, ROW | {"value": 99}, ROW | {"time": "?"}, 7, ROW]
    )
    assert answer.json()["stored"] == 2
    assert [(r["index"], r["reason"]) for r in answer.json()["refused"]] == [
        (1, Reason.MALFORMED),
        (2, Reason.UNKNOWN_THING),
        (3, Reason.OUT_OF_RANGE),
        (4, Reason.BAD_TIME),
        (5, Reason.MALFORMED),
    ]
    assert all(r["detail"] for r in answer.json()["refused"])


@pytest.mark.parametrize(
    "header",
    ["", "Bearer x", "Basic", "Basic !!!", basic(secret=b"no"), basic("who"), "Basic bWV0ZXI="],
)
def test_no_or_wrong_credentials(post, house, header):
    answer = post([ROW], authorization=header)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert answer.headers["content-type"] == "application/problem+json"
    assert not house.batches


def test_other_media_types_and_compressed_bodies(post):
    assert post(b"a,b", "text/csv").status_code == 415
    answer = post(b"", content_encoding="gzip")
    assert (answer.status_code, answer.json()["field"]) == (415, "Content-Encoding")


@pytest.mark.parametrize(
    ("body", "rule", "field"),
    [
        (b"", "json", None),
        (b'[{"thing":', "json", None),
        (b"\xff", "json", None),
        (b"3", "rows-or-columns", None),
        (b'{"thing":["a"],"property":["b"],"value":[1,2]}', "equal-length", "value"),
        (b'{"thing":["a"],"value":[1]}', "rows-or-columns", None),
        (b"[" * 100_000, "rows-or-columns", None),
    ],
)
def test_body_that_cannot_be_decoded(post, house, body, rule, field):
    answer = post(body)
    assert answer.status_code == 400
    problem = answer.json()
    assert (problem["rule"], problem.get("field")) == (rule, field)
    assert problem["status"] == 400 and problem["title"] and problem["detail"]
    assert not house.batches


def test_syntax_error_names_its_byte(post):
    assert "byte 4" in post(b"[1, x]").json()["detail"]


def test_caps(post, house):
    assert post(b" " * ((16 << 20) + 1)).status_code == 413
    assert post(b"[" + b"0," * 5_000_000 + b"0]").status_code == 413
    rows = json.dumps([ROW] * 200_001, separators=(",", ":")).encode()
    assert post(rows).status_code == 413
    assert not house.batches


def test_streamed_body_is_capped_without_a_length(post):
    async def chunks():
        for _ in range(40):
            yield b" " * (1 << 20)

    assert post(chunks()).status_code == 413


def test_storage_failure_says_try_again(post, house):
    house.failure = "disk full"
    answer = post([ROW])
    assert answer.status_code == 503
    assert answer.headers["retry-after"]
    assert "disk full" in answer.json()["detail"]


def test_full_inlet_says_try_again(post, house, monkeypatch):
    monkeypatch.setattr(http, "FULL_SECONDS", 0.1)
    house.is_full = True
    assert post([ROW]).status_code == 503


def test_idempotency_key_names_the_batch_per_device(post, house):
    post([ROW], idempotency_key="k1")
    post([ROW], idempotency_key="k1", authorization=basic("meter-2"))
    post([ROW])
    assert [batch.batch_id for batch in house.batches] == ["meter-1:k1", "meter-2:k1", ""]
    answer = post([ROW], idempotency_key="k" * 201)
    assert (answer.status_code, answer.json()["field"]) == (400, "Idempotency-Key")
