"""Files of hotlines: every row is taken, repeated or named."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa

from tests.systems.operations.street import MONDAY, Street
from xinji.methods.geodesy import wgs84_to_gcj02
from xinji.store.settings import write_setting
from xinji.store.work_schema import reports
from xinji.systems.platforms.operations.new_report import ReportError
from xinji.systems.platforms.operations.transfers import time_of
from xinji.systems.platforms.operations.work_orders import MOST_ROWS

HEAD = [
    "工单编号",
    "诉求内容",
    "事发地址",
    "来电时间",
    "经度",
    "纬度",
    "小类",
    "紧急程度",
    "来电人",
    "联系电话",
]
GOOD = ["12345-1", "门口垃圾没人清理", "某路1号", "2026-11-23 08:40", "121.35", "31.2", "暴露垃圾",
        "一般", "王女士", "13800000000"]  # fmt: skip


def table(*rows: list[str], head: list[str] = HEAD) -> str:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(head)
    writer.writerows(rows)
    return out.getvalue()


def send(street: Street, body: bytes | str, who: str = "intake", **query: Any) -> Any:
    query = {"channel": "12345", "dry_run": "false"} | query
    content = body.encode() if isinstance(body, str) else body
    answer = street.request("POST", "/api/reports/import", who, params=query, content=content)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert (
        found["rows"]
        == found["accepted"]
        + found["repeated"]
        + len({error["row"] for error in found["errors"] if error["row"]})
        or not found["rows"]
    )
    return found


def stored(street: Street) -> list[Any]:
    with street.house.database.reading() as connection:
        return list(connection.execute(sa.select(reports).order_by(reports.c.id)).all())


def other(**changes: str) -> list[str]:
    return [changes.get(name, value) for name, value in zip(HEAD, GOOD, strict=True)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16"])
def test_a_row_comes_in_whole(street: Street, encoding: str) -> None:
    body = table(GOOD).encode(encoding)
    dry = send(street, body, dry_run="true")
    assert (dry["accepted"], dry["errors"], stored(street)) == (1, [], [])
    assert send(street, body)["accepted"] == 1
    [row] = stored(street)
    assert row.case_class == "event.0110"
    assert (row.channel, row.external_id, row.text) == ("12345", "12345-1", GOOD[1])
    assert row.happened_at == int((MONDAY - 20 * 60) * 1e6)
    assert row.contact == {"name": "王女士", "phone": "13800000000"}
    again = send(street, body)
    assert (again["accepted"], again["repeated"]) == (0, 1)
    # the same work order by somebody else, or twice in a file, is the same work order
    twice = send(street, table(GOOD, other(工单编号="2"), other(工单编号="2")), "administrator")
    assert (twice["accepted"], twice["repeated"]) == (1, 2)
    assert len(stored(street)) == 2


def test_a_row_that_was_refused_may_come_again_corrected(street: Street) -> None:
    body = table(other(经度="0"), GOOD, GOOD)
    for dry_run in ("true", "false"):
        found = send(street, body, dry_run=dry_run)
        assert (found["accepted"], found["repeated"], len(found["errors"])) == (1, 1, 1)


def test_rows_of_one_group_join_one_case(street: Street) -> None:
    found = send(street, table(*(other(工单编号=f"n{n}") for n in range(5))))
    assert found["accepted"] == 5
    assert found["merged"] == len([row for row in stored(street) if row.disposition == "merged"])
    assert found["merged"] >= 2
    with_cases = {row.case_id for row in stored(street)}
    assert len(with_cases) == 5 - found["merged"]
    first = min(with_cases)
    assert street.case(first)["reports_list"][0]["external_id"] == "n0"


def test_json_with_english_names(street: Street) -> None:
    item = {"id": "j1", "text": "rubbish", "lon": 121.35, "lat": 31.2, "class": "event.0110",
            "time": "2026-11-23T00:40:00Z", "priority": "urgent"}  # fmt: skip
    found = send(street, json.dumps({"items": [item, 7, item | {"id": ""}]}), channel="110")
    assert found["accepted"] == 1
    assert [(e["row"], e["field"]) for e in found["errors"]] == [(2, "row"), (3, "external_id")]
    [row] = stored(street)
    assert (row.channel, row.urgency) == ("110", "urgent")
    assert row.happened_at == int((MONDAY - 20 * 60) * 1e6)


@pytest.mark.parametrize("datum", ["gcj02", "bd09"])
def test_datums_of_map_services(street: Street, datum: str) -> None:
    from xinji.methods.geodesy import gcj02_to_bd09

    east, north = wgs84_to_gcj02(121.35, 31.2)
    if datum == "bd09":
        east, north = gcj02_to_bd09(east, north)
    body = table(other(经度=f"{float(east):.7f}", 纬度=f"{float(north):.7f}"))
    assert send(street, body, datum=datum)["accepted"] == 1
    [row] = stored(street)
    assert abs(row.longitude - 121.35) < 2e-6
    assert abs(row.latitude - 31.2) < 2e-6


FAULTS: list[tuple[dict[str, str], str]] = [
    ({"工单编号": ""}, "external_id"),
    ({"工单编号": "x" * 129}, "external_id"),
    ({"经度": "121.9"}, "longitude"),
    ({"经度": "东经"}, "longitude"),
    ({"经度": "31.2", "纬度": "121.35"}, "longitude"),
    ({"纬度": ""}, "longitude"),
    ({"经度": "nan"}, "longitude"),
    ({"来电时间": "昨天"}, "happened_at"),
    ({"来电时间": "2026-13-01 00:00"}, "happened_at"),
    ({"来电时间": "2026-11-23 18:00"}, "happened_at"),
    ({"来电时间": "2025-11-23 18:00"}, "happened_at"),
    ({"小类": "不存在的类"}, "case_class"),
    ({"诉求内容": "长" * 2001}, "text"),
    ({"紧急程度": "也许"}, "urgency"),
    ({"联系电话": "1" * 41}, "phone"),
]


def test_every_bad_row_is_named_and_the_good_ones_come_in(street: Street) -> None:
    good = [other(工单编号=f"g{n}", 经度=f"{121.31 + n * 0.002:.4f}") for n in range(40)]
    bad = [other(**{"工单编号": f"b{n}"} | changes) for n, (changes, _) in enumerate(FAULTS)]
    rows = [row for pair in zip(good, bad, strict=False) for row in pair] + good[len(bad) :]
    short = len(rows)
    rows.append(GOOD[:4])
    found = send(street, table(*rows))
    assert found["accepted"] == 40
    wanted = [(2 * n + 3, field) for n, (_, field) in enumerate(FAULTS)] + [(short + 2, "row")]
    assert [(e["row"], e["field"]) for e in found["errors"]] == wanted
    assert all(error["rule"] for error in found["errors"])
    assert len(stored(street)) == 40


def test_five_percent_bad_rows_lose_nothing(street: Street) -> None:
    chance = np.random.default_rng(5)
    rows, bad = [], set()
    for n in range(600):
        row = other(工单编号=f"r{n}", 经度=f"{121.31 + (n % 100) * 0.0018:.4f}",
                    纬度=f"{31.11 + (n // 100) * 0.03:.4f}")  # fmt: skip
        if chance.random() < 0.05:
            changes, _ = FAULTS[int(chance.integers(2, len(FAULTS)))]
            row = [changes.get(name, value) for name, value in zip(HEAD, row, strict=True)]
            bad.add(n + 2)
        rows.append(row)
    found = send(street, table(*rows))
    assert {error["row"] for error in found["errors"]} == bad
    assert found["accepted"] == 600 - len(bad) == len(stored(street))


BROKEN: list[tuple[bytes, int, str]] = [
    (b"", 0, "file"),
    (b"\xff\xfe\x00\x01" * 9, 1, "external_id"),
    (b"\x00\x01" * 9, 0, "file"),
    (table(GOOD).encode("utf-16") + b"x", 0, "file"),
    (table(GOOD, head=["甲", *HEAD[1:]]).encode(), 1, "external_id"),
    (table(["1", "x"], head=["工单编号", "备注"]).encode(), 1, "text"),
    (b'{"rows": 3}', 0, "file"),
    (b"[{]", 0, "file"),
    (b"[" * 100_000, 0, "file"),
    (table(GOOD).encode() + b'"a', 3, "row"),
    (("工单编号,内容\n" + "1,x\n" * (MOST_ROWS + 1)).encode(), 0, "file"),
]


def test_a_file_that_is_no_table_is_one_error(street: Street) -> None:
    for body, row, field in BROKEN:
        found = send(street, body)
        assert [(e["row"], e["field"]) for e in found["errors"]] == [(row, field)], body[:40]
        assert stored(street) == []


def test_who_may_and_what_is_asked(street: Street) -> None:
    for who, status in [("wang", 403), ("viewer", 403), ("", 401), ("west-intake", 403)]:
        answer = street.request("POST", "/api/reports/import?channel=12345", who, content=b"x")
        assert answer.status_code == status, who
    for query, field in [("channel=119", "channel"), ("channel=110&datum=cgcs", "datum"),
                         ("channel=110&dry_run=maybe", "dry_run")]:  # fmt: skip
        answer = street.request("POST", f"/api/reports/import?{query}", "intake", content=b"x")
        assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_times_as_hotlines_write_them() -> None:
    texts = (
        "2026年11月23日 9时5分", "2026/11/23 9:05", "2026-11-23 09:05", "2026.11.23 9:5:0",
        "2026-11-23T01:05:00Z", "2026-11-23T09:05:00+08:00",
    )  # fmt: skip
    known = {time_of(text) for text in texts}
    assert len(known) == 1
    assert time_of("") is None
    with pytest.raises(ReportError):
        time_of("9点")


def test_a_city_names_its_own_columns(street: Street) -> None:

    write_setting(street.house.database, "transfers.columns", {"单号": "external_id"})
    found = send(street, table(GOOD, head=["单号", *HEAD[1:]]))
    assert found["accepted"] == 1
