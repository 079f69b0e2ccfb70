"""Backup of a running house, kill, restore: what was acknowledged before the call is there once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from tests.bad_days.test_kill import Operator, Sender, prepare
from tests.conftest import TEST_SYSTEM, gauge, open_house, send
from tests.process import Served, wait_until
from tests.systems.operations.street import picture
from xinji.access.audit import verify as verify_chain
from xinji.loop.house import House
from xinji.store.backup import BackupError, Moment, restore, seal, verify
from xinji.store.database import Database
from xinji.system.assembly import assemble


def xinji(*words: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "xinji.cli", *map(str, words)],
        capture_output=True, text=True, timeout=170, check=False,
    )  # fmt: skip


def test_backup_under_load_kill_and_restore(tmp_path: Path) -> None:
    served = Served(tmp_path / "data")
    restored = None
    secret = prepare(served)
    start_us = int(time.time() * 1e6) - 3_600_000_000
    sender, operator = Sender(served.mqtt_port, secret, start_us), Operator(served)
    sender.start()
    operator.start()
    try:
        photos = [
            served.request("POST", "/api/photos", content=picture(f"p{n}")).json()["id"]
            for n in range(5)
        ]
        wait_until(lambda: sender.acknowledged > 2_000, "two thousand values are acknowledged")
        wait_until(lambda: bool(operator.answered), "a case is worked")
        before, answered = sender.acknowledged, list(operator.answered)
        done = xinji("backup", "--data", served.data, "--to", tmp_path / "copy")
        assert done.returncode == 0, done.stderr
        assert "ingest was held for" in done.stdout
        after = sender.count
        # work goes on, and then the machine is gone
        wait_until(lambda: sender.acknowledged > after + 500, "ingest goes on")
        served.kill()
        sender.running = operator.running = False
        manifest = json.loads((tmp_path / "copy" / "backup.json").read_text())
        assert xinji("backup", "--verify", tmp_path / "copy").stdout == "whole\n"
        done = xinji("restore", tmp_path / "copy", "--data", tmp_path / "new")
        assert done.returncode == 0, done.stderr
        whole = xinji("audit", "verify", "--data", tmp_path / "new")
        assert (whole.returncode, whole.stdout) == (0, "whole\n")
        restored = Served(tmp_path / "new")
        stored = restored.stored()
        assert before <= stored <= after, "acknowledged before the call, and nothing later lost"
        assert stored == manifest["rows"]["observations.rows"]
        page = restored.get("/api/events?rule=test.rain&limit=1")
        assert page["total"] == (stored + 49) // 50, "each value once: the episodes agree"
        for case, steps in answered:
            assert len(restored.get(f"/api/cases/{case}")["steps"]) >= steps
        for photo in photos:
            assert restored.request("GET", f"/api/photos/{photo}").is_success
        assert restored.get("/api/audit/verify") == {"whole": True, "faults": []}
    finally:
        sender.running = operator.running = False
        served.stop()
        if restored is not None:
            restored.stop()


# -- the parts, without a server ------------------------------------------------------------------


def filled(path: Path) -> House:
    house = open_house(path)
    house.registry.put([house.registry.check(gauge(n)) for n in (1, 2)])
    send(house, [("gauge-1", "rain_mm_h", 0, 50.0)])
    house.photos.put(picture("a"), kind="scene", taken_at=0, added_by="li", now=0)
    house.audit.checkpoint()
    return house


def moment_of(house: House) -> Moment:
    return house.ingest.keeper.submit(
        Moment, house.database, house.store, house.folder
    ).result()  # fmt: skip


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A backup made while the house goes on between its beginning and its copying."""
    house = filled(tmp_path / "data")
    moment = moment_of(house)
    send(house, [("gauge-2", "rain_mm_h", n, 50.0) for n in range(1, 101)])
    house.photos.put(picture("b"), kind="scene", taken_at=0, added_by="li", now=0)
    house.audit.checkpoint()
    into = tmp_path / "copy"
    into.mkdir()
    moment.copy(into)
    moment.close()
    manifest = seal(into, house.folder.photos, moment.at, "0")
    assert manifest["rows"]["observations.rows"] == 1
    assert manifest["rows"]["cases"] == manifest["rows"]["photos"] == 1
    house.close()
    return into


def test_a_backup_is_of_the_moment_whatever_is_written_while_it_is_copied(
    copy: Path, tmp_path: Path
) -> None:
    assert verify(copy) == []
    restore(copy, tmp_path / "new")
    assert verify(copy) == [], "restoring reads only"
    database = Database(f"sqlite:///{tmp_path / 'new' / 'registry.sqlite3'}")
    assert verify_chain(database, tmp_path / "new" / "checkpoints.jsonl") == []
    database.close()
    house = assemble(tmp_path / "new", (TEST_SYSTEM,))
    assert house.store.row_count == 1
    assert len(house.writer.open_events()) == 1
    assert send(house, [("gauge-2", "rain_mm_h", 0, 50.0)]).stored == 1
    house.close()


def test_the_keeper_is_held_for_a_beginning_and_not_for_the_copying(tmp_path: Path) -> None:
    """The keeper commits while a copy is being written: nothing waits for it."""
    house = filled(tmp_path / "data")
    send(house, [("gauge-1", "rain_mm_h", n, 1.0) for n in range(1, 200_001)])
    moment = moment_of(house)
    (tmp_path / "copy").mkdir()
    copying = threading.Thread(target=moment.copy, args=[tmp_path / "copy"])
    copying.start()
    commits = 0
    while copying.is_alive():
        assert send(house, [("gauge-2", "rain_mm_h", 1_000_000 + commits, 1.0)]).stored == 1
        commits += 1
    copying.join()
    moment.close()
    assert commits
    manifest = seal(tmp_path / "copy", house.folder.photos, moment.at, "0")
    assert manifest["rows"]["observations.rows"] == 200_001
    house.close()


def damage(copy: Path, name: str, how: str) -> None:
    file = copy / name
    content = file.read_bytes()
    if how == "missing":
        file.unlink()
    elif how == "cut":
        file.write_bytes(content[:-1])
    else:
        file.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])


@pytest.mark.parametrize("how", ["missing", "cut", "flipped"])
@pytest.mark.parametrize(
    "name", ["registry.sqlite3", "observations.duckdb", "checkpoints.jsonl", "house.json", "photo"]
)
def test_a_damaged_backup_is_named_and_not_restored(
    copy: Path, tmp_path: Path, name: str, how: str
) -> None:
    if name == "photo":
        [photo] = copy.rglob("*.jpg")
        name = str(photo.relative_to(copy))
    damage(copy, name, how)
    assert [fault.partition(":")[0] for fault in verify(copy)] == [name]
    with pytest.raises(BackupError, match="not whole"):
        restore(copy, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_file_too_many_and_a_broken_manifest_are_faults(copy: Path) -> None:
    (copy / "observations.duckdb.wal").write_bytes(b"x")
    assert verify(copy) == ["observations.duckdb.wal: not of this backup"]
    done = xinji("backup", "--verify", copy)
    assert (done.returncode, done.stderr) == (3, "")
    for content in (b"", b"[]", b'{"files": 1}', b"\xff"):
        (copy / "backup.json").write_bytes(content)
        assert verify(copy) == [f"{copy / 'backup.json'}: damaged"]
    (copy / "backup.json").unlink()
    assert "no backup.json" in verify(copy)[0]


def test_restore_lays_nothing_over_what_is_there(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "something").write_bytes(b"mine")
    with pytest.raises(BackupError, match="not empty"):
        restore(copy, tmp_path / "new")
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["something"]


def test_a_restore_that_was_killed_is_no_house(copy: Path, tmp_path: Path) -> None:
    from xinji.store.folder import FolderError

    restore(copy, tmp_path / "new")
    shutil.copy(copy / "backup.json", tmp_path / "new" / "restore.json")
    with pytest.raises(FolderError, match="did not end"):
        assemble(tmp_path / "new", (TEST_SYSTEM,))


def test_a_stopped_folder_to_a_tar_file_and_back(tmp_path: Path) -> None:
    house = filled(tmp_path / "data")
    house.close()
    before = {p.name: p.read_bytes() for p in (tmp_path / "data").glob("*.*")}
    done = xinji("backup", "--data", tmp_path / "data", "--to", tmp_path / "copy.tar")
    assert done.returncode == 0, done.stderr
    assert "1 observations, 1 cases" in done.stdout
    after = {p.name: p.read_bytes() for p in (tmp_path / "data").glob("*.*")}
    assert {n: c for n, c in after.items() if n != "xinji.lock"} == {
        n: c for n, c in before.items() if n != "xinji.lock"
    }, "the folder is only read"  # fmt: skip
    assert xinji("backup", "--verify", tmp_path / "copy.tar").stdout == "whole\n"
    done = xinji("restore", tmp_path / "copy.tar", "--data", tmp_path / "new")
    assert done.returncode == 0, done.stderr
    again = assemble(tmp_path / "new", (TEST_SYSTEM,))
    assert again.store.row_count == 1
    again.close()
    refused = xinji("backup", "--data", tmp_path / "data", "--to", tmp_path / "copy.tar")
    assert (refused.returncode, "exists" in refused.stderr) == (1, True)
    (tmp_path / "copy.tar").write_bytes(b"not a tar")
    done = xinji("restore", tmp_path / "copy.tar", "--data", tmp_path / "third")
    assert (done.returncode, "Traceback" in done.stderr) == (1, False)


def test_a_folder_that_was_killed_is_backed_up_with_its_write_ahead_logs(tmp_path: Path) -> None:
    code = """if True:
        import os, sys
        from pathlib import Path
        from tests.bad_days.test_backup import filled
        filled(Path(sys.argv[1]))
        os.kill(os.getpid(), 9)
    """
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "data")], check=False, timeout=60)
    assert (tmp_path / "data" / "observations.duckdb.wal").stat().st_size
    done = xinji("backup", "--data", tmp_path / "data", "--to", tmp_path / "copy")
    assert done.returncode == 0, done.stderr
    assert "1 observations, 1 cases" in done.stdout
    assert verify(tmp_path / "copy") == []
