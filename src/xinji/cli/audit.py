"""`xinji audit verify`: is the history whole?"""

from __future__ import annotations

import argparse
from contextlib import suppress
from pathlib import Path
from typing import Any

from xinji.access.audit import verify
from xinji.cli.data_folder import REGISTRY, house_in
from xinji.store.database import Database
from xinji.store.folder import Folder, FolderError


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("audit", help="verify the hash chains")
    parser.add_argument("verb", choices=["verify"])
    parser.add_argument("--data", type=Path, default=Path("data"))
    parser.add_argument(
        "--checkpoints", type=Path, help="a copy of checkpoints.jsonl kept elsewhere"
    )


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when whole, 3 when not. Reads beside a running process too."""
    path = house_in(arguments.data) / REGISTRY
    # Not to own the folder is fine: reading does not need it.
    folder = None
    with suppress(FolderError):
        folder = Folder(arguments.data)
    database = Database(f"sqlite:///{path}")
    try:
        faults = verify(database, arguments.checkpoints or arguments.data / "checkpoints.jsonl")
    finally:
        database.close()
        if folder is not None:
            folder.close()
    for fault in faults:
        print(f"{fault.chain} {fault.id}: {fault.what}")
    print("whole" if not faults else f"{len(faults)} faults")
    return 3 if faults else 0
