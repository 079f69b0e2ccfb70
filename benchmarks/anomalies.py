"""Does the deviation rule find what people marked? NAB's roads and taxis, beside a threshold.

Input: eight series of the Numenta Anomaly Benchmark (realTraffic, nyc_taxi; commit ea702d7 of
numenta/NAB, MIT) with the windows that people marked, from `../shared/data/anomaly_nab` or the
folder in `XINJI_DATA`. The deviation rule (the mean of the same hour last week; factor 4, its
default, nothing tuned) runs through `RuleEngine`. Beside it runs, through the same engine, a plain
threshold: out of range of the 0.25 % and 99.75 % quantiles of the rows before the evaluation.

Evaluation begins, for both, where the deviation rule has learnt: a week, and 168 rows that had a
week before them. A window that ends before that is not counted. An event whose detection lies in a
window finds that window; an event in none is false. Recall: windows found; precision: events in
windows among all; an alarm at random would have the share of the rows in windows, which is given
with the counts. Holds of 0 and of 30 minutes, for both rules, stated and not chosen.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from benchmarks.figures import Goal, Measured, Row, Setting
from benchmarks.processes import ROOT

HOLDS = (0.0, 1_800.0)


def folder() -> Path:
    """The folder of the data. Raises FileNotFoundError."""
    base = Path(os.environ.get("XINJI_DATA", ROOT.parent / "shared" / "data"))
    if not (base / "anomaly_nab" / "windows.json").exists():
        raise FileNotFoundError("the NAB series are not here (XINJI_DATA names their folder)")
    return base / "anomaly_nab"


def _microseconds(text: str) -> int:
    moment = dt.datetime.fromisoformat(text).replace(tzinfo=dt.UTC)
    return round(moment.timestamp()) * 1_000_000


def read(path: Path) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """(times in Unix microseconds, values), in order of time, repeated times dropped."""
    with path.open() as file:
        rows = [
            (_microseconds(row["timestamp"]), float(row["value"])) for row in csv.DictReader(file)
        ]
    times = np.array([row[0] for row in rows], np.int64)
    values = np.array([row[1] for row in rows])
    keep = np.concatenate([[True], times[1:] > np.maximum.accumulate(times)[:-1]])
    return times[keep], values[keep]


def detect(condition: Any, times: Any, values: Any) -> tuple[list[int], int]:
    """(times of detection of every event, index of the first row judged by a learnt rule)."""
    from xinji.loop import rule_kernel
    from xinji.loop.rules import RuleEngine
    from xinji.model.rules import Rule
    from xinji.model.title import Title
    from xinji.store.registry import Place
    from xinji.store.series import SeriesTable

    rule = Rule(id="r", title=Title("规则", "Rule"), kind="k", property="v", condition=condition)
    place = Place("k", "t", "310105", 121.4, 31.2, "replayed")
    table = SeriesTable(16)
    table.number("t", "v", 1)
    engine = RuleEngine(SimpleNamespace(things={"t": place}, areas={}, version=0), table)  # type: ignore[arg-type]
    engine.set_rules([rule])
    series = np.zeros(1, np.int32)
    detected: list[int] = []
    learnt = len(times)
    for at in range(len(times)):
        found = engine.observe(series, times[at : at + 1], values[at : at + 1])
        detected += [each.detected for each in found if each.opens]
        if learnt == len(times) and engine._compiled.slots[0]["seen"] >= rule_kernel.HOURS:
            learnt = at + 1
    return detected, learnt


def score(detected: list[int], windows: list[tuple[int, int]], start: int) -> dict[str, int]:
    """Counts from the beginning of the evaluation on."""
    counted = [at for at in detected if at >= start]
    judged = [window for window in windows if window[1] >= start]
    inside = [at for at in counted if any(a <= at <= b for a, b in judged)]
    found = [w for w in judged if any(w[0] <= at <= w[1] for at in counted)]
    return {
        "events": len(counted),
        "true": len(inside),
        "windows": len(judged),
        "found": len(found),
    }


def measure(setting: Setting) -> list[Row]:
    """Rows of the table."""
    from xinji.model.rules import Deviation, OutOfRange

    data = folder()
    windows = json.loads((data / "windows.json").read_text())
    names = sorted(path.name for path in data.glob("*.csv"))
    if setting.quick:
        names = names[-2:]
    table: list[Row] = []
    for hold in HOLDS:
        sums: dict[str, dict[str, int]] = {"deviation": {}, "threshold": {}}
        weeks, inside, judged = 0.0, 0, 0
        for name in names:
            times, values = read(data / name)
            detected, learnt = detect(Deviation(factor=4.0, hold_seconds=hold), times, values)
            marked = [
                (_microseconds(a), _microseconds(b))
                for a, b in windows[name.replace("__", "/")]
            ]  # fmt: skip
            start = int(times[learnt]) if learnt < len(times) else int(times[-1]) + 1
            low, high = np.quantile(values[:learnt], [0.0025, 0.9975])
            plain, _ = detect(
                OutOfRange(low=float(low), high=float(high), hold_seconds=hold), times, values
            )
            weeks += max(0, int(times[-1]) - start) / (7 * 86_400e6)
            later = times[learnt:]
            judged += len(later)
            inside += sum(int(np.count_nonzero((later >= a) & (later <= b))) for a, b in marked)
            scores = {
                "deviation": score(detected, marked, start),
                "threshold": score(plain, marked, start),
            }
            for rule, counts in scores.items():
                for key, value in counts.items():
                    sums[rule][key] = sums[rule].get(key, 0) + value
            table.append(
                _row(
                    f"{name.removesuffix('.csv')}, hold {hold / 60:g} min: F1",
                    scores,
                    "f1",
                    f"{len(times) - learnt:,} of {len(times):,} rows judged, ",
                )
            )
        what = f"{len(names)} series, hold {hold / 60:g} min"
        said = f"{weeks:.1f} weeks judged, {inside / judged:.0%} of the rows in windows, "
        table += [_row(f"{what}: {key}", sums, key, said) for key in ("precision", "recall", "f1")]
        table[-1].goal = Goal(ratio=1.0)
        table[-1].__post_init__()
    return [row for row in table if "series," in row.what] + [
        row for row in table if "series," not in row.what
    ]


def _row(what: str, scores: dict[str, dict[str, int]], key: str, judged: str) -> Row:
    def measured(rule: str, title: str) -> Measured:
        counts = scores[rule]
        precision = counts["true"] / counts["events"] if counts["events"] else 0.0
        recall = counts["found"] / counts["windows"] if counts["windows"] else 0.0
        both = precision + recall
        value = {
            "precision": precision,
            "recall": recall,
            "f1": 2 * precision * recall / both if both else 0.0,
        }[key]
        return Measured(
            system=title,
            value=value,
            note=f"{judged}{counts['found']} of {counts['windows']} windows found, "
            f"{counts['events'] - counts['true']} of {counts['events']} events false",
        )

    return Row(
        work="anomalies",
        what=what,
        unit="of 1",
        ours=measured("deviation", "xinji deviation"),
        peers=[measured("threshold", "plain threshold")],
    )
