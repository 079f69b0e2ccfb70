"""What drive tests add to a map: the residual between measurements, and how much that helps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from xinji.methods.radio.residual_map import learn_residuals
from xinji.systems.network.coverage.drive_tests import at_places
from xinji.systems.network.coverage.inputs.drive_tests import DriveTests
from xinji.systems.network.coverage.prediction import Prediction, Progress

Floats = npt.NDArray[np.float64]

RUN_FOLDS = 4
CELLS_AT_ONCE = 20_000
"""Cells between two looks at the cancel flag."""


@dataclass(frozen=True, kw_only=True)
class Residuals:
    """Measured minus predicted, interpolated; (rows, columns), NaN where nobody measured near.

    Attributes:
        residual: dB.
        deviation: standard deviation of the residual, dB.
        figures: `runs`, `samples`, `tests` (ids), `mean_db`, `spread_db`, `range_m` (as far as a
            measurement is near), and of the samples of runs held out `mae_X_db` and `rmse_X_db`, X
            being `before` (the map alone), `offset` (with one offset for all) and `after` (with
            the residual of the other runs).
    """

    residual: Floats
    deviation: Floats
    figures: dict[str, Any]


@dataclass(frozen=True)
class _Samples:
    """Places in metres (n, 2), residuals in dB and numbers of runs (n) of samples on the map."""

    at: Floats
    residual: Floats
    run: npt.NDArray[np.int64]
    runs: int


def learn(
    prediction: Prediction,
    tests: Sequence[tuple[str, DriveTests]],
    *,
    progress: Progress | None = None,
) -> Residuals:
    """Interpolate the residuals of drive tests, each with its id, on the open ground.

    Args:
        progress: told after every step; it may raise to end the work.

    Raises:
        ValueError: too few samples, or a single run.
    """
    samples, scene = _on_map(prediction, tests), prediction.scene
    folds = min(RUN_FOLDS, samples.runs)
    x, y = scene.grid.centres()
    rows, columns = np.nonzero(scene.open_cells)

    def tell(done: int) -> None:
        if progress is not None:
            progress(done, folds + 2)

    errors: dict[str, list[Floats]] = {"before": [], "offset": [], "after": []}
    for fold in range(folds):
        tell(fold)
        for name, found in _held_out(samples, samples.run % folds == fold).items():
            errors[name].append(found)
    tell(folds)
    field = learn_residuals(samples.at[:, 0], samples.at[:, 1], samples.residual)
    residual, deviation = np.full((2, *scene.grid.shape), np.nan)
    near = field.near(x[columns], y[rows])
    rows, columns = rows[near], columns[near]
    for begin in range(0, len(rows), CELLS_AT_ONCE):
        tell(folds + 1)
        cells = rows[begin : begin + CELLS_AT_ONCE], columns[begin : begin + CELLS_AT_ONCE]
        found, spread = field.at(x[cells[1]], y[cells[0]])
        residual[cells], deviation[cells] = field.mean + found, spread
    figures: dict[str, Any] = {
        "runs": samples.runs,
        "samples": len(samples.residual),
        "tests": [name for name, _ in tests],
        "mean_db": round(field.mean, 2),
        "spread_db": round(field.spread, 2),
        "range_m": field.range_m,
    }
    for name, parts in errors.items():
        error = np.concatenate(parts)
        figures[f"mae_{name}_db"] = round(float(np.abs(error).mean()), 2)
        figures[f"rmse_{name}_db"] = round(float(np.sqrt((error**2).mean())), 2)
    return Residuals(residual=residual, deviation=deviation, figures=figures)


def _on_map(prediction: Prediction, tests: Sequence[tuple[str, DriveTests]]) -> _Samples:
    places, residuals, runs = [], [], []
    for name, each in tests:
        x, y = prediction.scene.plane.metres(each.longitude, each.latitude)
        residual = each.rsrp_dbm - at_places(prediction, each.longitude, each.latitude)
        known = np.isfinite(residual) & each.of_one_technology
        places.append(np.column_stack([x, y])[known])
        residuals.append(residual[known])
        runs += [f"{name}:{run}" for run in each.run[known]]
    if not runs:
        raise ValueError("drive tests: no sample lies on the map")
    names, run = np.unique(runs, return_inverse=True)
    if len(names) < 2:
        raise ValueError("drive tests: at least two runs are needed, to hold one out")
    return _Samples(np.concatenate(places), np.concatenate(residuals), run, len(names))


def _held_out(samples: _Samples, out: npt.NDArray[np.bool_]) -> dict[str, Floats]:
    """Errors in dB of the samples of some runs, by what the other runs say of them."""
    at, residual = samples.at, samples.residual
    field = learn_residuals(at[~out, 0], at[~out, 1], residual[~out])
    found, _ = field.at(at[out, 0], at[out, 1])
    return {
        "before": residual[out],
        "offset": residual[out] - np.median(residual[~out]),
        "after": residual[out] - field.mean - found,
    }
