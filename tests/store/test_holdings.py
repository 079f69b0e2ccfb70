"""A file of the data folder that is gone, emptied or another's is named, not begun anew."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest
import sqlalchemy as sa

from tests.conftest import TEST_SYSTEM, gauge, open_house, send
from tests.systems.operations.street import picture
from xinji.store.database import Database
from xinji.store.duck import DuckObservations, told
from xinji.store.folder import FolderError
from xinji.store.observations import StoreError, StoreFull
from xinji.store.schema import users
from xinji.system.assembly import assemble


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a house with rows, a case, a photo and checkpoints; closed."""
    path = tmp_path_factory.mktemp("whole") / "data"
    house = open_house(path)
    house.registry.put([house.registry.check(gauge(n)) for n in (1, 2)])
    send(house, [("gauge-1", "rain_mm_h", 0, 50.0)])
    house.photos.put(picture("a"), kind="scene", taken_at=0, added_by="li", now=0)
    house.close()
    return path


@pytest.fixture
def folder(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "data"))


def content(folder: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file() and file.name != "xinji.lock"
    }


FILES = ("registry.sqlite3", "observations.duckdb", "checkpoints.jsonl")


@pytest.mark.parametrize("name", [*FILES, "photos"])
@pytest.mark.parametrize("damage", ["missing", "empty"])
@pytest.mark.parametrize("manifest", [True, False])
def test_a_missing_or_emptied_file_is_named_and_nothing_is_started(
    folder: Path, name: str, damage: str, manifest: bool
) -> None:
    if not manifest:
        if name == "checkpoints.jsonl":
            pytest.skip("a folder of an older version may not have had one yet")
        (folder / "house.json").unlink()
    target = folder / name
    if target.is_dir():
        shutil.rmtree(target)
        if damage == "empty":
            target.mkdir()
    elif damage == "missing":
        target.unlink()
    else:
        target.write_bytes(b"")
    before = content(folder)
    with pytest.raises(FolderError, match=name) as caught:
        assemble(folder, (TEST_SYSTEM,))
    assert "restore" in str(caught.value)
    after = content(folder)
    for file in FILES:
        assert after.get(file) == before.get(file), f"{file} was touched"


def test_the_command_says_it_and_shows_no_traceback(folder: Path) -> None:
    (folder / "observations.duckdb").unlink()
    done = subprocess.run(
        [sys.executable, "-m", "xinji.cli", "serve", "--data", str(folder), "--port", "0",
         "--mqtt-port", "0"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "observations.duckdb: missing" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (folder / "observations.duckdb").exists()


def test_both_databases_gone_beside_photos_is_no_new_house(folder: Path) -> None:
    for name in ("registry.sqlite3", "observations.duckdb", "house.json"):
        (folder / name).unlink()
    with pytest.raises(FolderError, match="missing"):
        assemble(folder, (TEST_SYSTEM,))


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_house_is_told(folder: Path, tmp_path: Path, name: str) -> None:
    other = open_house(tmp_path / "other")
    other.registry.put([other.registry.check(gauge())])
    send(other, [("gauge-1", "rain_mm_h", n, 1.0) for n in range(1, 9)])
    other.close()
    shutil.copy(tmp_path / "other" / name, folder / name)
    with pytest.raises(FolderError, match="different houses") as caught:
        assemble(folder, (TEST_SYSTEM,))
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["registry.sqlite3", "observations.duckdb"])
def test_an_older_copy_of_one_database_is_told(folder: Path, name: str) -> None:
    older = (folder / name).read_bytes()
    house = open_house(folder)
    send(house, [("gauge-2", "rain_mm_h", 0, 50.0)])
    house.close()
    (folder / name).write_bytes(older)
    with pytest.raises(FolderError, match=rf"{name}: ends at .*older copy"):
        assemble(folder, (TEST_SYSTEM,))
    (folder / "house.json").unlink()
    assemble(folder, (TEST_SYSTEM,)).close()


@pytest.mark.parametrize("name", ["registry.sqlite3-wal", "observations.duckdb.wal"])
def test_a_write_ahead_log_that_was_lost_after_a_kill_is_told(tmp_path: Path, name: str) -> None:
    code = """if True:
        import os, sys
        from pathlib import Path
        from tests.conftest import gauge, open_house, send
        house = open_house(Path(sys.argv[1]))
        house.registry.put([house.registry.check(gauge(n)) for n in (1, 2)])
        send(house, [("gauge-1", "rain_mm_h", 0, 50.0)])
        house.save()
        os.kill(os.getpid(), 9)
    """
    data = tmp_path / "data"
    subprocess.run([sys.executable, "-c", code, str(data)], check=False, timeout=60)
    assert (data / name).stat().st_size
    whole = shutil.copytree(data, tmp_path / "whole")
    for path in data.glob(f"{name}*"):
        path.unlink()
    with pytest.raises(FolderError, match=name.partition(".wal")[0].removesuffix("-wal")):
        assemble(data, (TEST_SYSTEM,))
    house = assemble(whole, (TEST_SYSTEM,))
    assert house.store.row_count == 1
    house.close()


def test_a_folder_of_before_there_was_a_manifest_is_taken_over(folder: Path) -> None:
    (folder / "house.json").unlink()
    with sqlite3.connect(folder / "registry.sqlite3") as registry:
        registry.execute("delete from settings where name = 'house'")
    registry.close()
    with duckdb.connect(str(folder / "observations.duckdb")) as observations:
        observations.execute("delete from meta where key = 'house'")
    lines = (folder / "checkpoints.jsonl").read_text().splitlines(keepends=True)
    (folder / "checkpoints.jsonl").write_text(
        "".join(line for line in lines if '"house"' not in line)
    )
    assemble(folder, (TEST_SYSTEM,)).close()
    manifest = json.loads((folder / "house.json").read_text())
    assert manifest["complete"]
    assert manifest["house"] in (folder / "checkpoints.jsonl").read_text()
    (folder / "observations.duckdb").unlink()
    with pytest.raises(FolderError, match=r"observations.duckdb: missing"):
        assemble(folder, (TEST_SYSTEM,))


def test_a_first_start_that_was_killed_is_begun_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(DuckObservations, "name", killed)
        with pytest.raises(KeyboardInterrupt):
            assemble(tmp_path / "data", (TEST_SYSTEM,))
    assert not json.loads((tmp_path / "data" / "house.json").read_text())["complete"]
    assemble(tmp_path / "data", (TEST_SYSTEM,)).close()


def test_a_damaged_manifest_is_told_and_made_anew_when_it_is_removed(folder: Path) -> None:
    house = json.loads((folder / "house.json").read_text())["house"]
    for damage in (
        b"",
        b"\0" * 100,
        b"[]",
        b'{"house": 1}',
        b'{"house": "x", "marks": {"a": "b"}}',
    ):
        (folder / "house.json").write_bytes(damage)
        with pytest.raises(FolderError, match=r"house.json: damaged; remove it"):
            assemble(folder, (TEST_SYSTEM,))
    (folder / "house.json").unlink()
    assemble(folder, (TEST_SYSTEM,)).close()
    assert json.loads((folder / "house.json").read_text())["house"] == house


def test_retention_that_folds_the_newest_commit_is_not_taken_for_a_loss(folder: Path) -> None:
    house = open_house(folder)
    day = 86_400_000_000
    send(house, [("gauge-2", "rain_mm_h", 10_000 * day, 1.0)])
    house.retain()
    assert house.store.row_count == 1
    commit = house.store.commit
    house.close()
    house = open_house(folder)
    assert house.store.commit == commit
    house.close()


# -- rule state ---------------------------------------------------------------------------------


def test_damaged_rule_state_is_rebuilt_wherever_it_is_damaged(folder: Path) -> None:
    house = open_house(folder)
    send(house, [("gauge-2", "rain_mm_h", 0, 60.0)])
    expected = house.rules.active()
    assert expected
    house.save()
    state = (folder / "rules.npz").read_bytes()
    chance = random.Random(20261129)
    damaged = [state[:size] for size in range(0, len(state), len(state) // 60)]
    for at in range(0, len(state), max(1, len(state) // 400)):
        flipped = bytearray(state)
        flipped[at] ^= chance.randrange(1, 256)
        damaged.append(bytes(flipped))
    for _ in range(100):
        start, size = chance.randrange(len(state)), chance.randrange(1, 64)
        part = chance.randbytes(size)
        damaged.append(state[:start] + part + state[start + size :])
    damaged += [os.urandom(len(state)), b"PK\3\4", state + state]
    whole = 0
    for each in damaged:
        (folder / "rules.npz").write_bytes(each)
        house._catch_up()
        assert house.rules.active() == expected
        whole += house.rules.load(folder / "rules.npz") > 0
    assert whole < len(damaged) / 4, "most of it was seen to be damaged"
    house.close()


def test_rule_state_of_another_version_is_rebuilt(folder: Path) -> None:
    import numpy as np

    house = open_house(folder)
    expected = house.rules.active()
    house._saved_commit = -1
    house.save()
    with np.load(folder / "rules.npz") as saved:
        parts = {name: saved[name] for name in saved.files}
    for part in ("slots", "groups", "rings", "means", "weeks"):
        changed = parts | {part: np.zeros((3, 7), np.int16)}
        np.savez(folder / "rules.npz", **changed)
        house._catch_up()
        assert house.rules.active() == expected
    house.close()


# -- errors show no row content -----------------------------------------------------------------


def test_an_error_of_the_registry_shows_no_parameter(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'registry.sqlite3'}")
    row = {"name": "wang-xiaoming", "password_hash": "secret", "role": "viewer", "created_at": 0}
    insert = sa.insert(users).values(row)
    no_table = sa.text("select * from nothing where x = 'a' and y = :x")

    def execute(*statements: sa.Executable) -> None:
        with database.writing() as connection:
            for statement in statements:
                connection.execute(statement, {"x": row["name"]} if statement is no_table else {})

    with pytest.raises(sa.exc.IntegrityError) as caught:
        execute(insert, insert)
    assert "wang-xiaoming" not in str(caught.value)
    with pytest.raises(StoreFull) as full:
        execute(no_table)
    assert "wang-xiaoming" not in str(full.value)
    assert "select" not in str(full.value)
    database.close()


def test_an_error_of_the_observations_shows_no_value(tmp_path: Path) -> None:
    store = DuckObservations(tmp_path / "observations.duckdb")
    with pytest.raises(StoreError) as caught:
        store.sql("select cast($name as integer)", {"name": "wang-xiaoming"})
    assert "wang-xiaoming" not in str(caught.value)
    with pytest.raises(StoreError, match="no_such_column"):
        store.sql("select no_such_column from observations", {})
    assert told(duckdb.ConstraintException("Constraint Error: Duplicate key \"id: li\"")) == (
        "Constraint Error"
    )  # fmt: skip
    lost = duckdb.TransactionException('Failed to commit: duplicate key "id: li"')
    assert "li" not in told(lost).removeprefix("Failed")
    store.close()
