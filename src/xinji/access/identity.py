"""People: passwords by argon2id, sessions and API tokens stored as hashes.

What ends with what: a sign-out ends its own token; a change or a reset of the password, disabling,
and another role, area or posts end every session and API token of the account at once. Whoever
holds something open for a token (a stream of changes) listens in `Identity.ended`.
"""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa

from xinji.access.attempts import Attempts, Caller, browser_of, mark_of
from xinji.access.audit import Audit
from xinji.access.passwords import Passwords
from xinji.access.policy import PolicyError, check_name, check_password, check_posts
from xinji.store.database import Database
from xinji.store.schema import tokens, users

SESSION_SECONDS = 12 * 3600
REMEMBERED_SECONDS = 10.0
REMEMBERED_TOKENS = 10_000
LOCAL = "this machine"
"""Label of the token that a serving process leaves in its folder."""


class TokenKind(StrEnum):
    """Of sign-in, of `POST /api/tokens`, of the serving process for commands on its machine."""

    SESSION = "session"
    API = "token"
    LOCAL = "local"


class Role(StrEnum):
    """What a person may do: a viewer reads, an operator works cases, an administrator changes."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMINISTRATOR = "administrator"

    def covers(self, other: Role) -> bool:
        """True when this role may do what `other` may."""
        order = list(Role)
        return order.index(self) >= order.index(other)


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """An authenticated person. `area` limits everything that the person sees; empty is all."""

    name: str
    role: Role
    area: str = ""
    must_change_password: bool = False
    posts: tuple[str, ...] = ()
    department: str = ""

    @property
    def roles(self) -> tuple[str, ...]:
        """What the person acts as: posts first, then the role.

        An operator without a post holds the post `any`: in a small district one person does all.
        """
        held = self.posts or (("any",) if self.role is not Role.VIEWER else ())
        return (*held, self.role.value)


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """How many sessions and API tokens something has ended."""

    sessions: int = 0
    tokens: int = 0


class _Known(NamedTuple):
    """The person of a token, how long the token lives, and how long this may be believed."""

    person: Person
    expires_at: int
    until: float


class SignInError(Exception):
    """Wrong name or password."""


NOBODY = Caller()


def hashed(secret: str) -> str:
    """Hash of a random secret (a token): no salt or stretching is needed at 256 bits of entropy."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Identity:
    """Accounts and tokens.

    `now` gives Unix seconds; expiries use it.
    """

    def __init__(
        self, database: Database, audit: Audit, now: Callable[[], float] = time.time
    ) -> None:
        self.database = database
        self.audit = audit
        self.now = now
        self.ended: list[Callable[[frozenset[str]], object]] = []
        """Told the hashes of tokens that have ended: what they hold open ends too."""
        self.passwords = Passwords()
        self.attempts = Attempts()
        self._known: dict[str, _Known] = {}
        self._used: dict[str, int] = {}
        self._changes, self._changing = 0, False
        sa.event.listen(database.writer, "after_cursor_execute", self._notice)
        sa.event.listen(database.writer, "begin", self._settle)

    def first_start(self) -> str | None:
        """Make the account `admin` in a house without people; returns its one-time password."""
        with self.database.reading() as connection:
            if connection.execute(sa.select(users.c.name).limit(1)).first():
                return None
        password = secrets.token_urlsafe(12)
        self.add("admin", password, Role.ADMINISTRATOR, actor="system", must_change=True)
        return password

    def add(
        self,
        name: str,
        password: str | None,
        role: Role,
        *,
        area: str = "",
        actor: str,
        must_change: bool = False,
        posts: Sequence[str] = (),
        department: str = "",
    ) -> None:
        """Add an account; without a password nobody signs in, it has tokens only.

        Raises PolicyError, HashingBusyError.
        """
        check_name(name)
        if password is not None:
            check_password(password, name)
        check_posts(posts)
        # before the writer's lock is taken
        made = self.passwords.decoy if password is None else self.passwords.hash(password)
        with self.database.writing() as connection:
            if connection.execute(sa.select(users.c.name).where(users.c.name == name)).first():
                raise PolicyError(f"name: {name} exists already")
            connection.execute(
                sa.insert(users).values(
                    name=name,
                    password_hash=made,
                    role=role.value,
                    area=area,
                    must_change_password=must_change,
                    created_at=int(self.now() * 1e6),
                    posts=list(posts),
                    department=department,
                )
            )
            detail = {"role": role.value, "area": area, "posts": list(posts)}
            self.audit.record(actor, "user.add", name, detail)
            connection.execute(
                sa.update(users)
                .where(users.c.name == name)
                .values(audit_from=self.audit.chain.last_id)
            )

    def sign_in(self, name: str, password: str, caller: Caller = NOBODY) -> tuple[str, Person]:
        """A session token for a name and a password.

        Raises SignInError, Exceeded (`Attempts`), HashingBusyError.
        """
        row = self._proven(name, password, caller)
        with self.database.writing() as connection:
            self._still(connection, row)
            connection.execute(sa.delete(tokens).where(tokens.c.expires_at < int(self.now())))
            token = self._issue(name, "session", SESSION_SECONDS, TokenKind.SESSION)
            self.audit.record(name, "session.open", name)
        return token, _person(row)

    def mark(self, name: str) -> str:
        """What the browser of an account keeps, to be known when it signs in again."""
        with self.database.reading() as connection:
            query = sa.select(users.c.password_hash).where(users.c.name == name)
            return mark_of(connection.execute(query).scalar_one(), self.now())

    def _proven(
        self, name: str, password: str, caller: Caller, known: str = ""
    ) -> sa.Row[tuple[Any, ...]]:
        """The row of an account whose password this is. Raises as `sign_in`.

        `known` says by what the caller is known without a mark.

        Nothing is written for a wrong password, so that it takes as long as an unknown name.
        """
        if not known and not caller.mark:
            self.passwords.look_for_room()
        with self.database.reading() as connection:
            row = connection.execute(sa.select(users).where(users.c.name == name)).first()
        stored = row.password_hash if row else self.passwords.decoy
        browser = known or browser_of(caller.mark, stored, self.now())
        with self.attempts.attempt(name, caller.address, browser) as succeeded:
            right = self.passwords.matches(stored, password, stranger=not browser)
            if not right or row is None or row.disabled:
                raise SignInError("wrong name or password")
            succeeded()
        return row

    def _still(self, connection: sa.Connection, row: sa.Row[tuple[Any, ...]]) -> None:
        """Raises SignInError when the account has changed while its password was checked."""
        query = sa.select(users.c.password_hash, users.c.disabled).where(users.c.name == row.name)
        now = connection.execute(query).first()
        if now is None or now.disabled or now.password_hash != row.password_hash:
            raise SignInError("wrong name or password")

    def issue(self, name: str, label: str, days: int, *, actor: str) -> str:
        """An API token for an account, shown once."""
        with self.database.writing():
            self.audit.record(actor, "token.issue", name, {"label": label, "days": days})
            return self._issue(name, label, days * 86_400, TokenKind.API)

    def local_token(self) -> str | None:
        """A token of an administrator of the whole district for commands on this machine.

        Earlier ones end.
        """
        with self.database.writing() as connection:
            self.end_local_tokens()
            name = connection.execute(
                sa.select(users.c.name).where(unlimited()).order_by(users.c.created_at).limit(1)
            ).scalar()
            if name is None:
                return None
            return self._issue(name, LOCAL, 3_650 * 86_400, TokenKind.LOCAL)

    def end_local_tokens(self) -> None:
        """Forget the tokens of `local_token`."""
        with self.database.writing() as connection:
            connection.execute(sa.delete(tokens).where(tokens.c.kind == TokenKind.LOCAL.value))

    def _issue(self, name: str, label: str, seconds: int, kind: TokenKind) -> str:
        token = secrets.token_urlsafe(32)
        now = int(self.now())
        with self.database.writing() as connection:
            self._keep_uses(connection)
            connection.execute(
                sa.insert(tokens).values(
                    hash=hashed(token),
                    user=name,
                    label=label,
                    kind=kind.value,
                    expires_at=now + seconds,
                    created_at=now,
                )
            )
        return token

    def person(self, token: str) -> Person | None:
        """The person of a live token, or None.

        Remembered until an account or a token changes, and no longer than `REMEMBERED_SECONDS`.
        """
        key, now = hashed(token), int(self.now())
        known = self._known.get(key)
        if known is not None and known.until > time.monotonic() and known.expires_at > now:
            self._used[key] = now
            return known.person
        changes = self._changes
        with self.database.reading() as connection:
            row = connection.execute(
                sa.select(users, tokens.c.expires_at, tokens.c.kind)
                .join(tokens, tokens.c.user == users.c.name)
                .where(tokens.c.hash == key, tokens.c.expires_at > now)
            ).first()
        if row is None or row.disabled:
            return None
        person = _person(row)
        if row.kind == TokenKind.LOCAL.value:
            # Whoever owns the folder owns the house: a one-time password has no say there.
            person = msgspec.structs.replace(person, must_change_password=False)
        self._used[key] = now
        if changes == self._changes and not self._changing:
            if len(self._known) >= REMEMBERED_TOKENS:
                self._known.clear()
            until = time.monotonic() + REMEMBERED_SECONDS
            self._known[key] = _Known(person, row.expires_at, until)
        return person

    def _notice(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        """A statement of the writer: what it changes in accounts or tokens is not remembered."""
        if not statement.startswith("SELECT") and ("users" in statement or "tokens" in statement):
            self._changing = True
            self._forget()

    def _settle(self, _connection: Any) -> None:
        """The writer's next transaction begins: what the last one changed is seen by readers."""
        if self._changing:
            self._changing = False
            self._forget()

    def _forget(self) -> None:
        self._changes += 1
        self._known.clear()

    def sign_out(self, token: str) -> None:
        """Forget a token."""
        this = tokens.c.hash == hashed(token)
        with self.database.writing() as connection:
            name = connection.execute(sa.select(tokens.c.user).where(this)).scalar()
            if name is None:
                return
            _, gone = self.drop(connection, this)
            self.audit.record(name, "session.close", name)
        self.tell(gone)

    def change_password(self, name: str, old: str, new: str) -> Ended:
        """Replace a password and end all sessions and API tokens of the account.

        Raises SignInError, Exceeded (`Attempts`), PolicyError, HashingBusyError.
        """
        row = self._proven(name, old, NOBODY, known="signed in")
        made = self.hash_of(name, new)
        with self.database.writing() as connection:
            self._still(connection, row)
            self.set_password(name, made)
            self.audit.record(name, "user.password", name)
            ended, gone = self.drop(connection, of_account(name))
        self.tell(gone)
        return ended

    def hash_of(self, name: str, new: str) -> str:
        """The hash of a new password; never asked for while the writer's lock is held.

        Raises PolicyError, HashingBusyError.
        """
        check_password(new, name)
        return self.passwords.hash(new)

    def set_password(self, name: str, made: str, *, must_change: bool = False) -> None:
        """Store the hash of a password (`hash_of`), in the open transaction."""
        with self.database.writing() as connection:
            connection.execute(
                sa.update(users)
                .where(users.c.name == name)
                .values(password_hash=made, must_change_password=must_change)
            )

    def drop(
        self, connection: sa.Connection, which: sa.ColumnElement[bool]
    ) -> tuple[Ended, frozenset[str]]:
        """Delete tokens in the open transaction; `tell` their hashes when it is committed."""
        self._keep_uses(connection)
        rows = connection.execute(sa.select(tokens.c.hash, tokens.c.kind).where(which)).all()
        connection.execute(sa.delete(tokens).where(which))
        sessions = sum(row.kind == TokenKind.SESSION.value for row in rows)
        ended = Ended(sessions=sessions, tokens=len(rows) - sessions)
        return ended, frozenset(row.hash for row in rows)

    def tell(self, gone: frozenset[str]) -> None:
        """End what the tokens of these hashes hold open."""
        if gone:
            for tell in self.ended:
                tell(gone)

    def alive_until(self, key: str) -> int | None:
        """When the token of a hash ends (Unix seconds), None when it has ended."""
        with self.database.reading() as connection:
            until = connection.execute(
                sa.select(tokens.c.expires_at).where(tokens.c.hash == key)
            ).scalar()
        return until if until is not None and until > self.now() else None

    def last_used(self, key: str) -> int | None:
        """When a token was used last since uses were stored (Unix seconds)."""
        return self._used.get(key)

    def _keep_uses(self, connection: sa.Connection) -> None:
        """Store when tokens were used; only with another change of tokens, so that it is cheap."""
        used, self._used = self._used, {}
        if used:
            connection.execute(
                sa.update(tokens)
                .where(tokens.c.hash == sa.bindparam("key"))
                .values(last_used_at=sa.bindparam("at")),
                [{"key": key, "at": at} for key, at in used.items()],
            )


def unlimited() -> sa.ColumnElement[bool]:
    """The accounts that may do everything: administrators of the whole district."""
    u = users.c
    return sa.and_(u.role == Role.ADMINISTRATOR.value, u.area == "", ~u.disabled)


def of_account(name: str) -> sa.ColumnElement[bool]:
    """The sessions and API tokens of an account."""
    return sa.and_(tokens.c.user == name, tokens.c.kind != TokenKind.LOCAL.value)


def _person(row: sa.Row[tuple[object, ...]]) -> Person:
    return Person(
        name=row.name,
        role=Role(row.role),
        area=row.area,
        must_change_password=row.must_change_password,
        posts=tuple(row.posts),
        department=row.department,
    )
