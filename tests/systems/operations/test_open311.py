"""Open311 GeoReport v2 by clients that nobody here wrote, and by the standard's text."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.systems.operations.street import Street
from xinji.access.allowance import Allowance
from xinji.cli.remote import leave
from xinji.systems.platforms.operations.api import open311 as routes
from xinji.systems.platforms.operations.open311 import Open311Error, to_xml, window
from xinji.systems.platforms.operations.open311_client import (
    Foreign,
    Open311Server,
    ServerError,
    parse_xml,
    take,
)

V2 = "/api/open311/v2"
DAY_US = 86_400_000_000


@pytest.fixture(autouse=True)
def fresh_allowance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "_posts", Allowance(10))
    monkeypatch.setattr(routes, "_reads", Allowance(600))


def post(street: Street, form: str = "json", **fields: Any) -> httpx.Response:
    body = {"service_code": "event.0110", "lat": "31.2", "long": "121.35"} | fields
    return street.http.post(f"{V2}/requests.{form}", data=body)


def keyed(street: Street, **fields: Any) -> str:
    answer = post(street, api_key=street.tokens["inspector"], **fields)
    assert answer.status_code == 201, answer.text
    return str(answer.json()[0]["service_request_id"])


def error(answer: httpx.Response) -> tuple[int, str]:
    [item] = answer.json()
    assert item["code"] == answer.status_code
    return item["code"], item["description"]


def test_an_outside_client_reads_services_and_requests(street: Street) -> None:
    georeport = pytest.importorskip("georeport")
    first = keyed(street, description="垃圾 <b>&", **{"attribute[condition]": "event.0110.2"})
    second = keyed(street, service_code="component.0106", lat="31.25")
    url = f"{street.url}{V2}"
    for form in ("json", "xml"):
        client = georeport.GeoReport(url, jurisdiction="310105", output_format=form)
        services = client.get_service_list()
        assert {each["service_code"] for each in services} >= {"event.0110", "component.0106"}
        assert len(services) == len(street.operations.classes.classes)
        definition = client.get_service_definition("event.0110")
        assert definition["service_code"] == "event.0110"
        # newest first
        found = client.get_service_requests(status="open")
        assert len(found) == (2 if form == "json" else len(found))
        one = client.get_service_request(first)
        assert one["service_request_id"] == first
        assert one["description"] == "垃圾 <b>&"
        assert float(one["lat"]) == 31.2
    street.act(street.get(f"/api/reports/{second}")["case"], "void", note="重复")
    client = georeport.GeoReport(url)
    [closed] = client.get_service_requests(status="closed")
    assert closed["service_request_id"] == second
    assert closed["extended_attributes"]["outcome"] == "void"
    assert closed["extended_attributes"]["closed_datetime"]


def test_a_request_is_a_report_at_the_same_door(street: Street) -> None:
    number = keyed(street, description="路灯", service_code="component.0106", first_name="李",
                   phone="021-1", media_url="https://example.org/a.jpg")  # fmt: skip
    report = street.get(f"/api/reports/{number}")
    assert (report["channel"], report["case_class"]) == ("open311", "component.0106")
    assert report["contact"] == {"name": "李", "phone": "021-1"}
    # filters, the token, and what is not shown
    with street.house.database.reading() as connection:
        import sqlalchemy as sa

        from xinji.store.work_schema import reports

        code = connection.execute(sa.select(reports.c.follow_code)).scalar_one()
    [found] = street.http.get(f"{V2}/tokens/{code}.json").json()
    assert found == {"token": code, "service_request_id": number}
    text = street.http.get(f"{V2}/requests/{number}.json").text
    assert "021-1" not in text
    assert "李" not in text
    assert json.loads(text)[0]["media_url"] == "https://example.org/a.jpg"
    for query, count in [
        ({"service_code": "component.0106"}, 1),
        ({"service_code": "event.0110"}, 0),
        ({"service_request_id": f"{number},R0", "service_code": "event.0110"}, 1),
        ({"end_date": "2026-11-01T00:00:00Z"}, 0),
        ({"start_date": "2026-11-23T00:00:00+08:00", "end_date": "2026-11-24"}, 1),
        ({"status": "open,closed"}, 1),
        ({"page": "2", "page_size": "1"}, 0),
    ]:
        assert len(street.http.get(f"{V2}/requests.json", params=query).json()) == count, query


def test_reports_of_other_channels_need_a_key_and_stay_in_the_area(street: Street) -> None:
    street.file()
    street.file(longitude=121.45)
    url = f"{V2}/requests.json"
    assert street.http.get(url).json() == []
    assert len(street.http.get(url, params={"api_key": street.tokens["viewer"]}).json()) == 2
    assert len(street.http.get(url, params={"api_key": street.tokens["west-viewer"]}).json()) == 1
    assert error(street.http.get(url, params={"api_key": "x" * 40}))[0] == 403
    assert error(post(street, api_key=street.tokens["viewer"]))[0] == 403


def test_the_same_client_id_is_stored_once(street: Street) -> None:
    first = post(street, client_id="phone-1")
    again = post(street, client_id="phone-1", lat="0", service_code="event.0405")
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()[0]["service_request_id"] == again.json()[0]["service_request_id"]


def test_without_a_key_ten_an_hour(street: Street) -> None:
    for n in range(10):
        assert post(street, long=f"{121.31 + n * 0.01:.2f}").status_code == 201
    answer = post(street)
    assert error(answer)[0] == 429
    assert int(answer.headers["retry-after"]) > 3_000
    keyed(street)


def test_what_is_wrong_is_said_in_the_standards_form(street: Street) -> None:
    for changes, status, word in [
        ({"service_code": "no.such"}, 404, "service_code"),
        ({"service_code": ""}, 400, "service_code"),
        ({"lat": "31.9"}, 400, "lat, long"),
        ({"lat": "north"}, 400, "lat, long"),
        ({"lat": "nan"}, 400, "lat, long"),
        ({"lat": "", "long": ""}, 400, "address_string"),
        ({"jurisdiction_id": "city.gov"}, 404, "jurisdiction_id"),
        ({"media_url": "javascript:1"}, 400, "media_url"),
        ({"description": "x" * 2_001}, 400, "description"),
        ({"client_id": "x" * 65}, 400, "client_id"),
        ({f"attribute[a{n}]": "1" for n in range(101)}, 400, "form"),
    ]:
        key = street.tokens["inspector"]
        code, description = error(post(street, api_key=key, **changes))
        assert (code, word in description) == (status, True), (changes, description)
        xml = post(street, "xml", api_key=key, **changes)
        assert xml.headers["content-type"].startswith("application/xml")
        assert parse_xml(xml.content)[0]["code"] == str(status)
    send = street.http.post
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    for content, headers in [
        (b"{}", {"Content-Type": "application/json"}),
        (b"service_code=%ff%fe", form),
        (b"\xff\xfe=1", form),
        (b"lat=1&lat=2&service_code=event.0110", form),
    ]:
        assert error(send(f"{V2}/requests.json", content=content, headers=headers))[0] == 400
    for query, word in [
        ({"status": "stale"}, "status"),
        ({"start_date": "yesterday"}, "start_date"),
        ({"start_date": "2026-11-02", "end_date": "2026-11-01"}, "end_date"),
        ({"start_date": "2026-01-01", "end_date": "2026-11-01"}, "90 days"),
        ({"page_size": "1001"}, "page_size"),
    ]:
        code, description = error(street.http.get(f"{V2}/requests.json", params=query))
        assert (code, word in description) == (400, True), description
    for path in ("requests/R1.json", "services/x.json", "tokens/nothing.json", "services.yaml"):
        assert error(street.http.get(f"{V2}/{path}"))[0] == 404
    assert street.get("/api/reports")["total"] == 0


def test_two_gigabytes_are_refused_before_they_are_read(street: Street) -> None:
    head = (
        f"POST {V2}/requests.json HTTP/1.1\r\nHost: a\r\nContent-Length: {2 << 30}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
    )
    sent = 0
    with socket.create_connection(("127.0.0.1", street.port), timeout=30) as connection:
        connection.sendall(head.encode())
        try:
            while sent < 64 << 20:
                sent += connection.send(b"a" * 65_536)
        except OSError:
            pass
        connection.settimeout(10)
        try:
            answer = connection.recv(4_096)
        except ConnectionError:
            answer = b"HTTP/1.1 413"  # closed while we were still sending
    assert b" 413 " in answer + b" "
    assert sent <= 64 << 20
    large = street.http.post(
        f"{V2}/requests.json", content=b"description=" + b"a" * (2 << 20),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )  # fmt: skip
    assert error(large)[0] == 413


def test_what_another_server_has_comes_in_once(street: Street) -> None:
    street.request("PUT", "/api/open311/codes", json={"Pothole": "event.0112"})
    requests = [
        Foreign(service_request_id="1", service_code="Pothole", lat=31.2, long=121.35,
                requested_datetime="2026-11-22T01:00:00Z", description="a hole"),
        Foreign(service_request_id="2", service_name="Pothole", lat=31.25, long=121.45),
        Foreign(service_request_id="3", service_code="Nothing", lat=31.2, long=121.35),
        Foreign(service_request_id="4", service_code="Pothole", lat=31.9, long=121.35),
        Foreign(service_request_id="5", service_code="Pothole", requested_datetime="today"),
        Foreign(service_request_id="6", service_code="Pothole", lat=31.2, long=121.35,
                requested_datetime="2015-01-01T00:00:00Z"),
    ]  # fmt: skip
    intake, database = street.operations.intake, street.house.database
    for accepted, repeated in ((2, 0), (0, 2)):
        found = take(intake, database, "https://other.example/v2", requests)
        assert (found["accepted"], found["repeated"]) == (accepted, repeated)
        assert [e["service_request_id"] for e in found["errors"]] == ["3", "4", "5", "6"]
    codes = street.request("PUT", "/api/open311/codes", json={"a": "event.9999"})
    assert codes.json()["field"] == "a"


def test_pull_and_push_between_two_houses(street: Street, tmp_path: Path) -> None:
    """The command pulls from a server by its standard, twice; and sends a case to it, twice."""
    there = Street(tmp_path / "there")
    try:
        for n in range(3):
            keyed(there, lat=f"31.2{n}", description=f"第{n}处")
        folder = tmp_path / "here"
        folder.mkdir()
        leave(folder, street.url, street.tokens["administrator"])
        case = street.file(text="井盖", longitude=121.45)

        def command(*words: str) -> subprocess.CompletedProcess[str]:
            return subprocess.run(
                [sys.executable, "-m", "xinji.cli", "open311", *words, "--data", str(folder),
                 "--url", there.url + V2],
                capture_output=True, text=True, timeout=60, check=False,
                env=os.environ | {"XINJI_OPEN311_KEY": there.tokens["inspector"]},
            )  # fmt: skip

        for form, said in (("json", "accepted 3"), ("xml", "accepted 0, merged 0, repeated 3")):
            done = command("pull", "--form", form, "--from", "2026-11-20T00:00:00Z")
            assert done.returncode == 0, done.stderr
            assert said in done.stdout
        for said in ("R2026", "there already"):
            done = command("push", case)
            assert (done.returncode, said in done.stdout) == (0, True), done.stderr
        assert there.get("/api/reports")["total"] == 4
        assert street.get("/api/reports")["total"] == 4
    finally:
        there.close()


def test_another_server_is_not_trusted(street: Street) -> None:
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb">]><a>&b;</a>'
    with pytest.raises(ValueError, match="document type"):
        parse_xml(bomb)
    with pytest.raises(ServerError):
        Open311Server("file:///etc/passwd")
    with Open311Server(street.url + "/api/nothing") as server, pytest.raises(ServerError):
        list(server.requests())
    with Open311Server(street.url + V2, form="xml") as server:
        assert list(server.requests()) == []


def test_times_and_xml() -> None:
    assert window("", "", 100 * DAY_US) == (10 * DAY_US, 100 * DAY_US)
    assert window("1970-01-11", "", 20 * DAY_US) == (10 * DAY_US, 20 * DAY_US)
    with pytest.raises(Open311Error):
        window("9" * 40, "", 0)
    assert b'<item key="a b"><value>\xef\xbf\xbd</value></item>' in to_xml("x", {"a b": "\x00"})
