"""Headers of every answer, paths that try to leave the page's folder, and bodies that are odd."""

from __future__ import annotations

import gzip
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TEST_SYSTEM
from tests.plan.house import planned_house
from tests.web.live import Live
from xinji.web import app as app_module
from xinji.web.app import PAGE

YEAR = 366 * 86_400


@pytest.mark.parametrize(
    ("method", "path", "who"),
    [
        ("GET", "/api/status", ""),
        ("GET", "/api/things", ""),
        ("GET", "/api/things", "viewer"),
        ("GET", "/api/things?format=csv", "viewer"),
        ("GET", "/api/none", ""),
        ("DELETE", "/api/things", ""),
        ("POST", "/api/sign-in", ""),
        ("POST", "/api/observations", ""),
        ("GET", "/", ""),
        ("GET", "/assets/none.js", ""),
    ],
)
def test_every_answer_carries_the_security_headers(
    live: Live, method: str, path: str, who: str
) -> None:
    headers = live.request(method, path, who).headers
    policy = headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe-eval" not in policy
    assert "http:" not in policy and "https:" not in policy and "*" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A built page of three files, beside a file that is not of it, and a link out of it."""
    page = tmp_path / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<title>the page</title>")
    (page / "assets" / "main-abc.js").write_text("let x = 1")
    (tmp_path / "secret.txt").write_text("open sesame")
    (tmp_path / "page-two").mkdir()
    (tmp_path / "page-two" / "x.txt").write_text("open sesame")
    (page / "link.txt").symlink_to(tmp_path / "secret.txt")
    monkeypatch.setattr(app_module, "PAGE", page)
    return page


def raw_get(live: Live, path: bytes) -> bytes:
    """An HTTP GET whose path no client has tidied up."""
    with socket.create_connection(("127.0.0.1", live.port), timeout=10) as connection:
        connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        parts = []
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize(
    "path",
    [
        b"/../secret.txt",
        b"/assets/../../secret.txt",
        b"/..%2fsecret.txt",
        b"/%2e%2e/secret.txt",
        b"/%2e%2e%2fsecret.txt",
        b"/..%5csecret.txt",
        b"//secret.txt",
        b"/./../secret.txt",
        b"/../page-two/x.txt",
        b"/link.txt",
        b"/%00",
        b"/secret.txt%00.js",
        b"/assets/%00.js",
        b"/" + b"x" * 5_000,
        b"/" + b"x/" * 2_000,
        b"/%ff%fe",
        b"/%e8%a1%a8",
        b"/etc/passwd",
        b"//etc/passwd",
        b"/%2fetc%2fpasswd",
        b"/api/../../secret.txt",
    ],
)
def test_no_path_leaves_the_page(live: Live, built: Path, path: bytes) -> None:
    answer = raw_get(live, path)
    assert b"open sesame" not in answer
    assert b"root:" not in answer
    status = int(answer.split(b" ", 2)[1])
    assert status in (200, 404), answer[:200]
    if status == 200:
        assert b"<title>the page</title>" in answer


def test_files_of_the_page_and_how_long_they_are_kept(live: Live, built: Path) -> None:
    script = live.request("GET", "/assets/main-abc.js", "")
    assert (script.status_code, script.text) == (200, "let x = 1")
    assert "immutable" in script.headers["cache-control"]
    assert "javascript" in script.headers["content-type"]
    for path in ("/", "/index.html", "/cases/CN20261122-000012", "/map"):
        page = live.request("GET", path, "")
        assert (page.status_code, page.text) == (200, "<title>the page</title>")
        assert page.headers["cache-control"] == "no-cache"
    missing = live.request("GET", "/assets/none.js", "")
    assert missing.status_code == 404
    assert missing.headers["content-type"] == "application/problem+json"


def test_a_file_goes_out_as_it_was_packed_when_built(live: Live, built: Path) -> None:
    script = built / "assets" / "main-abc.js"
    script.with_name("main-abc.js.gz").write_bytes(gzip.compress(b"let x = 1"))
    packed = live.request("GET", "/assets/main-abc.js", "", headers={"Accept-Encoding": "br, gzip"})
    assert (packed.text, packed.headers["content-encoding"]) == ("let x = 1", "gzip")
    assert "javascript" in packed.headers["content-type"]
    assert "immutable" in packed.headers["cache-control"]
    assert packed.headers["vary"] == "Accept-Encoding"
    plain = live.request("GET", "/assets/main-abc.js", "", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers and plain.text == "let x = 1"


def test_an_answer_of_json_is_packed_and_has_one_tag(live: Live) -> None:
    packed = live.request("GET", "/api/openapi.json", "", headers={"Accept-Encoding": "gzip"})
    plain = live.request("GET", "/api/openapi.json", "", headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip" and packed.json() == plain.json()
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 3
    assert packed.headers["etag"] == plain.headers["etag"]
    again = live.request(
        "GET", "/api/openapi.json", "", headers={"If-None-Match": packed.headers["etag"]}
    )
    assert again.status_code == 304


def test_a_page_that_is_not_built_says_how(
    live: Live, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app_module, "PAGE", tmp_path)
    answer = live.request("GET", "/", "")
    assert (answer.status_code, "make ui" in answer.text) == (503, True)


def test_the_folder_of_the_page_has_no_link_in_its_path() -> None:
    assert PAGE.resolve() == PAGE, "else no file would be found inside it"


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b'{"name": "\xff", "password": "x"}', b"null", b"[]", b"1e999", b"\0",
     b'{"name": ' + b"9" * 5_000 + b"}", b'{"name": "\\ud800", "password": "x"}'],
)  # fmt: skip
@pytest.mark.parametrize(
    "path",
    ["/api/sign-in", "/api/users", "/api/rules", "/api/credentials", "/api/tokens",
     "/api/session/password", "/api/cases/none/actions"],
)  # fmt: skip
def test_odd_bodies_are_answered_with_a_problem(live: Live, path: str, body: bytes) -> None:
    answer = live.request("POST", path, content=body)
    assert answer.status_code in (400, 401, 404, 422), (answer.status_code, answer.text)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == answer.status_code


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("from=0001-01-01T00:00:00%2B08:00", 200),
        ("from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z", 200),
        ("to=9999-12-31T23:59:59-08:00", 200),
        ("from=2026-01-01T00:00:00+08:00", 200),
        ("from=2026-01-01", 200),
        ("from=2026-13-01", 400),
        ("from=%00", 400),
        ("from=", 200),
        ("thing=" + "x" * 501, 400),
        ("thing=%00", 400),
        ("thing=%F0%9F%98%80", 200),
        ("thing=%ff", 200),
        ("area='%20or%201=1", 200),
    ],
)
def test_odd_parameters(live: Live, query: str, status: int) -> None:
    answer = live.request("GET", f"/api/events?{query}")
    assert answer.status_code == status, answer.text


def test_windows_at_the_ends_of_time(live: Live) -> None:
    path = "/api/things/gauge-1/observations?property=rain_mm_h"
    ends = "&from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z"
    for step in ("raw", "1m", "1d"):
        assert live.get(f"{path}{ends}&step={step}")["columns"]["time"] == []
    bad = live.request("GET", f"{path}&from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z")
    assert (bad.status_code, bad.json()["field"]) == (400, "from")
    assert live.get("/api/aggregates?kind=gauge&property=door&step=1d")["columns"]["time"] == []


def _rule(**changes: Any) -> dict[str, Any]:
    return {
        "id": "odd",
        "title": {"zh": "规则", "en": "Rule"},
        "kind": "gauge",
        "property": "rain_mm_h",
        "condition": {"type": "threshold", "op": ">=", "limit": 1.0},
    } | changes


BAD_RULES = [
    (_rule(id=""), "id"),
    (_rule(id="a/b"), "id"),
    (_rule(id="x" * 200), "id"),
    (_rule(id="plan.x"), "id"),
    (_rule(kind="none"), "property"),
    (_rule(property="none"), "property"),
    (_rule(case_class="none"), "case_class"),
    (_rule(severity="bad"), "severity"),
    (_rule(condition={"type": "none"}), "condition.type"),
    (_rule(condition={"type": "threshold", "op": "==", "limit": 1.0}), "condition.op"),
    (_rule(condition={"type": "threshold", "op": ">", "limit": 1e300}), "condition.limit"),
    (_rule(condition={"type": "threshold", "op": ">", "limit": 1, "hold_seconds": 1e300}),
     "condition.hold_seconds"),
    (_rule(condition={"type": "threshold", "op": ">", "limit": 1, "hold_seconds": -1}),
     "condition.hold_seconds"),
    (_rule(condition={"type": "silence", "seconds": 1e18}), "condition.seconds"),
    (_rule(condition={"type": "stuck", "seconds": -5}), "condition.seconds"),
    (_rule(condition={"type": "count-in-area", "op": ">", "limit": 1, "least": 10**17}),
     "condition.least"),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "field"), BAD_RULES)
def test_a_rule_that_the_engine_cannot_hold_is_refused_before_it_is_stored(
    live: Live, rule: dict[str, Any], field: str
) -> None:
    live.send(("gauge-3", 0.0))
    before = live.get("/api/rules")
    answer = live.request("POST", "/api/rules", json=rule)
    assert (answer.status_code, answer.json()["field"]) == (422, field), answer.text
    assert live.get("/api/rules") == before


def test_a_house_starts_again_with_every_rule_that_it_took(tmp_path: Path) -> None:
    own = Live(tmp_path / "data")
    own.send(("gauge-1", 0.0), ("gauge-11", 0.0))
    for number, condition in enumerate(
        [
            {"type": "threshold", "op": "<", "limit": -1e14, "clear": 0, "hold_seconds": YEAR},
            {"type": "out-of-range", "low": -5, "high": 400},
            {"type": "rate-of-change", "limit_per_minute": 9e14},
            {"type": "stuck", "seconds": YEAR},
            {"type": "silence", "seconds": YEAR},
            {"type": "count-in-area", "op": ">", "limit": 290, "least": 2},
            {"type": "deviation", "factor": 100, "least": 200},
        ]
    ):  # fmt: skip
        rule = _rule(id=f"own-{number}", condition=condition, things=["gauge-1"], area="310105")
        assert own.request("POST", "/api/rules", json=rule).status_code == 200
    own.send(("gauge-1", 1.0), ("gauge-11", 1.0))
    count = own.get("/api/rules")["total"]
    own.close()
    again = planned_house(tmp_path / "data")
    assert len(again.all_rules()) == count == len(TEST_SYSTEM.rules) + 7
    again.close()
