"""The data folder of a command that only reads: it must be there, and nothing is made in its place.

A house makes its folder when it is opened; a misspelt `--data` would be answered with the zeros of
an empty house.
"""

from __future__ import annotations

from pathlib import Path

from xinji.store.folder import FolderError

REGISTRY = "registry.sqlite3"


def existing(path: Path) -> Path:
    """The path of a folder that is there. Raises FolderError."""
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "does not exist"
        raise FolderError(f"{path}: {what}; name a data folder with --data")
    return path


def house_in(path: Path) -> Path:
    """The path of a folder that holds a house. Raises FolderError."""
    if not holds_house(existing(path)):
        raise FolderError(f"{path}: holds no house; name a data folder with --data")
    return path


def holds_house(path: Path) -> bool:
    """True when a house was opened on the folder before."""
    return (path / REGISTRY).is_file()
