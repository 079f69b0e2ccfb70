"""Files of hotlines into the door."""

from __future__ import annotations

from xinji.access.identity import Role
from xinji.api.call import Call, Problem, Routes
from xinji.api.uploads import upload
from xinji.methods.geodesy import DATUMS
from xinji.store.tables.table import UnreadableError
from xinji.systems.platforms.operations.api.reports import operations
from xinji.systems.platforms.operations.transfers import (
    CHANNELS,
    Imported,
    RowError,
    columns_of,
    import_transfers,
)
from xinji.systems.platforms.operations.work_orders import WorkOrder

routes = Routes()

READER = "xinji.systems.platforms.operations.work_orders:read_work_orders"


@routes.post("/api/reports/import", role=Role.OPERATOR, query="channel dry_run datum")
def reports_import(call: Call) -> Imported:
    """Work orders of a hotline, a table or JSON: good rows become reports, bad rows are named.

    `dry_run=true` (the default) stores nothing; `datum` is that of the coordinates.
    """
    if not {"intake", "shift-leader", "any", "administrator"}.intersection(call.person.roles):
        raise Problem(403, "Not allowed", "needs the post intake")
    channel, datum = call.text("channel"), call.text("datum", "wgs84")
    for name, value, known in (("channel", channel, CHANNELS), ("datum", datum, DATUMS)):
        if value not in known:
            raise Problem(400, "Bad parameter", field=name, rule=f"one of {', '.join(known)}")
    part = operations(call)
    dry_run = call.flag("dry_run") is not False
    columns = columns_of(call.house)
    try:
        rows = upload(READER, call.body, list[WorkOrder], {"columns": columns})
    except UnreadableError as error:
        fault = RowError(error.row, error.field, error.rule)
        return Imported(dry_run=dry_run, errors=[fault])
    done = import_transfers(
        call.house, part.intake, part.classes, rows, channel, dry_run=dry_run, datum=datum
    )
    if not done.dry_run:
        what = {"rows": done.rows, "accepted": done.accepted, "repeated": done.repeated,
                "errors": len(done.errors)}  # fmt: skip
        call.house.audit.record(call.person.name, "report.import", channel, what)
    return done
