"""A backup of a house as of one moment, also while it runs, and its way back.

`Moment` pins both databases on the keeper thread: two read transactions that see no later commit.
The keeper is held for as long as it takes to begin them; copying goes on beside it. `backup.json`
is written last and holds the SHA-256 of every file: a folder without it is no backup.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from xinji.store import duck_sql
from xinji.store.database import Database
from xinji.store.duck import STORAGE_VERSION, DuckObservations, told
from xinji.store.folder import Folder
from xinji.store.holdings import MANIFEST as HOUSE
from xinji.store.holdings import RESTORING, Holdings, write_whole
from xinji.store.observations import StoreError, StoreFull

MANIFEST = "backup.json"
UNDER_WAY = "backup.new"
"""Folder inside the data folder where a running house lays a copy down to be taken away."""

REGISTRY, OBSERVATIONS = "registry.sqlite3", "observations.duckdb"
CHECKPOINTS, RULES = "checkpoints.jsonl", "rules.npz"
COPY_MEMORY = "512MB"
ROWS_AT_ONCE = 500_000
PART = 1 << 20


class BackupError(StoreError):
    """A backup that cannot be made, is damaged, or has no place to go; says which file and why."""


class Moment:
    """Both databases as they are now, for as long as this is open. Made on the keeper thread.

    Attributes:
        held_seconds: how long the keeper was held.

    Raises:
        BackupError: the registry is not a file.
    """

    def __init__(self, database: Database, store: DuckObservations, folder: Folder) -> None:
        if not database.url.startswith("sqlite"):
            raise BackupError("the registry is a server's: back it up with the server's own tools")
        self._folder = folder
        self._registry = sqlite3.connect(
            folder.registry, isolation_level=None, check_same_thread=False
        )
        self._observations = store.cursor()
        began = time.perf_counter()
        with database.lock:
            self._registry.execute("begin")
            self._registry.execute("select count(*) from sqlite_master").fetchone()
            self._observations.begin()
            self._observations.execute("select count(*) from store.meta").fetchall()
            self._checkpoint_bytes = folder.checkpoints.stat().st_size
        self.at = int(time.time() * 1e6)
        self._rules: bytes | None = None
        with suppress(FileNotFoundError):
            self._rules = folder.rule_state.read_bytes()
        self.held_seconds = time.perf_counter() - began

    def copy(self, into: Path) -> None:
        """Write both databases, the checkpoints and the rules' state. Raises StoreError."""
        try:
            with closing(sqlite3.connect(into / REGISTRY)) as copy:
                self._registry.backup(copy)
                copy.execute("pragma journal_mode = delete")
            self._copy_observations(into / OBSERVATIONS)
            with self._folder.checkpoints.open("rb") as file:
                # lines are only ever added: those of later checkpoints stay out
                (into / CHECKPOINTS).write_bytes(file.read(self._checkpoint_bytes))
            if self._rules is not None:
                (into / RULES).write_bytes(self._rules)
        except duckdb.Error as error:
            raise BackupError(f"{into}: observations not copied: {told(error)}") from error
        except sqlite3.Error as error:
            raise BackupError(f"{into}: registry not copied: {error}") from error
        except OSError as error:
            raise StoreFull(f"{into}: not copied: {error.strerror}") from error

    def _copy_observations(self, path: Path) -> None:
        settings: dict[str, Any] = {
            "memory_limit": COPY_MEMORY,
            "threads": "1",
            "temp_directory": f"{path}.tmp",
        }
        with closing(duckdb.connect(":memory:", config=settings)) as copy:
            name = str(path).replace("'", "''")
            copy.execute(f"attach '{name}' as store (storage_version '{STORAGE_VERSION}')")
            copy.execute(duck_sql.CREATE)
            for table in duck_sql.TABLES:
                source = self._observations.sql(f"select * from store.{table}")
                copy.register("part", source.to_arrow_reader(ROWS_AT_ONCE))
                copy.execute(f"insert into store.{table} select * from part").fetchall()
                copy.unregister("part")
            copy.execute("detach store")

    def close(self) -> None:
        """Let go of the moment."""
        self._registry.close()
        self._observations.close()


def copy_stopped(data: Path, into: Path) -> int:
    """Copy a folder that no process has open; returns the moment.

    Raises:
        FolderError: it is in use, or a file is missing. StoreError: it holds no house; no space.
    """
    folder = Folder(data)
    try:
        Holdings(data)
        for name in (REGISTRY, OBSERVATIONS):
            if not (data / name).exists():
                raise BackupError(f"{data}: holds no house")
        for name in (
            REGISTRY, f"{REGISTRY}-wal", OBSERVATIONS, f"{OBSERVATIONS}.wal", CHECKPOINTS, RULES,
        ):  # fmt: skip
            with suppress(FileNotFoundError):
                shutil.copyfile(data / name, into / name)
        with closing(sqlite3.connect(into / REGISTRY)) as copy:
            copy.execute("pragma journal_mode = delete")
        duckdb.connect(str(into / OBSERVATIONS)).close()
        return int(time.time() * 1e6)
    except OSError as error:
        raise StoreFull(f"{into}: not copied: {error.strerror}") from error
    except duckdb.Error as error:
        raise BackupError(f"{data / OBSERVATIONS}: {told(error)}") from error
    except sqlite3.Error as error:
        raise BackupError(f"{data / REGISTRY}: {error}") from error
    finally:
        folder.close()


def seal(folder: Path, photos: Path, at: int, version: str) -> dict[str, Any]:
    """Bring the photos that a copied registry names, and write the manifest; returns it.

    Raises:
        StoreFull: no space.
    """
    missing = 0
    try:
        with _registry(folder) as registry:
            for (key,) in registry.execute("select id from photos order by id"):
                name = Path("photos") / key[:2] / f"{key}.jpg"
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                try:
                    shutil.copyfile(photos / key[:2] / f"{key}.jpg", folder / name)
                except FileNotFoundError:
                    missing += 1
            [house] = registry.execute("select value from settings where name = 'house'").fetchone()
        rows = _rows(folder)
        marks = {"commit": _commit(folder), "audit": 0, "steps": 0}
        with _registry(folder) as registry:
            for mark, table in (("audit", "audit"), ("steps", "case_steps")):
                [last] = registry.execute(f"select coalesce(max(id), 0) from {table}").fetchone()
                marks[mark] = last
        known = {"format": 1, "house": json.loads(house), "complete": True, "marks": marks}
        write_whole(folder / HOUSE, json.dumps(known, indent=1).encode() + b"\n")
        files = {name: _described(folder / name) for name in _names(folder)}
        manifest = {
            "format": 1, "version": version, "house": known["house"], "at": at, "rows": rows,
            "photos_missing": missing, "files": files,
        }  # fmt: skip
        for name in files:
            _sync(folder / name)
        write_whole(folder / MANIFEST, json.dumps(manifest, indent=1).encode() + b"\n")
    except OSError as error:
        raise StoreFull(f"{folder}: not written: {error.strerror}") from error
    return manifest


def verify(folder: Path) -> list[str]:
    """What is wrong with a backup; nothing when it is whole and its databases open."""
    try:
        manifest = json.loads((folder / MANIFEST).read_bytes())
        files: dict[str, Any] = dict(manifest["files"])
        rows: dict[str, int] = dict(manifest["rows"])
        wanted = {name: (int(each["bytes"]), str(each["sha256"])) for name, each in files.items()}
    except FileNotFoundError:
        return [f"{folder}: no {MANIFEST}: not a backup, or one that did not end"]
    except (OSError, ValueError, KeyError, TypeError):
        return [f"{folder / MANIFEST}: damaged"]
    there = set(_names(folder)) - {MANIFEST}
    faults = [f"{name}: missing" for name in sorted(set(wanted) - there)]
    faults += [f"{name}: not of this backup" for name in sorted(there - set(wanted))]
    for name in sorted(there & set(wanted)):
        size, digest = wanted[name]
        found = _described(folder / name)
        if found["bytes"] != size:
            faults.append(f"{name}: {found['bytes']} bytes and should have {size}")
        elif found["sha256"] != digest:
            faults.append(f"{name}: altered")
    if not faults:
        try:
            with _registry(folder) as registry:
                [said] = registry.execute("pragma integrity_check(1)").fetchone()
            faults += [] if said == "ok" else [f"{REGISTRY}: {said}"]
            counted = _rows(folder)
            faults += [
                f"{table}: {counted.get(table)} rows and should have {count}"
                for table, count in rows.items()
                if counted.get(table) != count
            ]
        except (sqlite3.Error, duckdb.Error) as error:
            faults.append(f"{folder}: does not open: {type(error).__name__}")
    return faults


def restore(backup: Path, data: Path) -> dict[str, Any]:
    """Lay a backup down as a data folder; returns its manifest.

    Raises:
        BackupError: the folder is not empty, or the backup is not whole. StoreFull: no space.
    """
    if data.exists() and (not data.is_dir() or any(data.iterdir())):
        raise BackupError(f"{data}: not empty; a backup is restored into an empty folder only")
    faults = verify(backup)
    if faults:
        more = f" and {len(faults) - 5} more" if len(faults) > 5 else ""
        raise BackupError(f"{backup}: not whole: {'; '.join(faults[:5])}{more}")
    content = (backup / MANIFEST).read_bytes()
    manifest: dict[str, Any] = json.loads(content)
    try:
        data.mkdir(parents=True, exist_ok=True)
        os.chmod(data, 0o700)
        write_whole(data / RESTORING, content)
        for name, known in manifest["files"].items():
            target = data / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(backup / name, target)
            _sync(target)
            if _described(target) != known:
                raise BackupError(f"{target}: was not written as it was read")
        (data / RESTORING).unlink()
        _sync(data)
    except OSError as error:
        raise StoreFull(f"{data}: not restored: {error.strerror}; empty the folder") from error
    return manifest


def pack(folder: Path, file: Path) -> None:
    """A backup as one tar file, not compressed: pictures and columns are. Raises StoreFull."""
    draft = file.with_name(file.name + ".new")
    try:
        with tarfile.open(draft, "w") as tar:
            for name in sorted(_names(folder)):
                tar.add(folder / name, name)
        draft.chmod(0o600)
        _sync(draft)
        os.replace(draft, file)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise StoreFull(f"{file}: not written: {error.strerror}") from error


@contextmanager
def opened(backup: Path) -> Iterator[Path]:
    """A backup as a folder: itself, or a tar file unpacked beside it. Raises BackupError."""
    if not backup.exists():
        raise BackupError(f"{backup}: does not exist")
    if backup.is_dir():
        yield backup
        return
    with tempfile.TemporaryDirectory(prefix=backup.name + ".", dir=backup.parent) as name:
        try:
            with tarfile.open(backup) as tar:
                tar.extractall(name, filter="data")
        except (tarfile.TarError, EOFError, ValueError) as error:
            raise BackupError(f"{backup}: not a backup: {type(error).__name__}") from error
        except OSError as error:
            raise StoreFull(f"{backup}: not unpacked: {error.strerror}") from error
        yield Path(name)


def _names(folder: Path) -> list[str]:
    return [str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()]


def _described(file: Path) -> dict[str, Any]:
    """Size and SHA-256 of a file."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return {"bytes": file.stat().st_size, "sha256": digest}


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def _registry(folder: Path) -> Iterator[sqlite3.Connection]:
    """A copied registry, read as it lies there."""
    name = f"{(folder / REGISTRY).resolve().as_uri()}?mode=ro&immutable=1"
    with closing(sqlite3.connect(name, uri=True)) as connection:
        yield connection


def _rows(folder: Path) -> dict[str, int]:
    """Rows of every table of a copy."""
    with _registry(folder) as registry:
        tables = [
            name
            for (name,) in registry.execute(
                "select name from sqlite_master where type = 'table' and name not like 'sqlite_%' "
                "and name not like 'things_box_%' order by name"
            )
        ]
        counts = {
            name: int(registry.execute(f'select count(*) from "{name}"').fetchone()[0])
            for name in tables
        }
    with closing(duckdb.connect(str(folder / OBSERVATIONS), read_only=True)) as observations:
        for table in duck_sql.TABLES:
            row = observations.execute(f"select count(*) from {table}").fetchone()
            counts[f"observations.{table}"] = int(row[0]) if row else 0
    return counts


def _commit(folder: Path) -> int:
    with closing(duckdb.connect(str(folder / OBSERVATIONS), read_only=True)) as observations:
        row = observations.execute(duck_sql.COMMIT.replace("store.", "")).fetchone()
    return int(row[0]) if row else 0
