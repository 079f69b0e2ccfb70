"""Figures of urban work for the pages: the report, and what `evaluation` computes."""

from __future__ import annotations

from typing import Any

from xinji.access.identity import Role
from xinji.api.call import Call, Problem, Routes
from xinji.systems.platforms.operations.report import MEANING, measure, read_truth

routes = Routes()


@routes.get("/api/operations/report", role=Role.OPERATOR, query="from to")
def report(call: Call) -> dict[str, Any]:
    """What the house knows of its own work: found, merged, closed."""
    if call.person.area:
        raise Problem(403, "Not allowed", "the report is of the whole district")
    end = call.time("to", call.house.clock.now())
    return {"figures": measure(call.house, None, call.time("from", 0), end), "meaning": MEANING}


@routes.post("/api/operations/report", role=Role.OPERATOR, query="from to", body="truth")
def report_against(call: Call) -> dict[str, Any]:
    """The same against the ground truth of a simulated district (JSON lines in the body)."""
    if call.person.area:
        raise Problem(403, "Not allowed", "the report is of the whole district")
    truth = read_truth(call.body.splitlines())
    end = call.time("to", truth.end or call.house.clock.now())
    return {"figures": measure(call.house, truth, call.time("from", 0), end), "meaning": MEANING}
