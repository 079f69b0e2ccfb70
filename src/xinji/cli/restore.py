"""`xinji restore`: lay a backup down as a data folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from xinji.store.backup import opened, restore


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("restore", help="make a data folder from a backup")
    parser.add_argument("backup", type=Path, help="what `xinji backup --to` made")
    parser.add_argument("--data", type=Path, required=True, help="an empty folder, or a new one")


def run(arguments: argparse.Namespace) -> int:
    """Check every hash, then copy; nothing is laid over what is there."""
    with opened(arguments.backup) as folder:
        manifest = restore(folder, arguments.data)
    rows = manifest["rows"]
    print(
        f"{len(manifest['files'])} files: {rows['observations.rows']} observations, "
        f"{rows['cases']} cases; start it with --data {arguments.data}"
    )
    return 0
