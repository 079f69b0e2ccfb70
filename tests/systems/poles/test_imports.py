"""Files of poles and mounts: bad rows are set apart, good ones are taken, twice is once."""

from __future__ import annotations

import csv
import io
from typing import Any

import numpy as np
import openpyxl
import pytest

from tests.systems.poles.avenue import STATION, Avenue

HEAD = (
    "杆号,搭载位,设备类型,设备名称,序列号,搭载用户,接口,"
    "重量(kg),迎风面积(m2),额定功率(W),挂高,方位角,箱位\n"
)
ROW = "p-1,T1,5G微基站,基站甲,S1,运营商,flange,20,0.3,300,12,120,1\n"
POLES = "编号,名称,经度,纬度,杆型,杆高,道路,状态,设备箱,启用日期\n"


def poles(avenue: Avenue, content: str | bytes, query: str = "dry_run=false") -> Any:
    data = content.encode() if isinstance(content, str) else content
    return avenue.request("POST", f"/api/poles/import?{query}", content=data)


def test_a_row_becomes_a_mount(avenue: Avenue) -> None:
    trial = avenue.import_mounts(HEAD + ROW, dry_run=True).json()
    assert trial["added"] == 1 and avenue.get("/api/poles/mounts")["total"] == 0
    done = avenue.import_mounts(HEAD + ROW).json()
    assert done | {"dry_run": True} == trial
    (mount,) = avenue.get("/api/poles/mounts")["items"]
    assert (mount["device"], mount["height_m"], mount["bays"]) == ("station", 12.0, [1])
    assert mount["added_by"] == "operator"
    again = avenue.import_mounts(HEAD + ROW, "administrator").json()
    assert (again["added"], again["repeated"], again["refused"]) == (0, 1, 0)


@pytest.mark.parametrize(
    ("at", "cell", "field"),
    [
        (0, "p-99", "pole"), (0, "", "pole"), (2, "大炮", "device"), (7, "heavy", "weight_kg"),
        (7, "-1", "weight_kg"), (7, "nan", "weight_kg"), (9, "", "rated_w"),
        (10, "", "height_m"), (11, "400", "azimuth_deg"), (12, "1.5", "bays"),
        (12, "0", "bays[0]"), (3, "x" * 600, "name"), (3, "a,b", "row"),
    ],
)  # fmt: skip
def test_a_bad_cell_names_its_row_and_field(avenue: Avenue, at: int, cell: str, field: str) -> None:
    cells = ROW.strip().split(",")
    cells[at] = cell
    good = ROW.replace("p-1", "p-2").replace("S1", "S2").replace(",1\n", ",2\n")
    report = avenue.import_mounts(HEAD + ",".join(cells) + "\n" + good, dry_run=True).json()
    assert report["added"] == 1 and report["refused"] == 1
    assert [(error["row"], error["field"]) for error in report["errors"]] == [(2, field)]
    (apart,) = csv.DictReader(io.StringIO(report["apart"]))
    assert apart["row"] == "2" and apart["rule"]


def test_five_percent_of_bad_rows_are_kept_apart(avenue: Avenue) -> None:
    generator = np.random.default_rng(5)
    bad = set(generator.permutation(400)[:20].tolist())
    new = "".join(
        f"n-{n:03d},杆{n},{121.31 + n * 1e-4:.5f},31.15,main-12,12,北路,在用,,2020-01-01\n"
        for n in range(400)
    )
    assert poles(avenue, POLES + new).json()["added"] == 400
    rows = []
    for n in range(400):
        cells = [f"n-{n:03d}", "B1", "摄像机", "", f"N{n}", "区公安分局", "clamp", "5", "0.1",
                 "40", "9", "10", ""]  # fmt: skip
        if n in bad:
            at, cell = ((0, "n-999"), (7, "五"), (9, ""), (11, "-4"))[n % 4]
            cells[at] = cell
        rows.append(",".join(cells) + "\n")
    report = avenue.import_mounts(HEAD + "".join(rows)).json()
    assert (report["read"], report["added"], report["refused"]) == (400, 380, 20)
    assert {error["row"] - 2 for error in report["errors"]} == bad
    apart = list(csv.reader(io.StringIO(report["apart"])))
    # what was set apart comes back whole once it is right
    assert len(apart) == 21
    mended = [dict(zip(apart[0][3:], line[3:], strict=True)) for line in apart[1:]]
    for line, number in zip(mended, sorted(bad), strict=True):
        line |= {"pole": f"n-{number:03d}", "weight_kg": "5", "rated_w": "40", "azimuth_deg": "10"}
    sink = io.StringIO(newline="")
    writer = csv.DictWriter(sink, list(mended[0]))
    writer.writeheader()
    writer.writerows(mended)
    assert avenue.import_mounts(sink.getvalue()).json()["added"] == 20
    assert avenue.get("/api/poles/mounts?limit=1")["total"] == 400


def test_what_stands_wrong_is_imported_and_becomes_a_conflict(avenue: Avenue) -> None:
    heavy = ROW.replace(",20,", ",99,")
    report = avenue.import_mounts(HEAD + heavy).json()
    assert report["added"] == 1 and report["conflicts_before"] == {}
    assert report["conflicts_after"] == {"slot-weight": 1}
    assert avenue.get("/api/poles/p-1")["state"] == "alarm"
    mount = avenue.get("/api/poles/mounts")["items"][0]["id"]
    avenue.request("DELETE", f"/api/poles/mounts/{mount}")
    assert avenue.get("/api/poles/p-1")["conflicts"] == []
    assert avenue.get("/api/poles/p-1")["state"] == "good"


def test_an_export_comes_back_as_it_is(avenue: Avenue) -> None:
    avenue.mounted("p-1", STATION, bays=[1, 2])
    text = avenue.request("GET", "/api/poles/mounts?format=csv").content
    report = avenue.import_mounts(text).json()
    assert (report["read"], report["repeated"], report["refused"]) == (1, 1, 0), report
    mount = avenue.get("/api/poles/mounts")["items"][0]
    # into a house where it does not stand any more
    avenue.request("DELETE", f"/api/poles/mounts/{mount['id']}")
    report = avenue.import_mounts(text).json()
    assert report["added"] == 1, report
    back = avenue.get("/api/poles/mounts")["items"][0]
    assert {name: back[name] for name in STATION} == {name: mount[name] for name in STATION}
    assert back["bays"] == [1, 2] and back["since"] == mount["since"]


def test_a_workbook(avenue: Avenue) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(HEAD.strip().split(","))
    sheet.append(["p-1", "T1", "station", "甲", "S1", "运营商", "flange", 20, 0.3, 300, 12, 120, 1])
    sheet.append(["p-2", "T1", "station", "乙", "S2", "运营商", "flange", 20, 0.3, 300, 12, 120])
    sink = io.BytesIO()
    book.save(sink)
    assert avenue.import_mounts(sink.getvalue()).json()["added"] == 2


def test_gb_18030(avenue: Avenue) -> None:
    assert avenue.import_mounts((HEAD + ROW).encode("gb18030")).json()["added"] == 1


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x00\x01", b"PK\x03\x04 not a zip", b"a,b\n1,2\n",
        HEAD.replace("杆号", "x").encode(), ("杆号," + HEAD).encode(), b"\xff\xff\xff",
        '杆号,"搭载位\n'.encode(),
    ],
)  # fmt: skip
def test_what_is_no_table(avenue: Avenue, content: bytes) -> None:
    for answer in (avenue.import_mounts(content), poles(avenue, content)):
        assert answer.status_code == 422 and answer.json()["field"] == "file", answer.text


def test_poles_are_registered(avenue: Avenue) -> None:
    good = "n-1,新杆,121.36,31.2,main-12,12,新路,规划,b-1,\n"
    report = poles(avenue, POLES + good, "").json()
    assert report["dry_run"] and report["added"] == 1
    assert avenue.request("GET", "/api/poles/n-1").status_code == 404
    rows = good + "".join(
        f"{row}\n"
        for row in (
            "n-1,双,121.36,31.2,main-12,12,,,,", "n-2,外,100,31.2,main-12,12,,,,",
            "n-3,型,121.36,31.2,main-99,12,,,,", "n-4,日,121.36,31.2,main-12,12,,,,上周",
            "n-5,态,121.36,31.2,main-12,12,,废弃,,", "n 6,号,121.36,31.2,main-12,12,,,,",
            "b-1,箱,121.36,31.2,main-12,12,,,,", ",,,,,,,,,", "n-7,高,121.36,x,main-12,12,,,,",
        )
    )  # fmt: skip
    report = poles(avenue, POLES + rows).json()
    assert (report["added"], report["changed"], report["refused"]) == (1, 0, 8)
    assert [error["field"] for error in report["errors"]] == [
        "id", "longitude", "type", "since", "attributes.status", "id", "id", "latitude",
    ]  # fmt: skip
    sheet = avenue.get("/api/poles/n-1")
    assert (sheet["status"], sheet["road"], sheet["box"]) == ("planned", "新路", "b-1")
    assert poles(avenue, POLES + good).json()["changed"] == 1
    # shifted places are named as such
    bad = poles(avenue, POLES + good, "datum=mars").json()
    assert bad["field"] == "datum"
    kinds = "编号,类别,名称,经度,纬度,型号\nb-7,综合设备箱,箱,121.36,31.2,box-6\n"
    assert poles(avenue, kinds).json()["added"] == 1
