"""How good a calibration is: errors on samples held out, and planted errors found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from xinji.methods.radio.antenna import Antenna
from xinji.methods.radio.calibration import Calibration, calibrate, registered_dbm
from xinji.methods.radio.calibration_inputs import Assumed, Registered, Samples

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class HeldOut:
    """(n) predictions in dBm of samples that the fit did not see; NaN where there is none.

    Attributes:
        registered: the ledger as it is. shifted: with one offset for all sectors.
        constant: the mean of the other samples. calibrated: by `calibrate` on the others.
    """

    measured: Floats
    registered: Floats
    shifted: Floats
    constant: Floats
    calibrated: Floats

    def rmse(self, name: str) -> float:
        """Root mean square error in dB of one of the predictions, over what all of them tell."""
        return float(np.sqrt(np.mean(self._error(name) ** 2)))

    def mae(self, name: str) -> float:
        """Mean absolute error in dB."""
        return float(np.mean(np.abs(self._error(name))))

    def _error(self, name: str) -> Floats:
        known = np.isfinite(self.measured) & np.isfinite(self.calibrated)
        return np.asarray((self.measured - getattr(self, name))[known])


def held_out(
    samples: Samples,
    registered: Registered,
    antenna: Antenna,
    group: Integers,
    assumed: Assumed | None = None,
) -> HeldOut:
    """Each group predicted by a calibration on all others.

    Args:
        samples, registered, antenna, assumed: as for `calibrate`.
        group: (n) run, or block of road, of each sample.

    Raises:
        ValueError: fewer than two groups, or what `calibrate` raises.
    """
    groups = np.unique(group[samples.sector >= 0])
    if len(groups) < 2:
        raise ValueError("group: at least two runs or blocks, to hold one out")
    known = (samples.sector >= 0) & np.isfinite(samples.measured_dbm)
    ledger = registered_dbm(registered, samples, antenna)
    shifted, constant, calibrated = np.full((3, len(samples)), np.nan)
    for each in groups.tolist():
        test, rest = group == each, known & (group != each)
        calibrated[test] = calibrate(
            samples.take(rest), registered, antenna, assumed
        ).predict(samples.take(test))  # fmt: skip
        shifted[test] = ledger[test] + np.nanmean((samples.measured_dbm - ledger)[rest])
        constant[test] = samples.measured_dbm[rest].mean()
    return HeldOut(
        measured=samples.measured_dbm, registered=ledger, shifted=shifted, constant=constant,
        calibrated=calibrated,
    )  # fmt: skip


def blocks(x: Floats, y: Floats, side_m: float, folds: int, seed: int) -> Integers:
    """(n) fold of each place: squares of `side_m` metres, dealt to the folds at random."""
    squares = np.stack([np.floor(x / side_m), np.floor(y / side_m)])
    _, number = np.unique(squares, axis=1, return_inverse=True)
    number = number.ravel()
    dealt = np.random.default_rng(seed).permutation(np.arange(number.max() + 1) % folds)
    return np.asarray(dealt[number], np.int64)


@dataclass(frozen=True, kw_only=True)
class Detection:
    """Planted errors of the azimuth against those called.

    Attributes:
        planted: in the ledger. measured: with a sample. judged: with enough.
        called: sectors called wrong. found: of them truly wrong.
        error_deg: (found) absolute error of the estimates of those found.
    """

    planted: int
    measured: int
    judged: int
    called: int
    found: int
    error_deg: Floats

    @property
    def precision(self) -> float | None:
        """Found of those called."""
        return self.found / self.called if self.called else None

    @property
    def recall(self) -> float | None:
        """Found of those planted that had enough samples."""
        return self.found / self.judged if self.judged else None


def detection(
    calibration: Calibration, wrong: npt.NDArray[np.bool_], azimuth_deg: Floats
) -> Detection:
    """Compare with the truth: (S) which are wrong, (S) where each really points."""
    hit = calibration.wrong & wrong
    error = np.abs((calibration.azimuth_deg - azimuth_deg + 180) % 360 - 180)
    return Detection(
        planted=int(wrong.sum()),
        measured=int((wrong & (calibration.samples > 0)).sum()),
        judged=int((wrong & (calibration.reason == "")).sum()),
        called=int(calibration.wrong.sum()),
        found=int(hit.sum()),
        error_deg=error[hit],
    )
