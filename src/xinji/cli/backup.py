"""`xinji backup`: a copy of a house as of the call, from a running or a stopped folder."""

from __future__ import annotations

import argparse
import datetime as dt
import shutil
import tempfile
from pathlib import Path
from typing import Any

from xinji import __version__
from xinji.cli.data_folder import house_in
from xinji.cli.remote import remote
from xinji.store.backup import (
    UNDER_WAY,
    BackupError,
    copy_stopped,
    opened,
    pack,
    seal,
    verify,
)
from xinji.store.observations import microseconds

PACKED = ".tar"


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("backup", help="copy a house, running or not; check a copy")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--to", type=Path, help="a new folder, or a file that ends in .tar")
    what.add_argument("--verify", type=Path, metavar="BACKUP", help="check a backup")
    parser.add_argument("--data", type=Path, default=Path("data"))


def run(arguments: argparse.Namespace) -> int:
    """Exit status 0 when done or whole, 3 when a backup is not whole."""
    if arguments.verify:
        with opened(arguments.verify) as folder:
            faults = verify(folder)
        print("\n".join(faults) or "whole")
        return 3 if faults else 0
    to: Path = arguments.to
    if to.exists() and (to.is_file() or any(to.iterdir())):
        raise BackupError(f"{to}: exists; name a new folder or file")
    if to.suffix != PACKED:
        to.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make(arguments.data, to)
        return 0
    to.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=to.name + ".", dir=to.parent) as name:
        _make(arguments.data, Path(name))
        pack(Path(name), to)
    return 0


def _make(data: Path, into: Path) -> None:
    house_in(data)
    running = remote(data)
    if running is None:
        at, held = copy_stopped(data, into), ""
    else:
        made = running.post("/api/backups", {}, timeout=None)
        left = data / UNDER_WAY / made["folder"]
        for file in sorted(left.iterdir()):
            shutil.move(file, into / file.name)
        left.rmdir()
        at = microseconds(dt.datetime.fromisoformat(made["at"]))
        held = f"; ingest was held for {made['held_seconds'] * 1e3:.1f} ms"
    manifest = seal(into, data / "photos", at, __version__)
    size = sum(file["bytes"] for file in manifest["files"].values())
    moment = dt.datetime.fromtimestamp(at / 1e6, dt.UTC).isoformat(timespec="seconds")
    rows = manifest["rows"]
    print(
        f"{len(manifest['files'])} files, {size / 1e6:.1f} MB, as of {moment}: "
        f"{rows['observations.rows']} observations, {rows['cases']} cases, "
        f"{rows['reports']} reports, {rows['photos']} photos{held}"
    )
    if manifest["photos_missing"]:
        print(f"{manifest['photos_missing']} photos are missing in {data}")
