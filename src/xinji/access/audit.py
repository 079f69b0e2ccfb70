"""The audit chain: every change, by whom, in the transaction of the change.

Two chains share the code: `audit` (changes of registry, rules, people, credentials) and `steps`
(the steps of cases). `verify` walks both, names the first broken link of each kind, and compares
the rows of cases and reports with their last links (`xinji.access.bound`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa

from xinji.access import bound
from xinji.access.chain import GENESIS, digest, first_link, link, tagged_link
from xinji.access.denials import Denials
from xinji.store.database import Database, Prepared
from xinji.store.schema import audit, case_steps, cases, checkpoints

CHECKPOINT_EVERY = 1_000

CHAINS: dict[str, tuple[sa.Table, tuple[str, ...]]] = {
    "audit": (audit, ("id", "at", "actor", "action", "object", "detail")),
    "steps": (
        case_steps,
        (
            "id",
            "case_id",
            "number",
            "at",
            "action",
            "from_state",
            "to_state",
            "actor",
            "role",
            "note",
            "evidence",
            "before",
            "row_digest",
            "tag",
        ),
    ),
}


STEP_BEFORE = CHAINS["steps"][1].index("before")


def step_record(columns: Sequence[Any]) -> Sequence[Any]:
    """A step's columns as they enter its digest: an old step has no digest of the row, no tag."""
    return columns if columns[-1] is not None else columns[:-2]


def step_digest(columns: Sequence[Any]) -> str:
    """The digest of a step, from its columns in the order of `CHAINS`."""
    return digest(step_record(columns))


@dataclass(frozen=True, slots=True)
class Fault:
    """A broken link: chain, id of the record where it shows, and what is wrong."""

    chain: str
    id: int
    what: str


class Chain:
    """One chain's head, and appending to it. Used only inside `Database.writing`."""

    def __init__(self, name: str, database: Database, outside: Path) -> None:
        self.name = name
        self._database = database
        self._outside = outside
        self._table, self._columns = CHAINS[name]
        self._insert = Prepared(sa.insert(self._table), database.writer)
        self._unwritten: list[dict[str, Any]] = []
        self.rewind()

    def rewind(self) -> None:
        """Take the head from the database; needed after a rolled-back transaction."""
        with self._database.reading() as connection:
            row = connection.execute(
                sa.select(self._table.c.id, self._table.c.hash)
                .order_by(self._table.c.id.desc())
                .limit(1)
            ).first()
        self.last_id, self.head = (int(row[0]), str(row[1])) if row else (0, GENESIS)
        self._unwritten = [each for each in self._unwritten if each["last_id"] <= self.last_id]

    def append(self, **record: Any) -> str:
        """Add a record (all columns but `id` and `hash`); returns its hash."""
        record["id"] = self.last_id + 1
        columns = [record[name] for name in self._columns]
        tag = record.get("tag")
        record["hash"] = tagged_link(self.head, tag, columns) if tag else link(self.head, columns)
        self._insert(self._database.cursor(), **record)
        self.last_id, self.head = record["id"], record["hash"]
        if self.last_id % CHECKPOINT_EVERY == 0:
            self._mark()
        return self.head

    def _mark(self) -> None:
        """Record the head in the open transaction, once."""
        entry = {
            "chain": self.name,
            "last_id": self.last_id,
            "hash": self.head,
            "at": int(time.time() * 1e6),
        }
        with self._database.writing() as connection:
            known = connection.execute(
                sa.select(checkpoints.c.last_id).where(
                    checkpoints.c.chain == self.name, checkpoints.c.last_id == self.last_id
                )
            ).first()
            if known is None:
                connection.execute(sa.insert(checkpoints), entry)
                self._unwritten.append(entry)

    def checkpoint(self) -> None:
        """Record the head in the database and, for an auditor, outside it.

        Outside a transaction only: what is written outside cannot be rolled back.
        """
        if not self.last_id:
            return
        with self._database.writing():
            self._mark()
        with self._database.lock:
            lines = b"".join(msgspec.json.encode(entry) + b"\n" for entry in self._unwritten)
            if lines:
                with self._outside.open("ab") as file:
                    file.write(lines)
            self._unwritten.clear()


class Audit:
    """Both chains of a house."""

    def __init__(self, database: Database, outside: Path) -> None:
        self._database = database
        self.chain = Chain("audit", database, outside)
        self.steps = Chain("steps", database, outside)
        self.denials = Denials()
        database.rollbacks.append(self.rewind)

    def record(self, actor: str, action: str, thing: str, detail: Any = None) -> None:
        """Add a change to the audit chain, in the open transaction of the change.

        `detail` holds no secret and no more of a person than the name of the account.
        """
        self.chain.append(
            at=int(time.time() * 1e6),
            actor=actor,
            action=action,
            object=thing[:160],
            detail=msgspec.json.encode(detail).decode() if detail is not None else "",
        )

    def bind_report(self, actor: str, action: str, row: Mapping[Any, Any]) -> None:
        """Bind a report's row, in the transaction that writes it; `action` as in `bound`."""
        self.record(actor, action, row["id"], {"row": bound.row_digest("reports", row)})

    def adopt(self) -> None:
        """Bind, once in the life of a house, the rows that were stored before rows were bound."""
        with self._database.writing() as connection:
            if bound.adopted(connection):
                return
            count = 0
            for action, key, value in list(bound.unbound(connection)):
                self.record("system", action, key, {"row": value})
                count += 1
            self.record("system", bound.ADOPTED, "history", {"rows": count})

    def record_denials(self) -> None:
        """Write down who was refused since the last call, in one record; nothing for nobody."""
        found = self.denials.take()
        if found is not None:
            with self._database.essential(), self._database.writing():
                self.record("system", "access.refuse", "", found)

    def rewind(self) -> None:
        """After a rolled-back transaction."""
        self.chain.rewind()
        self.steps.rewind()

    def checkpoint(self) -> None:
        """Checkpoint both chains."""
        self.chain.checkpoint()
        self.steps.checkpoint()


def verify(database: Database, outside: Path) -> list[Fault]:
    """Walk both chains; an empty list means whole.

    Finds altered, removed, inserted and reordered rows by the links, rows cut from the end by the
    checkpoints (those outside the database too) and by the step count of each case, and rows of
    cases and reports that are gone or differ from their last link.
    """
    faults: list[Fault] = []
    kept: dict[tuple[str, int], str] = {}
    if outside.exists():
        for number, line in enumerate(outside.read_bytes().splitlines(), 1):
            try:
                entry = msgspec.json.decode(line)
                kept[entry["chain"], int(entry["last_id"])] = entry["hash"]
            except (msgspec.DecodeError, KeyError, TypeError, ValueError):
                faults.append(Fault("checkpoints", number, "line of the outside file unreadable"))
    with database.reading() as connection:
        for chain, last_id, value in connection.execute(
            sa.select(checkpoints.c.chain, checkpoints.c.last_id, checkpoints.c.hash)
        ):
            known = kept.setdefault((chain, last_id), value)
            if known != value:
                faults.append(Fault(chain, last_id, "checkpoint differs from the one outside"))
        for chain, (table, columns) in CHAINS.items():
            marks = {at: value for (name, at), value in kept.items() if name == chain}
            rows = connection.execution_options(yield_per=10_000).execute(
                sa.select(*(table.c[name] for name in columns), table.c.hash).order_by(table.c.id)
            )
            faults += _walk(chain, rows, marks)
        counted = (
            sa.select(case_steps.c.case_id, sa.func.count().label("n"))
            .group_by(case_steps.c.case_id)
            .subquery()
        )
        short = connection.execute(
            sa.select(cases.c.id, cases.c.steps, counted.c.n)
            .outerjoin(counted, counted.c.case_id == cases.c.id)
            .where(sa.func.coalesce(counted.c.n, 0) != cases.c.steps)
        )
        faults += [
            Fault("steps", 0, f"case {case} has {n or 0} steps and should have {steps}")
            for case, steps, n in short
        ]
        faults += [Fault(table, 0, what) for table, what in bound.faults(connection)]
    return faults


def _walk(chain: str, rows: Any, marks: dict[int, str]) -> list[Fault]:
    previous, expected, last = GENESIS, 1, 0
    faults: list[Fault] = []
    for row in rows:
        *record, stored = row
        last = record[0]
        if last != expected:
            faults.append(Fault(chain, last, f"record {expected} is missing"))
        if _broken(previous, record, stored):
            faults.append(Fault(chain, last, "altered, or a record before it removed or moved"))
        if last in marks and marks.pop(last) != stored:
            faults.append(Fault(chain, last, "hash differs from its checkpoint"))
        # Go on from what is stored: one change is reported once, not for every record after it.
        previous, expected = stored, last + 1
    faults += [
        Fault(chain, at, "checkpointed record is missing") for at in sorted(marks) if at > last
    ]
    return faults


def _broken(previous: str, record: Sequence[Any], stored: str) -> bool:
    if len(record) == len(CHAINS["steps"][1]):
        if record[-1] is not None:
            return tagged_link(previous, record[-1], record) != stored
        # Steps of earlier versions: without the last two columns, then without the one before.
        record = step_record(record)
        if record[STEP_BEFORE] is None:
            record = record[:STEP_BEFORE]
    return link(previous, record) != stored and first_link(previous, record) != stored
