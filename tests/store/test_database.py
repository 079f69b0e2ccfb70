"""One writer, many threads: work shares commits, and each piece stands or falls alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import sqlalchemy as sa

from xinji.store.database import Change, Database
from xinji.store.schema import progress


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(f"sqlite:///{tmp_path}/registry.sqlite")
    yield made
    made.close()


def put(database: Database, name: str, value: int = 0) -> int:
    """Store a row and announce it."""
    with database.writing() as connection:
        connection.execute(sa.insert(progress).values(name=name, value=value))
        return database.changed("progress", name)


def stored(database: Database) -> set[str]:
    with database.reading() as connection:
        return set(connection.execute(sa.select(progress.c.name)).scalars())


def test_work_that_waits_shares_a_commit(database: Database) -> None:
    announced: list[list[Change]] = []
    database.listeners.append(announced.append)
    commits = 0

    @sa.event.listens_for(database.writer, "commit")
    def count(_connection: object) -> None:
        nonlocal commits
        commits += 1

    held, go = threading.Event(), threading.Event()

    def slow() -> int:
        held.set()
        assert go.wait(10)
        return put(database, "slow")

    with ThreadPoolExecutor(16) as pool:
        first = pool.submit(database.together, slow)
        assert held.wait(10)
        rest = [
            pool.submit(database.together, lambda n=n: put(database, f"row-{n}")) for n in range(12)
        ]
        while len(database._waiting) < 12:
            threading.Event().wait(0.01)
        go.set()
        revisions = {first.result(), *(each.result() for each in rest)}
    assert commits == 2
    assert len(revisions) == 13 == len(stored(database))
    assert [len(each) for each in announced] == [1, 12]


def test_a_piece_that_fails_is_undone_alone(database: Database) -> None:
    undone: list[set[str]] = []
    database.rollbacks.append(lambda: undone.append(stored(database)))
    held, go = threading.Event(), threading.Event()

    def slow() -> None:
        held.set()
        assert go.wait(10)

    def fails(name: str) -> None:
        put(database, name)
        raise LookupError(name)

    def refuses() -> None:
        raise PermissionError("before anything was written")

    with ThreadPoolExecutor(8) as pool:
        pool.submit(database.together, slow)
        assert held.wait(10)
        waiting = []
        for work in (
            lambda: put(database, "good-1"),
            lambda: fails("bad"),
            refuses,
            lambda: put(database, "good-2"),
            lambda: put(database, "good-1"),
        ):
            before = len(database._waiting)
            waiting.append(pool.submit(database.together, work))
            while len(database._waiting) == before:
                threading.Event().wait(0.005)
        go.set()
        errors = [type(each.exception()) for each in waiting]
    assert errors == [type(None), LookupError, PermissionError, type(None), sa.exc.IntegrityError]
    assert stored(database) == {"good-1", "good-2"}
    assert undone[0] == {"good-1"}, "what came before in the same commit is seen"
    assert database.revision == 2
    assert database.together(lambda: put(database, "after")) == 3


def test_when_the_commit_fails_nobody_is_told_that_it_is_stored(database: Database) -> None:
    undone: list[str] = []
    database.rollbacks.append(lambda: undone.append("all"))
    held, go = threading.Event(), threading.Event()

    def slow() -> None:
        held.set()
        assert go.wait(10)

    def breaks() -> None:
        put(database, "broken")
        raise sa.exc.OperationalError("insert", {}, Exception("disk is full"))

    with ThreadPoolExecutor(8) as pool:
        pool.submit(database.together, slow)
        assert held.wait(10)
        waiting = []
        for work in (lambda: put(database, "one"), breaks, lambda: put(database, "two")):
            before = len(database._waiting)
            waiting.append(pool.submit(database.together, work))
            while len(database._waiting) == before:
                threading.Event().wait(0.005)
        go.set()
        assert all("not stored" in str(each.exception()) for each in waiting)
    assert stored(database) == set()
    assert undone == ["all"]


def test_work_inside_of_a_transaction_belongs_to_it(database: Database) -> None:
    def change() -> None:
        with database.writing():
            database.together(lambda: put(database, "inner"))
            assert stored(database) == {"inner"}, "its own thread sees it"
            with ThreadPoolExecutor(1) as pool:
                assert pool.submit(stored, database).result() == set(), "others do not yet"
            raise RuntimeError("after all not")

    with pytest.raises(RuntimeError):
        change()
    assert stored(database) == set()
