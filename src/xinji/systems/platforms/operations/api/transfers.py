"""Files of hotlines into the door."""

from __future__ import annotations

from xinji.access.identity import Role
from xinji.api.call import Call, Problem, Routes
from xinji.methods.geodesy import DATUMS
from xinji.systems.platforms.operations.api.reports import operations
from xinji.systems.platforms.operations.transfers import CHANNELS, Imported, import_transfers

routes = Routes()


@routes.post("/api/reports/import", role=Role.OPERATOR, query="channel dry_run datum")
def reports_import(call: Call) -> Imported:
    """Work orders of a hotline, CSV or JSON: good rows become reports, bad rows are named.

    `dry_run=true` (the default) stores nothing; `datum` is that of the coordinates.
    """
    if not {"intake", "shift-leader", "any", "administrator"}.intersection(call.person.roles):
        raise Problem(403, "Not allowed", "needs the post intake")
    channel, datum = call.text("channel"), call.text("datum", "wgs84")
    for name, value, known in (("channel", channel, CHANNELS), ("datum", datum, DATUMS)):
        if value not in known:
            raise Problem(400, "Bad parameter", field=name, rule=f"one of {', '.join(known)}")
    part = operations(call)
    done = import_transfers(
        call.house, part.intake, part.classes, call.body, channel,
        dry_run=call.flag("dry_run") is not False, datum=datum,
    )  # fmt: skip
    if not done.dry_run:
        what = {"rows": done.rows, "accepted": done.accepted, "repeated": done.repeated,
                "errors": len(done.errors)}  # fmt: skip
        call.house.audit.record(call.person.name, "report.import", channel, what)
    return done
