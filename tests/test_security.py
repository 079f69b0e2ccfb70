"""What SECURITY.md promises as it comes: each row names tests, and those are there."""

from __future__ import annotations

import re
import stat
from pathlib import Path

import httpx
import pytest

from tests.process import Served
from tests.web.live import PASSWORD
from xinji.cli.server import Options
from xinji.system.assembly import assemble

ROOT = Path(__file__).parents[1]


HELD = ("SECURITY.md", "docs/decisions/0015-what-holds-the-main-job.md")
HEADS = ("held by", "what holds it", "| ---")


@pytest.mark.parametrize("name", HELD)
def test_every_row_of_the_table_is_held_by_a_test_that_is_there(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    rows = [line for line in lines if not any(head in line for head in HEADS)]
    known = {
        name
        for file in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)", file.read_text(encoding="utf-8"))
    }
    assert len(rows) > 10
    for row in rows:
        named = re.findall(r"`(test_\w+)`", row.rpartition("|")[0].rpartition("|")[2])
        assert named, row
    assert set(re.findall(r"`(test_\w+)`", text)) <= known


def test_it_listens_on_this_machine_until_told_otherwise() -> None:
    options = Options(data=Path("data"))
    assert (options.host, options.mqtt_host) == ("127.0.0.1", "127.0.0.1")


def test_the_folder_and_its_token_are_the_owners(tmp_path: Path) -> None:
    served = Served(tmp_path / "data")
    try:
        assert stat.S_IMODE(served.data.stat().st_mode) == 0o700
        local = served.data / "local.json"
        assert stat.S_IMODE(local.stat().st_mode) == 0o600
    finally:
        served.stop()
    assert not local.exists()
    answer = assemble(served.data, ()).identity.person(served.token)
    assert answer is None, "the token ends with the process"


def test_the_cookie_of_a_session_is_out_of_reach(tmp_path: Path) -> None:
    served = Served(tmp_path / "data")
    try:
        served.post("/api/users", {"name": "li", "password": PASSWORD, "role": "viewer"})
        body = {"name": "li", "password": PASSWORD}
        answer = httpx.post(f"{served.url}/api/sign-in", json=body, timeout=60)
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert f"max-age={12 * 3600}" in cookie
        assert "secure" not in cookie, "over plain HTTP on this machine"
    finally:
        served.stop()
