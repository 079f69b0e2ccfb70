"""Devices: credentials with random secrets, held in memory as salted hashes.

A device's secret is made here (256 bits, never chosen by a person), so one salted SHA-256 is as
strong as a slow hash and 10,000 devices can connect at once; see docs/decisions.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Iterable

import msgspec
import sqlalchemy as sa

from xinji.access.audit import Audit
from xinji.access.policy import PolicyError, check_name
from xinji.access.scope import within
from xinji.model.observations import Source
from xinji.store.database import Database
from xinji.store.schema import credentials
from xinji.wire.inlet import Device

MOST_PREFIXES = 100


class Credential(msgspec.Struct, frozen=True, kw_only=True):
    """What an administrator sees of a credential; never its secret."""

    name: str
    things: list[str]
    source: str
    area: str = ""
    created_at: int
    disabled: bool = False


class Credentials:
    """The gate of devices (`xinji.wire.inlet.Gate`)."""

    def __init__(self, database: Database, audit: Audit) -> None:
        self._database = database
        self._audit = audit
        self._known: dict[str, tuple[bytes, bytes, Device]] = {}
        self._decoy = secrets.token_bytes(16)
        self.revoked: list[Callable[[str], object]] = []
        """Told the name of every credential that ends or is renewed: its connections end too."""
        with database.reading() as connection:
            for row in connection.execute(sa.select(credentials)):
                if not row.disabled:
                    device = Device(row.name, tuple(row.things), Source.of(row.source), row.area)
                    self._known[row.name] = (row.salt, bytes.fromhex(row.hash), device)

    def authenticate(self, username: str, password: bytes) -> Device | None:
        """See `Gate`. One SHA-256, no I/O."""
        salt, expected, device = self._known.get(username, (self._decoy, self._decoy, None))
        same = hmac.compare_digest(hashlib.sha256(salt + password).digest(), expected)
        return device if same else None

    def issue(
        self,
        name: str,
        *,
        things: tuple[str, ...] = ("",),
        source: str = "measured",
        area: str = "",
        actor: str,
    ) -> str:
        """Make (or renew) a credential; returns the secret, shown once.

        `things` are the id prefixes that it may write to, `area` where those things lie. Raises
        PolicyError.
        """
        check_name(name)
        if len(things) > MOST_PREFIXES or not all(len(each) <= 128 for each in things):
            raise PolicyError(f"things: at most {MOST_PREFIXES} prefixes of at most 128 characters")
        try:
            device = Device(name, things, Source.of(source), area)
        except KeyError:
            words = ", ".join(s.word for s in Source)
            raise PolicyError(f"source: {source!r} is not one of {words}") from None
        secret, salt = secrets.token_urlsafe(32), secrets.token_bytes(16)
        digest = hashlib.sha256(salt + secret.encode()).digest()
        with self._database.writing() as connection:
            connection.execute(sa.delete(credentials).where(credentials.c.name == name))
            connection.execute(
                sa.insert(credentials).values(
                    name=name,
                    hash=digest.hex(),
                    salt=salt,
                    things=list(things),
                    source=source,
                    created_at=int(time.time() * 1e6),
                    disabled=False,
                    area=area,
                )
            )
            detail = {"things": list(things), "source": source, "area": area}
            self._audit.record(actor, "credential.issue", name, detail)
        renewed = name in self._known
        self._known[name] = (salt, digest, device)
        if renewed:
            self._tell(name)
        return secret

    def revoke(self, name: str, *, actor: str) -> bool:
        """End a credential; False when there is none."""
        with self._database.writing() as connection:
            gone = connection.execute(sa.delete(credentials).where(credentials.c.name == name))
            if not gone.rowcount:
                return False
            self._audit.record(actor, "credential.revoke", name)
        self._known.pop(name, None)
        self._tell(name)
        return True

    def _tell(self, name: str) -> None:
        for tell in self.revoked:
            tell(name)

    def find(self, name: str) -> Credential | None:
        """One credential."""
        return next(iter(self._read(credentials.c.name == name)), None)

    def list(self, area: str = "") -> list[Credential]:
        """The credentials of an area, by name; those of the whole district are in "" only."""
        return [*self._read(within(credentials.c.area, area))]

    def _read(self, which: sa.ColumnElement[bool]) -> Iterable[Credential]:
        with self._database.reading() as connection:
            rows = connection.execute(
                sa.select(credentials).where(which).order_by(credentials.c.name)
            )
            return [
                Credential(
                    name=r.name,
                    things=r.things,
                    source=r.source,
                    area=r.area,
                    created_at=r.created_at,
                    disabled=r.disabled,
                )
                for r in rows
            ]
