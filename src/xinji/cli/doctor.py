"""`xinji doctor`: is this machine fit to serve?"""

from __future__ import annotations

import argparse
import hashlib
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from xinji.cli.data_folder import existing
from xinji.store.space import ENOUGH
from xinji.web.app import PAGE

LEAST_FREE_GB = 2.0
LEAST_FILES = 4_096
DEFAULT = Path("data")


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("doctor", help="check this machine and the data folder")
    parser.add_argument(
        "--data", type=Path, help="whose disk to check; default: data, or the folder here"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print one line a check; exit status 1 when one fails."""
    # The disk that is measured must be the one that was asked about.
    data = existing(arguments.data) if arguments.data else DEFAULT if DEFAULT.is_dir() else Path()
    failed = 0
    for name, good, word in _checks(data):
        print(f"{'ok  ' if good else 'FAIL'} {name}: {word}")
        failed += not good
    return 1 if failed else 0


def _checks(data: Path) -> Iterator[tuple[str, bool, str]]:
    yield "duckdb", True, duckdb.__version__
    try:
        hashlib.new("sm3")
        yield "SM3", True, "from OpenSSL"
    except ValueError:
        yield "SM3", False, "this Python's OpenSSL has no SM3"
    yield "page", (PAGE / "index.html").is_file(), "built" if PAGE.is_dir() else "run `make ui`"
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield "open files", hard >= LEAST_FILES, f"{soft} now, {hard} allowed, {LEAST_FILES} wanted"
    left = shutil.disk_usage(data).free
    free = left / 1e9
    full = "; read-only: only signing in is stored" if left < ENOUGH else ""
    yield "free space", free >= LEAST_FREE_GB, f"{free:.1f} GB, {LEAST_FREE_GB} GB wanted{full}"
    rate = _syncs(data)
    yield "disk", rate >= 50, f"{rate:.0f} synced writes per second, 50 wanted"


def _syncs(folder: Path) -> float:
    """Synced writes of 4 KiB per second."""
    with tempfile.TemporaryFile(dir=folder) as file:
        began, count = time.monotonic(), 0
        while time.monotonic() - began < 0.5:
            os.pwrite(file.fileno(), b"x" * 4096, 0)
            os.fdatasync(file.fileno())
            count += 1
    return count / 0.5
