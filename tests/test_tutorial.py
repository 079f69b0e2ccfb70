"""docs/adding-a-system.md, executed: its files as a package, a house, a real client."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

from tests.process import Served

PAGE = Path(__file__).parents[1] / "docs/adding-a-system.md"
FILES = re.compile(r"^```\w+ file=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CSV = re.compile(r"<<'CSV'\n(.*?)^CSV$", re.MULTILINE | re.DOTALL)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The tutorial's package as an installed one: its files and its entry point."""
    files = dict(FILES.findall(PAGE.read_text()))
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    project = tomllib.loads(files["pyproject.toml"])["project"]
    info = tmp_path / "noise_stations-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0\n"
    )
    lines = [
        f"[{group}]\n" + "\n".join(f"{name} = {value}" for name, value in entries.items())
        for group, entries in project["entry-points"].items()
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_it_is_short() -> None:
    files = dict(FILES.findall(PAGE.read_text()))
    assert len(files) == 6
    assert sum(len(text.splitlines()) for text in files.values()) < 150


def test_its_station_raises_a_case_and_closes_it(installed: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(installed), os.environ.get("PYTHONPATH", "")])
    served = Served(tmp_path / "district", PYTHONPATH=path)
    try:
        terminals = next(
            f for f in served.get("/api/district")["families"] if f["name"] == "terminals"
        )
        assert "terminals.noise" in [system["name"] for system in terminals["systems"]]
        [rows] = CSV.findall(PAGE.read_text())
        report = served.request(
            "POST",
            "/api/things/import?dry_run=false",
            content=rows.encode(),
            headers={"Content-Type": "text/csv"},
        ).json()
        assert (report["created"], report["errors"]) == (1, [])
        secret = served.credential("noise-gateway", things=["noise:"])
        publish(served, secret, "63.5")
        thing = "noise:zhongshan"
        [latest] = served.get(f"/api/things/{thing}/latest")["latest"]
        assert (latest["property"], latest["value"], latest["unit"]) == ("sound_level", 63.5, "dB")
        now = time.time()
        for ago, level in ((40, 75), (30, 78), (15, 76)):
            publish(served, secret, f'{{"value": {level}, "time": {now - ago}}}')
        # The value of now is newer than these: they are late, and raise nothing.
        assert served.get("/api/cases")["total"] == 0
        for ahead, level in ((1, 75), (12, 78), (22, 76)):
            publish(served, secret, f'{{"value": {level}, "time": {now + ahead}}}')
        [case] = wait_for(served, "/api/cases?class=noise-excess", 1)
        assert case["thing"] == thing
        act(served, case["id"], {"action": "assign", "assignee": "crew"})
        act(served, case["id"], {"action": "done", "note": "the works were stopped"})
        for ahead in (30, 41):
            publish(served, secret, f'{{"value": 60, "time": {now + ahead}}}')
        [closed] = wait_for(served, "/api/cases?class=noise-excess&open=false", 1)
        assert closed["outcome"] == "verified"
    finally:
        served.stop()


def act(served: Served, case: str, body: dict[str, str]) -> None:
    served.post(f"/api/cases/{case}/actions", body)


def wait_for(served: Served, path: str, count: int) -> list[dict]:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        page = served.get(path)
        if page["total"] >= count:
            return page["items"]
        time.sleep(0.1)
    raise AssertionError(f"{path}: fewer than {count}")


def publish(served: Served, secret: str, message: str) -> None:
    """mosquitto_pub, as the tutorial says."""
    program = shutil.which("mosquitto_pub")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("mosquitto-clients is not installed")
        pytest.skip("mosquitto-clients is not installed")
    subprocess.run(
        [program, "-h", "127.0.0.1", "-p", str(served.mqtt_port), "-q", "1",
         "-u", "noise-gateway", "-P", secret, "-t", "xinji/noise:zhongshan/sound_level",
         "-m", message],
        check=True, timeout=30,
    )  # fmt: skip
