"""Signal along runs never driven, from other runs: mean absolute error beside simple baselines.

Input: drive tests of a 5G NSA phone around Cork (Raca et al., MMSys 2020), 45 runs, 73,236 samples
with RSRP, from `../shared/data/drive_test_5g` or the folder that XINJI_DATA names. Whole runs are
held out, in five folds dealt by the seed. Ours knows of the unseen run its places and times, no
more; the line with cells knows its serving cells too. The method was shaped on the folds of seed 1.
Baselines: the mean of the 50 nearest samples (the goal is to be 10 % below it on every fold), the
nearest sample, the mean of all. Its places are the fixes of the receiver, one every 100 m; the mean
of 50 with our places between the fixes is told in the note.
"""

from __future__ import annotations

import gzip
import io
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv

from benchmarks.figures import Goal, Measured, Row, Setting

ROOT = Path(__file__).parents[1]
FOLDS = 5
QUICK_RUNS = 12


def measure(setting: Setting) -> list[Row]:
    """A row for each fold, and one with cells."""
    from xinji.methods.radio.signal_prediction import (
        between_fixes,
        learn,
        nearest_mean,
        run_folds,
    )

    track, level = _read(QUICK_RUNS if setting.quick else None)
    ways = between_fixes(track)
    fold = run_folds(track.run, FOLDS, setting.seed)
    rows = []
    with_cells = np.full(len(level), np.nan)
    for number in range(FOLDS):
        test, rest = fold == number, fold != number
        truth = level[test]

        def off(found: Any, truth: Any = truth) -> float:
            return round(float(np.abs(truth - found).mean()), 3)

        def near(x: Any, y: Any, k: int, test: Any = test, rest: Any = rest) -> float:
            return off(nearest_mean(x[rest], y[rest], level[rest], x[test], y[test], k))

        setting.quiet()
        begin = time.process_time()
        learned = learn(track.take(rest), level[rest], seed=setting.seed)
        trained = time.process_time() - begin
        found = learned.predict(track.take(test))
        spent = time.process_time() - begin - trained
        known = learn(track.take(rest), level[rest], seed=setting.seed, with_cell=True)
        with_cells[test] = known.predict(track.take(test))
        fifty = near(track.x, track.y, 50)
        rows.append(
            Row(
                work="drive test",
                what=f"RSRP of unseen runs, fold {number + 1} of {FOLDS}, mean absolute error",
                unit="dB",
                lower_is_better=True,
                goal=Goal(most=round(0.9 * fifty, 3)),
                ours=Measured(
                    system="xinji",
                    value=off(found),
                    server_us=round(1e6 * spent / len(truth), 1),
                    note=f"{trained:.0f} CPU-s to learn {int(rest.sum()):,} samples; with serving "
                    f"cells {off(with_cells[test]):.2f} dB",
                ),
                peers=[
                    Measured(
                        system="mean of 50 nearest",
                        value=fifty,
                        note=f"{near(ways.x, ways.y, 50):.2f} dB with places between the fixes",
                    ),
                    Measured(system="nearest sample", value=near(track.x, track.y, 1)),
                    Measured(system="constant", value=off(level[rest].mean())),
                ],
                input=f"{len(np.unique(track.run[test]))} runs, {len(truth):,} samples",
            )
        )
    return rows


def _read(runs: int | None) -> tuple[Any, Any]:
    """Track and levels in dBm; metres from the middle of the samples."""
    from xinji.methods.geodesy import LocalPlane
    from xinji.methods.radio.signal_prediction import Track

    base = Path(os.environ.get("XINJI_DATA", ROOT.parent / "shared" / "data"))
    path = base / "drive_test_5g" / "cork_5g_drive.csv.gz"
    if not path.exists():
        raise FileNotFoundError(f"{path.name} is not here; XINJI_DATA names its folder")
    with gzip.open(path) as packed:
        table = pyarrow.csv.read_csv(io.BytesIO(packed.read()))
    level = table["RSRP"].to_numpy().astype(np.float64)
    _, run = np.unique(np.array(table["run"].to_pylist()), return_inverse=True)
    longitude, latitude = table["Longitude"].to_numpy(), table["Latitude"].to_numpy()
    plane = LocalPlane(float(np.median(longitude)), float(np.median(latitude)))
    x, y = plane.metres(longitude, latitude)
    track = Track(
        run=run, time_s=table["t_s"].to_numpy().astype(np.float64), x=x, y=y,
        cell=table["CellID"].to_numpy().astype(np.int64),
    )  # fmt: skip
    keep = (level > -200) & (True if runs is None else run < runs)
    return track.take(keep), level[keep]
