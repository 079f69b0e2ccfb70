"""What administrators do with accounts: list, change, disable, reset, end sessions and tokens.

Whoever does it is checked against whom it is done to (`jurisdiction`): an account that is wider
than the administrator is not theirs to change, and nobody is made wider than them. The last
administrator of the whole district stays one.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.access.identity import Ended, Identity, Person, Role, TokenKind, of_account, unlimited
from xinji.access.jurisdiction import keep_below
from xinji.access.policy import check_posts
from xinji.access.scope import contains, within
from xinji.store.schema import tokens, users

KEY_DIGITS = 16
"""Digits of a token's hash by which a list names it; the hash itself stays inside."""


class LastAdministrator(RuntimeError):
    """Nobody would be left who may do everything."""


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """An account without any secret. `created_at` in Unix microseconds.

    `sessions` and `tokens` are those that are alive.
    """

    name: str
    role: Role
    area: str
    disabled: bool
    must_change_password: bool
    created_at: int
    posts: tuple[str, ...]
    department: str
    sessions: int
    tokens: int


class Token(msgspec.Struct, frozen=True, kw_only=True):
    """A session or an API token, without its secret; times in Unix seconds."""

    id: str
    kind: TokenKind
    label: str
    created_at: int
    last_used_at: int | None
    expires_at: int


class AccountChange(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an administrator changes of an account; None leaves it as it is."""

    role: Role | None = None
    area: str | None = None
    posts: tuple[str, ...] | None = None
    department: str | None = None
    disabled: bool | None = None


def accounts(identity: Identity, *conditions: sa.ColumnElement[bool]) -> list[Account]:
    """Accounts by name, all or those that hold to the conditions on `users`."""
    t = tokens.c
    own = sa.and_(t.user == users.c.name, t.expires_at > int(identity.now()))

    def counted(kind: TokenKind) -> Any:
        count = sa.select(sa.func.count()).where(own, t.kind == kind.value)
        return count.scalar_subquery().label(f"{kind.value}s")

    query = sa.select(users, counted(TokenKind.SESSION), counted(TokenKind.API)).where(*conditions)
    with identity.database.reading() as connection:
        rows = connection.execute(query.order_by(users.c.name)).all()
    return [
        Account(
            name=row.name,
            role=Role(row.role),
            area=row.area,
            disabled=row.disabled,
            must_change_password=row.must_change_password,
            created_at=row.created_at,
            posts=tuple(row.posts),
            department=row.department,
            sessions=row.sessions,
            tokens=row.tokens,
        )
        for row in rows
    ]


def accounts_of(identity: Identity, person: Person) -> list[Account]:
    """The accounts inside a person's area."""
    return accounts(identity, within(users.c.area, person.area))


def account_of(identity: Identity, person: Person, name: str) -> Account | None:
    """An account inside a person's area; None when there is none of the name there."""
    found = accounts(identity, users.c.name == name, within(users.c.area, person.area))
    return found[0] if found else None


def area_of(identity: Identity, name: str) -> str | None:
    """The area of an account, None when there is no such account."""
    with identity.database.reading() as connection:
        return connection.execute(sa.select(users.c.area).where(users.c.name == name)).scalar()


def may_see(identity: Identity, person: Person, name: str) -> bool:
    """Whether what an account has made is a person's to see: the account lies in their area."""
    if not person.area or name == person.name:
        return True
    area = area_of(identity, name)
    return area is not None and contains(person.area, area)


def change(identity: Identity, person: Person, known: Account, given: AccountChange) -> Ended:
    """Change an account of the person's reach.

    Its sessions and tokens end at once, unless only its department is another.

    Raises:
        Beyond: wider than the person.
        PolicyError: posts that nobody holds.
        LastAdministrator: the account is the last one that may do everything.
    """
    wanted = {
        name: value
        for name, value in msgspec.structs.asdict(given).items()
        if value is not None and value != getattr(known, name)
    }
    keep_below(person, known.role, known.area)
    keep_below(person, wanted.get("role", known.role), wanted.get("area", known.area))
    check_posts(wanted.get("posts", ()))
    if not wanted:
        return Ended()
    values = {name: _stored(value) for name, value in wanted.items()}
    with identity.database.writing() as connection:
        identity.audit.record(person.name, "user.change", known.name, values)
        if "area" in values:
            values["audit_from"] = identity.audit.chain.last_id
        unlimited_before = _unlimited(connection)
        connection.execute(sa.update(users).where(users.c.name == known.name).values(values))
        if unlimited_before and not _unlimited(connection):
            raise LastAdministrator("the last administrator of the whole district stays one")
        _hand_over(connection, known.name)
        if wanted.keys() <= {"department"}:
            return Ended()
        ended, gone = identity.drop(connection, of_account(known.name))
    identity.tell(gone)
    return ended


def reset_password(
    identity: Identity, person: Person, known: Account, *, one_time: bool = True
) -> tuple[str, Ended]:
    """A new password for an account of the person's reach, and what that ended.

    `one_time`: it has to be changed at the next sign-in. Raises Beyond, HashingBusyError.
    """
    keep_below(person, known.role, known.area)
    password = secrets.token_urlsafe(12)
    made = identity.hash_of(known.name, password)
    with identity.database.writing() as connection:
        identity.set_password(known.name, made, must_change=one_time)
        identity.audit.record(person.name, "user.reset-password", known.name)
        ended, gone = identity.drop(connection, of_account(known.name))
    identity.tell(gone)
    return password, ended


def tokens_of(identity: Identity, name: str) -> list[Token]:
    """The live sessions and API tokens of an account, the newest first."""
    t = tokens.c
    with identity.database.reading() as connection:
        rows = connection.execute(
            sa.select(tokens)
            .where(of_account(name), t.expires_at > int(identity.now()))
            .order_by(t.created_at.desc(), t.hash)
        ).all()
    return [
        Token(
            id=row.hash[:KEY_DIGITS],
            kind=TokenKind(row.kind),
            label=row.label,
            created_at=row.created_at,
            last_used_at=identity.last_used(row.hash) or row.last_used_at,
            expires_at=row.expires_at,
        )
        for row in rows
    ]


def end_tokens(identity: Identity, person: Person, name: str, id_: str = "") -> Ended:
    """End all sessions and tokens of an account, or the one that `tokens_of` names by `id_`."""
    which = of_account(name)
    if id_:
        which = sa.and_(which, sa.func.substr(tokens.c.hash, 1, KEY_DIGITS) == id_)
    with identity.database.writing() as connection:
        ended, gone = identity.drop(connection, which)
        if gone:
            identity.audit.record(person.name, "token.end", name, msgspec.structs.asdict(ended))
    identity.tell(gone)
    return ended


def _stored(value: Any) -> Any:
    if isinstance(value, Role):
        return value.value
    return list(value) if isinstance(value, Sequence) and not isinstance(value, str) else value


def _unlimited(connection: sa.Connection) -> int:
    """How many may do everything."""
    found = connection.execute(sa.select(sa.func.count()).select_from(users).where(unlimited()))
    return int(found.scalar() or 0)


def _hand_over(connection: sa.Connection, name: str) -> None:
    """Give the serving process' own token to somebody who may still do everything."""
    u, t = users.c, tokens.c
    heir = sa.select(u.name).where(unlimited()).order_by(u.created_at).limit(1).scalar_subquery()
    still = sa.exists().where(u.name == name, unlimited())
    connection.execute(
        sa.update(tokens)
        .where(t.user == name, t.kind == TokenKind.LOCAL.value, ~still)
        .values(user=heir)
    )
