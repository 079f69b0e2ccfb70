"""Pages, downloads and tags: a cursor visits everything once, also while things are added."""

from __future__ import annotations

import csv
import io
import json
import random
import time
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.conftest import gauge
from tests.web.live import EAST_THINGS, WEST_THINGS, Live
from xinji.web.routes import things

MOVING = {"clock_seconds", "overdue"}
LISTS = ("/api/things", "/api/events", "/api/cases", "/api/refusals", "/api/audit")


@pytest.fixture(scope="module", autouse=True)
def _used(live: Live) -> None:
    for _ in range(4):
        live.send(*((thing, 50.0) for thing in WEST_THINGS + EAST_THINGS))
        live.send(*((thing, 0.0) for thing in WEST_THINGS + EAST_THINGS))
        rows = [{"thing": "gauge-1", "property": "rain_mm_h", "value": 999}]
        live.http.post("/api/observations", json=rows, auth=("gateway", live.device))


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 1_000])
def test_every_item_once_in_one_order(live: Live, path: str, limit: int) -> None:
    whole = live.get(f"{path}?limit=1000")
    assert whole["next"] is None
    assert whole["total"] == len(whole["items"]) > 3
    assert _still(live.every(path, limit=limit)) == _still(whole["items"])


def _still(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Items without what moves by itself: the clock of a case."""
    return [{k: v for k, v in item.items() if k not in MOVING} for item in items]


def test_events_and_cases_are_newest_first(live: Live) -> None:
    for path, name in (("/api/events", "started_at"), ("/api/cases", "opened_at")):
        times = [item[name] for item in live.every(path)]
        assert times == sorted(times, reverse=True)


@pytest.mark.parametrize("path", ["/api/things", "/api/events", "/api/cases"])
def test_what_was_there_is_visited_once_while_more_is_added(live: Live, path: str) -> None:
    chance = random.Random(path)
    before = [item["id"] for item in live.get(f"{path}?limit=1000")["items"]]
    seen: list[str] = []
    cursor: str | None = ""
    registry = live.house.registry
    while cursor is not None:
        page = live.get(f"{path}?limit=2&cursor={cursor}")
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
        number = chance.randint(100, 10**6)
        registry.put([registry.check(gauge(number))])
        live.send((f"gauge-{number}", 50.0))
        if len(seen) > 200:
            break
    assert len(seen) == len(set(seen)), "nothing twice"
    assert [each for each in seen if each in set(before)] == before, "nothing left out"


@pytest.mark.parametrize(
    "cursor",
    [
        "x", "AAAA", "é", "W10", "WzFd", "W251bGwsbnVsbF0", "W3t9LFtdXQ", "WzEuNSwxLjVd", "=",
        # ["a", 1e30-like], as numbers no column holds
        "WzEwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAsIngiXQ", "WyJhIiwiYiIsImMiXQ", "'", "%00",
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", LISTS)
def test_a_foreign_cursor_is_refused_or_harmless(live: Live, path: str, cursor: str) -> None:
    answer = live.request("GET", f"{path}?cursor={cursor}")
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        assert answer.json()["field"] == "cursor"


@pytest.mark.parametrize(
    "limit", ["0", "1001", "-1", "--5", "²", "1.5", "1e2", "٣", "9" * 30, "%001", "+5", "0x1"]
)
def test_a_limit_is_a_whole_number_in_its_range(live: Live, limit: str) -> None:
    answer = live.request("GET", f"/api/things?limit={limit}")
    assert (answer.status_code, answer.json()["field"]) == (400, "limit")


@pytest.mark.parametrize("path", LISTS)
def test_downloads_hold_what_the_list_holds(live: Live, path: str) -> None:
    items = _kept(live.get(f"{path}?limit=1000")["items"])
    answers = {
        form: live.request("GET", f"{path}?format={form}") for form in ("csv", "parquet", "arrow")
    }
    for form, answer in answers.items():
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-disposition"] == (
            f'attachment; filename="{path.rsplit("/", 1)[-1]}.{form}"'
        )
    body = answers["csv"].content
    text = body.decode("utf-8-sig")
    assert body.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    parquet = pyarrow.parquet.read_table(io.BytesIO(answers["parquet"].content)).to_pylist()
    arrow = pa.ipc.open_stream(answers["arrow"].content).read_all().to_pylist()
    arrow = _kept(arrow)
    for found in (_kept(rows), _kept(parquet), arrow):
        assert [str(row["id"]) for row in found] == [str(item["id"]) for item in items]
        assert all(list(row) == list(items[0]) for row in found)
    wanted = [{name: _flat(value) for name, value in item.items()} for item in items]
    assert _still(arrow) == _still(wanted)


def _kept(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A download of the audit chain is itself a record of it, which the next one holds."""
    return [row for row in rows if row.get("action") != "list.export"]


def _flat(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return value


def test_an_empty_download_is_a_download(live: Live) -> None:
    for form in ("csv", "parquet", "arrow"):
        assert live.request("GET", f"/api/things?kind=none&format={form}").status_code == 200
    assert live.request("GET", "/api/things?format=xlsx").status_code == 400


def test_windows_and_aggregates_download_too(live: Live) -> None:
    for path in (
        "/api/things/gauge-1/observations?property=rain_mm_h",
        "/api/things/gauge-1/observations?property=rain_mm_h&step=1h",
        "/api/aggregates?kind=gauge&property=rain_mm_h&step=1h",
    ):
        columns = live.get(path)["columns"]
        answer = live.request("GET", f"{path}&format=arrow")
        table = pa.ipc.open_stream(answer.content).read_all()
        assert table.num_rows == len(columns["time"]) > 0
        assert live.request("GET", f"{path}&format=csv").text.startswith("\ufeff")
        assert live.request("GET", f"{path}&format=xlsx").status_code == 400


def test_an_aggregate_has_a_largest_number_of_rows(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = "/api/aggregates?kind=gauge&property=rain_mm_h&step=1h&by=h3"
    days = "&from=2026-01-01T00:00:00Z&to=2026-01-03T00:00:00Z"
    places = len(set(live.get(f"{path}&from=2020-01-01T00:00:00Z")["columns"]["group"]))
    monkeypatch.setattr(things, "LARGEST_AGGREGATE", 49 * max(places, 1) - 1)
    answer = live.request("GET", path + days)
    assert answer.status_code == 400
    assert answer.json()["field"] == "from" and "groups by step" in answer.json()["rule"]
    assert live.request("GET", path.replace("1h", "1d") + days).status_code == 200


def test_geojson_is_the_list_as_points(live: Live) -> None:
    answer = live.request("GET", "/api/things?format=geojson")
    assert answer.headers["content-type"] == "application/geo+json"
    found = answer.json()
    assert found["type"] == "FeatureCollection"
    items = {item["id"]: item for item in live.every("/api/things", limit=1_000)}
    assert len(found["features"]) == len(items)
    assert len({feature["id"] for feature in found["features"]}) == len(items)
    for feature in found["features"]:
        item = items[feature["properties"]["id"]]
        assert feature["properties"] == item
        assert feature["geometry"] == {
            "type": "Point",
            "coordinates": [item["longitude"], item["latitude"]],
        }


@pytest.mark.parametrize(
    "path",
    ["/api/things", "/api/events", "/api/audit", "/api/areas", "/api/district", "/api/rules",
     "/api/things/gauge-1", "/api/things?format=geojson", "/api/openapi.json",
     "/api/things/gauge-1/observations?property=rain_mm_h&to=2099-01-01T00:00:00Z"],
)  # fmt: skip
def test_an_unchanged_answer_is_not_sent_again(live: Live, path: str) -> None:
    first = live.request("GET", path)
    tag = first.headers["etag"]
    again = live.request("GET", path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    assert live.request("GET", path, headers={"If-None-Match": '"other"'}).status_code == 200
    both = live.request("GET", path, headers={"If-None-Match": f'"other", {tag}'})
    assert both.status_code == 304


def test_a_change_changes_the_tag(live: Live) -> None:
    tag = live.request("GET", "/api/things/gauge-1").headers["etag"]
    time.sleep(0.01)
    live.send(("gauge-1", 1.0))
    again = live.request("GET", "/api/things/gauge-1", headers={"If-None-Match": tag})
    assert again.status_code == 200
    assert again.headers["etag"] != tag


def test_the_answer_to_head_is_that_of_get_without_its_body(live: Live) -> None:
    get, head = (live.request(method, "/api/areas") for method in ("GET", "HEAD"))
    assert head.status_code == 200
    assert head.content == b""
    assert head.headers["etag"] == get.headers["etag"]


def test_a_long_list_is_counted_no_further_than_needed(
    live: Live, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = live.get("/api/things?limit=1000")["total"]
    monkeypatch.setattr("xinji.api.listing.COUNTED", whole)
    assert live.get("/api/things?limit=1") | {"items": [], "next": ""} == {
        "items": [], "next": "", "total": whole,
    }  # fmt: skip
    monkeypatch.setattr("xinji.api.listing.COUNTED", whole - 1)
    page = live.get("/api/things?limit=1")
    assert (page["total"], page["total_is"]) == (whole - 1, "at least")
