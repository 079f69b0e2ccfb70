"""What the process has counted since it began: faults, streams."""

from __future__ import annotations

from typing import Any

from xinji.access.attempts import attempts
from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.access.passwords import hashing
from xinji.api.call import Call, Routes, failures
from xinji.web.changes import streams
from xinji.web.connection import connections
from xinji.wire.kept_running import faults

routes = Routes()


@routes.get("/api/counters", role=Role.ADMINISTRATOR, reach=Reach.DISTRICT)
def counters(call: Call) -> dict[str, Any]:
    """What the process has counted since it began: requests and work that failed, streams."""
    return {
        "failed_requests": failures,
        "failed_work": faults,
        "streams": streams,
        "hashing": hashing,
        "connections": connections,
        "bodies": {"held": call.site.bodies.held, "refused": call.site.bodies.refused},
        "sign_ins": attempts,
    }
