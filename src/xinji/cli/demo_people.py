"""The accounts of the demo: those of its own clients, and those that a visitor may try."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass

import sqlalchemy as sa

from xinji.access.accounts import accounts, reset_password
from xinji.access.identity import Role
from xinji.access.policy import PolicyError
from xinji.cli.user import TERMINAL
from xinji.loop.house import House
from xinji.store.schema import users
from xinji.store.work_schema import workers

CREW = {
    "sanitation": 14,
    "enforcement": 10,
    "traffic": 6,
    "drainage": 4,
    "roads": 3,
    "greening": 2,
    "facilities": 3,
    "emergency": 4,
}
"""Workers by skill."""
INSPECTORS = 10


@dataclass(frozen=True, slots=True)
class Guest:
    """An account that a visitor may try; `page` is the path of its first page."""

    name: str
    password: str
    page: str
    what: str


GUESTS = (
    ("leader", ("leader", "shift-leader"), "", "", "the desk of a leader on duty"),
    ("worker", ("worker",), "sanitation", "/phone", "the phone of a grid worker"),
)
"""Name, posts, skill (of a worker), first page, who it is."""


def guests(house: House) -> list[Guest]:
    """The visitors' accounts, made or given a new password; their earlier sessions end."""
    found = []
    for name, posts, skill, page, what in GUESTS:
        known = accounts(house.identity, users.c.name == name)
        if known:
            password, _ = reset_password(house.identity, TERMINAL, known[0], one_time=False)
        else:
            password = secrets.token_urlsafe(12)
            held = (*posts, "simulated")
            house.identity.add(name, password, Role.OPERATOR, actor="demo", posts=held)
        if skill:
            employ(house, name, skill)
        found.append(Guest(name, password, page, what))
    return found


def street_tokens(house: House) -> dict[str, str]:
    """A token of each person of the simulated street, by account."""
    tokens: dict[str, str] = {}
    for skill, count in CREW.items():
        for number in range(1, count + 1):
            name = f"worker-{skill}-{number:02d}"
            tokens[name] = token(house, name, Role.OPERATOR, ("worker", "simulated"))
            employ(house, name, skill)
    for number in range(1, INSPECTORS + 1):
        name = f"inspector-{number:02d}"
        tokens[name] = token(house, name, Role.OPERATOR, ("inspector", "simulated"))
    posts = ("intake", "shift-leader", "dispatcher", "leader", "simulated")
    tokens["office"] = token(house, "office", Role.OPERATOR, posts)
    return tokens


def employ(house: House, name: str, skill: str) -> None:
    """Enter a worker with a skill; the place comes from the worker's phone."""
    with house.database.writing() as connection:
        known = connection.execute(sa.select(workers.c.person).where(workers.c.person == name))
        if known.first() is None:
            connection.execute(
                sa.insert(workers).values(person=name, department="", skills=[skill], on_duty=False)
            )


def token(house: House, name: str, role: Role, posts: tuple[str, ...] = ()) -> str:
    """A day's token of an account that only the demo uses: it has no password."""
    with suppress(PolicyError):
        house.identity.add(name, None, role, actor="demo", posts=posts)
    return house.identity.issue(name, "demo", 1, actor="demo")
