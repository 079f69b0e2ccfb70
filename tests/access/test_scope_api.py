"""A person of the west sees the west: in every list, item, export, stream and aggregate."""

from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet
import pytest

from tests.plan.house import PLAN
from tests.web.live import EAST, EAST_THINGS, WEST, WEST_THINGS, Live
from xinji.plan.supervision import supervise

WHO = "west-viewer"


@pytest.fixture(scope="module", autouse=True)
def _used(live: Live) -> None:
    """The same happens on both sides: an event and a case each, and a refused row each."""
    live.send(("gauge-1", 50.0), ("gauge-11", 60.0), ("gauge-2", 3.0), ("gauge-12", 7.0))
    rows = [{"thing": t, "property": "rain_mm_h", "value": 999} for t in ("gauge-1", "gauge-11")]
    live.http.post("/api/observations", json=rows, auth=("gateway", live.device))
    supervise(live.house, PLAN)


def mentions_east(value: Any) -> bool:
    """True when a thing, an area code or a case of the east shows anywhere in an answer."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return EAST in text or any(f'"{thing}"' in text for thing in EAST_THINGS)


def ids(items: list[dict[str, Any]]) -> set[str]:
    return {item.get("thing") or item["id"] for item in items}


def case_of(live: Live, thing: str) -> str:
    [case] = live.get(f"/api/cases?thing={thing}")["items"]
    return str(case["id"])


def test_the_administrator_sees_both_sides(live: Live) -> None:
    """What the tests below compare with."""
    assert mentions_east(live.get("/api/things"))
    assert ids(live.get("/api/events")["items"]) >= {"gauge-1", "gauge-11"}
    assert live.get("/api/cases")["total"] >= 3


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/api/things", set(WEST_THINGS)),
        (f"/api/things?area={EAST}", set()),
        ("/api/things?area=310105", set(WEST_THINGS)),
        ("/api/things?q=gauge-1", {"gauge-1"}),
        ("/api/things?bbox=121,31,122,32", set(WEST_THINGS)),
        ("/api/events", {"gauge-1"}),
        (f"/api/events?area={EAST}", set()),
        ("/api/events?thing=gauge-11", set()),
        ("/api/events?rule=heavy-rain", {"gauge-1"}),
        ("/api/cases", {"gauge-1"}),
        (f"/api/cases?area={EAST}", set()),
        ("/api/cases?thing=gauge-11", set()),
        ("/api/cases?class=target-behind", set()),
        ("/api/cases?indicator=gauges.rain", set()),
    ],
)
def test_lists_their_totals_and_exports(live: Live, path: str, wanted: set[str]) -> None:
    found = live.get(path, WHO)
    assert ids(found["items"]) == wanted
    assert found["total"] == len(wanted)
    assert ids(live.every(path, WHO, limit=1)) == wanted
    mark = "&" if "?" in path else "?"
    for form in ("csv", "parquet", "arrow"):
        answer = live.request("GET", f"{path}{mark}format={form}", WHO)
        assert answer.status_code == 200, answer.text
        if form == "csv":
            assert not any(f'"{thing}"' in answer.text for thing in EAST_THINGS)
            assert EAST not in answer.text
            continue
        table = (
            pyarrow.parquet.read_table(io.BytesIO(answer.content))
            if form == "parquet"
            else pa.ipc.open_stream(answer.content).read_all()
        )
        assert table.num_rows == len(wanted)
        assert not mentions_east(table.to_pylist())


def test_geojson(live: Live) -> None:
    features = live.get("/api/things?format=geojson", WHO)["features"]
    assert {feature["properties"]["id"] for feature in features} == set(WEST_THINGS)
    assert not mentions_east(features)


@pytest.mark.parametrize(
    "path",
    [
        "/api/things/gauge-11",
        "/api/things/gauge-11/latest",
        "/api/things/gauge-11/observations?property=rain_mm_h",
        "/api/things/gauge-11/observations?property=rain_mm_h&format=csv",
        "/api/changes?thing=gauge-11",
    ],
)
def test_a_thing_of_the_other_side_does_not_exist(live: Live, path: str) -> None:
    if "changes" not in path:
        assert live.request("GET", path).status_code == 200
    hidden, unknown = (
        live.request("GET", path.replace("gauge-11", thing), WHO) for thing in ("gauge-11", "none")
    )
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.json()["title"] == unknown.json()["title"]


def test_a_case_of_the_other_side_does_not_exist(live: Live) -> None:
    other = case_of(live, "gauge-11")
    assert live.request("GET", f"/api/cases/{other}", WHO).status_code == 404
    [plan_case] = live.get("/api/cases?indicator=gauges.rain")["items"]
    assert live.request("GET", f"/api/cases/{plan_case['id']}", WHO).status_code == 404
    body = {"action": "assign", "assignee": "crew 1"}
    path = f"/api/cases/{other}/actions"
    assert live.request("POST", path, "west-operator", json=body).status_code == 404
    assert live.get(f"/api/cases/{other}")["state"] == "filed"
    own = f"/api/cases/{case_of(live, 'gauge-1')}/actions"
    assert live.request("POST", own, "west-operator", json=body).status_code == 200


def test_latest_and_aggregates_are_over_the_own_side(live: Live) -> None:
    latest = live.get("/api/latest?kind=gauge&property=rain_mm_h", WHO)["columns"]
    assert sorted(latest["thing"]) == ["gauge-1", "gauge-2"]
    path = "/api/aggregates?kind=gauge&property=rain_mm_h&step=1d"
    for by in ("subdistrict", "kind", "h3"):
        columns = live.get(f"{path}&by={by}", WHO)["columns"]
        assert sum(columns["count"]) == 2
        assert max(columns["max"]) == 50.0
        assert not mentions_east(columns)
    assert EAST not in live.request("GET", f"{path}&format=csv", WHO).text


def test_counters_of_overview_and_district(live: Live) -> None:
    found, whole = (live.get("/api/overview", who) for who in (WHO, "administrator"))
    assert found["things"]["total"] == 3
    assert whole["things"]["total"] == 6
    assert [row["total"] for row in found["by_kind"]] == [3]
    assert found["events"] == {"open": 1}
    assert found["cases"]["open"] == found["cases"]["opened_today"] == 1
    assert sum(found["cases"]["by_stage"].values()) == 1
    [kind] = live.get("/api/district", WHO)["kinds"]
    assert kind["things"] == 3


def test_the_rows_behind_a_figure_are_the_own_ones(live: Live) -> None:
    for name, rows in (("gauges.rain", 2), ("gauges.count", 3)):
        card, whole = (live.get(f"/api/plan/indicators/{name}", w) for w in (WHO, "administrator"))
        assert card["value"] == whole["value"], "the figure is that of the district"
        assert card["rows"]["total"] == len(card["rows"]["rows"]) == rows
        assert mentions_east(whole["rows"])
        assert not mentions_east(card["rows"])
    assert live.get("/api/plan/indicators/gauges.rain")["case"] is not None
    assert live.get("/api/plan/indicators/gauges.rain", WHO)["case"] is None


def test_refusals_have_no_area_and_are_not_shown_to_a_part(live: Live) -> None:
    assert live.get("/api/refusals", "operator")["total"] == 2
    assert live.get("/api/refusals", "west-operator")["total"] == 0
    assert "gauge" not in live.request("GET", "/api/refusals?format=csv", "west-operator").text


def test_changes_of_the_other_side_are_not_sent(live: Live) -> None:
    with (
        live.stream("/api/changes", WHO) as west,
        live.stream("/api/changes") as whole,
        live.stream("/api/changes?thing=gauge-3", WHO) as one,
    ):
        live.send(("gauge-13", 55.0))
        live.send(("gauge-3", 56.0))
        for stream in (west, whole):
            stream.wait("event", thing="gauge-3")
            stream.wait("case", thing="gauge-3")
            stream.wait("thing", id="gauge-3", state="alarm")
        whole.wait("event", thing="gauge-13")
        whole.wait("case", thing="gauge-13")
        assert one.wait("latest")["thing"] == ["gauge-3"]
        for stream in (west, one):
            assert not mentions_east([data for _, data in stream.seen])
            areas = {data["area"] for name, data in stream.seen if name in ("event", "case")}
            assert areas <= {WEST}
