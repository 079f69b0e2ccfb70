"""People: passwords by argon2id, lock-out, sessions and API tokens stored as hashes."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any, NamedTuple

import msgspec
import sqlalchemy as sa
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerifyMismatchError
from argon2.low_level import ARGON2_VERSION

from xinji.access.audit import Audit
from xinji.store.database import Database
from xinji.store.schema import tokens, users

MINIMUM_PASSWORD = 12
FAILURES_BEFORE_LOCK = 5
LOCK_SECONDS = 300
SESSION_SECONDS = 12 * 3600
REMEMBERED_SECONDS = 10.0
REMEMBERED_TOKENS = 10_000
LOCAL = "this machine"
"""Label of the token that a serving process leaves in its folder."""


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


class _Known(NamedTuple):
    """The person of a token, how long the token lives, and how long this may be believed."""

    person: Person
    expires_at: int
    until: float


class SignInError(Exception):
    """Sign-in refused; `retry_after` seconds when the account is locked, else 0."""

    def __init__(self, message: str, retry_after: int = 0) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class PolicyError(ValueError):
    """A name, role or password that the policy does not allow."""


def hashed(secret: str) -> str:
    """Hash of a random secret (a token): no salt or stretching is needed at 256 bits of entropy."""
    return hashlib.sha256(secret.encode()).hexdigest()


def decoy(hasher: PasswordHasher) -> str:
    """What looks like a password's hash by `hasher`, costs as much to verify, and is none's.

    Salt and hash are drawn, not computed: making one costs nothing.
    """
    salt, drawn = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (hasher.salt_len, hasher.hash_len)
    )
    cost = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${cost}${salt}${drawn}"


class Identity:
    """Accounts and tokens.

    `now` gives Unix seconds; lock-outs and expiries use it.
    """

    def __init__(
        self, database: Database, audit: Audit, now: Callable[[], float] = time.time
    ) -> None:
        self._database = database
        self._audit = audit
        self._now = now
        self._hasher = PasswordHasher()
        self._known: dict[str, _Known] = {}
        self._changes, self._changing = 0, False
        sa.event.listen(database.writer, "after_cursor_execute", self._notice)
        sa.event.listen(database.writer, "begin", self._settle)
        # Spent on unknown names, so that a name's existence does not show in the time taken.
        self._decoy = decoy(self._hasher)

    def first_start(self) -> str | None:
        """Make the account `admin` in a house without people; returns its one-time password."""
        with self._database.writing() as connection:
            if connection.execute(sa.select(users.c.name).limit(1)).first():
                return None
            password = secrets.token_urlsafe(12)
            self.add("admin", password, Role.ADMINISTRATOR, actor="system", must_change=True)
        return password

    def add(
        self,
        name: str,
        password: str,
        role: Role,
        *,
        area: str = "",
        actor: str,
        must_change: bool = False,
        posts: Sequence[str] = (),
        department: str = "",
    ) -> None:
        """Add an account. Raises PolicyError."""
        check_name(name)
        check_password(password, name)
        if len(posts) > 10 or not all(0 < len(p) <= 32 and p.isascii() for p in posts):
            raise PolicyError("posts: at most 10, each 1 to 32 letters")
        with self._database.writing() as connection:
            if connection.execute(sa.select(users.c.name).where(users.c.name == name)).first():
                raise PolicyError(f"name: {name} exists already")
            connection.execute(
                sa.insert(users).values(
                    name=name,
                    password_hash=self._hasher.hash(password),
                    role=role.value,
                    area=area,
                    must_change_password=must_change,
                    created_at=int(self._now() * 1e6),
                    posts=list(posts),
                    department=department,
                )
            )
            detail = {"role": role.value, "area": area, "posts": list(posts)}
            self._audit.record(actor, "user.add", name, detail)

    def sign_in(self, name: str, password: str) -> tuple[str, Person]:
        """A session token for a name and a password. Raises SignInError. About 40 ms by design."""
        row = self._proven(name, password)
        with self._database.writing() as connection:
            connection.execute(
                sa.update(users).where(users.c.name == name).values(failures=0, locked_until=0)
            )
            connection.execute(sa.delete(tokens).where(tokens.c.expires_at < int(self._now())))
            token = self._issue(name, "session", SESSION_SECONDS)
            self._audit.record(name, "session.open", name)
        return token, _person(row)

    def _proven(self, name: str, password: str) -> sa.Row[tuple[Any, ...]]:
        """The row of an account whose password this is. Raises SignInError."""
        account = sa.select(users).where(users.c.name == name)
        with self._database.reading() as connection:
            row = connection.execute(account).first()
        if row is not None:
            self._refuse_locked(row)
        right = self._matches(row.password_hash if row else self._decoy, password)
        if row is None or row.disabled:
            raise SignInError("wrong name or password")
        # Looked at again under the lock: guesses made at the same time are counted one by one.
        with self._database.writing() as connection:
            row = connection.execute(account).one()
            if not right and row.locked_until <= self._now():
                self._fail(connection, name, row.failures + 1)
        self._refuse_locked(row)
        if not right:
            raise SignInError("wrong name or password")
        return row

    def _refuse_locked(self, row: sa.Row[tuple[Any, ...]]) -> None:
        left = row.locked_until - self._now()
        if left > 0:
            raise SignInError("account is locked", int(left) + 1)

    def _matches(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerifyMismatchError, InvalidHashError):
            return False

    def _fail(self, connection: sa.Connection, name: str, failures: int) -> None:
        locked = failures % FAILURES_BEFORE_LOCK == 0
        connection.execute(
            sa.update(users)
            .where(users.c.name == name)
            .values(
                failures=failures,
                locked_until=int(self._now() + LOCK_SECONDS) if locked else 0,
            )
        )
        self._audit.record(name, "session.refuse", name, {"failures": failures})

    def issue(self, name: str, label: str, days: int, *, actor: str) -> str:
        """An API token for an account, shown once."""
        with self._database.writing():
            self._audit.record(actor, "token.issue", name, {"label": label, "days": days})
            return self._issue(name, label, days * 86_400)

    def local_token(self) -> str | None:
        """A token of an administrator for commands on this machine; earlier ones end."""
        with self._database.writing() as connection:
            self.end_local_tokens()
            name = connection.execute(
                sa.select(users.c.name)
                .where(users.c.role == Role.ADMINISTRATOR.value, ~users.c.disabled)
                .order_by(users.c.created_at)
                .limit(1)
            ).scalar()
            return self._issue(name, LOCAL, 3_650 * 86_400) if name else None

    def end_local_tokens(self) -> None:
        """Forget the tokens of `local_token`."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(tokens).where(tokens.c.label == LOCAL))

    def _issue(self, name: str, label: str, seconds: int) -> str:
        token = secrets.token_urlsafe(32)
        now = int(self._now())
        with self._database.writing() as connection:
            connection.execute(
                sa.insert(tokens).values(
                    hash=hashed(token),
                    user=name,
                    label=label,
                    expires_at=now + seconds,
                    created_at=now,
                )
            )
        return token

    def person(self, token: str) -> Person | None:
        """The person of a live token, or None.

        Remembered until an account or a token changes, and no longer than `REMEMBERED_SECONDS`.
        """
        key, now = hashed(token), int(self._now())
        known = self._known.get(key)
        if known is not None and known.until > time.monotonic() and known.expires_at > now:
            return known.person
        changes = self._changes
        with self._database.reading() as connection:
            row = connection.execute(
                sa.select(users, tokens.c.expires_at)
                .join(tokens, tokens.c.user == users.c.name)
                .where(tokens.c.hash == key, tokens.c.expires_at > now)
            ).first()
        if row is None or row.disabled:
            return None
        person = _person(row)
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
        with self._database.writing() as connection:
            name = connection.execute(sa.select(tokens.c.user).where(this)).scalar()
            if name is not None:
                connection.execute(sa.delete(tokens).where(this))
                self._audit.record(name, "session.close", name)

    def change_password(self, name: str, old: str, new: str) -> None:
        """Replace a password and end the person's sessions. Raises SignInError, PolicyError."""
        self._proven(name, old)
        check_password(new, name)
        with self._database.writing() as connection:
            connection.execute(
                sa.update(users)
                .where(users.c.name == name)
                .values(password_hash=self._hasher.hash(new), must_change_password=False)
            )
            connection.execute(
                sa.delete(tokens).where(tokens.c.user == name, tokens.c.label == "session")
            )
            self._audit.record(name, "user.password", name)


def check_name(name: str) -> None:
    """Raises PolicyError unless the name is 1 to 64 letters, digits, `.`, `_`, `-`."""
    if not 0 < len(name) <= 64 or not all(c.isalnum() or c in "._-" for c in name):
        raise PolicyError("name: 1 to 64 letters, digits, '.', '_' or '-'")


def check_password(password: str, name: str) -> None:
    """Raises PolicyError unless the password is long enough and is not the name."""
    if len(password) < MINIMUM_PASSWORD:
        raise PolicyError(f"password: at least {MINIMUM_PASSWORD} characters")
    if len(password) > 256 or name.lower() in password.lower():
        raise PolicyError("password: at most 256 characters, and not containing the name")


def _person(row: sa.Row[tuple[object, ...]]) -> Person:
    return Person(
        name=row.name,
        role=Role(row.role),
        area=row.area,
        must_change_password=row.must_change_password,
        posts=tuple(row.posts),
        department=row.department,
    )
