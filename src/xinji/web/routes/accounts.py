"""Accounts, and the sessions and tokens of each, for administrators.

An account outside the administrator's area does not exist for them: 404.
"""

from __future__ import annotations

import secrets
from typing import Any

import msgspec

from xinji.access import accounts
from xinji.access.accounts import Account, AccountChange, LastAdministrator, Token
from xinji.access.identity import Ended, Role
from xinji.access.jurisdiction import Reach, keep_below
from xinji.access.policy import PolicyError
from xinji.api.call import Call, Problem, Routes, iso

routes = Routes()

US = 1_000_000


class NewUser(msgspec.Struct):
    """Body of a new account; without a password it gets a one-time one."""

    name: str
    password: str = ""
    role: Role = Role.VIEWER
    area: str = ""
    posts: list[str] = []
    department: str = ""


def account_item(known: Account) -> dict[str, Any]:
    """An account as the API shows it."""
    item: dict[str, Any] = msgspec.to_builtins(known)
    return item | {"created_at": iso(known.created_at)}


def token_item(known: Token) -> dict[str, Any]:
    """A session or token as the API shows it."""
    item: dict[str, Any] = msgspec.to_builtins(known)
    for name in ("created_at", "last_used_at", "expires_at"):
        item[name] = None if item[name] is None else iso(item[name] * US)
    return item


def not_allowed(error: PolicyError) -> Problem:
    """The answer to what the policy does not allow."""
    return Problem(422, "Not allowed", str(error), field=str(error).split(":")[0])


def check_area(call: Call, area: str) -> None:
    """Raises Problem 422 for an area that the district does not have."""
    if area and area not in call.house.registry.areas:
        raise Problem(422, "Bad body", field="area", rule="a known area code")


def _known(call: Call) -> Account:
    name = call.request.path_params["name"]
    known = accounts.account_of(call.house.identity, call.person, name)
    if known is None:
        raise Problem(404, "No such account", name[:64])
    return known


@routes.get("/api/users", role=Role.ADMINISTRATOR)
def users_list(call: Call) -> dict[str, Any]:
    """Accounts of the caller's area, without any secret."""
    found = accounts.accounts_of(call.house.identity, call.person)
    items = [account_item(known) for known in found]
    return {"items": items, "next": None, "total": len(items)}


@routes.post("/api/users", role=Role.ADMINISTRATOR, reach=Reach.AREA)
def users_add(call: Call) -> dict[str, str]:
    """Add an account, not wider than one's own; without a password it gets a one-time one."""
    given = call.json(NewUser)
    check_area(call, given.area)
    keep_below(call.person, given.role, given.area)
    one_time = "" if given.password else secrets.token_urlsafe(12)
    try:
        call.house.identity.add(
            given.name,
            given.password or one_time,
            given.role,
            area=given.area,
            actor=call.person.name,
            posts=given.posts,
            department=given.department,
            must_change=bool(one_time),
        )
    except PolicyError as error:
        raise not_allowed(error) from error
    return {"name": given.name} | ({"password": one_time} if one_time else {})


@routes.get("/api/users/{name}", role=Role.ADMINISTRATOR)
def user_one(call: Call) -> dict[str, Any]:
    """An account with its sessions and tokens."""
    known = _known(call)
    held = accounts.tokens_of(call.house.identity, known.name)
    return account_item(known) | {"held": [token_item(each) for each in held]}


@routes.put("/api/users/{name}", reach=Reach.AREA)
def user_change(call: Call) -> dict[str, Any]:
    """Change role, area, posts, department, or disable; what is not given stays as it is."""
    known, given = _known(call), call.json(AccountChange)
    check_area(call, given.area or "")
    if given.department is not None and len(given.department) > 64:
        raise Problem(422, "Bad body", field="department", rule="at most 64 characters")
    try:
        ended = accounts.change(call.house.identity, call.person, known, given)
    except PolicyError as error:
        raise not_allowed(error) from error
    except LastAdministrator as error:
        raise Problem(409, "Not done", str(error), field="name") from error
    changed = accounts.account_of(call.house.identity, call.person, known.name)
    return {"account": None if changed is None else account_item(changed), "ended": ended}


@routes.post("/api/users/{name}/password", role=Role.ADMINISTRATOR, body="", reach=Reach.AREA)
def user_reset(call: Call) -> dict[str, Any]:
    """Give an account a one-time password, shown once; its sessions and tokens end."""
    known = _known(call)
    password, ended = accounts.reset_password(call.house.identity, call.person, known)
    return {"name": known.name, "password": password, "ended": ended}


@routes.get("/api/users/{name}/tokens", role=Role.ADMINISTRATOR)
def user_tokens(call: Call) -> dict[str, Any]:
    """The live sessions and tokens of an account, never their secrets."""
    held = accounts.tokens_of(call.house.identity, _known(call).name)
    return {"items": [token_item(each) for each in held], "next": None, "total": len(held)}


@routes.delete("/api/users/{name}/tokens", reach=Reach.AREA)
def user_tokens_end(call: Call) -> Ended:
    """End all sessions and tokens of an account, and what they hold open."""
    return accounts.end_tokens(call.house.identity, call.person, _known(call).name)


@routes.delete("/api/users/{name}/tokens/{id}", reach=Reach.AREA)
def user_token_end(call: Call) -> None:
    """End one session or token of an account."""
    end_one(call, _known(call).name)


def end_one(call: Call, name: str) -> None:
    """End the token of the path. Raises Problem 404."""
    id_ = call.request.path_params["id"]
    ended = accounts.end_tokens(call.house.identity, call.person, name, id_)
    if not ended.sessions + ended.tokens:
        raise Problem(404, "No such token", id_[:64])
