"""Files that are not ours, cut short, from elsewhere; two processes; a clock that jumps back."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import duckdb
import pytest

from tests.conftest import gauge, open_house, send
from xinji.loop.clock import HouseClock
from xinji.store.folder import FolderError
from xinji.store.observations import StoreError


def filled(path: Path) -> None:
    house = open_house(path)
    house.registry.put([house.registry.check(gauge())])
    send(house, [("gauge-1", "rain_mm_h", n + 1, 1.0) for n in range(50_000)])
    house.close()


@pytest.mark.parametrize("name", ["observations.duckdb", "registry.sqlite3"])
@pytest.mark.parametrize("damage", ["cut", "garbage", "empty header"])
def test_a_damaged_file_is_named_and_not_touched(tmp_path: Path, name: str, damage: str) -> None:
    filled(tmp_path)
    file = tmp_path / name
    whole = file.read_bytes()
    broken = {
        "cut": whole[: len(whole) // 3 + 100],
        "garbage": os.urandom(len(whole)),
        "empty header": b"\0" * 8192 + whole[8192:],
    }[damage]
    file.write_bytes(broken)
    with pytest.raises(StoreError, match=name):
        open_house(tmp_path)
    assert file.read_bytes()[: len(broken)] == broken
    file.write_bytes(whole)
    house = open_house(tmp_path)
    assert house.store.row_count == 50_000
    house.close()


def test_foreign_databases_are_not_touched(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    foreign = duckdb.connect(str(tmp_path / "a" / "observations.duckdb"))
    foreign.execute("create table something (x int)")
    foreign.close()
    with pytest.raises(StoreError, match="something else"):
        open_house(tmp_path / "a")
    (tmp_path / "b").mkdir()
    other = sqlite3.connect(tmp_path / "b" / "registry.sqlite3")
    other.execute("create table something (x int)")
    other.close()
    with pytest.raises(StoreError, match="something else"):
        open_house(tmp_path / "b")


def test_a_second_process_is_refused_with_the_first_ones_number(tmp_path: Path) -> None:
    house = open_house(tmp_path)
    with pytest.raises(FolderError, match=str(os.getpid())):
        open_house(tmp_path)
    second = subprocess.run(
        [sys.executable, "-m", "xinji.cli", "serve", "--data", str(tmp_path), "--port", "0",
         "--mqtt-port", "0"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert second.returncode == 1
    assert f"in use by process {os.getpid()}" in second.stderr
    assert "Traceback" not in second.stderr
    house.close()
    open_house(tmp_path).close()


def test_the_house_clock_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = HouseClock()
    real = time.time
    first = clock.now()
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    second = clock.now()
    assert 0 <= second - first < 1_000_000
    assert clock.doubt == pytest.approx(3600, abs=1)
    monkeypatch.setattr(time, "time", lambda: real() + 7200)
    assert clock.now() - first >= 7200 * 1_000_000
    assert clock.doubt == 0
    monkeypatch.setattr(time, "time", real)
    assert clock.now() - first >= 7200 * 1_000_000


def test_values_are_kept_while_the_clock_is_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = open_house(tmp_path)
    house.registry.put([house.registry.check(gauge())])
    assert send(house, [("gauge-1", "rain_mm_h", 0, 1.0)]).stored == 1
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 86_400)
    assert send(house, [("gauge-1", "rain_mm_h", 0, 50.0)]).stored == 1
    assert len(house.writer.open_events()) == 1, "the rules still see what comes"
    house.close()
