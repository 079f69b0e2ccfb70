"""Credentials of devices: listed, issued, revoked, each in the administrator's area."""

from __future__ import annotations

from typing import Any

import msgspec

from xinji.access.identity import Role
from xinji.access.jurisdiction import Reach, keep_inside
from xinji.access.policy import PolicyError
from xinji.access.scope import contains
from xinji.api.call import Call, Problem, Routes, iso
from xinji.web.routes.accounts import check_area, not_allowed

routes = Routes()


class NewCredential(msgspec.Struct):
    """Body of a new device credential."""

    name: str
    things: tuple[str, ...] = ("",)
    source: str = "measured"
    area: str = ""


@routes.get("/api/credentials", role=Role.ADMINISTRATOR)
def credentials_list(call: Call) -> dict[str, Any]:
    """Device credentials of the caller's area, without their secrets."""
    found = call.house.credentials.list(call.person.area)
    items = [msgspec.to_builtins(each) | {"created_at": iso(each.created_at)} for each in found]
    return {"items": items, "next": None, "total": len(items)}


@routes.post("/api/credentials", role=Role.ADMINISTRATOR, reach=Reach.AREA)
def credentials_add(call: Call) -> dict[str, str]:
    """Issue (or renew) a device credential; the secret is shown once.

    It writes to things that lie in its area, which is inside the caller's.
    """
    given = call.json(NewCredential)
    check_area(call, given.area)
    keep_inside(call.person, given.area)
    known = call.house.credentials.find(given.name)
    if known is not None:
        keep_inside(call.person, known.area, "name")
    try:
        secret = call.house.credentials.issue(
            given.name,
            things=given.things,
            source=given.source,
            area=given.area,
            actor=call.person.name,
        )
    except PolicyError as error:
        raise not_allowed(error) from error
    return {"name": given.name, "secret": secret}


@routes.delete("/api/credentials/{name}", reach=Reach.AREA)
def credentials_revoke(call: Call) -> None:
    """Revoke a device credential; its connections end."""
    name = call.request.path_params["name"]
    known = call.house.credentials.find(name)
    if known is None or not contains(call.person.area, known.area):
        raise Problem(404, "No such credential", name[:64])
    call.house.credentials.revoke(name, actor=call.person.name)
