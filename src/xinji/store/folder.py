"""The data folder: one owner process, and clear words when it is not ours to open."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO


class FolderError(RuntimeError):
    """The data folder cannot be used; the message says why and what to do."""


class Folder:
    """The files of one house. Holds an exclusive lock until `close`.

    Raises:
        FolderError: another process owns the folder, or it cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(parents=True, exist_ok=True)
            os.chmod(path, 0o700)
            self._lock: IO[str] = open(path / "xinji.lock", "a+")  # noqa: SIM115
        except OSError as error:
            raise FolderError(f"{path}: cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._lock.seek(0)
            owner = self._lock.read().strip() or "unknown"
            self._lock.close()
            raise FolderError(
                f"{path}: in use by process {owner}; stop it, or choose another folder with --data"
            ) from error
        self._lock.seek(0)
        self._lock.truncate()
        self._lock.write(str(os.getpid()))
        self._lock.flush()
        # copies that nobody took away before the last process ended
        shutil.rmtree(path / "backup.new", ignore_errors=True)

    @property
    def observations(self) -> Path:
        """The DuckDB file of the observations."""
        return self.path / "observations.duckdb"

    @property
    def registry(self) -> Path:
        """The SQLite file of registry, events, cases, identity and audit."""
        return self.path / "registry.sqlite3"

    @property
    def rule_state(self) -> Path:
        """The snapshot of the rules' state; lost without harm, it is rebuilt from the store."""
        return self.path / "rules.npz"

    @property
    def photos(self) -> Path:
        """The folder of the photos."""
        return self.path / "photos"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints of the hash chains, one JSON object a line, for an auditor to copy away."""
        return self.path / "checkpoints.jsonl"

    def close(self) -> None:
        """Give the folder back."""
        self._lock.close()
