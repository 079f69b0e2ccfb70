"""What a caller may do with a case now, as pages show it."""

from __future__ import annotations

from typing import Any

from xinji.api.call import Call
from xinji.loop.case_row import CaseRow


def action_items(call: Call, row: CaseRow) -> list[dict[str, Any]]:
    """The actions that the caller's roles and posts have in the case's state."""
    return [
        {
            "name": action.name,
            "title": action.title,
            "requires": action.requires,
            "sets": action.sets,
        }
        for action in call.house.cases.available(row, call.person.roles)
    ]
