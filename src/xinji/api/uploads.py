"""Files that people bring to a route: read apart from the house, refused with the reason."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from xinji.api.call import Problem
from xinji.store.reading_process import USUAL, Bounds, BusyError, read_apart
from xinji.store.tables.table import Table, UnreadableError

T = TypeVar("T")


def upload(
    reader: str,
    data: bytes,
    answer: type[T],
    options: dict[str, Any] | None = None,
    bounds: Bounds = USUAL,
) -> T:
    """What a reader makes of a request's body, in a process of its own (`reading_process`).

    Never called while the writer's lock is held: a reading may take a minute.

    Raises:
        UnreadableError: what is wrong with the file; see `readable`.
        Problem: 503 when too many files are being read.
    """
    try:
        return read_apart(reader, data, answer, options=options, bounds=bounds)
    except BusyError as error:
        raise Problem(503, "Busy", str(error), headers={"Retry-After": "10"}) from None


def uploaded_table(data: bytes, most_rows: int) -> Table:
    """A small table (CSV, TSV, XLSX) whole. Raises as `upload`."""
    return upload("xinji.store.tables.reading:read_table", data, Table, {"most_rows": most_rows})


@contextmanager
def readable() -> Iterator[None]:
    """A file that cannot be read as a whole becomes a problem 422 that names `file`."""
    try:
        yield
    except UnreadableError as error:
        raise Problem(422, "File cannot be read", error.rule, field="file") from None
