"""`xinji operations report`: how well urban work goes, against the truth where there is one."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from xinji.cli.data_folder import house_in
from xinji.cli.demo import STREET_FILE
from xinji.cli.remote import remote
from xinji.cli.server import Options, open_house
from xinji.store.folder import FolderError
from xinji.systems.platforms.operations.report import MEANING, measure, read_truth


def add(commands: Any) -> None:
    """Declare the command."""
    parser = commands.add_parser("operations", help="urban work: the report")
    actions = parser.add_subparsers(dest="action", required=True)
    report = actions.add_parser("report", help="found, merged, closed, on time")
    report.add_argument("--data", type=Path, default=Path("data"))
    report.add_argument("--truth", type=Path, help="ground truth; default the demo's own")
    report.add_argument("--json", action="store_true")


def run(arguments: argparse.Namespace) -> int:
    """Print the report of a stopped folder, or of a running house through it."""
    path = arguments.truth or arguments.data / STREET_FILE
    lines = path.read_bytes() if path.exists() else None
    data = house_in(arguments.data)
    try:
        site = open_house(Options(data=data))
    except FolderError:
        running = remote(data)
        if running is None:
            raise
        if lines is None:
            figures = running.get("/api/operations/report")["figures"]
        else:
            figures = running.send("/api/operations/report", lines)["figures"]
    else:
        try:
            truth = read_truth(lines.splitlines()) if lines is not None else None
            figures = measure(site.house, truth, end=truth.end if truth else None)
        finally:
            site.house.close()
    if arguments.json:
        print(json.dumps(figures, ensure_ascii=False, indent=2))
        return 0
    for name, value in figures.items():
        print(f"{name:26} {'-' if value is None else value!s:>12}  {MEANING[name]}")
    return 0
