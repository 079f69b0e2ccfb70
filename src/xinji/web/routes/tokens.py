"""One's own sessions and API tokens."""

from __future__ import annotations

from typing import Any

import msgspec

from xinji.access import accounts
from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach
from xinji.api.call import Call, Problem, Routes
from xinji.web.routes.accounts import end_one, token_item

routes = Routes()


class NewToken(msgspec.Struct):
    """Body of a new API token."""

    label: str
    days: int = 90


@routes.get("/api/tokens", reach=Reach.OWN)
def tokens_list(call: Call) -> dict[str, Any]:
    """One's own live sessions and tokens, never their secrets."""
    held = accounts.tokens_of(call.house.identity, call.person.name)
    return {"items": [token_item(each) for each in held], "next": None, "total": len(held)}


@routes.post("/api/tokens", role=Role.VIEWER, reach=Reach.OWN)
def tokens_add(call: Call) -> dict[str, str]:
    """An API token of one's own, shown once."""
    given = call.json(NewToken)
    if not 1 <= given.days <= 366:
        raise Problem(422, "Bad body", field="days", rule="1 to 366")
    name = call.person.name
    return {"token": call.house.identity.issue(name, given.label[:64], given.days, actor=name)}


@routes.delete("/api/tokens/{id}", role=Role.VIEWER, reach=Reach.OWN)
def token_end(call: Call) -> None:
    """End one of one's own sessions or tokens."""
    end_one(call, call.person.name)
