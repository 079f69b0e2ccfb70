"""The observation store on DuckDB: what is stored, what is repeated, windows, folding."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from xinji.store.duck import DuckObservations
from xinji.store.observations import Appended, Rows, StoreError, StoreFull, columns_of, microseconds

HOUR = 3_600_000_000
DAY = 24 * HOUR
SHANGHAI = dt.timezone(dt.timedelta(hours=8))
START = microseconds(dt.datetime(2026, 3, 1, tzinfo=SHANGHAI))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DuckObservations]:
    made = DuckObservations(tmp_path / "observations.duckdb")
    for number in range(4):
        assert made.series_number(f"gauge-{number}", "rain_mm_h", 0) == number
    yield made
    made.close()


def append(
    store: DuckObservations, rows: list[tuple[int, int, float]], batch_id: str = ""
) -> Appended:
    """Store (series, microseconds, value) rows."""
    return store.append(
        Rows(
            np.array([row[0] for row in rows], np.int32),
            np.array([row[1] for row in rows], np.int64),
            np.array([row[2] for row in rows], np.float64),
            np.zeros(len(rows), np.uint8),
        ),
        batch_id,
    )


def window(
    store: DuckObservations, series: list[int], start: int, end: int, step: int = 0, **more: int
) -> dict[str, list]:
    table = store.window(np.array(series, np.int32), start, end, step, **more)
    columns = {name: list(values) for name, values in columns_of(table).items()}
    columns["time"] = [microseconds(time.replace(tzinfo=dt.UTC)) for time in columns["time"]]
    return columns


def test_fresh_late_and_repeated_rows_of_one_batch(store: DuckObservations) -> None:
    done = append(store, [(0, START + 10, 1.0), (0, START + 5, 2.0), (0, START + 10, 3.0)])
    assert (done.stored, done.repeated, done.fresh.tolist()) == (2, 1, [True, False, False])
    done = append(store, [(0, START + 5, 9.0), (0, START + 7, 4.0), (0, START + 7, 5.0)])
    assert (done.stored, done.repeated) == (1, 2)
    raw = window(store, [0], START, START + 100)
    assert (raw["time"], raw["value"]) == (
        [START + 5, START + 7, START + 10],
        [2.0, 4.0, 1.0],
    )
    times, values, _ = store.latest(np.array([0, 1], np.int32))
    assert (times.tolist(), values[0]) == ([START + 10, 0], 1.0)
    assert store.row_count == 3


def test_commits_count_up_by_one_and_since_gives_what_came_after(store: DuckObservations) -> None:
    first = append(store, [(0, START, 1.0)])
    second = append(store, [(1, START, 2.0), (0, START - 5, 3.0)])
    assert second.commit == first.commit + 1 == store.commit
    rows = [row for batch in store.since(first.commit) for row in batch.to_pylist()]
    assert [(row["commit_id"], row["series"], row["time"], row["value"]) for row in rows] == [
        (second.commit, 1, START, 2.0),
        (second.commit, 0, START - 5, 3.0),
    ]


def test_the_newest_row_is_a_stored_one_also_during_a_commit(store: DuckObservations) -> None:
    """A reader never sees the time of a row that is still on its way with another row's value."""
    series = np.zeros(1, np.int32)
    seen: set[tuple[int, float]] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            times, values, _ = store.latest(series)
            seen.add((int(times[0]), float(values[0])))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(1, 100):
        append(store, [(0, START + number, float(number))])
    done.set()
    reader.join()
    assert len(seen) > 2
    assert seen <= {(0, 0.0)} | {(START + n, float(n)) for n in range(1, 100)}


def test_a_failed_commit_leaves_the_newest_row_as_it_was(store: DuckObservations) -> None:
    append(store, [(0, START, 1.0)])
    store._connection.execute("alter table store.rows rename to hidden")
    with pytest.raises(StoreFull):
        append(store, [(0, START + 5, 2.0)])
    store._connection.execute("alter table store.hidden rename to rows")
    times, values, _ = store.latest(np.zeros(1, np.int32))
    assert (times[0], values[0]) == (START, 1.0)
    done = append(store, [(0, START + 5, 2.0)])
    assert (done.stored, done.fresh.tolist()) == (1, [True])


def test_a_commit_of_repeated_rows_only_is_no_commit(tmp_path: Path) -> None:
    """Else the rules' snapshot would be ahead of a store that was opened again."""
    path = tmp_path / "observations.duckdb"
    store = DuckObservations(path)
    number = store.series_number("gauge-0", "rain_mm_h", 0)
    first = append(store, [(number, START, 1.0)])
    again = append(store, [(number, START, 1.0)])
    assert (again.commit, again.stored) == (first.commit, 0)
    commit = store.commit
    store.close()
    store = DuckObservations(path)
    assert store.commit == commit
    store.close()


def test_a_named_batch_is_stored_once_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "observations.duckdb"
    store = DuckObservations(path)
    store.series_number("gauge-0", "rain_mm_h", 0)
    done = append(store, [(0, START, 1.0), (0, START + 1, 2.0)], "gateway:7")
    assert (done.stored, done.repeated) == (2, 0)
    store.close()
    store = DuckObservations(path)
    again = append(store, [(0, START + 2, 1.0), (0, START + 3, 2.0)], "gateway:7")
    assert (again.commit, again.stored, again.repeated) == (done.commit, 0, 2)
    assert not again.fresh.any()
    other = append(store, [(0, START + 2, 1.0), (0, START, 2.0)], "gateway:8")
    assert (other.stored, other.repeated) == (1, 1)
    assert store.row_count == 3
    store.close()


def test_a_store_opened_again_knows_names_newest_rows_and_commits(tmp_path: Path) -> None:
    path = tmp_path / "observations.duckdb"
    store = DuckObservations(path)
    names = [(f"gauge-{n % 5}", "rain_mm_h", n // 5) for n in range(10)]
    numbers = [store.series_number(*name) for name in names]
    append(store, [(n, START + n * 7 % 5, float(n)) for n in numbers])
    append(store, [(3, START - 1, 99.0)])
    before = store.latest(np.array(numbers, np.int32))
    commit, rows = store.commit, store.row_count
    store.close()
    store = DuckObservations(path)
    assert [store.series_number(*name) for name in names] == numbers
    assert (store.commit, store.row_count) == (commit, rows)
    for kept, found in zip(before, store.latest(np.array(numbers, np.int32)), strict=True):
        assert kept.tolist() == found.tolist()
    store.close()


def test_a_raw_window_is_half_open_ordered_and_capped_at_its_newest(
    store: DuckObservations,
) -> None:
    append(store, [(s, START + n * 1_000, float(n)) for n in range(10) for s in (1, 0)])
    raw = window(store, [0], START + 2_000, START + 5_000)
    assert raw["value"] == [2.0, 3.0, 4.0]
    assert window(store, [0], START, START + 10_000, limit=3)["value"] == [7.0, 8.0, 9.0]
    both = window(store, [1, 0], START, START + 2_000)
    assert both["series"] == [0, 0, 1, 1]
    assert window(store, [], START, START + 10_000)["value"] == []
    assert window(store, [2], START, START + 10_000)["value"] == []


@pytest.mark.parametrize("step", [60, 300, 900, 3_600, 21_600, 86_400])
def test_steps_begin_where_the_districts_day_divides(store: DuckObservations, step: int) -> None:
    rng = np.random.default_rng(step)
    times = np.unique(START + rng.integers(0, 3 * DAY, 2_000))
    values = rng.normal(size=len(times))
    append(store, [(0, int(t), float(v)) for t, v in zip(times, values, strict=True)])
    got = window(store, [0], START, START + 3 * DAY, step, limit=10_000)
    begins = START + (times - START) // (step * 1_000_000) * (step * 1_000_000)
    wanted = np.unique(begins)
    assert got["time"] == wanted.tolist()
    for index, begin in enumerate(wanted):
        inside = values[begins == begin]
        assert got["count"][index] == len(inside)
        assert got["mean"][index] == pytest.approx(inside.mean())
        assert (got["min"][index], got["max"][index]) == (inside.min(), inside.max())


def test_a_day_is_the_districts_and_not_that_of_utc(store: DuckObservations) -> None:
    midnight = START + DAY
    append(store, [(0, midnight - 1, 1.0), (0, midnight, 3.0), (0, midnight + 8 * HOUR, 5.0)])
    days = window(store, [0], START, START + 2 * DAY, 86_400)
    assert (days["time"], days["mean"], days["count"]) == ([START, midnight], [1.0, 4.0], [1, 2])


def test_aggregates_are_over_all_series_of_a_group(store: DuckObservations) -> None:
    append(store, [(0, START, 1.0), (1, START + 1, 3.0), (2, START + 2, 10.0), (3, START, 99.0)])
    append(store, [(0, START + HOUR, 7.0)])
    table = store.aggregate({0: "west", 1: "west", 2: "east"}, START, START + 2 * HOUR, 3_600)
    rows = table.drop_columns(["time"]).to_pylist()
    assert rows == [
        {"group": "east", "mean": 10.0, "min": 10.0, "max": 10.0, "count": 1},
        {"group": "west", "mean": 2.0, "min": 1.0, "max": 3.0, "count": 2},
        {"group": "west", "mean": 7.0, "min": 7.0, "max": 7.0, "count": 1},
    ]
    assert store.aggregate({}, START, START + HOUR, 3_600).num_rows == 0


@pytest.mark.parametrize("step", [3_600, 21_600, 86_400])
def test_folding_to_hours_changes_no_window_of_whole_hours(
    store: DuckObservations, step: int
) -> None:
    rng = np.random.default_rng(7)
    rows = [
        (int(s), int(t), float(v))
        for s, t, v in zip(
            rng.integers(0, 3, 5_000),
            START + rng.integers(0, 4 * DAY, 5_000),
            rng.normal(20, 5, 5_000),
            strict=True,
        )
    ]
    stored = append(store, rows).stored
    asked = ([0, 1, 2], START, START + 4 * DAY, step)
    before = window(store, *asked, limit=10_000)
    groups = store.aggregate({0: "a", 1: "a", 2: "b"}, START, START + 4 * DAY, step)
    newest = [values.tolist() for values in store.latest(np.arange(3, dtype=np.int32))]
    until = START + 2 * DAY + 5 * HOUR
    folded = store.fold(until)
    assert folded == sum(1 for _, t in {(s, t) for s, t, _ in rows} if t < until)
    assert store.row_count == stored - folded
    assert window(store, [0, 1, 2], START, until)["value"] == []
    after = window(store, *asked, limit=10_000)
    for name in ("series", "time", "count", "min", "max"):
        assert after[name] == before[name], name
    assert after["mean"] == pytest.approx(before["mean"])
    regrouped = store.aggregate({0: "a", 1: "a", 2: "b"}, START, START + 4 * DAY, step)
    for name in ("group", "time", "count", "min", "max"):
        assert regrouped.column(name).to_pylist() == groups.column(name).to_pylist(), name
    assert [v.tolist() for v in store.latest(np.arange(3, dtype=np.int32))] == newest
    assert store.fold(until) == 0, "folding again folds nothing"


def test_a_late_row_of_a_folded_hour_is_counted_with_it(store: DuckObservations) -> None:
    append(store, [(0, START + 1, 1.0), (0, START + DAY, 0.0)])
    store.fold(START + HOUR)
    append(store, [(0, START + 2, 4.0)])
    assert window(store, [0], START, START + HOUR, 3_600)["mean"] == [2.5]
    store.fold(START + HOUR)
    hour = window(store, [0], START, START + HOUR, 3_600)
    assert (hour["mean"], hour["min"], hour["max"], hour["count"]) == ([2.5], [1.0], [4.0], [2])


def test_old_hours_are_forgotten(store: DuckObservations) -> None:
    append(store, [(0, START + n * HOUR, float(n)) for n in range(10)])
    store.fold(START + 8 * HOUR)
    assert store.forget_hourly(START + 5 * HOUR) == 5
    left = window(store, [0], START, START + DAY, 3_600)
    assert left["mean"] == [5.0, 6.0, 7.0, 8.0, 9.0]


def test_names_are_durable_only_with_rows_and_keep_their_numbers(tmp_path: Path) -> None:
    path = tmp_path / "observations.duckdb"
    store = DuckObservations(path)
    store.series_number("never-heard", "rain_mm_h", 0)
    heard = store.series_number('it\'s "odd" 雨', "rain_mm_h", 2)
    append(store, [(heard, START, 1.0)])
    store.close()
    store = DuckObservations(path)
    assert store.series_number('it\'s "odd" 雨', "rain_mm_h", 2) == heard
    store.close()


def test_a_file_of_another_schema_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "observations.duckdb"
    store = DuckObservations(path)
    store._connection.execute("update store.meta set value = '99' where key = 'schema'")
    store.close()
    with pytest.raises(StoreError, match="another version of Xinji"):
        DuckObservations(path)


def test_a_quote_in_the_folders_name_is_a_letter_like_any(tmp_path: Path) -> None:
    folder = tmp_path / "l'eau"
    folder.mkdir()
    store = DuckObservations(folder / "observations.duckdb")
    append(store, [(store.series_number("g", "p", 0), START, 1.0)])
    store.close()
    assert DuckObservations(folder / "observations.duckdb").row_count == 1


def test_a_query_larger_than_memory_spills_beside_the_file(tmp_path: Path) -> None:
    store = DuckObservations(tmp_path / "observations.duckdb", memory="60MB")
    query = (
        "select count(*) as n from (select a, count(*) from "
        "(select (random() * 1e9)::bigint as a from range(4000000)) group by a)"
    )
    assert store.sql(query, {}).column("n")[0].as_py() > 3_900_000
    store.close()
    assert {each.name.split(".")[0] for each in tmp_path.iterdir()} == {"observations"}
