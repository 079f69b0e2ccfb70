"""The store against the simplest model of it: a dictionary of rows."""

from __future__ import annotations

import datetime as dt
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.store.test_duck import append
from xinji.store.duck import DuckObservations
from xinji.store.observations import microseconds

SERIES = 3
# Few series and few times, so that most rows are late or repeated.
ROW = st.tuples(
    st.integers(0, SERIES - 1), st.integers(1, 12), st.floats(-100, 100, allow_nan=False)
)
BATCH = st.tuples(st.lists(ROW, max_size=12), st.sampled_from(["", "", "", "b1", "b2"]))


class Model:
    """(series, time) -> value; the first value stays."""

    def __init__(self) -> None:
        self.rows: dict[tuple[int, int], float] = {}
        self.batches: set[str] = set()

    def append(self, rows: list[tuple[int, int, float]], name: str) -> tuple[int, int]:
        if name in self.batches:
            return 0, len(rows)
        if name:
            self.batches.add(name)
        before = len(self.rows)
        for series, time, value in rows:
            self.rows.setdefault((series, time), value)
        stored = len(self.rows) - before
        return stored, len(rows) - stored

    def latest(self, series: int) -> tuple[int, float]:
        times = [time for s, time in self.rows if s == series]
        return (max(times), self.rows[series, max(times)]) if times else (0, 0.0)


def compare(store: DuckObservations, model: Model) -> None:
    """The store holds what the model holds."""
    everything = np.arange(SERIES, dtype=np.int32)
    table = store.window(everything, 0, 1_000, 0)
    held = {
        (row["series"], microseconds(row["time"].replace(tzinfo=dt.UTC))): row["value"]
        for row in table.to_pylist()
    }
    assert held == model.rows
    assert table.num_rows == len(model.rows) == store.row_count, "nothing is stored twice"
    times, values, _ = store.latest(everything)
    for series in range(SERIES):
        assert (times[series], values[series] if times[series] else 0.0) == model.latest(series)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(BATCH, min_size=1, max_size=6), st.integers(0, 5))
def test_whatever_arrives_in_whatever_order(
    batches: list[tuple[list[tuple[int, int, float]], str]], restart: int
) -> None:
    model = Model()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "observations.duckdb"
        store = DuckObservations(path)
        for number in range(SERIES):
            store.series_number(f"thing-{number}", "value", 0)
        for number, (rows, name) in enumerate(batches):
            if number == restart:
                store.close()
                store = DuckObservations(path)
                for each in range(SERIES):
                    assert store.series_number(f"thing-{each}", "value", 0) == each
            done = append(store, rows, name)
            newest = {series: model.latest(series)[0] for series in range(SERIES)}
            known = name in model.batches
            assert (done.stored, done.repeated) == model.append(rows, name)
            fresh = []
            for series, time, _ in rows:
                fresh.append(not known and time > newest[series])
                newest[series] = max(newest[series], time)
            assert done.fresh.tolist() == fresh
            compare(store, model)
        store.close()
        store = DuckObservations(path)
        compare(store, model)
        store.close()
