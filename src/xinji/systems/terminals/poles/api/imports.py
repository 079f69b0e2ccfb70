"""Files of poles and of mounts."""

from __future__ import annotations

import hashlib

from xinji.access.identity import Role
from xinji.api.call import Call, Problem, Routes
from xinji.api.uploads import readable, uploaded_table
from xinji.methods.geodesy import DATUMS
from xinji.systems.terminals.poles.api.shown import poles
from xinji.systems.terminals.poles.imports import (
    MOST_ROWS,
    Report,
    import_mounts,
    import_poles,
)

routes = Routes()


def _finish(call: Call, action: str, report: Report) -> None:
    """Audit an import that was stored, in its transaction."""
    detail = {
        "sha256": hashlib.sha256(call.body).hexdigest(),
        "read": report.read,
        "added": report.added,
        "changed": report.changed,
        "repeated": report.repeated,
        "refused": report.refused,
    }
    call.house.audit.record(call.person.name, action, "poles", detail)


@routes.post("/api/poles/import", role=Role.ADMINISTRATOR, query="dry_run datum")
def poles_import(call: Call) -> Report:
    """Poles, equipment boxes and power boxes from a table; a dry run unless `dry_run=false`."""
    datum = call.text("datum", "wgs84")
    if datum not in DATUMS:
        raise Problem(400, "Bad parameter", field="datum", rule=f"one of {', '.join(DATUMS)}")
    dry_run = call.flag("dry_run") is not False
    with readable():
        table = uploaded_table(call.body, MOST_ROWS)
        with call.house.database.writing():
            types = poles(call).types
            report = import_poles(call.house, types, table, datum=datum, dry_run=dry_run)
            if not dry_run:
                _finish(call, "pole.import", report)
    if not dry_run:
        poles(call).changed()
    return report


@routes.post("/api/poles/mounts/import", role=Role.OPERATOR, query="dry_run")
def mounts_import(call: Call) -> Report:
    """Mounts from a table (CSV, TSV, XLSX), as they stand; a dry run unless `dry_run=false`."""
    part = poles(call)
    dry_run = call.flag("dry_run") is not False
    with readable():
        table = uploaded_table(call.body, MOST_ROWS)
        with call.house.database.writing():
            report = import_mounts(
                call.house, part.ledger(), table, call.person.name, dry_run=dry_run
            )
            if not dry_run:
                _finish(call, "pole.mounts-import", report)
    if not dry_run:
        part.changed()
    return report
