"""What a data folder holds, so that a file that is gone or emptied is told and not begun anew.

`house.json` names the house and how far its files had come; the same name is inside both databases
and in the first line of the checkpoints. A file that is missing, empty, of another house or behind
these marks stops the start before anything is written.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import duckdb
import sqlalchemy as sa

from xinji.store.database import Database
from xinji.store.duck import DuckObservations
from xinji.store.folder import FolderError
from xinji.store.observations import StoreError
from xinji.store.schema import audit, case_steps
from xinji.store.settings import read_setting, write_setting
from xinji.store.work_schema import photos

log = logging.getLogger(__name__)

MANIFEST = "house.json"
RESTORING = "restore.json"
"""There while a restore is under way; what it leaves when it is killed is no house."""

SETTING = "house"
PHOTOS_LOOKED_AT = 1_000
RESTORE = "put it back, or restore a backup into an empty folder (xinji restore)"


class Holdings:
    """The manifest of a folder, read before its databases are opened.

    Args:
        own_registry: the registry is a file of the folder and not a server's.

    Raises:
        FolderError: a file is missing or empty; the message names it and says what to do.
        StoreError: a database of something else lies here.
    """

    def __init__(self, path: Path, *, own_registry: bool = True) -> None:
        self._path = path
        self._files = ("registry.sqlite3", "observations.duckdb")[0 if own_registry else 1 :]
        self._known = self._read()
        self._marks: dict[str, int] = dict(self._known.get("marks", {}))
        if (path / RESTORING).exists():
            raise FolderError(
                f"{path}: a restore into it did not end; empty the folder and restore again"
            )
        if self._known.get("complete"):
            self._all_there()
        elif not self._known:
            self._all_or_none()

    @property
    def house(self) -> str:
        """The name of the house, 32 hexadecimal digits; "" before the first start."""
        return str(self._known.get("house", ""))

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads((self._path / MANIFEST).read_bytes())
            marks = found.get("marks", {})
            if not isinstance(found["house"], str) or not all(
                isinstance(value, int) for value in marks.values()
            ):
                raise ValueError
        except FileNotFoundError:
            return {}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise FolderError(
                f"{self._path / MANIFEST}: damaged; remove it, and the start makes it anew from "
                "the databases"
            ) from None
        return dict(found)

    def _all_there(self) -> None:
        for name in (*self._files, "checkpoints.jsonl"):
            self._whole(name)

    def _whole(self, name: str) -> None:
        file = self._path / name
        if not file.exists():
            raise FolderError(f"{file}: missing, and the house had it; {RESTORE}")
        if not file.stat().st_size:
            raise FolderError(f"{file}: empty, and it was not; {RESTORE}")

    def _all_or_none(self) -> None:
        """A folder without a manifest: of an older version, or without a house."""
        there = [name for name in self._files if (self._path / name).exists()]
        for name in there:
            self._whole(name)
        if len(there) == len(self._files):
            return
        for name in there:
            if not _ours(self._path / name):
                raise StoreError(f"{self._path / name}: a database of something else; not touched")
        left = [*there, *(n for n in ("checkpoints.jsonl", "photos") if (self._path / n).exists())]
        if left:
            [gone, *_] = [name for name in self._files if name not in there]
            raise FolderError(
                f"{self._path / gone}: missing, and {left[0]} of a house is here; {RESTORE}"
            )

    def settle(self, database: Database, store: DuckObservations) -> None:
        """Compare the open databases with the manifest, and name them; the end of a first start.

        Raises:
            FolderError: a file is of another house, or behind what it had held.
        """
        inside = {
            "registry.sqlite3": read_setting(database, SETTING),
            "observations.duckdb": store.house(),
            "checkpoints.jsonl": self._of_checkpoints(),
        }
        names = {name for name in (self.house, *inside.values()) if name}
        if len(names) > 1:
            told = ", ".join(f"{file} of {name[:8]}" for file, name in inside.items() if name)
            raise FolderError(
                f"{self._path}: files of different houses ({told}); put the right one back, or "
                "restore a backup into an empty folder (xinji restore)"
            )
        if self._known.get("complete"):
            for file in ("registry.sqlite3", "observations.duckdb"):
                if not inside[file]:
                    raise FolderError(
                        f"{self._path / file}: not the one that this house had; {RESTORE}"
                    )
            self._not_behind(database, store)
        self._photos_there(database)
        house = next(iter(names), "") or secrets.token_hex(16)
        if self._known.get("complete") and inside["checkpoints.jsonl"]:
            return
        if inside["registry.sqlite3"] and inside["observations.duckdb"] and not self._known:
            log.warning("%s was missing; it is made anew", self._path / MANIFEST)
        self._known = {"format": 1, "house": house, "made_at": int(time.time() * 1e6)}
        self._write(complete=False)
        if not inside["registry.sqlite3"]:
            write_setting(database, SETTING, house)
        store.name(house)
        self._name_checkpoints(house)
        self.mark(database, store)
        self._write(complete=True)

    def _not_behind(self, database: Database, store: DuckObservations) -> None:
        now = _marks(database, store)
        for name, file, what in (
            ("commit", "observations.duckdb", "commit"),
            ("audit", "registry.sqlite3", "record of the audit"),
            ("steps", "registry.sqlite3", "step of a case"),
        ):
            if now[name] < self._marks.get(name, 0):
                raise FolderError(
                    f"{self._path / file}: ends at {what} {now[name]} and had come to "
                    f"{self._marks[name]}: it is an older copy, or its write-ahead log is missing; "
                    f"{RESTORE}. To go on with what is here, remove {MANIFEST}"
                )

    def _photos_there(self, database: Database) -> None:
        """That photos are there, by those of the newest and the oldest rows."""
        p = photos.c
        with database.reading() as connection:
            found = [
                row.id
                for order in (p.added_at.asc(), p.added_at.desc())
                for row in connection.execute(
                    sa.select(p.id).order_by(order).limit(PHOTOS_LOOKED_AT // 2)
                )
            ]
        folder = self._path / "photos"
        gone = [key for key in found if not (folder / key[:2] / f"{key}.jpg").is_file()]
        if found and len(gone) == len(found):
            raise FolderError(f"{folder}: missing or empty, and the house had photos; {RESTORE}")
        if gone:
            log.error("%s: %d of %d looked at are missing", folder, len(gone), len(found))

    def _of_checkpoints(self) -> str:
        try:
            with (self._path / "checkpoints.jsonl").open("rb") as file:
                for line in file:
                    if b'"house"' in line:
                        return str(json.loads(line)["hash"])
        except (OSError, ValueError, KeyError, TypeError):
            return ""
        return ""

    def _name_checkpoints(self, house: str) -> None:
        if self._of_checkpoints():
            return
        entry = {"chain": "house", "last_id": 0, "hash": house, "at": int(time.time() * 1e6)}
        with (self._path / "checkpoints.jsonl").open("ab") as file:
            file.write(json.dumps(entry).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def mark(self, database: Database, store: DuckObservations) -> None:
        """Write down how far the files have come; on the keeper thread."""
        marks = _marks(database, store)
        if marks != self._marks:
            self._marks = marks
            self._write(complete=bool(self._known.get("complete")))

    def _write(self, *, complete: bool) -> None:
        self._known |= {"complete": complete, "marks": self._marks}
        write_whole(self._path / MANIFEST, json.dumps(self._known, indent=1).encode() + b"\n")


def _marks(database: Database, store: DuckObservations) -> dict[str, int]:
    """How far both databases are, committed."""
    # under the writer's lock nobody's transaction is open: what is read is on the disk
    with database.lock, database.reading() as connection:
        heads = {
            name: int(connection.execute(sa.select(sa.func.max(table.c.id))).scalar() or 0)
            for name, table in (("audit", audit), ("steps", case_steps))
        }
    return {"commit": store.commit} | heads


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file so that a kill leaves the old or the new one whole. Raises OSError."""
    draft = path.with_suffix(path.suffix + ".new")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def _ours(path: Path) -> bool:
    """Whether a database file looks like one of ours; it is only read."""
    try:
        if path.suffix == ".duckdb":
            with closing(duckdb.connect(str(path), read_only=True)) as observations:
                tables = observations.execute(
                    "select 1 from duckdb_tables() where table_name = 'meta'"
                )
                return tables.fetchone() is not None
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as registry:
            found = registry.execute("select 1 from sqlite_master where name = 'alembic_version'")
            return found.fetchone() is not None
    except (duckdb.Error, sqlite3.Error):
        return False
