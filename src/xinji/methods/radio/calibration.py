"""Calibration of sectors by drive tests: azimuth, tilt, power offset and distance slope of each.

What a sector's samples leave over the registered prediction is taken as: what all sectors share
(level, hidden by a building, depth inside buildings), the pattern turned by another azimuth and
tilt, an offset and a slope with the distance, shadowing with an exponential autocorrelation
(Gudmundson, Electronics Letters 27, 1991) and noise with heavy tails. Offset, slope and shadowing
are integrated out, so that every azimuth of a grid gets its likelihood from one factored
covariance; samples of one spot, however many and of whichever run, count as one. Which of a site's
sectors served adds to it. The prior of the azimuth is a narrow peak at the registered one, and
with a small chance any direction at all: so a swap of 90 degrees is found, and noise is not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.linalg import cho_factor, cho_solve, solve_triangular
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from xinji.methods.radio.antenna import Antenna, gain
from xinji.methods.radio.calibration_inputs import (
    Assumed,
    Booleans,
    Floats,
    Integers,
    Registered,
    Samples,
)

AZIMUTH_STEP_DEG = 2.0
MOST_BINS = 400
SWEEPS = 3
FARTHEST_M = 5_000.0


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """S sectors as their samples show them; every array but `common_db` has shape (S,).

    Attributes:
        azimuth_deg, azimuth_se_deg: estimate and its standard error; the registered one and NaN
            where not judged.
        wrong: the registered azimuth is called wrong. probability: that it is.
        reason: why a sector was not judged, "" where it was.
        tilt_deg, offset_db, offset_se_db, slope: of the calibrated sector; offset at `middle_m`.
        middle_m: distance at which the slope adds nothing.
        samples, bins: how many there were.
        loss_before, loss_after: minus twice the log likelihood at the registered and at the
            estimated azimuth; their difference is the evidence.
        common_db: (3) dB of all samples, of hidden ones, per ln(1 + depth / 10 m) of hidden ones.
        shadow_db: standard deviation of shadowing, from the samples.
    """

    registered: Registered
    antenna: Antenna
    azimuth_deg: Floats
    azimuth_se_deg: Floats
    wrong: Booleans
    probability: Floats
    reason: npt.NDArray[np.object_]
    tilt_deg: Floats
    offset_db: Floats
    offset_se_db: Floats
    slope: Floats
    middle_m: Floats
    samples: Integers
    bins: Integers
    loss_before: Floats
    loss_after: Floats
    common_db: Floats
    shadow_db: float

    def predict(self, samples: Samples) -> Floats:
        """(n) calibrated dBm at samples, of whatever run; NaN where no sector."""
        known = samples.sector >= 0
        row = np.where(known, samples.sector, 0)
        off = samples.bearing_deg - self.azimuth_deg[row]
        level = self.registered.power_dbm[row] - samples.loss_db
        level = level + gain(self.antenna, off, samples.below_deg, self.tilt_deg[row])
        level = level + common_terms(samples.hidden, samples.depth_m) @ self.common_db
        away = _away(samples.distance_m, self.middle_m[row])
        return np.where(known, level + self.offset_db[row] + self.slope[row] * away, np.nan)


def registered_dbm(registered: Registered, samples: Samples, antenna: Antenna) -> Floats:
    """(n) dBm of the samples as the ledger has the sectors; NaN where no sector."""
    row = np.maximum(samples.sector, 0)
    off = samples.bearing_deg - registered.azimuth_deg[row]
    level = gain(antenna, off, samples.below_deg, registered.tilt_deg[row])
    return np.where(
        samples.sector >= 0, registered.power_dbm[row] + level - samples.loss_db, np.nan
    )


def common_terms(hidden: Booleans, depth_m: Floats) -> Floats:
    """(n, 3): what all sectors share, a level, hidden, and depth where hidden."""
    deep = np.where(hidden, np.log1p(np.maximum(depth_m, 0.0) / 10.0), 0.0)
    return np.column_stack([np.ones(len(hidden)), hidden, deep])


def calibrate(
    samples: Samples, registered: Registered, antenna: Antenna, assumed: Assumed | None = None
) -> Calibration:
    """Fit every sector that has samples.

    Raises:
        ValueError: a sector's row beyond the ledger; no sample that can be used.
    """
    how = assumed or Assumed()
    count = len(registered.site)
    if len(samples) and samples.sector.max() >= count:
        raise ValueError(f"sector: row {samples.sector.max()} of {count} sectors")
    usable = (samples.sector >= 0) & np.isfinite(samples.measured_dbm)
    for name in ("bearing_deg", "distance_m", "below_deg", "depth_m", "loss_db"):
        usable &= np.isfinite(getattr(samples, name))
    samples = samples.take(usable & (samples.distance_m <= FARTHEST_M))
    if not len(samples):
        raise ValueError("samples: none has a sector, a place and a level")
    over = samples.measured_dbm - registered_dbm(registered, samples, antenna)
    common = _huber(common_terms(samples.hidden, samples.depth_m), over)
    bins = _bins(samples, registered, common, how.bin_m)
    # the matrices are small: threads would only wait for each other
    with threadpool_limits(1):
        shadow, fits = _fits(bins, registered, antenna, how)
        _serving(fits, registered, antenna, how)
        return _collect(fits, samples, registered, antenna, how, common, shadow)


def _fits(
    bins: dict[int, _Bins], registered: Registered, antenna: Antenna, how: Assumed
) -> tuple[float, dict[int, _Fit]]:
    """Shadowing in dB, and every sector's fit."""
    shadow, fits = how.shadow_db, {}
    for _ in range(2):  # once to learn the spread, once with it
        fits = {
            sector: _Fit(part, sector, registered, antenna, how, shadow)
            for sector, part in bins.items()
        }
        scales = [fit.scale for fit in fits.values() if fit.bins >= how.least_bins]
        if scales:
            shadow = float(np.clip(shadow * np.median(scales), 2.0, 12.0))
    return shadow, fits


@dataclass(frozen=True)
class _Bins:
    """Spots of one sector; arrays (b,). `over` is measured minus power, loss and common terms."""

    bearing: Floats
    distance: Floats
    below: Floats
    over: Floats
    count: Floats


def _bins(
    samples: Samples, registered: Registered, common: Floats, side: float
) -> dict[int, _Bins]:
    over = samples.measured_dbm - registered.power_dbm[samples.sector] + samples.loss_db
    over = over - common_terms(samples.hidden, samples.depth_m) @ common
    bearing = np.radians(samples.bearing_deg)
    east, north = samples.distance_m * np.sin(bearing), samples.distance_m * np.cos(bearing)
    order = np.argsort(samples.sector, kind="stable")
    sectors, starts = np.unique(samples.sector[order], return_index=True)
    found = {}
    for sector, rows in zip(sectors.tolist(), np.split(order, starts[1:]), strict=True):
        size = side
        while True:
            keys = np.stack([np.floor(east[rows] / size), np.floor(north[rows] / size)])
            _, spot = np.unique(keys, axis=1, return_inverse=True)
            if spot.max() < MOST_BINS:
                break
            size *= 1.5
        spot = spot.ravel()
        many = np.bincount(spot).astype(np.float64)
        x, y, below = (np.bincount(spot, v[rows]) / many for v in (east, north, samples.below_deg))
        by_spot = rows[np.lexsort((over[rows], spot))]
        level = np.array(
            [np.median(part) for part in np.split(over[by_spot], np.cumsum(many[:-1]).astype(int))]
        )
        angle = np.degrees(np.arctan2(x, y)) % 360
        found[sector] = _Bins(angle, np.hypot(x, y), below, level, many)
    return found


class _Fit:
    """One sector: its log posterior over azimuths (A,), and what follows at one of them."""

    def __init__(
        self,
        bins: _Bins,
        sector: int,
        registered: Registered,
        antenna: Antenna,
        how: Assumed,
        shadow: float,
    ) -> None:
        self.spots, self.bins = bins, len(bins.over)
        self.site = int(registered.site[sector])
        self.registered_azimuth = float(registered.azimuth_deg[sector])
        steps = np.arange(-180.0, 180.0, AZIMUTH_STEP_DEG)
        self.azimuths = (self.registered_azimuth + steps) % 360.0
        self.tilts = registered.tilt_deg[sector] + how.tilt_deg * np.array([-2.0, -1.0, 0, 1, 2])
        peak = np.exp(-0.5 * (steps / how.azimuth_deg) ** 2)
        self.prior = np.log(
            (1 - how.wrong_share) * peak / peak.sum() + how.wrong_share / len(steps)
        )
        self.middle = float(np.exp(np.mean(np.log(np.maximum(bins.distance, 10.0)))))
        self.spread = _bearing_spread(bins.bearing)
        off = bins.bearing[:, None, None] - self.azimuths[:, None]
        pattern = gain(antenna, off, bins.below[:, None, None], self.tilts)
        self.left = bins.over[:, None, None] - pattern  # (b, A, T)
        angle = np.radians(bins.bearing)
        x, y = bins.distance * np.sin(angle), bins.distance * np.cos(angle)
        apart = np.hypot(x[:, None] - x, y[:, None] - y)
        self.terms = np.column_stack([np.ones(self.bins), _away(bins.distance, self.middle)])
        self.own = np.array([how.offset_db**2, how.slope**2])
        smooth = shadow**2 * np.exp(-apart / how.decorrelation_m)
        smooth += (self.terms * self.own) @ self.terms.T
        # half the noise stays with a spot, however often it was passed
        noise = how.noise_db**2 * (0.5 + 0.5 / bins.count)
        heavy = np.ones(self.bins)
        tilt_prior = -0.5 * np.array([4.0, 1, 0, 1, 4])
        for _ in range(3):
            factor = np.linalg.cholesky(smooth + np.diag(noise * heavy))
            white = solve_triangular(factor, self.left.reshape(self.bins, -1), lower=True)
            squares = np.einsum("ij,ij->j", white, white).reshape(len(steps), -1)
            best = int(np.argmin(squares - 2 * self.prior[:, None] - 2 * tilt_prior))
            left = self.left.reshape(self.bins, -1)[:, best]
            self.factor = cho_factor(smooth + np.diag(noise * heavy), lower=True)
            solved = cho_solve(self.factor, left)
            odd = (noise * heavy * solved) ** 2 / noise
            heavy = np.maximum((3.0 + odd) / 4.0, 1.0)  # of Student's t with 3 degrees of freedom
        self.by_tilt = tilt_prior - 0.5 * squares
        self.level = np.logaddexp.reduce(self.by_tilt, axis=1)
        self.served = np.zeros(len(steps))
        # a median of squares: outliers do not widen it
        self.scale = float(np.sqrt(np.median(white[:, best] ** 2) / 0.455))

    @property
    def posterior(self) -> Floats:
        """(A) probabilities of the azimuths."""
        log = self.level + self.served + self.prior
        weight = np.exp(log - log.max())
        return np.asarray(weight / weight.sum())

    def estimate(self) -> tuple[float, float]:
        """Mean and standard deviation of the posterior within 40 degrees of its peak."""
        weight = self.posterior
        peak = self.azimuths[int(np.argmax(weight))]
        off = (self.azimuths - peak + 180) % 360 - 180
        weight = np.where(np.abs(off) <= 40, weight, 0.0)
        mean = float((weight * off).sum() / weight.sum())
        spread = float((weight * (off - mean) ** 2).sum() / weight.sum())
        return float((peak + mean) % 360), float(np.sqrt(spread + AZIMUTH_STEP_DEG**2 / 12))

    def own_terms(self, azimuth: int) -> tuple[float, Floats, Floats]:
        """Tilt, (2) offset and slope, and their standard errors, at an azimuth of the grid."""
        tilt = int(np.argmax(self.by_tilt[azimuth]))
        towards = self.own[:, None] * self.terms.T
        mean = towards @ cho_solve(self.factor, self.left[:, azimuth, tilt])
        spread = self.own - np.einsum(
            "ij,ji->i", towards, cho_solve(self.factor, self.terms * self.own)
        )
        return float(self.tilts[tilt]), mean, np.sqrt(np.maximum(spread, 0.0))


def _serving(fits: dict[int, _Fit], registered: Registered, antenna: Antenna, how: Assumed) -> None:
    """Let the choice among a site's sectors speak: each in turn, the others as last estimated."""
    members: dict[int, list[int]] = {}
    for sector, site in enumerate(registered.site.tolist()):
        members.setdefault(site, []).append(sector)
    share = min(1.0, how.bin_m / how.decorrelation_m)  # neighbouring spots tell the same
    for site in {fit.site for fit in fits.values()}:
        own = members[site]
        seen = [sector for sector in own if sector in fits]
        if len(own) < 2:
            continue
        bearing = np.concatenate([fits[s].spots.bearing for s in seen])
        below = np.concatenate([fits[s].spots.below for s in seen])
        server = np.repeat(seen, [fits[s].bins for s in seen])
        azimuth = registered.azimuth_deg.copy()
        for _ in range(SWEEPS):
            for sector in seen:
                fit = fits[sector]
                others = np.stack([
                    registered.power_dbm[s]
                    + gain(antenna, bearing - azimuth[s], below, registered.tilt_deg[s])
                    for s in own if s != sector
                ])  # fmt: skip
                mine = registered.power_dbm[sector] + gain(
                    antenna, bearing[:, None] - fit.azimuths, below[:, None],
                    registered.tilt_deg[sector],
                )  # fmt: skip
                rival = np.logaddexp.reduce(others / how.serving_db, axis=0)[:, None]
                chance = 1 / (1 + np.exp(rival - mine / how.serving_db))
                chance = how.stray / 2 + (1 - how.stray) * chance
                chosen = (server == sector)[:, None]
                fit.served = share * np.log(np.where(chosen, chance, 1 - chance)).sum(axis=0)
                azimuth[sector] = fit.estimate()[0]


def _collect(
    fits: dict[int, _Fit],
    samples: Samples,
    registered: Registered,
    antenna: Antenna,
    how: Assumed,
    common: Floats,
    shadow: float,
) -> Calibration:
    count = len(registered.site)
    number = np.bincount(samples.sector, minlength=count)
    names = ("azimuth_se_deg", "probability", "offset_se_db", "loss_before", "loss_after")
    values = {name: np.full(count, np.nan) for name in names}
    azimuth, tilt = registered.azimuth_deg.copy(), registered.tilt_deg.copy()
    own, middle = np.zeros((2, count)), np.full(count, 100.0)
    bins, wrong = np.zeros(count, np.int64), np.zeros(count, np.bool_)
    reason = np.full(count, "no samples", dtype=object)
    for sector, fit in fits.items():
        bins[sector], middle[sector] = fit.bins, fit.middle
        reason[sector] = _why_not(int(number[sector]), fit, how)
        at = int(np.argmin(np.abs((fit.azimuths - azimuth[sector] + 180) % 360 - 180)))
        before = at
        if not reason[sector]:
            found, se = fit.estimate()
            off = np.abs((fit.azimuths - azimuth[sector] + 180) % 360 - 180)
            far = float(fit.posterior[off >= how.wrong_from_deg].sum())
            error = abs((found - azimuth[sector] + 180) % 360 - 180)
            wrong[sector] = far >= how.sure and error >= how.wrong_from_deg
            values["probability"][sector], values["azimuth_se_deg"][sector] = far, se
            azimuth[sector] = found
            at = int(np.argmin(np.abs((fit.azimuths - found + 180) % 360 - 180)))
        tilt[sector], own[:, sector], spread = fit.own_terms(at)
        values["offset_se_db"][sector] = spread[0]
        log = fit.level + fit.served
        values["loss_before"][sector], values["loss_after"][sector] = -2 * log[before], -2 * log[at]
    return Calibration(
        registered=registered, antenna=antenna, azimuth_deg=azimuth, wrong=wrong, reason=reason,
        tilt_deg=tilt, offset_db=own[0], slope=own[1], middle_m=middle, samples=number, bins=bins,
        common_db=common, shadow_db=shadow, **values,
    )  # fmt: skip


def _why_not(samples: int, fit: _Fit, how: Assumed) -> str:
    if samples < how.least_samples:
        return f"{samples} samples, fewer than {how.least_samples}"
    if fit.bins < how.least_bins:
        return f"samples at {fit.bins} spots, fewer than {how.least_bins}"
    if fit.spread < how.least_spread_deg:
        return f"samples within {fit.spread:.0f} degrees, less than {how.least_spread_deg:g}"
    return ""


def _bearing_spread(bearing: Floats) -> float:
    """Degrees of the smallest arc that holds all bearings."""
    if len(bearing) < 2:
        return 0.0
    ordered = np.sort(bearing % 360)
    gaps = np.diff(ordered, append=ordered[0] + 360)
    return float(360 - gaps.max())


def _away(distance: Floats, middle: Floats | float) -> Floats:
    return np.asarray(-10 * np.log10(np.maximum(distance, 10.0) / middle), np.float64)


def _huber(terms: Floats, values: Floats, turns: int = 20) -> Floats:
    """Regression with Huber's loss, by weights; a little ridge keeps empty terms at 0."""
    weight: Floats = np.ones(len(values))
    found: Floats = np.zeros(terms.shape[1])
    for _ in range(turns):
        weighted = terms * weight[:, None]
        ridge = np.diag([1e-6, 10.0, 10.0])
        found = np.asarray(np.linalg.solve(weighted.T @ terms + ridge, weighted.T @ values))
        left = np.abs(values - terms @ found)
        scale = max(1.4826 * float(np.median(left)), 0.5)
        weight = np.asarray(1 / np.maximum(left / (1.345 * scale), 1.0), np.float64)
    return np.asarray(found, np.float64)
