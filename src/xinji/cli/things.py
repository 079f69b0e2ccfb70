"""`xinji things`: import things from a table or GeoJSON, dry by default; export anything."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from xinji.cli.data_folder import holds_house, house_in
from xinji.cli.remote import remote
from xinji.cli.server import Options, open_house
from xinji.methods.geodesy import DATUMS
from xinji.store.exports import FORMS, encode
from xinji.store.imports import import_things, read_things
from xinji.store.tables.table import UnreadableError

TABLES = ("things", "areas", "events", "cases", "case_steps", "observations")


def add(commands: Any) -> None:
    """Declare the command and its two verbs."""
    parser = commands.add_parser("things", help="import and export")
    verbs = parser.add_subparsers(dest="verb", required=True)
    bring = verbs.add_parser("import", help="register things from CSV, TSV, XLSX or GeoJSON")
    bring.add_argument("file", type=Path)
    bring.add_argument("--datum", default="wgs84", choices=DATUMS)
    bring.add_argument("--apply", action="store_true", help="without it: a dry run")
    take = verbs.add_parser("export", help="write a table to a file")
    take.add_argument("table", choices=TABLES)
    take.add_argument("file", type=Path, help="ends in .csv, .parquet or .arrow")
    for each in (bring, take):
        each.add_argument("--data", type=Path, default=Path("data"))


def run(arguments: argparse.Namespace) -> int:
    """Do one of the verbs; exit status 2 when a row of an import is bad."""
    return _import(arguments) if arguments.verb == "import" else _export(arguments)


def _import(arguments: argparse.Namespace) -> int:
    body = arguments.file.read_bytes()
    form = "geojson" if arguments.file.suffix.lower() in (".geojson", ".json") else "table"
    if remote(arguments.data) is not None:
        print(
            "xinji things: the folder is in use; POST the file to /api/things/import",
            file=sys.stderr,
        )
        return 1
    with ExitStack() as stack:
        data = arguments.data
        if not arguments.apply and not holds_house(data):
            # A dry run makes nothing: the rows are checked against a house that is thrown away.
            data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="xinji-dry-run-")))
        return _import_into(data, body, form, arguments)


def _import_into(data: Path, body: bytes, form: str, arguments: argparse.Namespace) -> int:
    house = open_house(Options(data=data)).house
    try:
        report = import_things(
            house.registry,
            read_things(body, form),
            datum=arguments.datum,
            dry_run=not arguments.apply,
        )
        if arguments.apply:
            with house.database.writing():
                detail = {"created": report.created, "updated": report.updated}
                house.audit.record("terminal", "things.import", "things", detail)
    except UnreadableError as error:
        print(f"xinji things: {arguments.file}: {error}", file=sys.stderr)
        return 2
    finally:
        house.close()
    print(json.dumps(msgspec.to_builtins(report), ensure_ascii=False, indent=2))
    return 2 if report.errors else 0


def _export(arguments: argparse.Namespace) -> int:
    form = arguments.file.suffix.lstrip(".").lower()
    if form not in FORMS:
        print(f"xinji things: file must end in .{', .'.join(FORMS)}", file=sys.stderr)
        return 2
    house = open_house(Options(data=house_in(arguments.data))).house
    try:
        house.mirror.refresh()
        table = house.store.sql(f"select * from {arguments.table}", {})
        arguments.file.write_bytes(encode(table, form))
    finally:
        house.close()
    print(f"{table.num_rows} rows")
    return 0
