"""Rules, people, credentials, refusals, audit."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.access.audit import Fault, verify
from xinji.access.credentials import Credential
from xinji.access.identity import PolicyError, Role
from xinji.access.scope import within
from xinji.api.call import Call, Problem, Routes, iso
from xinji.api.listing import listing
from xinji.model.rules import Condition, Rule
from xinji.model.things import THING_ID
from xinji.store.schema import audit, refusals, users
from xinji.store.schema import rules as rules_table

routes = Routes()

LONGEST_SECONDS = 366 * 86_400
LARGEST_NUMBER = 1e15


@routes.get("/api/rules")
def rules_list(call: Call) -> dict[str, Any]:
    """Every rule, declared or stored."""
    return {"items": call.house.all_rules(), "next": None, "total": len(call.house.all_rules())}


@routes.post("/api/rules", role=Role.ADMINISTRATOR)
def rules_add(call: Call) -> Any:
    """Store a rule, or replace a stored one of the same id; it runs at once."""
    return _put_rule(call, call.json(Rule))


@routes.put("/api/rules/{id}")
def rules_put(call: Call) -> Any:
    """Replace a rule."""
    rule = call.json(Rule)
    if rule.id != call.request.path_params["id"]:
        raise Problem(422, "Bad body", field="id", rule="the id of the path")
    return _put_rule(call, rule)


def _put_rule(call: Call, rule: Rule) -> Any:
    house = call.house
    if (rule.kind, rule.property) not in house.registry.properties:
        raise Problem(422, "Bad body", field="property", rule="a property of `kind`")
    if rule.case_class and rule.case_class not in house.cases.classes:
        raise Problem(422, "Bad body", field="case_class", rule="a declared case class")
    if not THING_ID.fullmatch(rule.id):
        words = "1 to 128 letters, digits, '.', '_', ':' or '-'"
        raise Problem(422, "Bad body", field="id", rule=words)
    _check_condition(rule.condition)
    if rule.id.startswith("plan."):
        raise Problem(422, "Bad body", field="id", rule="not beginning with `plan.`")
    with house.database.writing() as connection:
        connection.execute(sa.delete(rules_table).where(rules_table.c.id == rule.id))
        connection.execute(
            sa.insert(rules_table).values(
                id=rule.id,
                definition=msgspec.to_builtins(rule),
                revision=house.database.changed("rules", rule.id),
            )
        )
        house.audit.record(call.person.name, "rule.put", rule.id, msgspec.to_builtins(rule))

    house.ingest.keeper.submit(house.recompile).result()
    return rule


def _check_condition(condition: Condition) -> None:
    """Raises Problem 422 for numbers that the rule engine cannot hold, and unknown operators."""
    for name, value in msgspec.structs.asdict(condition).items():
        rule = ""
        if name == "op" and value not in (">=", ">", "<=", "<"):
            rule = "one of >=, >, <=, <"
        elif name.endswith("seconds") and not 0 <= value <= LONGEST_SECONDS:
            rule = f"0 to {LONGEST_SECONDS} seconds"
        elif isinstance(value, (int, float)) and not abs(value) < LARGEST_NUMBER:
            rule = f"a number below {LARGEST_NUMBER:g}"
        if rule:
            raise Problem(422, "Bad body", field=f"condition.{name}", rule=rule)


@routes.get("/api/refusals", role=Role.OPERATOR, query="limit cursor format")
def refusals_list(call: Call) -> Any:
    """Refused records, newest first. They have no area: whoever is limited to one sees none."""
    return listing(
        call,
        sa.select(refusals).where(within(sa.literal(""), call.person.area)),
        [refusals.c.id],
        lambda rows: [
            {
                "id": row.id,
                "at": iso(row.at),
                "sender": row.sender,
                "reason": row.reason,
                "detail": row.detail,
            }
            for row in rows
        ],
        descending=True,
        name="refusals",
    )


class NewUser(msgspec.Struct):
    """Body of a new account."""

    name: str
    password: str
    role: Role
    area: str = ""
    posts: list[str] = []
    department: str = ""


class NewToken(msgspec.Struct):
    """Body of a new API token."""

    label: str
    days: int = 90


class NewCredential(msgspec.Struct):
    """Body of a new device credential."""

    name: str
    things: tuple[str, ...] = ("",)
    source: str = "measured"


@routes.get("/api/users", role=Role.ADMINISTRATOR)
def users_list(call: Call) -> dict[str, Any]:
    """Accounts, without any secret."""
    u = users.c
    with call.house.database.reading() as connection:
        rows = connection.execute(
            sa.select(
                u.name, u.role, u.area, u.disabled, u.locked_until, u.posts, u.department
            ).order_by(u.name)
        ).all()
    items = [dict(row._mapping) for row in rows]
    return {"items": items, "next": None, "total": len(items)}


@routes.post("/api/users", role=Role.ADMINISTRATOR)
def users_add(call: Call) -> dict[str, str]:
    """Add an account."""
    given = call.json(NewUser)
    if given.area and given.area not in call.house.registry.areas:
        raise Problem(422, "Bad body", field="area", rule="a known area code")
    try:
        call.house.identity.add(
            given.name,
            given.password,
            given.role,
            area=given.area,
            actor=call.person.name,
            posts=given.posts,
            department=given.department,
        )
    except PolicyError as error:
        raise Problem(422, "Not allowed", str(error), field=str(error).split(":")[0]) from error
    return {"name": given.name}


@routes.post("/api/tokens", role=Role.VIEWER)
def tokens_add(call: Call) -> dict[str, str]:
    """An API token of one's own, shown once."""
    given = call.json(NewToken)
    if not 1 <= given.days <= 366:
        raise Problem(422, "Bad body", field="days", rule="1 to 366")
    name = call.person.name
    return {"token": call.house.identity.issue(name, given.label[:64], given.days, actor=name)}


@routes.get("/api/credentials", role=Role.ADMINISTRATOR)
def credentials_list(call: Call) -> dict[str, Any]:
    """Device credentials, without their secrets."""
    items: list[Credential] = call.house.credentials.list()
    return {"items": items, "next": None, "total": len(items)}


@routes.post("/api/credentials", role=Role.ADMINISTRATOR)
def credentials_add(call: Call) -> dict[str, str]:
    """Issue a device credential; the secret is shown once."""
    given = call.json(NewCredential)
    try:
        secret = call.house.credentials.issue(
            given.name, things=given.things, source=given.source, actor=call.person.name
        )
    except PolicyError as error:
        raise Problem(422, "Not allowed", str(error), field=str(error).split(":")[0]) from error
    return {"name": given.name, "secret": secret}


@routes.delete("/api/credentials/{name}")
def credentials_revoke(call: Call) -> None:
    """Revoke a device credential."""
    if not call.house.credentials.revoke(call.request.path_params["name"], actor=call.person.name):
        raise Problem(404, "No such credential")


@routes.get("/api/audit", role=Role.ADMINISTRATOR, query="limit cursor format")
def audit_list(call: Call) -> Any:
    """The audit chain, newest first."""
    return listing(
        call,
        sa.select(audit),
        [audit.c.id],
        lambda rows: [dict(row._mapping) | {"at": iso(row.at)} for row in rows],
        descending=True,
        name="audit",
    )


@routes.get("/api/audit/verify", role=Role.ADMINISTRATOR)
def audit_verify(call: Call) -> dict[str, Any]:
    """Walk both hash chains."""
    faults: list[Fault] = verify(call.house.database, call.house.folder.checkpoints)
    return {"whole": not faults, "faults": faults[:100]}
