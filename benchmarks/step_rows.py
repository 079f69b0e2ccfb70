"""Steps of cases as a benchmark stores them past the program: linked, bound, tagged."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any


class StepRows:
    """Makes steps one after the other; `count` of them so far."""

    def __init__(self) -> None:
        from xinji.access.audit import CHAINS
        from xinji.access.chain import GENESIS

        self.columns = CHAINS["steps"][1]
        self.count, self._head = 0, GENESIS
        self._before: dict[str, str] = {}

    def row(self, case: str, number: int, *act: Any, digest: str) -> tuple[Any, ...]:
        """A step of `case` and its hash; `act`: from its time to its evidence, in column order."""
        from xinji.access.chain import GENESIS, sm3, tagged_link

        self.count += 1
        tag = sm3(case.encode())[:32]
        before = self._before.get(case, GENESIS)
        record = (self.count, case, number, *act, before, digest, tag)
        self._head = self._before[case] = tagged_link(self._head, tag, record)
        return (*record, self._head)

    def forget(self, case: str) -> None:
        """The case's last step was made."""
        del self._before[case]

    def store(self, connection: sqlite3.Connection, rows: Iterable[tuple[Any, ...]]) -> None:
        """Insert what `row` made."""
        names = (*self.columns, "hash")
        connection.executemany(
            f"insert into case_steps ({','.join(names)}) values ({','.join('?' * len(names))})",
            rows,
        )
